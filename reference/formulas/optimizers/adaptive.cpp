// SPDX-License-Identifier: MIT
// Steps scaled by past squares: adagrad (37)–(39), adadelta (40)–(43), rmsprop (44)–(46).
#include "reference/optimizer.hpp"

namespace karat {
namespace {

// √(s + ε) or √s + ε.
template <class T>
T root(const T& s, const T& eps, const Attributes& a) {
  return a.text("eps_placement") == "inside" ? sqrt(s + eps) : sqrt(s) + eps;
}
Shapes all_alike(const char* op, std::initializer_list<const char*> names, const Shapes& in, std::size_t outputs) {
  std::size_t i = 1;
  for (const char* name : names) expect_shape(op, name, in[0], in[i++]);
  return Shapes(outputs, in[0]);
}

struct Adagrad {
  static Shapes shapes(const Shapes& in, const Attributes&) { return all_alike("adagrad", {"g", "s"}, in, 2); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T eta(a.number("eta")), beta(a.number("beta")), eps(a.number("eps")), decay(a.number("weight_decay"));
    Tensor<T> theta(in[0].shape), s(in[0].shape);
    for (std::size_t i = 0; i < theta.values.size(); ++i) {
      const T g = in[1].values[i] + decay * in[0].values[i];
      s.values[i] = beta * in[2].values[i] + g * g;
      theta.values[i] = in[0].values[i] - eta * g / root(s.values[i], eps, a);
    }
    return {theta, s};
  }
};

template <bool RatioOfRoots>
struct AdadeltaOf {
  static Shapes shapes(const Shapes& in, const Attributes&) { return all_alike("adadelta", {"g", "s", "delta"}, in, 3); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T eta(a.number("eta")), gamma(a.number("gamma")), rho(a.number("rho")), eps(a.number("eps"));
    Tensor<T> theta(in[0].shape), s(in[0].shape), delta(in[0].shape);
    for (std::size_t i = 0; i < theta.values.size(); ++i) {
      const T& g = in[1].values[i];
      s.values[i] = gamma * in[2].values[i] + (1 - gamma) * g * g;
      const T step = RatioOfRoots ? T(sqrt(in[3].values[i] + eps) / sqrt(s.values[i] + eps) * g) : T(sqrt((in[3].values[i] + eps) / (s.values[i] + eps)) * g);
      theta.values[i] = in[0].values[i] - eta * step;
      delta.values[i] = rho * in[3].values[i] + (1 - rho) * step * step;
    }
    return {theta, s, delta};
  }
};

using Adadelta = AdadeltaOf<true>;

// centered: the root of s − m², m the moving mean of g.  With momentum μ: b ← μb + g/root, θ ← θ − ηb.
struct Rmsprop {
  static Shapes shapes(const Shapes& in, const Attributes&) { return all_alike("rmsprop", {"g", "s", "m", "b"}, in, 4); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T eta(a.number("eta")), gamma(a.number("gamma")), eps(a.number("eps")), mu(a.number("momentum")),
        decay(a.number("weight_decay"));
    const bool centered = a.integer("centered") != 0;
    Tensor<T> theta(in[0].shape), s(in[0].shape), m = in[3], b = in[4];
    for (std::size_t i = 0; i < theta.values.size(); ++i) {
      const T g = in[1].values[i] + decay * in[0].values[i];
      s.values[i] = gamma * in[2].values[i] + (1 - gamma) * g * g;
      T variance = s.values[i];
      if (centered) {
        m.values[i] = gamma * in[3].values[i] + (1 - gamma) * g;
        variance = variance - m.values[i] * m.values[i];
      }
      const T step = mu * in[4].values[i] + g / root(variance, eps, a);
      theta.values[i] = in[0].values[i] - eta * step;
      if (!vanishes(mu)) b.values[i] = step;
    }
    return {theta, s, m, b};
  }
};

AttributeRow placement() {
  return {.kind = AttributeRow::Kind::text, .name = "eps_placement", .domain = "outside: √s + ε, inside: √(s + ε)",
          .choices = {"outside", "inside"}};
}

const Row adagrad{whole<Adagrad>({
    .name = "adagrad",
    .family = "optimizer",
    .formula = "s ← s + g²;  θ ← θ − η g / (√s + ε)",
    .source = "seed (37)–(39); Duchi et al. 2011",
    .notes = "State s.",
    .inputs = {parameter("theta"), parameter("g"), state("s")},
    .outputs = {"theta", "s"},
    .attributes = {eta_row(), fraction_row("beta", 1), epsilon_row(0x1p-20), placement(), decay_row()},
    .catalogue = {.printed = "s ← βs + g², θ − η/√(s + ε) ⊙ g with ⊙ called a matrix–vector product: it is the element-wise "
                             "one (θ, g = (1, 1), (1, 2) give two different steps).  beta and eps_placement = inside give the printed form",
                  .variants = "beta (1: Duchi's sum), eps_placement = outside, inside; weight_decay: g + λθ"},
    .examples = {{.shapes = {{5}, {5}, {5}}},
                 {.shapes = {{5}, {5}, {5}}, .attributes = {{"beta", 0.875}, {"eps_placement", "inside"}}},
                 {.shapes = {{5}, {5}, {5}}, .attributes = {{"weight_decay", 0.125}}}},
})};
const Row adadelta{whole<Adadelta, Adadelta, AdadeltaOf<false>>({
    .name = "adadelta",
    .family = "optimizer",
    .formula = "s ← γs + (1−γ)g²;  g' = √(Δ + ε)/√(s + ε) g;  θ ← θ − η g';  Δ ← ρΔ + (1−ρ)g'²",
    .source = "seed (40)–(43); Zeiler 2012, arXiv:1212.5701",
    .notes = "States s and Δ (delta).  Standard: γ = ρ, η = 1.",
    .inputs = {parameter("theta"), parameter("g"), state("s"), state("delta")},
    .outputs = {"theta", "s", "delta"},
    .attributes = {{.name = "eta", .standard = 1, .domain = "η finite", .directed = {1}, .valid = [](double v) { return v - v == 0; }},
                   fraction_row("gamma", 0.875), fraction_row("rho", 0.875), epsilon_row(0x1p-20)},
    .catalogue = {.printed = "No printed form is computable: (41) uses s_t before (42) defines it, and the update of θ is missing",
                  .variants = "two rates γ and ρ as printed; × η as frameworks have it"},
    .examples = {{.shapes = {{5}, {5}, {5}, {5}}},
                 {.shapes = {{5}, {5}, {5}, {5}}, .attributes = {{"rho", 0.75}, {"eta", 0.5}}}},
})};
const Row rmsprop{whole<Rmsprop>({
    .name = "rmsprop",
    .family = "optimizer",
    .formula = "s ← γs + (1−γ)g²;  θ ← θ − η g / (√s + ε)",
    .source = "seed (44)–(46)",
    .notes = "States s, m (moving mean of g, used and updated if centered) and b (buffer of momentum, used and updated if momentum > 0).",
    .inputs = {parameter("theta"), parameter("g"), state("s"), {.name = "m", .directed = {0}, .typical = {-0.25, 0.25}, .infinities = false, .differentiable = false}, parameter("b")},
    .outputs = {"theta", "s", "m", "b"},
    .attributes = {eta_row(), fraction_row("gamma", 0.875), epsilon_row(0x1p-20), placement(), flag_row("centered"),
                   fraction_row("momentum", 0), decay_row()},
    .catalogue = {.printed = "ε inside the root: eps_placement = inside.  g = 2^(−20), s = 0, ε = 2^(−20) shows the difference",
                  .variants = "eps_placement, centered: √(s − m²), momentum: b ← μb + g/√s, weight_decay"},
    .examples = {{.shapes = {{5}, {5}, {5}, {5}, {5}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"eps_placement", "inside"}}},
                 {.shapes = {{4}, {4}, {4}, {4}, {4}}, .attributes = {{"centered", std::int64_t{1}}}, .values = {{"s", {1, 2, 1.5, 1}}, {"m", {0.25, -0.25, 0, 0.125}}}},
                 {.shapes = {{5}, {5}, {5}, {5}, {5}}, .attributes = {{"momentum", 0.5}, {"weight_decay", 0.125}}}},
})};

}  // namespace
}  // namespace karat
