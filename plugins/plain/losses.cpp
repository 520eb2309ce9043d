// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

const Row mse("mse_loss", []<class W>(Call<W>& c) {
  Array<W> x = c.in("x");
  const Array<W> t = c.in("t");
  for (std::size_t i = 0; i < x.size(); ++i) x.v[i] = (x.v[i] - t.v[i]) * (x.v[i] - t.v[i]);
  if (c.is("form", "printed")) return c.out("y", sum(x.v));
  reduce(c, x);
});
const Row mse_backward("mse_loss_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), t = c.in("t");
  Array<W> dx = c.in("x"), dt = t;
  for (std::size_t i = 0; i < dx.size(); ++i) {
    dx.v[i] = 2 * (dx.v[i] - t.v[i]) * (c.is("form", "printed") ? dy.v[0] : reaching(c, dy, i, dx.size()));
    dt.v[i] = -dx.v[i];
  }
  c.out("dx", dx);
  c.out("dt", dt);
});

template <class W>
std::vector<W> residuals(const Array<W>& x, const Array<W>& y, const Array<W>& theta) {
  std::vector<W> r;
  for (std::size_t n = 0; n < y.size(); ++n)
    r.push_back(y.v[n] - sum<W>(theta.size(), [&](std::size_t d) { return x.v[n * theta.size() + d] * theta.v[d]; }));
  return r;
}
const Row regression("linear_regression_loss", []<class W>(Call<W>& c) {
  const auto r = residuals(c.in("X"), c.in("Y"), c.in("theta"));
  const W total = sum<W>(r.size(), [&](std::size_t n) { return r[n] * r[n]; });
  c.out("y", c.is("reduction", "mean") ? total / static_cast<W>(r.size()) : total);
});
const Row regression_backward("linear_regression_loss_backward", []<class W>(Call<W>& c) {
  const Array<W> x = c.in("X");
  Array<W> d = c.in("theta");
  const auto r = residuals(x, c.in("Y"), d);
  const W dy = c.in("dy").v[0];
  for (std::size_t k = 0; k < d.size(); ++k) {
    d.v[k] = -2 * sum<W>(r.size(), [&](std::size_t n) { return r[n] * x.v[n * d.size() + k]; }) * dy;
    if (c.is("reduction", "mean")) d.v[k] /= static_cast<W>(r.size());
  }
  c.out("dtheta", d);
});

const Row bce("binary_cross_entropy", []<class W>(Call<W>& c) {
  Array<W> t = c.in("t");
  const Array<W> p = c.in("p");
  const W clamp = c.number("log_clamp");
  const auto weighted = [&](W weight, W logarithm) { return weight == 0 ? W(0) : weight * (logarithm < clamp ? clamp : logarithm); };
  for (std::size_t i = 0; i < t.size(); ++i) t.v[i] = -weighted(t.v[i], std::log(p.v[i])) - weighted(1 - t.v[i], std::log1p(-p.v[i]));
  reduce(c, t);
});
const Row bce_backward("binary_cross_entropy_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), t = c.in("t");
  Array<W> p = c.in("p");
  const W clamp = c.number("log_clamp");
  const auto slope = [&](W weight, W q) { return weight == 0 || q == 0 || std::log(q) < clamp ? W(0) : weight / q; };
  for (std::size_t i = 0; i < p.size(); ++i)
    p.v[i] = (slope(1 - t.v[i], 1 - p.v[i]) - slope(t.v[i], p.v[i])) * reaching(c, dy, i, p.size());
  c.out("dp", p);
});
const Row bce_logits("binary_cross_entropy_with_logits", []<class W>(Call<W>& c) {
  const Array<W> t = c.in("t");
  Array<W> x = c.in("x");
  for (std::size_t i = 0; i < x.size(); ++i) x.v[i] = (1 - t.v[i]) * x.v[i] + softplus(-x.v[i]);
  reduce(c, x);
});
const Row bce_logits_backward("binary_cross_entropy_with_logits_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), t = c.in("t");
  Array<W> x = c.in("x");
  for (std::size_t i = 0; i < x.size(); ++i) x.v[i] = (sigmoid(x.v[i]) - t.v[i]) * reaching(c, dy, i, x.size());
  c.out("dx", x);
});

