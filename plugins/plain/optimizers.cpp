// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

// θ ← θ − η g, g (N, D) summed or averaged over the samples.
template <class W>
void descend(Call<W>& c, bool mean) {
  Array<W> theta = c.in("theta");
  const Array<W> g = c.in("g");
  const auto samples = static_cast<std::size_t>(g.shape[0]);
  for (std::size_t d = 0; d < theta.size(); ++d) {
    W total = sum<W>(samples, [&](std::size_t n) { return g.v[n * theta.size() + d]; });
    if (mean) total /= static_cast<W>(samples);
    theta.v[d] -= c.number("eta") * total;
  }
  c.out("theta", theta);
}
const Row gd("gd", []<class W>(Call<W>& c) { descend(c, c.is("reduction", "mean")); });
const Row minibatch("minibatch_sgd", []<class W>(Call<W>& c) { descend(c, true); });
const Row sgd("sgd", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta");
  const Array<W> g = c.in("g");
  for (std::size_t i = 0; i < theta.size(); ++i) theta.v[i] -= c.number("eta") * g.v[i];
  c.out("theta", theta);
});
const Row momentum("momentum", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), v = c.in("v");
  const Array<W> grad = c.in("g");
  const W eta = c.number("eta"), beta = c.number("beta");
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const W g = grad.v[i] + c.number("weight_decay") * theta.v[i];
    v.v[i] = c.integer("t") == 1 ? g : beta * v.v[i] + (1 - c.number("dampening")) * g;
    theta.v[i] -= eta * (c.integer("nesterov") ? g + beta * v.v[i] : v.v[i]);
  }
  c.out("theta", theta);
  c.out("v", v);
});
template <class W>
W root(const Call<W>& c, W s) {
  const W eps = c.number("eps");
  return c.is("eps_placement", "inside") ? std::sqrt(s + eps) : std::sqrt(s) + eps;
}
const Row adagrad("adagrad", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), s = c.in("s");
  const Array<W> grad = c.in("g");
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const W g = grad.v[i] + c.number("weight_decay") * theta.v[i];
    s.v[i] = c.number("beta") * s.v[i] + g * g;
    theta.v[i] -= c.number("eta") * g / root(c, s.v[i]);
  }
  c.out("theta", theta);
  c.out("s", s);
});
const Row adadelta("adadelta", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), s = c.in("s"), delta = c.in("delta");
  const Array<W> g = c.in("g");
  const W gamma = c.number("gamma"), rho = c.number("rho"), eps = c.number("eps");
  for (std::size_t i = 0; i < theta.size(); ++i) {
    s.v[i] = gamma * s.v[i] + (1 - gamma) * g.v[i] * g.v[i];
    const W step = std::sqrt(delta.v[i] + eps) / std::sqrt(s.v[i] + eps) * g.v[i];
    theta.v[i] -= c.number("eta") * step;
    delta.v[i] = rho * delta.v[i] + (1 - rho) * step * step;
  }
  c.out("theta", theta);
  c.out("s", s);
  c.out("delta", delta);
});
const Row rmsprop("rmsprop", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), s = c.in("s"), m = c.in("m"), b = c.in("b");
  const Array<W> grad = c.in("g");
  const W gamma = c.number("gamma"), mu = c.number("momentum");
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const W g = grad.v[i] + c.number("weight_decay") * theta.v[i];
    s.v[i] = gamma * s.v[i] + (1 - gamma) * g * g;
    W variance = s.v[i];
    if (c.integer("centered")) {
      m.v[i] = gamma * m.v[i] + (1 - gamma) * g;
      variance -= m.v[i] * m.v[i];
    }
    const W step = mu * b.v[i] + g / root(c, variance);
    theta.v[i] -= c.number("eta") * step;
    if (mu != 0) b.v[i] = step;
  }
  c.out("theta", theta);
  c.out("s", s);
  c.out("m", m);
  c.out("b", b);
});
const Row adam("adam", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), v = c.in("v"), s = c.in("s"), s_max = c.in("s_max");
  const Array<W> grad = c.in("g");
  const W eta = c.number("eta"), beta1 = c.number("beta1"), beta2 = c.number("beta2"), eps = c.number("eps"), decay = c.number("weight_decay");
  // Wider than W: β^t in the working type loses what the first steps need.
  const auto t = static_cast<long double>(c.integer("t"));
  const long double exact1 = 1 - std::pow(static_cast<long double>(beta1), t), exact2 = 1 - std::pow(static_cast<long double>(beta2), t);
  const W correction1 = static_cast<W>(exact1), correction2 = static_cast<W>(exact2), both = static_cast<W>(static_cast<long double>(eta) * std::sqrt(exact2) / exact1);
  const bool decoupled = c.is("decay", "decoupled");
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const W g = decoupled ? grad.v[i] : grad.v[i] + decay * theta.v[i];
    if (decoupled) theta.v[i] -= eta * decay * theta.v[i];
    v.v[i] = beta1 * v.v[i] + (1 - beta1) * g;
    s.v[i] = beta2 * s.v[i] + (1 - beta2) * g * g;
    if (c.integer("amsgrad")) s_max.v[i] = larger(s_max.v[i], s.v[i]);
    const W second = c.integer("amsgrad") ? s_max.v[i] : s.v[i];
    if (c.is("eps_placement", "hat"))
      theta.v[i] -= both * v.v[i] / (std::sqrt(second) + eps);
    else
      theta.v[i] -= eta * (v.v[i] / correction1) / root(c, second / correction2);
  }
  c.out("theta", theta);
  c.out("v", v);
  c.out("s", s);
  c.out("s_max", s_max);
});
// H d = g by H = L D Lᵀ.
const Row newton("newton", []<class W>(Call<W>& c) {
  Array<W> theta = c.in("theta"), d = c.in("g"), h = c.in("H");
  const std::size_t n = d.size();
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = k + 1; i < n; ++i) {
      const W factor = h.v[i * n + k] / h.v[k * n + k];
      for (std::size_t j = k; j < n; ++j) h.v[i * n + j] -= factor * h.v[k * n + j];
      d.v[i] -= factor * d.v[k];
    }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) d.v[k] -= h.v[k * n + j] * d.v[j];
    d.v[k] /= h.v[k * n + k];
  }
  for (std::size_t i = 0; i < n; ++i) theta.v[i] -= c.number("eta") * d.v[i];
  c.out("theta", theta);
});

}  // namespace
}  // namespace karat::plain
