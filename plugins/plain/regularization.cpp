// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

template <class W>
W squares(const Array<W>& x) {
  return sum<W>(x.size(), [&](std::size_t i) { return x.v[i] * x.v[i]; });
}
template <class W>
W absolutes(const Array<W>& x) {
  return sum<W>(x.size(), [&](std::size_t i) { return std::abs(x.v[i]); });
}
template <class W>
W sign(W x) {
  return static_cast<W>(x > 0 ? 1 : x < 0 ? -1 : 0);
}

const Row l1("l1_penalty", []<class W>(Call<W>& c) {
  const Array<W> theta = c.in("theta");
  c.out("y", c.number("lambda") * (c.is("form", "printed") ? std::sqrt(squares(theta)) : absolutes(theta)));
});
const Row l1_backward("l1_penalty_backward", []<class W>(Call<W>& c) {
  const W dy = c.in("dy").v[0], lambda = c.number("lambda");
  const Array<W> theta = c.in("theta");
  const bool printed = c.is("form", "printed");
  const W norm = std::sqrt(squares(theta));
  c.out("dtheta", map(theta, [&](W t) { return lambda * (!printed ? sign(t) : norm == 0 ? W(0) : t / norm) * dy; }));
});
const Row l2("l2_penalty", []<class W>(Call<W>& c) { c.out("y", c.number("lambda") * squares(c.in("theta"))); });
const Row l2_backward("l2_penalty_backward", []<class W>(Call<W>& c) {
  const W dy = c.in("dy").v[0], lambda = c.number("lambda");
  c.out("dtheta", map(c.in("theta"), [&](W t) { return 2 * lambda * t * dy; }));
});
const Row regularized("regularized_loss", []<class W>(Call<W>& c) {
  const Array<W> theta = c.in("theta");
  c.out("y", c.in("loss").v[0] + c.number("lambda") * (c.is("penalty", "l1") ? absolutes(theta) : squares(theta)));
});
const Row regularized_backward("regularized_loss_backward", []<class W>(Call<W>& c) {
  const W dy = c.in("dy").v[0], lambda = c.number("lambda");
  const bool absolute = c.is("penalty", "l1");
  c.out("dloss", dy);
  c.out("dtheta", map(c.in("theta"), [&](W t) { return lambda * (absolute ? sign(t) : 2 * t) * dy; }));
});
const Row gap("generalization_gap", []<class W>(Call<W>& c) {
  Array<W> out = c.in("E_out");
  const Array<W> in = c.in("E_in");
  for (std::size_t i = 0; i < out.size(); ++i) out.v[i] -= in.v[i];
  c.out("y", out);
});
template <class W>
Array<W> dropped(const Call<W>& c, Array<W> x) {
  const auto mask = c.labels("mask");
  for (std::size_t i = 0; i < x.size(); ++i) x.v[i] = mask[i] == 0 ? W(0) : c.is("form", "printed") ? x.v[i] : x.v[i] / c.number("p");
  return x;
}
const Row dropout("dropout", []<class W>(Call<W>& c) { c.out("y", dropped(c, c.in("x"))); });
const Row dropout_backward("dropout_backward", []<class W>(Call<W>& c) { c.out("dx", dropped(c, c.in("dy"))); });
const Row average("dropout_average_gradient", []<class W>(Call<W>& c) {
  const Array<W> x = c.in("x"), y = c.in("y"), theta = c.in("theta");
  const auto mask = c.labels("mask");
  const std::size_t size = theta.size();
  std::vector<W> r;
  for (std::size_t n = 0; n < y.size(); ++n)
    r.push_back(y.v[n] - sum<W>(size, [&](std::size_t d) { return mask[n * size + d] ? x.v[n * size + d] * theta.v[d] : W(0); }));
  Array<W> g = theta;
  for (std::size_t d = 0; d < size; ++d)
    g.v[d] = sum<W>(y.size(), [&](std::size_t n) { return mask[n * size + d] ? -2 * r[n] * x.v[n * size + d] : W(0); }) / static_cast<W>(y.size());
  c.out("g", g);
});
const Row early_stopping("early_stopping", []<class W>(Call<W>& c) {
  const Array<W> loss = c.in("losses");
  std::int64_t best = -1, stop = -1, waited = 0;
  for (std::size_t t = 0; t < loss.size() && stop < 0; ++t) {
    const bool better = !std::isnan(loss.v[t]) && (best < 0 || loss.v[t] < loss.v[static_cast<std::size_t>(best)] - c.number("min_delta"));
    if (better) {
      best = static_cast<std::int64_t>(t);
      waited = 0;
    } else if (++waited >= c.integer("patience")) {
      stop = static_cast<std::int64_t>(t);
    }
  }
  c.out("best", static_cast<W>(best));
  c.out("stop", static_cast<W>(stop));
});

}  // namespace
}  // namespace karat::plain