const Row cross_entropy("cross_entropy", []<class W>(Call<W>& c) {
  const Array<W> t = c.in("t"), p = c.in("p");
  const auto classes = static_cast<std::size_t>(t.shape.back());
  Array<W> loss = zeros<W>(Extents(t.shape.begin(), t.shape.end() - 1));
  for (std::size_t n = 0; n < loss.size(); ++n)
    loss.v[n] = -sum<W>(classes, [&](std::size_t k) {
      const std::size_t i = n * classes + k;
      return t.v[i] == 0 ? W(0) : t.v[i] * std::log(p.v[i]);
    });
  reduce(c, loss);
});
const Row cross_entropy_backward("cross_entropy_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), t = c.in("t");
  Array<W> p = c.in("p");
  const auto classes = static_cast<std::size_t>(t.shape.back());
  for (std::size_t i = 0; i < p.size(); ++i)
    p.v[i] = t.v[i] == 0 ? W(0) : -t.v[i] / p.v[i] * reaching(c, dy, i / classes, p.size() / classes);
  c.out("dp", p);
});

// Rows of logits (N, C): x − max, log Σ e^(x − max), and softmax.
template <class W>
struct Logits {
  std::size_t rows, classes;
  Array<W> shifted;
  std::vector<W> total;
  explicit Logits(Array<W> x) : rows(static_cast<std::size_t>(x.shape[0])), classes(static_cast<std::size_t>(x.shape[1])), shifted(std::move(x)) {
    for (std::size_t n = 0; n < rows; ++n) {
      W m = shifted.v[n * classes];
      for (std::size_t k = 0; k < classes; ++k) m = larger(m, shifted.v[n * classes + k]);
      for (std::size_t k = 0; k < classes; ++k) shifted.v[n * classes + k] -= m;
      total.push_back(sum<W>(classes, [&](std::size_t k) { return std::exp(shifted.v[n * classes + k]); }));
    }
  }
  W loss(std::size_t n, std::size_t k) const { return std::log(total[n]) - shifted.v[n * classes + k]; }
  W softmax(std::size_t n, std::size_t k) const { return std::exp(shifted.v[n * classes + k]) / total[n]; }
};
template <class W>
std::vector<W> weights(const Call<W>& c, std::size_t classes) {
  return c.has("w") ? c.in("w").v : std::vector<W>(classes, W(1));
}

const Row indexed("softmax_cross_entropy", []<class W>(Call<W>& c) {
  const Logits<W> x(c.in("x"));
  const auto t = c.labels("t");
  const auto w = weights(c, x.classes);
  const W smoothing = c.number("label_smoothing");
  Array<W> loss = zeros<W>({static_cast<std::int64_t>(x.rows)});
  std::vector<W> kept;
  for (std::size_t n = 0; n < x.rows; ++n) {
    if (t[n] == c.integer("ignore_index")) continue;
    const auto target = static_cast<std::size_t>(t[n]);
    const W smooth = smoothing == 0 ? W(0) : sum<W>(x.classes, [&](std::size_t k) { return w[k] * x.loss(n, k); });
    loss.v[n] = (1 - smoothing) * w[target] * x.loss(n, target) + smoothing / static_cast<W>(x.classes) * smooth;
    kept.push_back(w[target]);
  }
  if (c.is("reduction", "none")) return c.out("y", loss);
  const W total = sum(loss.v);
  if (c.is("reduction", "sum")) return c.out("y", total);
  c.out("y", kept.empty() && c.is("all_ignored", "zero") ? W(0) : total / sum(kept));
});
const Row indexed_backward("softmax_cross_entropy_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy");
  const Logits<W> x(c.in("x"));
  const auto t = c.labels("t");
  const auto w = weights(c, x.classes);
  const W smoothing = c.number("label_smoothing"), all = sum(w);
  std::vector<W> kept;
  for (std::size_t n = 0; n < x.rows; ++n)
    if (t[n] != c.integer("ignore_index")) kept.push_back(w[static_cast<std::size_t>(t[n])]);
  const W divisor = sum(kept);
  Array<W> dx = zeros<W>(x.shifted.shape);
  for (std::size_t n = 0; n < x.rows; ++n) {
    if (t[n] == c.integer("ignore_index")) continue;
    const auto target = static_cast<std::size_t>(t[n]);
    for (std::size_t k = 0; k < x.classes; ++k) {
      const W s = x.softmax(n, k), hard = w[target] * (s - static_cast<W>(k == target ? 1 : 0)), soft = smoothing == 0 ? W(0) : (s * all - w[k]) / static_cast<W>(x.classes);
      const W d = ((1 - smoothing) * hard + smoothing * soft) * dy.v[c.is("reduction", "none") ? n : 0];
      dx.v[n * x.classes + k] = c.is("reduction", "mean") ? d / divisor : d;
    }
  }
  c.out("dx", dx);
});
template <class W>
W smoothed(const Call<W>& c, W t, std::size_t classes) {
  const W smoothing = c.number("label_smoothing");
  return (1 - smoothing) * t + smoothing / static_cast<W>(classes);
}
const Row probabilities("softmax_cross_entropy_probabilities", []<class W>(Call<W>& c) {
  const Logits<W> x(c.in("x"));
  const Array<W> t = c.in("t");
  const auto w = weights(c, x.classes);
  Array<W> loss = zeros<W>({static_cast<std::int64_t>(x.rows)});
  for (std::size_t n = 0; n < x.rows; ++n)
    loss.v[n] = sum<W>(x.classes, [&](std::size_t k) {
      const W target = smoothed(c, t.v[n * x.classes + k], x.classes);
      return target == 0 ? W(0) : w[k] * target * x.loss(n, k);
    });
  reduce(c, loss);
});
const Row probabilities_backward("softmax_cross_entropy_probabilities_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), t = c.in("t");
  const Logits<W> x(c.in("x"));
  const auto w = weights(c, x.classes);
  Array<W> dx = zeros<W>(x.shifted.shape);
  for (std::size_t n = 0; n < x.rows; ++n) {
    std::vector<W> wt;
    for (std::size_t k = 0; k < x.classes; ++k) wt.push_back(w[k] * smoothed(c, t.v[n * x.classes + k], x.classes));
    const W total = sum(wt);
    for (std::size_t k = 0; k < x.classes; ++k) dx.v[n * x.classes + k] = (x.softmax(n, k) * total - wt[k]) * reaching(c, dy, n, x.rows);
  }
  c.out("dx", dx);
});

