// SPDX-License-Identifier: MIT
// Focal loss: −α_t (1 − p_t)^γ log p_t, with p_t = p and α_t = α for label 1, 1 − p and 1 − α for
// label 0.  Lin et al. 2017, arXiv:1708.02002, eq. 5; without α (α_t ≡ 1) eq. 4.
#include "reference/whole.hpp"

namespace karat {
namespace {

void refuse_labels(const char* op, const Tensor<double>& t) {
  for (std::size_t i = 0; i < t.values.size(); ++i)
    if (t.values[i] != 0 && t.values[i] != 1)
      throw Refused("input t of " + std::string(op) + ", element " + std::to_string(i) + ": expected label 0 or 1, got " +
                    std::to_string(static_cast<long long>(t.values[i])));
}

// q = 1 − p_t is given beside p_t: from logits it is the other sigmoid, not a difference.
template <class T>
T term(bool positive, const T& p, const T& q, const Attributes& a) {
  const double alpha = a.number("alpha");
  const T focus = pow(q, T(a.number("gamma")));
  if (vanishes(focus)) return T(0);  // p_t = 1
  const T loss = -focus * log(p);
  if (alpha < 0) return loss;
  return (positive ? T(alpha) : 1 - T(alpha)) * loss;
}

// The factor in front of a term's derivative: α_t dy.
template <class T>
T factor(const Tensors<T>& in, std::size_t i, const Attributes& a) {
  const double alpha = a.number("alpha");
  const T dy = dy_of_term(in[0], i, in[1].values.size(), a);
  if (alpha < 0) return dy;
  return (to_index(in[1].values[i]) == 1 ? T(alpha) : 1 - T(alpha)) * dy;
}

struct FocalLoss {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_shape("focal_loss", "p", in[0], in[1]);
    return {reduced(in[0], a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_labels("focal_loss", in[0]);
    refuse_outside("focal_loss", "p", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const bool positive = to_index(in[0].values[i]) == 1;
      const T& p = in[1].values[i];
      const T other = 1 - p;
      loss.values[i] = positive ? term(true, p, other, a) : term(false, other, p, a);
    }
    return {reduce(std::move(loss), a)};
  }
  // dL/dp_t = α_t (γ (1 − p_t)^(γ−1) log p_t − (1 − p_t)^γ / p_t)
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const T gamma(a.number("gamma"));
    Tensor<T> dp(in[2].shape);
    for (std::size_t i = 0; i < dp.values.size(); ++i) {
      const bool positive = to_index(in[1].values[i]) == 1;
      const T p = positive ? in[2].values[i] : T(1 - in[2].values[i]);
      if (vanishes(pow(T(1 - p), gamma))) continue;
      const T focus = vanishes(gamma) ? T(0) : T(gamma * pow(T(1 - p), T(gamma - 1)) * log(p));
      const T d = (focus - pow(T(1 - p), gamma) / p) * factor(in, i, a);
      dp.values[i] = positive ? d : T(-d);
    }
    return {dp};
  }
};

struct WithLogits {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_shape("focal_loss_with_logits", "x", in[0], in[1]);
    return {reduced(in[0], a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) { refuse_labels("focal_loss_with_logits", in[0]); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const bool positive = to_index(in[0].values[i]) == 1;
      const T z = positive ? in[1].values[i] : -in[1].values[i];
      loss.values[i] = term(positive, T(1 / (1 + exp(-z))), T(1 / (1 + exp(z))), a);
    }
    return {reduce(std::move(loss), a)};
  }
  // With p = σ(z), q = 1 − p, z = ±x: dL/dz = α_t q^γ (γ p log p − q).
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const T gamma(a.number("gamma"));
    Tensor<T> dx(in[2].shape);
    for (std::size_t i = 0; i < dx.values.size(); ++i) {
      const bool positive = to_index(in[1].values[i]) == 1;
      const T z = positive ? in[2].values[i] : T(-in[2].values[i]);
      const T p = 1 / (1 + exp(-z)), q = 1 / (1 + exp(z));
      const T d = pow(q, gamma) * (gamma * p * log(p) - q) * factor(in, i, a);
      dx.values[i] = positive ? d : T(-d);
    }
    return {dx};
  }
};

// The accepted algorithms.  From probabilities: q = 1 − p_t, log p_t by log or log1p.
struct StableProbabilities {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    const T gamma(a.number("gamma"));
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const bool positive = to_index(in[0].values[i]) == 1;
      const T& p = in[1].values[i];
      const T focus = pow(positive ? T(1 - p) : p, gamma);
      const T alpha = a.number("alpha") < 0 ? T(1) : positive ? T(a.number("alpha")) : 1 - T(a.number("alpha"));
      loss.values[i] = vanishes(focus) ? T(0) : T(alpha * (-(focus * (positive ? log(p) : log1p(-p)))));
    }
    return {reduce(std::move(loss), a)};
  }
};
// log p = −softplus(−z), q^γ = e^(−γ softplus(z)) or σ(−z)^γ.
template <class T>
T softplus_of(const T& x) {
  return max(x, T(0)) + log1p(exp(-abs(x)));
}
template <class T>
T sigmoid_of(const T& x) {
  const T e = exp(-abs(x));
  return x >= 0 ? T(1 / (1 + e)) : T(e / (1 + e));
}
template <bool BySoftplus>
struct StableLogits {
  template <class T>
  static T focus(const T& z, const T& gamma) {
    if (vanishes(gamma)) return T(1);
    return BySoftplus ? T(exp(-(gamma * softplus_of(z)))) : T(pow(sigmoid_of(T(-z)), gamma));
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(in[0].shape);
    const T gamma(a.number("gamma"));
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      const bool positive = to_index(in[0].values[i]) == 1;
      const T z = positive ? in[1].values[i] : -in[1].values[i];
      const T alpha = a.number("alpha") < 0 ? T(1) : positive ? T(a.number("alpha")) : 1 - T(a.number("alpha"));
      loss.values[i] = alpha * (focus(z, gamma) * softplus_of(T(-z)));
    }
    return {reduce(std::move(loss), a)};
  }
};
template <bool BySoftplus>
struct StableLogitsGradient {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T gamma(a.number("gamma"));
    Tensor<T> dx(in[2].shape);
    for (std::size_t i = 0; i < dx.values.size(); ++i) {
      const bool positive = to_index(in[1].values[i]) == 1;
      const T z = positive ? in[2].values[i] : T(-in[2].values[i]);
      const T slope = -(gamma * sigmoid_of(z) * softplus_of(T(-z))) - sigmoid_of(T(-z));
      const T d = StableLogits<BySoftplus>::focus(z, gamma) * slope * factor(in, i, a);
      dx.values[i] = positive ? d : T(-d);
    }
    return {dx};
  }
};
struct StableProbabilitiesGradient {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T gamma(a.number("gamma"));
    Tensor<T> dp(in[2].shape);
    for (std::size_t i = 0; i < dp.values.size(); ++i) {
      const bool positive = to_index(in[1].values[i]) == 1;
      const T& given = in[2].values[i];
      const T p = positive ? given : T(1 - given), q = positive ? T(1 - given) : given;
      if (vanishes(pow(q, gamma))) continue;
      const T logarithm = positive ? log(given) : log1p(-given);
      const T focus = vanishes(gamma) ? T(0) : T(gamma * pow(q, T(gamma - 1)) * logarithm);
      const T d = (focus - pow(q, gamma) / p) * factor(in, i, a);
      dp.values[i] = positive ? d : T(-d);
    }
    return {dp};
  }
};

