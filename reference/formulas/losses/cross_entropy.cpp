// SPDX-License-Identifier: MIT
// Cross entropy of given probabilities: (21) of the seed, −Σ p̃ log p along the last axis.
#include <tuple>

#include "reference/whole.hpp"

namespace karat {
namespace {

struct CrossEntropy {
  static Shape terms(const Shape& p) { return Shape(p.begin(), p.end() - 1); }
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    if (in[0].empty()) throw Refused("input t of cross_entropy: expected rank 1 or more, got shape ()");
    expect_shape("cross_entropy", "p", in[0], in[1]);
    return {reduced(terms(in[0]), a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside("cross_entropy", "t", in[0], 0, 1);
    refuse_outside("cross_entropy", "p", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& t = in[0].values;
    const auto& p = in[1].values;
    const auto classes = static_cast<std::size_t>(in[0].shape.back());
    Tensor<T> loss(terms(in[0].shape));
    for (std::size_t n = 0; n < loss.values.size(); ++n) {
      Sum<T> row;
      for (std::size_t c = n * classes; c < (n + 1) * classes; ++c) row.add(-xlogy(t[c], p[c]));
      loss.values[n] = row.total();
    }
    return {reduce(std::move(loss), a)};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& [t, p] = std::tie(in[1].values, in[2].values);
    const auto classes = static_cast<std::size_t>(in[1].shape.back());
    const auto count = static_cast<std::size_t>(element_count(terms(in[1].shape)));
    Tensor<T> dp(in[2].shape);
    for (std::size_t i = 0; i < p.size(); ++i)
      if (!vanishes(t[i])) dp.values[i] = -t[i] / p[i] * dy_of_term(in[0], i / classes, count, a);
    return {dp};
  }
};

const Operator cross_entropy = whole<CrossEntropy>({
    .name = "cross_entropy",
    .family = "loss",
    .formula = "L = −Σ_c t_c log p_c",
    .source = "seed (21)",
    .notes = "Along the last axis, then reduction: mean, sum, or none.  Targets t and predictions p are probabilities.",
    .inputs = {{.name = "t", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false, .differentiable = false},
               {.name = "p", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false}},
    .outputs = {"y"},
    .attributes = {reduction_row()},
    .catalogue = {.variants = "reduction = mean, sum, none",
                  .special = "0 · log 0 = 0, value and gradient; t > 0 with p = 0 gives +∞.  Empty batch: sum 0, mean NaN.",
                  .gradient = "dp_c = −t_c / p_c · dy (/ N for the mean)"},
    .examples = {{.shapes = {{3, 4}, {3, 4}}},
                 {.shapes = {{2, 3}, {2, 3}}, .attributes = {{"reduction", "sum"}}},
                 {.shapes = {{2, 2, 3}, {2, 2, 3}}, .attributes = {{"reduction", "none"}}},
                 {.shapes = {{0, 3}, {0, 3}}, .attributes = {{"reduction", "sum"}}}},
    .laws = {"nonnegative"},
});
const Row forward{cross_entropy};
const Row backward{backward_of<CrossEntropy>(cross_entropy)};

}  // namespace
}  // namespace karat
