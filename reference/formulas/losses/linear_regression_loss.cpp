// SPDX-License-Identifier: MIT
// The loss of linear regression: (2) and (20) of the seed, with its gradients (3)–(6).
#include "reference/whole.hpp"

namespace karat {
namespace {

struct LinearRegression {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_rank("linear_regression_loss", "X", 2, in[0]);
    expect_shape("linear_regression_loss", "Y", {in[0][0]}, in[1]);
    expect_shape("linear_regression_loss", "theta", {in[0][1]}, in[2]);
    return {Shape{}};
  }
  template <class T>
  static T residual(const Tensor<T>& x, const Tensor<T>& y, const Tensor<T>& theta, std::size_t n) {
    Sum<T> r;
    r.add(y.values[n]);
    for (std::size_t d = 0; d < theta.values.size(); ++d) r.add(-(x.values[n * theta.values.size() + d] * theta.values[d]));
    return r.total();
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Sum<T> squares;
    for (std::size_t n = 0; n < in[1].values.size(); ++n) {
      const T r = residual(in[0], in[1], in[2], n);
      squares.add(r * r);
    }
    T total = squares.total();
    if (a.text("reduction") == "mean") total = total / T(static_cast<double>(in[1].values.size()));
    return {Tensor<T>(Shape{}, {total})};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> d(in[3].shape);
    const std::size_t samples = in[2].values.size();
    std::vector<T> r;
    for (std::size_t n = 0; n < samples; ++n) r.push_back(residual(in[1], in[2], in[3], n));
    for (std::size_t k = 0; k < d.values.size(); ++k) {
      Sum<T> along;
      for (std::size_t n = 0; n < samples; ++n) along.add(r[n] * in[1].values[n * d.values.size() + k]);
      d.values[k] = -2 * along.total() * in[0].values[0];
      if (a.text("reduction") == "mean") d.values[k] = d.values[k] / T(static_cast<double>(samples));
    }
    return {d};
  }
};

InputRow numbers(const char* name, bool differentiable) {
  return {.name = name, .directed = {0, 1}, .typical = {-2, 2}, .infinities = false, .differentiable = differentiable};
}
const Operator loss = whole<LinearRegression>({
    .name = "linear_regression_loss",
    .family = "loss",
    .formula = "L = ‖Y − Xθ‖²",
    .source = "seed (2), (20); gradients (3)–(6)",
    .notes = "X: (N, D), Y: (N), θ: (D).  A batch of one sample gives the gradient of (5), a batch that of (6).",
    .inputs = {numbers("X", false), numbers("Y", false), numbers("theta", true)},
    .outputs = {"y"},
    .attributes = {choice_row("reduction", {"sum", "mean"}, "sum (2), (20) or mean (4)")},
    .catalogue = {.printed = "(2), (3) print the sum, (4) averages its gradient: one sample more or less changes the step",
                  .variants = "reduction = sum, mean", .gradient = "dθ = −2 Σ_n (y_n − x_nθ) x_n · dy (/ N for the mean)"},
    .examples = {{.shapes = {{4, 2}, {4}, {2}}}, {.shapes = {{3, 2}, {3}, {2}}, .attributes = {{"reduction", "mean"}}}},
});
const Row forward{loss};
const Row backward{backward_of<LinearRegression>(loss)};

}  // namespace
}  // namespace karat
