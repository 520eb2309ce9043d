// SPDX-License-Identifier: MIT
// The gradient of a pooling whose windows give all their elements the same: Σ of one number a window, over the windows
// that see an element, for a block of dx.  Windows are added in their order, row by row, wherever the block begins.

#if defined(KARAT_KERNELS_SPREAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_SPREAD_INL_H_
#undef KARAT_KERNELS_SPREAD_INL_H_
#else
#define KARAT_KERNELS_SPREAD_INL_H_
#endif

#include "kernels/pooling/pooling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// One double a number, or, with kPairs, two.
template <bool kPairs, size_t kCount>
struct Sums {
  alignas(64) double hi[kCount + kSlack];
  alignas(64) double lo[kPairs ? kCount + kSlack : 1];

  HWY_INLINE void clear(size_t n) {
    std::fill_n(hi, n + HWY_LANES(double), 0.0);
    if constexpr (kPairs) std::fill_n(lo, n + HWY_LANES(double), 0.0);
  }
  // To a vector of sums from `at` on; the parts that are left out of a vector are 0.
  HWY_INLINE void add(size_t at, V more_hi, V more_lo) {
    if constexpr (kPairs) {
      const Pair sum = TwoSum(Load(hi + at), more_hi);
      Store(sum.hi, hi + at);
      Store(hn::Add(Load(lo + at), hn::Add(more_lo, sum.lo)), lo + at);
    } else {
      Store(hn::Add(Load(hi + at), more_hi), hi + at);
    }
  }
  HWY_INLINE void add_one(size_t at, double more_hi, double more_lo) {
    if constexpr (kPairs) {
      const Sum sum = two_sum(hi[at], more_hi);
      hi[at] = sum.hi;
      lo[at] += more_lo + sum.lo;
    } else {
      hi[at] += more_hi;
    }
  }
  HWY_INLINE double low(size_t at) const { return kPairs ? lo[at] : 0; }
  HWY_INLINE V low_lanes(size_t at) const { return kPairs ? Load(lo + at) : Num(0); }
};

// sums[w] += column[q] for the windows q of a row and the columns w that they see.
template <bool kPairs>
HWY_INLINE void SpreadAcross(const Side& s, Range windows, const Sums<kPairs, kOutputs>& column, Range columns, Sums<kPairs, kBlockColumns>& sums) {
  const size_t lanes = hn::Lanes(D());
  if (windows.size() < s.kernel) {  // few: each adds its number to neighbouring columns
    for (int64_t q = windows.begin; q < windows.end; ++q) {
      const Range seen{std::max(s.start(q), columns.begin), std::min(s.start(q) + s.kernel, columns.end)};
      const auto from = static_cast<size_t>(q - windows.begin);
      const V hi = Num(column.hi[from]), lo = Num(column.low(from));
      for (int64_t w = seen.begin; w < seen.end; w += static_cast<int64_t>(lanes)) {
        const M inside = hn::FirstN(D(), static_cast<size_t>(seen.end - w));
        sums.add(static_cast<size_t>(w - columns.begin), hn::IfThenElseZero(inside, hi), hn::IfThenElseZero(inside, lo));
      }
    }
    return;
  }
  // Tap by tap, the last one first: it is that of the first window that sees a column.
  for (int64_t tap = s.kernel - 1; tap >= 0; --tap) {
    const int64_t first = columns.begin + s.before - tap, last = columns.end - 1 + s.before - tap;
    const int64_t begin = std::max(windows.begin, first <= 0 ? 0 : (first - 1) / s.stride + 1);
    const int64_t end = std::min(windows.end, last < 0 ? 0 : last / s.stride + 1);
    if (begin >= end) continue;
    const auto n = static_cast<size_t>(end - begin), from = static_cast<size_t>(begin - windows.begin);
    const auto to = static_cast<size_t>(s.start(begin) + tap - columns.begin), stride = static_cast<size_t>(s.stride);
    if (stride == 1) {
      for (size_t i = 0; i < n; i += lanes) {
        const M inside = hn::FirstN(D(), n - i);
        sums.add(to + i, hn::IfThenElseZero(inside, Load(column.hi + from + i)), hn::IfThenElseZero(inside, column.low_lanes(from + i)));
      }
    } else {
      for (size_t i = 0; i < n; ++i) sums.add_one(to + i * stride, column.hi[from + i], column.low(from + i));
    }
  }
}

// row(p, windows q, numbers): those of a row of windows, at most kOutputs of them, and anything in the slack.
// finish(row of dx, sums of the block's columns in it).
template <bool kPairs, class Row, class Finish>
HWY_INLINE void SpreadBlock(const Pooling& g, const Block& block, const Row& row, const Finish& finish) {
  Sums<kPairs, kBlockColumns> sums;
  Sums<kPairs, kOutputs> column, numbers;
  const Range all = g.width.reaching(block.columns);
  const auto wide = static_cast<int64_t>(kOutputs);
  Range held;  // rows of windows whose sums `column` has
  for (int64_t h = block.rows.begin; h < block.rows.end; ++h) {
    const Range ps = g.height.reaching({h, h + 1});
    const bool again = h > block.rows.begin && all.size() <= wide && ps.begin == held.begin && ps.end == held.end;
    held = ps;
    sums.clear(static_cast<size_t>(block.columns.size()));
    for (int64_t q = all.begin; q < all.end; q += wide) {
      const Range windows{q, std::min(all.end, q + wide)};
      const auto n = static_cast<size_t>(windows.size());
      if (!again) {
        column.clear(n);
        for (int64_t p = ps.begin; p < ps.end; ++p) {
          row(p, windows, numbers);
          for (size_t i = 0; i < n; i += hn::Lanes(D())) column.add(i, Load(numbers.hi + i), numbers.low_lanes(i));
        }
      }
      SpreadAcross<kPairs>(g.width, windows, column, block.columns, sums);
    }
    finish(h, sums);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
