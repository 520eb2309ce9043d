// SPDX-License-Identifier: MIT
// Dropout: algorithm 1 of the seed deletes a node with probability 1 − p, so p is the probability
// to keep it.  Given the mask it is exact; drawing the mask is judged by statistics.
#include "reference/whole.hpp"

namespace karat {
namespace {

void refuse_mask(const char* op, const Tensor<double>& mask) {
  for (std::size_t i = 0; i < mask.values.size(); ++i)
    if (mask.values[i] != 0 && mask.values[i] != 1)
      throw Refused("input mask of " + std::string(op) + ", element " + std::to_string(i) + ": expected 0 or 1, got " +
                    std::to_string(static_cast<long long>(mask.values[i])));
}

struct Dropout {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_shape("dropout", "mask", in[0], in[1]);
    return {in[0]};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) { refuse_mask("dropout", in[1]); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> y(in[0].shape);
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      if (to_index(in[1].values[i]) == 0) continue;  // deleted: 0, whatever x is
      y.values[i] = printed(a) ? in[0].values[i] : in[0].values[i] / T(a.number("p"));
    }
    return {y};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return value<T>({in[0], in[2]}, a);  // linear, each element by itself
  }
};

// Algorithm 1 on a linear model: for each sample a mask of its own on the nodes x, the gradient of
// (y − xθ)² with those of dropped nodes 0, averaged over the batch.
struct AverageGradient {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    const char* name = "dropout_average_gradient";
    expect_rank(name, "x", 2, in[0]);
    expect_shape(name, "mask", in[0], in[1]);
    expect_shape(name, "y", {in[0][0]}, in[2]);
    expect_shape(name, "theta", {in[0][1]}, in[3]);
    return {in[3]};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) { refuse_mask("dropout_average_gradient", in[1]); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes&) {
    const auto samples = static_cast<std::size_t>(in[0].shape[0]), size = static_cast<std::size_t>(in[0].shape[1]);
    Tensor<T> gradient(in[3].shape);
    std::vector<Sum<T>> sums(size);
    for (std::size_t n = 0; n < samples; ++n) {
      Sum<T> residual;
      residual.add(in[2].values[n]);
      const auto kept = [&](std::size_t d) { return to_index(in[1].values[n * size + d]) != 0; };
      for (std::size_t d = 0; d < size; ++d)
        if (kept(d)) residual.add(-(in[0].values[n * size + d] * in[3].values[d]));
      const T r = residual.total();
      for (std::size_t d = 0; d < size; ++d)
        if (kept(d)) sums[d].add(-2 * r * in[0].values[n * size + d]);
    }
    for (std::size_t d = 0; d < size; ++d) gradient.values[d] = sums[d].total() / T(static_cast<double>(samples));
    return {gradient};
  }
};

const Operator dropout = whole<Dropout>({
    .name = "dropout",
    .family = "regularization",
    .formula = "y = mask · x / p",
    .source = "seed, algorithm 1; rescaling: Srivastava et al. 2014",
    .notes = "mask: 1 keeps, 0 deletes; p is the probability to keep.",
    .inputs = {{.name = "x", .directed = {0, 1}, .typical = {-4, 4}, .infinities = false}, {.name = "mask", .domain = {0, 1}, .index = true, .differentiable = false}},
    .outputs = {"y"},
    .attributes = {{.name = "p", .standard = 0.5, .domain = "from 0 to 1", .directed = {0.5, 1, 0.75}, .valid = [](double p) { return p >= 0 && p <= 1; }},
                   form_row()},
    .catalogue = {.printed = "No rescaling by 1/p: x = 1 kept with p = 1/2 gives 1, the inverted form 2", .variants = "form = standard (inverted), printed",
                  .special = "A deleted node is +0, whatever x is, and so is its gradient.  p = 1 with a full mask is the identity; p = 0 with an empty mask gives 0.",
                  .gradient = "dx = mask · dy / p"},
    .examples = {{.shapes = {{5}, {5}}, .values = {{"mask", {1, 0, 1, 1, 0}}}},
                 {.shapes = {{5}, {5}}, .attributes = {{"form", "printed"}}, .values = {{"mask", {1, 0, 1, 1, 0}}}},
                 {.shapes = {{3}, {3}}, .attributes = {{"p", 0.0}}, .values = {{"mask", {0}}}},
                 {.shapes = {{3}, {3}}, .attributes = {{"p", 1.0}}, .values = {{"mask", {1}}}}},
    .laws = {"linear_in x"},
});
const Row forward{dropout};
const Row backward{backward_of<Dropout>(dropout)};

InputRow number(const char* name) { return {.name = name, .directed = {0, 1}, .typical = {-2, 2}, .infinities = false, .differentiable = false}; }
const Row average{whole<AverageGradient>({
    .name = "dropout_average_gradient",
    .family = "regularization",
    .formula = "g = 1/N Σ_n ∇(y_n − (mask_n ⊙ x_n) θ)²",
    .source = "seed, algorithm 1",
    .notes = "x, mask: (N, D), y: (N), θ: (D).  A mask a sample; gradients of dropped nodes are 0; averaged.",
    .inputs = {number("x"), {.name = "mask", .domain = {0, 1}, .index = true, .differentiable = false}, number("y"), number("theta")},
    .outputs = {"g"},
    .examples = {{.shapes = {{3, 2}, {3, 2}, {3}, {2}}, .values = {{"mask", {1, 0, 1, 1, 0, 1}}}}},
})};

}  // namespace
}  // namespace karat
