// SPDX-License-Identifier: MIT
// Gradient descent: gd (28)–(29) over all samples, sgd (30)–(31) over one, minibatch_sgd (32)–(33)
// over a batch, and momentum (34)–(36).  θ ← θ − η g.
#include <cmath>

#include "reference/optimizer.hpp"

namespace karat {
namespace {

// g: (N, D), a gradient a sample.
template <class T>
std::vector<T> total(const Tensor<T>& g, bool mean) {
  const auto samples = static_cast<std::size_t>(g.shape[0]), size = static_cast<std::size_t>(g.shape[1]);
  std::vector<T> result;
  for (std::size_t d = 0; d < size; ++d) {
    Sum<T> column;
    for (std::size_t n = 0; n < samples; ++n) column.add(g.values[n * size + d]);
    result.push_back(mean ? T(column.total() / T(static_cast<double>(samples))) : column.total());
  }
  return result;
}

Shapes per_sample(const char* name, const Shapes& in) {
  expect_rank(name, "theta", 1, in[0]);
  expect_rank(name, "g", 2, in[1]);
  expect_shape(name, "g", {in[1][0], in[0][0]}, in[1]);
  return {in[0]};
}

template <class T>
Tensors<T> descend(const Tensor<T>& theta, const std::vector<T>& g, const Attributes& a) {
  const T eta(a.number("eta"));
  Tensor<T> next(theta.shape);
  for (std::size_t i = 0; i < g.size(); ++i) next.values[i] = theta.values[i] - eta * g[i];
  return {next};
}

struct Gd {
  static Shapes shapes(const Shapes& in, const Attributes&) { return per_sample("gd", in); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return descend(in[0], total(in[1], a.text("reduction") == "mean"), a);
  }
};
struct Sgd {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_shape("sgd", "g", in[0], in[1]);
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return descend(in[0], in[1].values, a);
  }
};
struct MinibatchSgd {
  static Shapes shapes(const Shapes& in, const Attributes&) { return per_sample("minibatch_sgd", in); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return descend(in[0], total(in[1], true), a);
  }
};

// g ← g + λθ;  v ← βv + (1 − dampening) g, and v ← g at the first step;
// θ ← θ − ηv, with Nesterov's form θ − η(g + βv).
struct Momentum {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_shape("momentum", "g", in[0], in[1]);
    expect_shape("momentum", "v", in[0], in[2]);
    return {in[0], in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T eta(a.number("eta")), beta(a.number("beta")), damping(a.number("dampening")), decay(a.number("weight_decay"));
    Tensor<T> theta(in[0].shape), v(in[0].shape);
    for (std::size_t i = 0; i < theta.values.size(); ++i) {
      const T g = in[1].values[i] + decay * in[0].values[i];
      v.values[i] = a.integer("t") == 1 ? g : beta * in[2].values[i] + (1 - damping) * g;
      const T step = a.integer("nesterov") != 0 ? g + beta * v.values[i] : v.values[i];
      theta.values[i] = in[0].values[i] - eta * step;
    }
    return {theta, v};
  }
};

AttributeRow sum_or_mean() {
  return {.kind = AttributeRow::Kind::text, .name = "reduction", .domain = "sum or mean", .choices = {"sum", "mean"}};
}

const Row gd{whole<Gd>({
    .name = "gd",
    .family = "optimizer",
    .formula = "θ ← θ − η Σ_n g_n",
    .source = "seed (28)–(29), (3); the mean: (4)",
    .notes = "g: (N, D), the gradient of each sample.",
    .inputs = {parameter("theta"), parameter("g")},
    .outputs = {"theta"},
    .attributes = {eta_row(), sum_or_mean()},
    .catalogue = {.printed = "(28) says n ∈ ℝ for the number of samples; it is a natural number", .variants = "reduction = sum (28), mean (4)"},
    .examples = {{.shapes = {{3}, {4, 3}}}, {.shapes = {{3}, {4, 3}}, .attributes = {{"reduction", "mean"}}}},
    .laws = {"linear_in g"},
})};
const Row sgd{whole<Sgd>({
    .name = "sgd",
    .family = "optimizer",
    .formula = "θ ← θ − η g",
    .source = "seed (30)–(31), (5)",
    .notes = "g: the gradient of one sample.",
    .inputs = {parameter("theta"), parameter("g")},
    .outputs = {"theta"},
    .attributes = {eta_row()},
    .examples = {{.shapes = {{7}, {7}}}, {.shapes = {{2, 3}, {2, 3}}}},
    .laws = {"linear_in g"},
})};
const Row minibatch{whole<MinibatchSgd>({
    .name = "minibatch_sgd",
    .family = "optimizer",
    .formula = "θ ← θ − η 1/|B| Σ_n g_n",
    .source = "seed (32)–(33), (6)",
    .notes = "g: (|B|, D), the gradient of each sample of the batch.",
    .inputs = {parameter("theta"), parameter("g")},
    .outputs = {"theta"},
    .attributes = {eta_row()},
    .examples = {{.shapes = {{3}, {4, 3}}}},
})};
const Row momentum{whole<Momentum>({
    .name = "momentum",
    .family = "optimizer",
    .formula = "v ← βv + g;  θ ← θ − ηv",
    .source = "seed (34)–(36)",
    .notes = "State v.  At t = 1 v ← g, so that dampening does not touch the first step.",
    .inputs = {parameter("theta"), parameter("g"), parameter("v")},
    .outputs = {"theta", "v"},
    .attributes = {eta_row(), fraction_row("beta", 0.875), fraction_row("dampening", 0), flag_row("nesterov"), decay_row(), step_row()},
    .catalogue = {.variants = "dampening: v ← βv + (1 − dampening) g; nesterov: θ ← θ − η(g + βv); weight_decay: g + λθ"},
    .examples = {{.shapes = {{5}, {5}, {5}}, .attributes = {{"t", std::int64_t{2}}}},
                 {.shapes = {{5}, {5}, {5}}, .attributes = {{"dampening", 0.5}}},
                 {.shapes = {{5}, {5}, {5}}, .attributes = {{"dampening", 0.5}, {"t", std::int64_t{2}}, {"weight_decay", 0.125}}},
                 {.shapes = {{5}, {5}, {5}}, .attributes = {{"nesterov", std::int64_t{1}}, {"t", std::int64_t{3}}}}},
})};

}  // namespace
}  // namespace karat
