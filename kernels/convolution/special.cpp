// SPDX-License-Identifier: MIT
// Allocates a list of the numbers that are not finite, one channel's at a time.
#include "kernels/convolution/special.hpp"

#include <cmath>
#include <vector>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

namespace karat::kernels {
namespace {

constexpr std::int64_t kNothing = -1, kInsertedZero = -2;

struct Relation {
  const Convolution& c;

  static std::int64_t big_at(const Convolution::Axis& a, std::int64_t small, std::int64_t k) {
    const std::int64_t big = small * a.stride + k * a.dilation - a.padding;
    return big >= 0 && big < a.big ? big : kNothing;
  }
  std::int64_t small_at(const Convolution::Axis& a, std::int64_t big, std::int64_t k) const {
    const std::int64_t scaled = big + a.padding - k * a.dilation;
    if (scaled < 0 || scaled > (a.small - 1) * a.stride) return kNothing;
    if (scaled % a.stride == 0) return scaled / a.stride;
    return c.inserted_zeros ? kInsertedZero : kNothing;
  }
  // Where w has the tap (kh, kw) of these channels of a group.
  std::int64_t weight(std::int64_t group, std::int64_t big, std::int64_t small, std::int64_t kh, std::int64_t kw) const {
    const std::int64_t pair = c.weights_by_big ? big * c.small_channels + small : small * c.big_channels + big;
    return ((group * c.big_channels * c.small_channels + pair) * c.height.kernel + kh) * c.width.kernel + kw;
  }
};

// A sum of products of which only those that are not finite count.
class SpecialSum {
 public:
  template <class T>
  void add(T a, T b) {
    if (!std::isfinite(a) || !std::isfinite(b)) sum_ += static_cast<double>(a) * static_cast<double>(b);
  }
  bool settled() const { return std::isnan(sum_); }
  double value() const { return sum_; }

 private:
  double sum_ = 0;
};

void store(std::int32_t dtype, double value, void* tensor, std::int64_t at) {
  narrow(dtype, &value, 1, static_cast<std::byte*>(tensor) + at * static_cast<std::int64_t>(element_size(dtype)));
}

struct Tap {
  std::int64_t channel, kh, kw;
};

}  // namespace

template <class T>
void settle_side(const Convolution& c, bool to_big, const T* input, const T* weights, std::int32_t dtype, void* output,
                 int threads) {
  const Relation relation{c};
  const std::int64_t ins = to_big ? c.small_channels : c.big_channels, outs = to_big ? c.big_channels : c.small_channels;
  const std::int64_t in_h = to_big ? c.height.small : c.height.big, in_w = to_big ? c.width.small : c.width.big;
  const std::int64_t out_h = to_big ? c.height.big : c.height.small, out_w = to_big ? c.width.big : c.width.small;
  const auto in_at = [&](const Convolution::Axis& axis, std::int64_t out, std::int64_t k) {
    return to_big ? relation.small_at(axis, out, k) : Relation::big_at(axis, out, k);
  };
  for_each_part(c.groups * outs, 1, threads, [&](std::int64_t first, std::int64_t) {
    const std::int64_t group = first / outs, row = first % outs;
    const auto weight = [&](const Tap& t) {
      return weights[to_big ? relation.weight(group, row, t.channel, t.kh, t.kw)
                            : relation.weight(group, t.channel, row, t.kh, t.kw)];
    };
    const auto for_each_tap = [&](const auto& body) {
      for (Tap t{0, 0, 0}; t.channel < ins; ++t.channel)
        for (t.kh = 0; t.kh < c.height.kernel; ++t.kh)
          for (t.kw = 0; t.kw < c.width.kernel; ++t.kw) body(t);
    };
    std::vector<Tap> special;
    for_each_tap([&](const Tap& t) {
      if (!std::isfinite(weight(t))) special.push_back(t);
    });
    if (special.empty()) return;
    const auto add = [&](std::int64_t n, std::int64_t h, std::int64_t w, const Tap& t, SpecialSum& sum) {
      const std::int64_t in_row = in_at(c.height, h, t.kh), in_column = in_at(c.width, w, t.kw);
      if (in_row == kNothing || in_column == kNothing) return false;
      const bool zero = in_row == kInsertedZero || in_column == kInsertedZero;
      sum.add(weight(t), zero ? T(0) : input[(((n * c.groups + group) * ins + t.channel) * in_h + in_row) * in_w + in_column]);
      return true;
    };
    for (std::int64_t n = 0; n < c.batch; ++n)
      for (std::int64_t h = 0; h < out_h; ++h)
        for (std::int64_t w = 0; w < out_w; ++w) {
          SpecialSum sum;
          bool reached = false;
          for (auto t = special.begin(); t != special.end() && !sum.settled(); ++t) reached |= add(n, h, w, *t, sum);
          if (!reached) continue;
          if (!sum.settled())
            for_each_tap([&](const Tap& t) {
              if (std::isfinite(weight(t))) add(n, h, w, t, sum);
            });
          store(dtype, sum.value(), output, (((n * c.groups + group) * outs + row) * out_h + h) * out_w + w);
        }
  });
}

template <class T>
void settle_weights(const Convolution& c, const T* big, const T* small, std::int32_t dtype, void* weights, int threads) {
  const Relation relation{c};
  struct Position {
    std::int64_t sample, h, w;
  };
  for_each_part(c.groups * c.small_channels, 1, threads, [&](std::int64_t first, std::int64_t) {
    const std::int64_t group = first / c.small_channels, row = first % c.small_channels;
    const auto small_value = [&](const Position& p) {
      return small[((p.sample * c.groups * c.small_channels + first) * c.height.small + p.h) * c.width.small + p.w];
    };
    const auto for_each_position = [&](const auto& body) {  // until it says false
      for (Position p{0, 0, 0}; p.sample < c.batch; ++p.sample)
        for (p.h = 0; p.h < c.height.small; ++p.h)
          for (p.w = 0; p.w < c.width.small; ++p.w)
            if (!body(p)) return;
    };
    std::vector<Position> special;
    for_each_position([&](const Position& p) {
      if (!std::isfinite(small_value(p))) special.push_back(p);
      return true;
    });
    if (special.empty()) return;
    for (std::int64_t kh = 0; kh < c.height.kernel; ++kh)
      for (std::int64_t kw = 0; kw < c.width.kernel; ++kw)
        for (std::int64_t channel = 0; channel < c.big_channels; ++channel) {
          SpecialSum sum;
          const auto add = [&](const Position& p) {
            const std::int64_t h = Relation::big_at(c.height, p.h, kh), w = Relation::big_at(c.width, p.w, kw);
            if (h == kNothing || w == kNothing) return false;
            sum.add(small_value(p),
                    big[(((p.sample * c.groups + group) * c.big_channels + channel) * c.height.big + h) * c.width.big + w]);
            return true;
          };
          bool reached = false;
          for (auto p = special.begin(); p != special.end() && !sum.settled(); ++p) reached |= add(*p);
          if (!reached) continue;
          for_each_position([&](const Position& p) {
            if (std::isfinite(small_value(p))) add(p);
            return !sum.settled();
          });
          store(dtype, sum.value(), weights, relation.weight(group, channel, row, kh, kw));
        }
  });
}

template void settle_side(const Convolution&, bool, const float*, const float*, std::int32_t, void*, int);
template void settle_side(const Convolution&, bool, const double*, const double*, std::int32_t, void*, int);
template void settle_weights(const Convolution&, const float*, const float*, std::int32_t, void*, int);
template void settle_weights(const Convolution&, const double*, const double*, std::int32_t, void*, int);

}  // namespace karat::kernels
