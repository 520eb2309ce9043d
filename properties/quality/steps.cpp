// SPDX-License-Identifier: MIT
// Element by element, right and wrong: activations and gradients, losses, optimizers, pooling.  An order
// of summation matters to some.
#include "properties/quality/kernels.hpp"

namespace karat::properties::quality {
namespace {

using Inputs = std::vector<std::pair<Shape, Floats>>;
using Given = std::vector<Floats>;

float sigmoid(float x, const Way& way = plain) {
  const float e = way.exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
float softplus(float x, const Way& way = plain) { return std::fmax(x, 0.0f) + way.log1p(way.exp(-std::abs(x))); }

// Numbers of every size that activations care about.
Floats wide(Random& random, std::size_t n) {
  Floats v(n);
  for (float& x : v) x = (static_cast<float>(random() >> 40) * 0x1p-23f - 1) * std::ldexp(1.0f, static_cast<int>(random() % 11) - 3);
  return v;
}
Floats unit_interval(Random& random, std::size_t n) {
  Floats v(n);
  for (float& x : v) x = static_cast<float>(1 + (random() >> 42)) * 0x1p-23f;
  return v;
}
auto one_wide() {
  return [](Random& r, std::size_t n, int) { return Inputs{{of(n), wide(r, n)}}; };
}
auto two_wide() {
  return [](Random& r, std::size_t n, int) { return Inputs{{of(n), wide(r, n)}, {of(n), wide(r, n)}}; };
}
auto target_and_logit() {
  return [](Random& r, std::size_t n, int) { return Inputs{{of(n), unit_interval(r, n)}, {of(n), wide(r, n)}}; };
}
auto masks() {
  return [](Random& r, std::size_t n, int) { return Inputs{{one_by(n), unit_interval(r, n)}, {one_by(n), unit_interval(r, n)}}; };
}
// θ, g and states that are means or sums of squares; g may be tiny, where ε matters.
auto states(std::size_t signed_states, std::size_t square_states) {
  return [=](Random& r, std::size_t n, int kind) {
    Inputs in{{of(n), row(r, n, 0, false)}, {of(n), row(r, n, kind == 3 ? 0 : kind, false)}};
    const float scale = kind == 2 ? 0x1p-30f : 1;
    for (float& g : in[1].second) g *= scale;
    for (std::size_t k = 0; k < signed_states; ++k) in.emplace_back(of(n), row(r, n, 0, false));
    for (std::size_t k = 0; k < square_states; ++k) {
      in.emplace_back(of(n), row(r, n, 0, true));
      for (float& s : in.back().second) s *= scale * scale;
    }
    for (std::size_t k = 2; k < 2 + signed_states; ++k)
      for (float& v : in[k].second) v *= scale;
    return in;
  };
}
const std::map<std::string, Attributes::Value> adam_rates{{"eta", 0.25}, {"beta1", 0.875}, {"beta2", 0.9990234375}, {"eps", 0x1p-20}, {"t", std::int64_t{2}}};
struct Adam {
  float beta1 = 0.875f, beta2 = 0.9990234375f, eps = 0x1p-20f, eta = 0.25f;
  float correction1 = 1 - 0.875f * 0.875f, correction2 = static_cast<float>(1 - 0.9990234375 * 0.9990234375);
  bool inside = false, corrected = true, squared = true, coupled_moments = false;
  Floats operator()(const Given& in) const {
    Floats theta, v, s;
    for (std::size_t i = 0; i < in[0].size(); ++i) {
      const float g = in[1][i];
      v.push_back(beta1 * in[2][i] + (1 - beta1) * g);
      s.push_back(beta2 * in[3][i] + (1 - beta2) * (squared ? g * g : std::abs(g)));
      const float v_hat = corrected ? v[i] / correction1 : v[i], s_hat = corrected ? s[i] / correction2 : s[i];
      theta.push_back(in[0][i] - eta * v_hat / (inside ? std::sqrt(s_hat + eps) : std::sqrt(s_hat) + eps));
      if (coupled_moments) v[i] = v_hat;
    }
    Floats all = theta;
    all.insert(all.end(), v.begin(), v.end());
    all.insert(all.end(), s.begin(), s.end());
    all.insert(all.end(), in[4].begin(), in[4].end());
    return all;
  }
};
template <class F>
Floats adam(const Given& in, F change) {
  Adam a;
  change(a);
  return a(in);
}
// θ then v of momentum, β = 0.75, η = 0.25, λ = 0.125, at the third step.
Floats momentum(const Given& in, bool nesterov, bool decayed, float sign, bool kept) {
  Floats theta, v;
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    const float g = decayed ? in[1][i] + 0.125f * in[0][i] : in[1][i];
    v.push_back((kept ? 0.75f * in[2][i] : 0.0f) + g);
    theta.push_back(in[0][i] - sign * 0.25f * (nesterov ? g + 0.75f * v[i] : v[i]));
  }
  theta.insert(theta.end(), v.begin(), v.end());
  return theta;
}
// 2 × 2 windows of a 2 × 2n image.
auto image() {
  return [](Random& r, std::size_t n, int kind) { return Inputs{{{1, 1, 2, static_cast<std::int64_t>(2 * n)}, row(r, 4 * n, kind, false)}}; };
}
template <class F>
Floats pooled(const Floats& x, F f) {
  const std::size_t n = x.size() / 4, width = 2 * n;
  return each(n, [&](std::size_t i) { return f(Floats{x[2 * i], x[2 * i + 1], x[width + 2 * i], x[width + 2 * i + 1]}); });
}

std::vector<Subject> right() {
  return {
      {"sigmoid", {}, one_wide(), [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return sigmoid(in[0][i], way); }); }},
      {"softplus", {}, one_wide(), [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return softplus(in[0][i], way); }); }},
      {"softplus", {}, one_wide(),
       [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return in[0][i] > 20 ? in[0][i] : way.log1p(way.exp(in[0][i])); }); }},
      {"sigmoid", {}, one_wide(), [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return 1 / (1 + way.exp(-in[0][i])); }); }},
      {"tanh", {}, one_wide(), [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return way.tanh(in[0][i]); }); }},
      {"tanh", {}, one_wide(),
       [](const Given& in, const Way& way) {
         return each(in[0].size(), [&](std::size_t i) {
           const float a = std::abs(in[0][i]), t = way.expm1(2 * a);
           return std::copysign(a > 20 ? 1.0f : a > 0.5f ? 1 - 2 / (t + 2) : t / (t + 2), in[0][i]);
         });
       }},
      {"sigmoid_backward", {}, two_wide(),
       [](const Given& in, const Way& way) { return each(in[0].size(), [&](std::size_t i) { return in[0][i] * (sigmoid(in[1][i], way) * sigmoid(-in[1][i], way)); }); }},
      {"binary_cross_entropy_with_logits", {}, target_and_logit(),
       [](const Given& in, const Way& way) {
         return Floats{way.add(each(in[0].size(), [&](std::size_t i) { return (1 - in[0][i]) * in[1][i] + softplus(-in[1][i], way); })) / static_cast<float>(in[0].size())};
       }},
      {"dice_loss", {{"smooth", 1.0}}, masks(),
       [](const Given& in, const Way& way) {
         const float shared = way.add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][i]; }));
         return Floats{1 - (2 * shared + 1) / (way.add(in[0]) + way.add(in[1]) + 1)};
       }},
      {"mask_iou_loss", {}, masks(),
       [](const Given& in, const Way& way) {
         const float shared = way.add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][i]; }));
         return Floats{1 - shared / (way.add(in[0]) + way.add(in[1]) - shared)};
       }},
      {"adam", adam_rates, states(1, 2), [](const Given& in, const Way&) { return Adam()(in); }},
      {"momentum", {{"eta", 0.25}, {"beta", 0.75}, {"weight_decay", 0.125}, {"nesterov", std::int64_t{1}}, {"t", std::int64_t{3}}}, states(1, 0),
       [](const Given& in, const Way&) { return momentum(in, true, true, 1, true); }},
      {"mean_pool2d", {}, image(), [](const Given& in, const Way& way) { return pooled(in[0], [&](const Floats& w) { return way.add(w) / 4; }); }},
      {"max_pool2d", {}, image(), [](const Given& in, const Way&) { return pooled(in[0], largest); }},
      {"l2_pool2d", {}, image(), [](const Given& in, const Way& way) {
         return pooled(in[0], [&](const Floats& w) { return std::sqrt(way.add(each(4, [&](std::size_t i) { return w[i] * w[i]; }))); });
       }},
  };
}

