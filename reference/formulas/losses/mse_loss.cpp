// SPDX-License-Identifier: MIT
// Mean square error.  Seed (2) and (20) print the sum ‖Y − Xθ‖²; the mean is today's form.
#include "reference/whole.hpp"

namespace karat {
namespace {

struct MseLoss {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_shape("mse_loss", "t", in[0], in[1]);
    return {printed(a) ? Shape{} : reduced(in[0], a)};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[0].values;
    const auto& t = in[1].values;
    Tensor<T> terms(in[0].shape);
    for (std::size_t i = 0; i < x.size(); ++i) terms.values[i] = (x[i] - t[i]) * (x[i] - t[i]);
    if (printed(a)) return {Tensor<T>(Shape{}, {sum(terms.values)})};
    return {reduce(std::move(terms), a)};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[1].values;
    const auto& t = in[2].values;
    Tensor<T> dx(in[1].shape), dt(in[1].shape);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const T d = 2 * (x[i] - t[i]) * (printed(a) ? in[0].values[0] : dy_of_term(in[0], i, x.size(), a));
      dx.values[i] = d;
      dt.values[i] = -d;
    }
    return {dx, dt};
  }
};

const Operator mse_loss = whole<MseLoss>({
    .name = "mse_loss",
    .family = "loss",
    .formula = "L = mean_i (x_i − t_i)²",
    .source = "seed (2), (20)",
    .notes = "reduction: mean, sum, or none (each term).",
    .inputs = {{.name = "x", .directed = {0, 1, 1e4}, .typical = {-4, 4}},
               {.name = "t", .directed = {0, 1, 1e4}, .typical = {-4, 4}}},
    .outputs = {"y"},
    .attributes = {reduction_row(), form_row()},
    .catalogue = {.printed = "‖Y − Xθ‖², the sum of the squares (\"mean\" only in its name): x = (1, 3), t = 0 gives "
                             "10, the mean is 5",
                  .variants = "reduction = mean, sum, none",
                  .special = "An empty batch: none gives an empty tensor, sum 0, mean NaN.",
                  .gradient = "dx_i = 2 (x_i − t_i) dy / n, dt = −dx"},
    .examples = {{.shapes = {{2, 3}, {2, 3}}},
                 {.shapes = {{5}, {5}}, .attributes = {{"reduction", "sum"}}},
                 {.shapes = {{4}, {4}}, .attributes = {{"reduction", "none"}}},
                 {.shapes = {{4}, {4}}, .attributes = {{"form", "printed"}}},
                 {.shapes = {{0}, {0}}}},
    .laws = {"permutation_invariant", "nonnegative", "zero_if_equal x t"},
});
const Row forward{mse_loss};
const Row backward{backward_of<MseLoss>(mse_loss)};

}  // namespace
}  // namespace karat
