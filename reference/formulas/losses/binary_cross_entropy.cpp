// SPDX-License-Identifier: MIT
// Binary cross entropy: (22) of the seed, from probabilities and from logits.
#include "reference/whole.hpp"

namespace karat {
namespace {

// −t log p − (1 − t) log(1 − p); a logarithm below `clamp` counts as `clamp`.
template <class T>
T term(const T& t, const T& p, const T& clamp) {
  const auto weighted = [&](const T& weight, const T& q) {
    if (vanishes(weight)) return T(0);
    if (vanishes(q)) return weight * clamp;
    return weight * max(clamp, log(q));
  };
  return -weighted(t, p) - weighted(1 - t, 1 - p);
}

struct BinaryCrossEntropy {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_shape("binary_cross_entropy", "p", in[0], in[1]);
    return {reduced(in[0], a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside("binary_cross_entropy", "t", in[0], 0, 1);
    refuse_outside("binary_cross_entropy", "p", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T clamp(a.number("log_clamp"));
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i)
      loss.values[i] = term(in[0].values[i], in[1].values[i], clamp);
    return {reduce(std::move(loss), a)};
  }
  // −t/p + (1 − t)/(1 − p); a clamped logarithm is constant.
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const T clamp(a.number("log_clamp"));
    const auto slope = [&](const T& weight, const T& q) {
      return vanishes(weight) || vanishes(q) || log(q) < clamp ? T(0) : T(weight / q);
    };
    Tensor<T> dp(in[2].shape);
    const std::size_t n = dp.values.size();
    for (std::size_t i = 0; i < n; ++i) {
      const T &t = in[1].values[i], &p = in[2].values[i];
      dp.values[i] = (slope(T(1 - t), T(1 - p)) - slope(t, p)) * dy_of_term(in[0], i, n, a);
    }
    return {dp};
  }
};

// log(1 − p) as log1p(−p).
struct StableProbabilities {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T clamp(a.number("log_clamp"));
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const T &t = in[0].values[i], &p = in[1].values[i];
      const auto weighted = [&](const T& weight, const T& logarithm) { return vanishes(weight) ? T(0) : T(weight * max(clamp, logarithm)); };
      loss.values[i] = -weighted(t, log(p)) - weighted(T(1 - t), log1p(-p));
    }
    return {reduce(std::move(loss), a)};
  }
};

struct WithLogits {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_shape("binary_cross_entropy_with_logits", "x", in[0], in[1]);
    return {reduced(in[0], a)};
  }
  // log σ(x) = −log(1 + e^(−x)) and log(1 − σ(x)) = −log(1 + e^x)
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const T& t = in[0].values[i];
      const T& x = in[1].values[i];
      loss.values[i] = t * log(1 + exp(-x)) + (1 - t) * log(1 + exp(x));
    }
    return {reduce(std::move(loss), a)};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> dx(in[2].shape);
    const std::size_t n = dx.values.size();
    for (std::size_t i = 0; i < n; ++i)
      dx.values[i] = (1 / (1 + exp(-in[2].values[i])) - in[1].values[i]) * dy_of_term(in[0], i, n, a);
    return {dx};
  }
};

template <class T>
T softplus_of(const T& x) {
  return max(x, T(0)) + log1p(exp(-abs(x)));
}
struct BySoftplus {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i)
      loss.values[i] = (1 - in[0].values[i]) * in[1].values[i] + softplus_of(T(-in[1].values[i]));
    return {reduce(std::move(loss), a)};
  }
};
struct ByMaximum {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const T &t = in[0].values[i], &x = in[1].values[i];
      loss.values[i] = max(x, T(0)) - x * t + log1p(exp(-abs(x)));
    }
    return {reduce(std::move(loss), a)};
  }
};
struct StableGradient {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> dx(in[2].shape);
    const std::size_t n = dx.values.size();
    for (std::size_t i = 0; i < n; ++i) {
      const T& x = in[2].values[i];
      const T e = exp(-abs(x)), sigmoid = x >= 0 ? T(1 / (1 + e)) : T(e / (1 + e));
      dx.values[i] = (sigmoid - in[1].values[i]) * dy_of_term(in[0], i, n, a);
    }
    return {dx};
  }
};

InputRow target() {
  return {.name = "t", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false, .differentiable = false};
}

const Operator from_probabilities = whole<BinaryCrossEntropy, StableProbabilities>({
    .name = "binary_cross_entropy",
    .family = "loss",
    .formula = "L = −t log p − (1 − t) log(1 − p)",
    .source = "seed (22)",
    .notes = "From probabilities p and targets t in [0, 1].",
    .inputs = {target(), {.name = "p", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false}},
    .outputs = {"y"},
    .attributes = {reduction_row(),
                   {.name = "log_clamp", .standard = -std::numeric_limits<double>::infinity(), .domain = "≤ 0; −∞: no clamp",
                    .directed = {-std::numeric_limits<double>::infinity(), -100},
                    .valid = [](double c) { return c <= 0; }}},
    .catalogue = {.variants = "log_clamp = −100 is PyTorch's form; reduction = mean, sum, none",
                  .special = "p = t = 0: loss 0, gradient 1.  p = 0 with t > 0 gives +∞, with log_clamp = −100 it gives 100 t.",
                  .gradient = "dp = (−t/p + (1 − t)/(1 − p)) dy"},
    .examples = {{.shapes = {{5}, {5}}},
                 {.shapes = {{2, 3}, {2, 3}}, .attributes = {{"reduction", "sum"}}},
                 {.shapes = {{2, 3}, {2, 3}}, .attributes = {{"reduction", "none"}, {"log_clamp", -100.0}}},
                 {.shapes = {{4}, {4}}, .attributes = {{"reduction", "sum"}, {"log_clamp", -2.0}}, .values = {{"t", {1, 0, 0.5, 0.25}}, {"p", {0.0625, 0.9375, 0.5, 0.03125}}}},
                 {.shapes = {{0}, {0}}, .attributes = {{"reduction", "none"}}}},
    .laws = {"permutation_invariant", "nonnegative"},
});
const Row forward{from_probabilities};
const Row backward{backward_of<BinaryCrossEntropy>(from_probabilities)};

const Operator from_logits = whole<WithLogits, BySoftplus, ByMaximum>({
    .name = "binary_cross_entropy_with_logits",
    .family = "loss",
    .formula = "L = −t log σ(x) − (1 − t) log(1 − σ(x))",
    .source = "seed (7), (22)",
    .notes = "From logits x; log σ(x) = −log(1 + e^(−x)), log(1 − σ(x)) = −log(1 + e^x).",
    .inputs = {target(), {.name = "x", .directed = {0, 88, -88, 104, -104, 1000, -1000}, .typical = {-20, 20}, .infinities = false}},
    .outputs = {"y"},
    .attributes = {reduction_row()},
    .catalogue = {.variants = "reduction = mean, sum, none",
                  .special = "Finite for every finite x.  Empty batch: sum 0, mean NaN.",
                  .gradient = "dx = (σ(x) − t) dy (/ n for the mean)"},
    .examples = {{.shapes = {{5}, {5}}},
                 {.shapes = {{2, 3}, {2, 3}}, .attributes = {{"reduction", "sum"}}},
                 {.shapes = {{4}, {4}}, .attributes = {{"reduction", "none"}}}},
    .laws = {"permutation_invariant", "nonnegative"},
});
const Row forward_logits{from_logits};
const Row backward_logits{backward_of<WithLogits, StableGradient>(from_logits)};

}  // namespace
}  // namespace karat
