// SPDX-License-Identifier: MIT
// Adam: (47)–(52) of the seed; Kingma & Ba 2015, arXiv:1412.6980.  AdamW: Loshchilov & Hutter,
// arXiv:1711.05101; AMSGrad: Reddi et al. 2018.
#include "reference/optimizer.hpp"

namespace karat {
namespace {

struct Adam {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    const char* names[] = {"g", "v", "s", "s_max"};
    for (std::size_t i = 1; i < 5; ++i) expect_shape("adam", names[i - 1], in[0], in[i]);
    return Shapes(4, in[0]);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return step<T>(in, a, [](const T& beta, const T& old, const T& g) { return T(beta * old + (1 - beta) * g); },
                   [](const T& beta, const T& old, const T& g) { return T(beta * old + (1 - beta) * g * g); });
  }
  template <class T, class First, class Second>
  static Tensors<T> step(const Tensors<T>& in, const Attributes& a, First first, Second moment) {
    const T eta(a.number("eta")), beta1(a.number("beta1")), beta2(a.number("beta2")), eps(a.number("eps")), decay(a.number("weight_decay"));
    const bool decoupled = a.text("decay") == "decoupled", amsgrad = a.integer("amsgrad") != 0;
    const std::string& placement = a.text("eps_placement");
    const T correction1 = 1 - power(beta1, a.integer("t")), correction2 = 1 - power(beta2, a.integer("t"));
    Tensor<T> theta(in[0].shape), v(in[0].shape), s(in[0].shape), s_max = in[4];
    for (std::size_t i = 0; i < theta.values.size(); ++i) {
      const T& old = in[0].values[i];
      const T g = decoupled ? in[1].values[i] : in[1].values[i] + decay * old;
      const T kept = decoupled ? old - eta * decay * old : old;
      v.values[i] = first(beta1, in[2].values[i], g);
      s.values[i] = moment(beta2, in[3].values[i], g);
      if (amsgrad) s_max.values[i] = max(in[4].values[i], s.values[i]);
      const T second = amsgrad ? s_max.values[i] : s.values[i];
      const T v_hat = v.values[i] / correction1, s_hat = second / correction2;
      if (placement == "inside")
        theta.values[i] = kept - eta * v_hat / sqrt(s_hat + eps);
      else if (placement == "hat")
        theta.values[i] = kept - eta * sqrt(correction2) / correction1 * v.values[i] / (sqrt(second) + eps);
      else
        theta.values[i] = kept - eta * v_hat / (sqrt(s_hat) + eps);
    }
    return {theta, v, s, s_max};
  }
};

// Moments as frameworks update them: v + (1 − β₁)(g − v), and g² before the factor.
struct LerpAndSquare {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return Adam::step<T>(in, a, [](const T& beta, const T& old, const T& g) { return T(old + (1 - beta) * (g - old)); },
                         [](const T& beta, const T& old, const T& g) { return T(beta * old + (1 - beta) * (g * g)); });
  }
};

const Row adam{whole<Adam, Adam, LerpAndSquare>({
    .name = "adam",
    .family = "optimizer",
    .formula = "v ← β₁v + (1−β₁)g;  s ← β₂s + (1−β₂)g²;  θ ← θ − η v̂ / (√ŝ + ε),  v̂ = v/(1−β₁ᵗ), ŝ = s/(1−β₂ᵗ)",
    .source = "seed (47)–(52); Kingma & Ba 2015, arXiv:1412.6980",
    .notes = "States v (first moment), s (second moment) and s_max (used and updated with amsgrad); t starts at 1.",
    .inputs = {parameter("theta"), parameter("g"), parameter("v"), state("s"), state("s_max")},
    .outputs = {"theta", "v", "s", "s_max"},
    .attributes = {eta_row(), fraction_row("beta1", 0.875), fraction_row("beta2", 0.9990234375), epsilon_row(0x1p-27),
                   {.kind = AttributeRow::Kind::text, .name = "eps_placement",
                    .domain = "outside: √ŝ + ε, inside: √(ŝ + ε), hat: ε beside the uncorrected √s", .choices = {"outside", "inside", "hat"}},
                   flag_row("amsgrad"), decay_row(),
                   {.kind = AttributeRow::Kind::text, .name = "decay", .domain = "coupled: g + λθ, decoupled: θ − ηλθ (AdamW)",
                    .choices = {"coupled", "decoupled"}},
                   step_row()},
    .catalogue = {.variants = "eps_placement = outside (printed), inside, hat (Kingma & Ba's ε̂); amsgrad; weight_decay with decay = "
                              "coupled or decoupled (AdamW)",
                  .special = "The first step is η · sign g only for ε = 0 and g ≠ 0; g = 0 with s = 0 and ε = 0 is 0/0: NaN."},
    .examples = {{.shapes = {{5}, {5}, {5}, {5}, {5}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"t", std::int64_t{10}}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"eps_placement", "inside"}, {"eps", 0.0625}, {"t", std::int64_t{2}}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"eps_placement", "hat"}, {"eps", 0.0625}, {"t", std::int64_t{2}}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"amsgrad", std::int64_t{1}}, {"t", std::int64_t{3}}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"weight_decay", 0.125}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"weight_decay", 0.125}, {"decay", "decoupled"}}},
                 // 0.9 and 0.999 in f32, at a step where the powers have more bits than f32 holds.
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"beta1", 0x1.ccccccp-1}, {"beta2", 0x1.ff7ceep-1}, {"t", std::int64_t{3}}}}},
})};

}  // namespace
}  // namespace karat
