// SPDX-License-Identifier: MIT
// Initialization of weights from given draws, and moves of image data.
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

template <class W>
double fans(const Call<W>& c) {
  return static_cast<double>(c.integer("n_in")) + static_cast<double>(c.integer("n_out"));
}
const Row normal("normal", []<class W>(Call<W>& c) { c.out("w", map(c.in("z"), [&](W z) { return c.number("mean") + c.number("sigma") * z; })); });
const Row xavier_normal("xavier_normal", []<class W>(Call<W>& c) {
  const W sigma = static_cast<W>(std::sqrt(2 / fans(c)));
  c.out("w", map(c.in("z"), [&](W z) { return sigma * z; }));
});
const Row xavier_uniform("xavier_uniform", []<class W>(Call<W>& c) {
  const W r = static_cast<W>(std::sqrt(6 / fans(c)));
  c.out("w", map(c.in("u"), [&](W u) { return r * (2 * u - 1); }));
});
const Row zero("zeros", []<class W>(Call<W>& c) { c.out("w", map(c.in("z"), [](W) { return W(0); })); });

// y[…, h, w] = x[…, source(h, w)], or `fill` outside of x.
template <class W, class Source>
void move(Call<W>& c, const char* from, const char* to, W fill, Source source) {
  const Array<W> x = c.in(from);
  Array<W> y = zeros<W>(c.shape(to));
  std::size_t i = 0;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t h = 0; h < y.shape[2]; ++h)
      for (std::int64_t w = 0; w < y.shape[3]; ++w) {
        const auto [p, q] = source(h, w);
        const bool inside = p >= 0 && q >= 0 && p < x.shape[2] && q < x.shape[3];
        y.v[i++] = inside ? x.v[static_cast<std::size_t>((plane * x.shape[2] + p) * x.shape[3] + q)] : fill;
      }
  c.out(to, y);
}
using Place = std::pair<std::int64_t, std::int64_t>;
template <class W>
void flipped(Call<W>& c, const char* from, const char* to) {
  const Extents s = c.shape(from);
  const bool horizontal = c.is("direction", "horizontal");
  move(c, from, to, W(0), [&](std::int64_t h, std::int64_t w) { return horizontal ? Place(h, s[3] - 1 - w) : Place(s[2] - 1 - h, w); });
}
// Moved by (top, left), forwards or back.
template <class W>
void shifted(Call<W>& c, const char* from, const char* to, const char* list, std::int64_t direction, W fill) {
  const Extents by = c.list(list);
  move(c, from, to, fill, [&](std::int64_t h, std::int64_t w) { return Place(h + direction * by[0], w + direction * by[1]); });
}
const Row flip("flip", []<class W>(Call<W>& c) { flipped(c, "x", "y"); });
const Row flip_backward("flip_backward", []<class W>(Call<W>& c) { flipped(c, "dy", "dx"); });
const Row crop("crop", []<class W>(Call<W>& c) { shifted(c, "x", "y", "box", 1, W(0)); });
const Row crop_backward("crop_backward", []<class W>(Call<W>& c) { shifted(c, "dy", "dx", "box", -1, W(0)); });
const Row pad("pad", []<class W>(Call<W>& c) { shifted(c, "x", "y", "padding", -1, c.number("value")); });
const Row pad_backward("pad_backward", []<class W>(Call<W>& c) { shifted(c, "dy", "dx", "padding", 1, W(0)); });

}  // namespace
}  // namespace karat::plain
