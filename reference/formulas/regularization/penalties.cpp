// SPDX-License-Identifier: MIT
// Penalties: (19) of the seed, L + Ω(θ), with the L1 and L2 regularizers; (18), the generalization gap.
#include <cmath>
#include <limits>

#include "reference/whole.hpp"

namespace karat {
namespace {

template <class T>
T squares(const Tensor<T>& theta) {
  Sum<T> total;
  for (const T& v : theta.values) total.add(v * v);
  return total.total();
}
template <class T>
T absolutes(const Tensor<T>& theta) {
  Sum<T> total;
  for (const T& v : theta.values) total.add(abs(v));
  return total.total();
}
template <class T>
T l1(const Tensor<T>& theta, const Attributes& a) {
  if (!printed(a)) return absolutes(theta);
  const T total = squares(theta);
  return vanishes(total) ? T(0) : T(sqrt(total));
}

template <class T>
T sign(const T& x) {
  return T(x > 0 ? 1 : x < 0 ? -1 : 0);
}

struct L1Penalty {
  static Shapes shapes(const Shapes&, const Attributes&) { return {Shape{}}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return {Tensor<T>(Shape{}, {T(a.number("lambda")) * l1(in[0], a)})};
  }
  // λ sign(θ); printed: λ θ/‖θ‖
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> d(in[1].shape);
    const T norm = l1(in[1], a);
    for (std::size_t i = 0; i < d.values.size(); ++i) {
      const T& theta = in[1].values[i];
      const T slope = !printed(a) ? sign(theta) : vanishes(norm) ? T(0) : T(theta / norm);
      d.values[i] = T(a.number("lambda")) * slope * in[0].values[0];
    }
    return {d};
  }
};
struct L2Penalty {
  static Shapes shapes(const Shapes&, const Attributes&) { return {Shape{}}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return {Tensor<T>(Shape{}, {T(a.number("lambda")) * squares(in[0])})};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> d(in[1].shape);
    for (std::size_t i = 0; i < d.values.size(); ++i) d.values[i] = 2 * T(a.number("lambda")) * in[1].values[i] * in[0].values[0];
    return {d};
  }
};
struct RegularizedLoss {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_shape("regularized_loss", "loss", {}, in[0]);
    return {Shape{}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T omega = a.text("penalty") == "l1" ? absolutes(in[1]) : squares(in[1]);
    return {Tensor<T>(Shape{}, {in[0].values[0] + T(a.number("lambda")) * omega})};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> d(in[2].shape);
    for (std::size_t i = 0; i < d.values.size(); ++i) {
      const T& theta = in[2].values[i];
      d.values[i] = T(a.number("lambda")) * (a.text("penalty") == "l1" ? sign(theta) : T(2 * theta)) * in[0].values[0];
    }
    return {in[0], d};
  }
};
struct GeneralizationGap {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_shape("generalization_gap", "E_in", in[0], in[1]);
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes&) {
    Tensor<T> gap(in[0].shape);
    for (std::size_t i = 0; i < gap.values.size(); ++i) gap.values[i] = in[0].values[i] - in[1].values[i];
    return {gap};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes&) {
    Tensor<T> d_in(in[0].shape);
    for (std::size_t i = 0; i < d_in.values.size(); ++i) d_in.values[i] = -in[0].values[i];
    return {in[0], d_in};
  }
};

InputRow theta() { return {.name = "theta", .directed = {0, 1, -1}, .typical = {-4, 4}, .infinities = false}; }
AttributeRow lambda_row() { return not_negative_row("lambda", 0.5); }

const Operator l1_penalty = whole<L1Penalty>({
    .name = "l1_penalty",
    .family = "regularization",
    .formula = "Ω = λ Σ |θ_i|",
    .source = "seed 5, L1 regularizer",
    .notes = "λ ≥ 0.",
    .inputs = {theta()},
    .outputs = {"y"},
    .attributes = {lambda_row(), form_row()},
    .catalogue = {.printed = "λ|θ|₂, the Euclidean norm: θ = (3, 4) gives 5λ, the L1 norm 7λ", .variants = "form = standard, printed",
                  .special = "|θ|'(0) = 0.", .gradient = "dθ_i = λ sign(θ_i) dy"},
    .examples = {{.shapes = {{5}}}, {.shapes = {{2, 3}}, .attributes = {{"form", "printed"}}}},
    .laws = {"permutation_invariant"},
    .range = Interval{0, std::numeric_limits<double>::infinity()},
});
const Row l1_forward{l1_penalty};