InputRow labels() { return {.name = "t", .domain = {0, 1}, .index = true, .differentiable = false}; }
std::vector<AttributeRow> attribute_rows() {
  return {{.name = "gamma", .standard = 2, .domain = "γ ≥ 0", .directed = {2, 0, 0.5, 5},
           .valid = [](double g) { return g >= 0 && g - g == 0; }},
          {.name = "alpha", .standard = 0.25, .domain = "0 ≤ α ≤ 1, or −1: none (α_t ≡ 1)", .directed = {0.25, -1, 0.75, -1},
           .valid = [](double a) { return a == -1 || (a >= 0 && a <= 1); }},
          reduction_row()};
}
std::vector<Example> examples() {
  const std::map<std::string, std::vector<double>> t{{"t", {1, 0, 0, 1, 1}}};
  return {{.shapes = {{5}, {5}}, .values = t},
          {.shapes = {{5}, {5}}, .attributes = {{"gamma", 0.0}, {"alpha", -1.0}}, .values = t},
          {.shapes = {{5}, {5}}, .attributes = {{"gamma", 0.5}, {"reduction", "sum"}}, .values = t},
          {.shapes = {{5}, {5}}, .attributes = {{"gamma", 5.0}, {"alpha", 0.75}, {"reduction", "none"}}, .values = t}};
}
const Catalogue catalogue{.variants = "alpha = −1: without α; reduction = mean, sum, none",
                          .special = "γ = 0 without α is binary cross entropy.  p_t = 1 gives 0, p_t = 0 gives +∞.",
                          .gradient = "dp_t = α_t (γ (1 − p_t)^(γ−1) log p_t − (1 − p_t)^γ / p_t) dy"};

const Operator from_probabilities = whole<FocalLoss, StableProbabilities>({
    .name = "focal_loss",
    .family = "loss",
    .formula = "L = −α_t (1 − p_t)^γ log p_t",
    .source = "Lin et al. 2017, arXiv:1708.02002, eq. 5; named by the seed",
    .notes = "From probabilities; labels 0 or 1.",
    .inputs = {labels(), {.name = "p", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false}},
    .outputs = {"y"},
    .attributes = attribute_rows(),
    .catalogue = catalogue,
    .examples = examples(),
    .laws = {"permutation_invariant", "nonnegative"},
});
const Row forward{from_probabilities};
const Row backward{backward_of<FocalLoss, StableProbabilitiesGradient>(from_probabilities)};

const Operator from_logits = whole<WithLogits, StableLogits<true>, StableLogits<false>>({
    .name = "focal_loss_with_logits",
    .family = "loss",
    .formula = "L = −α_t (1 − p_t)^γ log p_t, p = σ(x)",
    .source = "Lin et al. 2017, arXiv:1708.02002, eq. 5; named by the seed",
    .notes = "From logits; labels 0 or 1.  1 − p_t is the sigmoid of the other sign.",
    .inputs = {labels(), {.name = "x", .directed = {0, 17, -17, 88, -88, 104}, .typical = {-20, 20}, .infinities = false}},
    .outputs = {"y"},
    .attributes = attribute_rows(),
    .catalogue = catalogue,
    .examples = examples(),
    .laws = {"permutation_invariant", "nonnegative"},
});
const Row forward_logits{from_logits};
const Row backward_logits{backward_of<WithLogits, StableLogitsGradient<true>, StableLogitsGradient<false>>(from_logits)};

}  // namespace
}  // namespace karat