template <class F>
auto mapped(F f) {
  return [f](const Given& in) { return each(in[0].size(), [&](std::size_t i) { return f(in[0][i]); }); };
}
std::vector<Mutant> wrong() {
  const auto bce = [](auto term) {
    return [term](const Given& in) { return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return term(in[0][i], in[1][i]); })) / static_cast<float>(in[0].size())}; };
  };
  const auto overlap = [](auto loss) {
    return [loss](const Given& in) {
      const float shared = plain_sum(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][i]; }));
      return Floats{loss(shared, plain_sum(in[0]), plain_sum(in[1]))};
    };
  };
  const auto pool = [](auto f) { return [f](const Given& in) { return pooled(in[0], f); }; };
  return {
      {"sigmoid", "(1 + tanh(x/2))/2", mapped([](float x) { return 0.5f * (1 + std::tanh(0.5f * x)); })},
      {"sigmoid", "e^x/(1 + e^x) alone", mapped([](float x) { return std::exp(x) / (1 + std::exp(x)); })},
      {"sigmoid", "1 − σ(−x)", mapped([](float x) { return x >= 0 ? sigmoid(x) : 1 - sigmoid(-x); })},
      {"sigmoid", "clamped at ±8", mapped([](float x) { return sigmoid(std::fmin(std::fmax(x, -8.0f), 8.0f)); })},
      {"softplus", "log(1 + e^x)", mapped([](float x) { return x > 20 ? x : std::log(1 + std::exp(x)); })},
      {"softplus", "cut off at 5", mapped([](float x) { return x > 5 ? x : softplus(x); })},
      {"softplus", "the positive branch alone", mapped([](float x) { return std::log1p(std::exp(x)); })},
      {"tanh", "(e^2x − 1)/(e^2x + 1)", mapped([](float x) { return (std::exp(2 * x) - 1) / (std::exp(2 * x) + 1); })},
      {"tanh", "a factor 1 + 2^-18", mapped([](float x) { return std::tanh(x) * (1 + 0x1p-18f); })},
      {"tanh", "x − x³/3 up to 0.25", mapped([](float x) { return std::abs(x) < 0.25f ? x - x * x * x / 3 : std::tanh(x); })},
      {"sigmoid_backward", "y − y²", [](const Given& in) { return each(in[0].size(), [&](std::size_t i) { const float y = sigmoid(in[1][i]); return in[0][i] * (y - y * y); }); }},
      {"sigmoid_backward", "the derivative of the sigmoid of the sigmoid", [](const Given& in) { return each(in[0].size(), [&](std::size_t i) { const float y = sigmoid(sigmoid(in[1][i])); return in[0][i] * y * (1 - y); }); }},
      {"sigmoid_backward", "dy forgotten", [](const Given& in) { return each(in[0].size(), [&](std::size_t i) { return sigmoid(in[1][i]) * sigmoid(-in[1][i]); }); }},
      {"binary_cross_entropy_with_logits", "log of the sigmoid", bce([](float t, float x) { return -t * std::log(1 / (1 + std::exp(-x))) - (1 - t) * std::log(1 - 1 / (1 + std::exp(-x))); })},
      {"binary_cross_entropy_with_logits", "clamped at 1e-7", bce([](float t, float x) { const float p = std::fmin(std::fmax(sigmoid(x), 1e-7f), 1 - 1e-7f); return -t * std::log(p) - (1 - t) * std::log1p(-p); })},
      {"binary_cross_entropy_with_logits", "targets changed places", bce([](float t, float x) { return t * x + softplus(-x); })},
      {"dice_loss", "s in the numerator alone", overlap([](float s, float p, float g) { return 1 - (2 * s + 1) / (p + g); })},
      {"dice_loss", "a two forgotten", overlap([](float s, float p, float g) { return 1 - (s + 1) / (p + g + 1); })},
      {"dice_loss", "the coefficient itself", overlap([](float s, float p, float g) { return (2 * s + 1) / (p + g + 1); })},
      {"mask_iou_loss", "intersection not taken away", overlap([](float s, float p, float g) { return 1 - s / (p + g); })},
      {"mask_iou_loss", "Dice", overlap([](float s, float p, float g) { return 1 - 2 * s / (p + g); })},
      {"adam", "ε inside of the root", [](const Given& in) { return adam(in, [](Adam& a) { a.inside = true; }); }},
      {"adam", "no correction of the moments", [](const Given& in) { return adam(in, [](Adam& a) { a.corrected = false; }); }},
      {"adam", "correction of the step before", [](const Given& in) { return adam(in, [](Adam& a) { a.correction1 = 1 - a.beta1; a.correction2 = 1 - a.beta2; }); }},
      {"adam", "second moment not squared", [](const Given& in) { return adam(in, [](Adam& a) { a.squared = false; }); }},
      {"adam", "corrected moment kept", [](const Given& in) { return adam(in, [](Adam& a) { a.coupled_moments = true; }); }},
      {"adam", "β₁ and β₂ changed places", [](const Given& in) { return adam(in, [](Adam& a) { std::swap(a.beta1, a.beta2); }); }},
      {"adam", "no ε", [](const Given& in) { return adam(in, [](Adam& a) { a.eps = 0; }); }},
      {"momentum", "without Nesterov", [](const Given& in) { return momentum(in, false, true, 1, true); }},
      {"momentum", "weight decay forgotten", [](const Given& in) { return momentum(in, true, false, 1, true); }},
      {"momentum", "uphill", [](const Given& in) { return momentum(in, true, true, -1, true); }},
      {"momentum", "state forgotten", [](const Given& in) { return momentum(in, true, true, 1, false); }},
      {"mean_pool2d", "divided by 3", pool([](const Floats& w) { return plain_sum(w) / 3; })},
      {"mean_pool2d", "the first row alone", pool([](const Floats& w) { return (w[0] + w[1]) / 2; })},
      {"max_pool2d", "padded with 0", pool([](const Floats& w) { return std::fmax(largest(w), 0.0f); })},
      {"max_pool2d", "by absolute value", pool([](const Floats& w) { return largest(each(4, [&](std::size_t i) { return std::abs(w[i]); })); })},
      {"max_pool2d", "last element not looked at", pool([](const Floats& w) { return largest({w[0], w[1], w[2]}); })},
      {"l2_pool2d", "divided by the window's size", pool([](const Floats& w) { return std::sqrt(plain_sum(each(4, [&](std::size_t i) { return w[i] * w[i]; })) / 4); })},
      {"l2_pool2d", "no root", pool([](const Floats& w) { return plain_sum(each(4, [&](std::size_t i) { return w[i] * w[i]; })); })},
  };
}

const AddTo all(right(), wrong());

}  // namespace
}  // namespace karat::properties::quality
