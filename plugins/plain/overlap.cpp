// SPDX-License-Identifier: MIT
#include <array>

#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

template <class W>
W positive(W x) {
  return larger(x, W(0));
}

// Sides of box p and of what it shares with g, along x and y; their areas.
template <class W>
struct Overlap {
  std::array<W, 2> side, shared;
  W intersection, all;
  Overlap(const W* p, const W* g) {
    for (const std::size_t d : {0, 1}) {
      side[d] = positive(p[d + 2] - p[d]);
      shared[d] = positive(smaller(p[d + 2], g[d + 2]) - larger(p[d], g[d]));
    }
    intersection = shared[0] * shared[1];
    all = side[0] * side[1] + positive(g[2] - g[0]) * positive(g[3] - g[1]) - intersection;
  }
};
const Row box("box_iou_loss", []<class W>(Call<W>& c) {
  const Array<W> p = c.in("p"), g = c.in("g");
  Array<W> loss = zeros<W>({p.shape[0]});
  for (std::size_t n = 0; n < loss.size(); ++n) {
    const Overlap<W> o(&p.v[4 * n], &g.v[4 * n]);
    const W iou = o.intersection == 0 ? W(0) : o.intersection / o.all;
    loss.v[n] = c.is("kind", "log") ? -std::log(iou) : 1 - iou;
  }
  reduce(c, loss);
});
const Row box_backward("box_iou_loss_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), p = c.in("p"), g = c.in("g");
  Array<W> dp = zeros<W>(p.shape);
  const auto boxes = static_cast<std::size_t>(p.shape[0]);
  for (std::size_t n = 0; n < boxes; ++n) {
    const W *a = &p.v[4 * n], *b = &g.v[4 * n];
    const Overlap<W> o(a, b);
    if (o.intersection == 0) continue;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::size_t other = 1 - k % 2;
      const W outward = k < 2 ? W(-1) : W(1);
      const W ds = (k < 2 ? a[k] > b[k] : a[k] < b[k]) ? outward * o.shared[other] : W(0);
      const W du = outward * o.side[other] - ds;
      const W dj = (ds * o.all - o.intersection * du) / (o.all * o.all);
      dp.v[4 * n + k] = (c.is("kind", "log") ? -dj * o.all / o.intersection : -dj) * reaching(c, dy, n, boxes);
    }
  }
  c.out("dp", dp);
});

// 1 − numerator/denominator of mask n, and the derivative by its element i.
template <class W>
struct Ratio {
  W numerator, denominator;
  bool empty;
};
template <class W>
Ratio<W> ratio(const Call<W>& c, const Array<W>& p, const Array<W>& g, std::size_t n, std::size_t size, bool dice) {
  const std::size_t at = n * size;
  const W shared = sum<W>(size, [&](std::size_t i) { return p.v[at + i] * g.v[at + i]; });
  const W of_p = sum<W>(size, [&](std::size_t i) { return p.v[at + i]; }), of_g = sum<W>(size, [&](std::size_t i) { return g.v[at + i]; });
  const W s = c.number("smooth");
  const bool empty = of_p == 0 && of_g == 0 && s == 0;
  if (!dice) return {shared + s, of_p + of_g - shared + s, empty};
  if (c.is("denominator", "sum")) return {2 * shared + s, of_p + of_g + s, empty};
  return {2 * shared + s,
          sum<W>(size, [&](std::size_t i) { return p.v[at + i] * p.v[at + i]; }) + sum<W>(size, [&](std::size_t i) { return g.v[at + i] * g.v[at + i]; }) + s, empty};
}
template <class W>
void mask_loss(Call<W>& c, bool dice) {
  const Array<W> p = c.in("p"), g = c.in("g");
  Array<W> loss = zeros<W>({p.shape[0]});
  const std::size_t size = loss.size() ? p.size() / loss.size() : 0;
  for (std::size_t n = 0; n < loss.size(); ++n) {
    const Ratio<W> r = ratio(c, p, g, n, size, dice);
    loss.v[n] = r.empty && !c.is("empty", "nan") ? static_cast<W>(c.is("empty", "one") ? 1 : 0) : 1 - r.numerator / r.denominator;
  }
  reduce(c, loss);
}
template <class W>
void mask_gradient(Call<W>& c, bool dice) {
  const Array<W> dy = c.in("dy"), p = c.in("p"), g = c.in("g");
  Array<W> dp = zeros<W>(p.shape);
  const auto masks = static_cast<std::size_t>(p.shape[0]);
  const std::size_t size = masks ? p.size() / masks : 0;
  for (std::size_t n = 0; n < masks; ++n) {
    const Ratio<W> r = ratio(c, p, g, n, size, dice);
    if (r.empty && !c.is("empty", "nan")) continue;
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
      const W above = dice ? 2 * g.v[i] : g.v[i];
      const W below = !dice ? 1 - g.v[i] : c.is("denominator", "sum") ? W(1) : 2 * p.v[i];
      dp.v[i] = -(above * r.denominator - r.numerator * below) / (r.denominator * r.denominator) * reaching(c, dy, n, masks);
    }
  }
  c.out("dp", dp);
}
const Row mask_iou("mask_iou_loss", []<class W>(Call<W>& c) { mask_loss(c, false); });
const Row mask_iou_backward("mask_iou_loss_backward", []<class W>(Call<W>& c) { mask_gradient(c, false); });
const Row dice("dice_loss", []<class W>(Call<W>& c) { mask_loss(c, true); });
const Row dice_backward("dice_loss_backward", []<class W>(Call<W>& c) { mask_gradient(c, true); });

}  // namespace
}  // namespace karat::plain