// λ sign(θ) dy at θ = NaN: frameworks give NaN, 0, or the slope of either side.
Specials slope_at_nan(double theta, double slope) {
  constexpr const char* policy = "mask_gradient_at_nan";
  if (!std::isnan(theta)) return {};
  return {{.value = std::nan("")}, {.value = 0.0, .policy = policy}, {.value = -0.0, .policy = policy}, {.value = slope, .policy = policy}, {.value = -slope, .policy = policy}};
}
// Of a backward row whose last input is θ and whose last output is dθ; `absolute`: whether Σ|θ| is what it differentiates.
template <class Absolute>
Operator with_slope_at_nan(Operator op, Absolute absolute) {
  op.specials = [absolute](const Tensors<double>& in, const Attributes& a) {
    const std::vector<double>& theta = in.back().values;
    const std::size_t before = in.size() == 3 ? 1 : 0;  // dloss
    std::vector<Specials> all(before + theta.size());
    if (absolute(a))
      for (std::size_t i = 0; i < theta.size(); ++i) all[before + i] = slope_at_nan(theta[i], a.number("lambda") * in[0].values[0]);
    return all;
  };
  return op;
}
const Row l1_backward{with_slope_at_nan(backward_of<L1Penalty>(l1_penalty), [](const Attributes& a) { return !printed(a); })};

const Operator l2_penalty = whole<L2Penalty>({
    .name = "l2_penalty",
    .family = "regularization",
    .formula = "Ω = λ ‖θ‖₂²",
    .source = "seed 5, L2 regularizer",
    .notes = "λ ≥ 0.",
    .inputs = {theta()},
    .outputs = {"y"},
    .attributes = {lambda_row()},
    .catalogue = {.gradient = "dθ = 2λθ dy"},
    .examples = {{.shapes = {{5}}}},
    .laws = {"permutation_invariant"},
    .range = Interval{0, std::numeric_limits<double>::infinity()},
});
const Row l2_forward{l2_penalty};
const Row l2_backward{backward_of<L2Penalty>(l2_penalty)};

const Operator regularized = whole<RegularizedLoss>({
    .name = "regularized_loss",
    .family = "regularization",
    .formula = "L_reg = L + Ω(θ)",
    .source = "seed (19)",
    .notes = "Ω = λ‖θ‖₂² or λ Σ|θ|.",
    .inputs = {{.name = "loss", .directed = {0}, .typical = {0, 4}, .infinities = false}, theta()},
    .outputs = {"y"},
    .attributes = {lambda_row(), choice_row("penalty", {"l2", "l1"}, "l2 or l1")},
    .catalogue = {.variants = "penalty = l2, l1", .gradient = "dL = dy, dθ = Ω'(θ) dy"},
    .examples = {{.shapes = {{}, {4}}}, {.shapes = {{}, {4}}, .attributes = {{"penalty", "l1"}}}},
});
const Row regularized_forward{regularized};
const Row regularized_backward{with_slope_at_nan(backward_of<RegularizedLoss>(regularized), [](const Attributes& a) { return a.text("penalty") == "l1"; })};

const Operator gap = whole<GeneralizationGap>({
    .name = "generalization_gap",
    .family = "regularization",
    .formula = "E_gen = E_out − E_in",
    .source = "seed (18)",
    .notes = "Errors outside and inside of the sample.",
    .inputs = {{.name = "E_out", .typical = {0, 4}, .infinities = false}, {.name = "E_in", .typical = {0, 4}, .infinities = false}},
    .outputs = {"y"},
    .catalogue = {.gradient = "dE_out = dy, dE_in = −dy"},
    .examples = {{.shapes = {{3}, {3}}}},
    .laws = {"linear_in E_out", "linear_in E_in"},
});
const Row gap_forward{gap};

}  // namespace
}  // namespace karat