// Focal loss.  alpha < 0: none.
template <class W>
W balance(const Call<W>& c, bool positive) {
  const W alpha = c.number("alpha");
  return alpha < 0 ? W(1) : positive ? alpha : 1 - alpha;
}
const Row focal("focal_loss", []<class W>(Call<W>& c) {
  const auto t = c.labels("t");
  Array<W> p = c.in("p");
  const W gamma = c.number("gamma");
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool positive = t[i] == 1;
    const W focus = std::pow(positive ? 1 - p.v[i] : p.v[i], gamma);
    const W logarithm = positive ? std::log(p.v[i]) : std::log1p(-p.v[i]);
    p.v[i] = focus == 0 ? W(0) : balance(c, positive) * -(focus * logarithm);
  }
  reduce(c, p);
});
const Row focal_backward("focal_loss_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy");
  const auto t = c.labels("t");
  Array<W> given = c.in("p");
  const W gamma = c.number("gamma");
  for (std::size_t i = 0; i < given.size(); ++i) {
    const bool positive = t[i] == 1;
    const W p = positive ? given.v[i] : 1 - given.v[i], q = positive ? 1 - given.v[i] : given.v[i];
    const W logarithm = positive ? std::log(given.v[i]) : std::log1p(-given.v[i]);
    W d = 0;
    if (std::pow(q, gamma) != 0)
      d = ((gamma == 0 ? W(0) : gamma * std::pow(q, gamma - 1) * logarithm) - std::pow(q, gamma) / p) * balance(c, positive) * reaching(c, dy, i, given.size());
    given.v[i] = positive ? d : -d;
  }
  c.out("dp", given);
});
const Row focal_logits("focal_loss_with_logits", []<class W>(Call<W>& c) {
  const auto t = c.labels("t");
  Array<W> x = c.in("x");
  const W gamma = c.number("gamma");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const W z = t[i] == 1 ? x.v[i] : -x.v[i];
    x.v[i] = balance(c, t[i] == 1) * (std::exp(-gamma * softplus(z)) * softplus(-z));
  }
  reduce(c, x);
});
const Row focal_logits_backward("focal_loss_with_logits_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy");
  const auto t = c.labels("t");
  Array<W> x = c.in("x");
  const W gamma = c.number("gamma");
  for (std::size_t i = 0; i < x.size(); ++i) {
    const W z = t[i] == 1 ? x.v[i] : -x.v[i];
    const W slope = -gamma * sigmoid(z) * softplus(-z) - sigmoid(-z);
    const W d = std::exp(-gamma * softplus(z)) * slope * balance(c, t[i] == 1) * reaching(c, dy, i, x.size());
    x.v[i] = t[i] == 1 ? d : -d;
  }
  c.out("dx", x);
});

}  // namespace
}  // namespace karat::plain
