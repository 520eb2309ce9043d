// SPDX-License-Identifier: MIT
// median_pool2d:           y = median of the window; of an even number of elements the mean of the middle two, or the lower
// median_pool2d_backward:  dx of the median += dy, or half of it for each of the middle two; of equal elements the first in
//                          row-major order counts as smaller.  A NaN is the result, and the first of several has all of dy.
//
// Method: windows of up to 64 taps by ranks, in lanes of neighbouring windows: the rank of an element is the number of
// those that come before it.  f32 and f64 are compared as they are stored, f16 and bf16 as doubles.  Larger windows by
// partial sorting; a part of work allocates the elements of one.  Forward exact.  The gradient: contributions to a block of
// dx are added in the order of the windows, in double (f64: with the roundings kept), and rounded once.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/blocks.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"
#include "kernels/pooling/pooling.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/median_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

#ifndef KARAT_KERNELS_MEDIAN_POOL2D_  // this file is read once a target
#define KARAT_KERNELS_MEDIAN_POOL2D_
namespace karat::kernels {
namespace {

constexpr std::size_t kTaps = 64, kWindows = 64;

// Neighbouring windows: tap k of window q is tap[k][q], a NaN where it is outside of the input.
template <class T>
struct Ranked {
  alignas(64) T tap[kTaps][kWindows];
  alignas(64) T low_rank[kWindows], high_rank[kWindows];  // of the middle elements, from 0
  // Found: how many elements are no NaN, and the middle ones with their taps.
  alignas(64) T numbers[kWindows], low[kWindows], high[kWindows], low_tap[kWindows], high_tap[kWindows];
};

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE void Rank(Ranked<T>& r, size_t taps, size_t windows) {
  const hn::ScalableTag<T> d;
  const auto one = hn::Set(d, T(1));
  for (size_t q = 0; q < windows; q += hn::Lanes(d)) {
    const auto low_rank = hn::Load(d, r.low_rank + q), high_rank = hn::Load(d, r.high_rank + q);
    auto numbers = hn::Zero(d), low = hn::Zero(d), high = hn::Zero(d), low_tap = hn::Zero(d), high_tap = hn::Zero(d);
    for (size_t k = 0; k < taps; ++k) {
      const auto v = hn::Load(d, r.tap[k] + q);
      auto rank = hn::Zero(d);
      for (size_t j = 0; j < k; ++j) rank = hn::Add(rank, hn::IfThenElseZero(hn::Le(hn::Load(d, r.tap[j] + q), v), one));
      for (size_t j = k + 1; j < taps; ++j) rank = hn::Add(rank, hn::IfThenElseZero(hn::Lt(hn::Load(d, r.tap[j] + q), v), one));
      const auto number = hn::Eq(v, v);
      const auto is_low = hn::And(number, hn::Eq(rank, low_rank)), is_high = hn::And(number, hn::Eq(rank, high_rank));
      const auto tap = hn::Set(d, static_cast<T>(k));
      numbers = hn::Add(numbers, hn::IfThenElseZero(number, one));
      low = hn::IfThenElse(is_low, v, low);
      high = hn::IfThenElse(is_high, v, high);
      low_tap = hn::IfThenElse(is_low, tap, low_tap);
      high_tap = hn::IfThenElse(is_high, tap, high_tap);
    }
    hn::Store(numbers, d, r.numbers + q);
    hn::Store(low, d, r.low + q);
    hn::Store(high, d, r.high + q);
    hn::Store(low_tap, d, r.low_tap + q);
    hn::Store(high_tap, d, r.high_tap + q);
  }
}

void RankFloats(Ranked<float>& r, size_t taps, size_t windows) { Rank(r, taps, windows); }
void RankDoubles(Ranked<double>& r, size_t taps, size_t windows) { Rank(r, taps, windows); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(RankFloats);
HWY_EXPORT(RankDoubles);

void rank(Ranked<float>& r, std::size_t taps, std::size_t windows) { HWY_DYNAMIC_DISPATCH(RankFloats)(r, taps, windows); }
void rank(Ranked<double>& r, std::size_t taps, std::size_t windows) { HWY_DYNAMIC_DISPATCH(RankDoubles)(r, taps, windows); }

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The middle elements of windows, and where they stand in the plane; row −1 where a window has no element.
struct Middles {
  std::array<double, kWindows> low, high;
  std::array<std::int64_t, kWindows> low_row, low_column, high_row, high_column;
};

// Finds the middles of windows of a row of y, T being the type that is compared.
template <class T>
class Finder {
 public:
  Finder(const Pooling& pooling, const void* x, bool lower)
      : g_(pooling), x_(x), lower_(lower), ranked_(suits_ranks(pooling)) {
    if (!ranked_) return;
    for (std::int64_t k = 0; k < g_.height.kernel * g_.width.kernel; ++k) {
      tap_row_[static_cast<std::size_t>(k)] = k / g_.width.kernel;
      tap_column_[static_cast<std::size_t>(k)] = k % g_.width.kernel;
    }
  }

  // Windows that `find` takes at a time.
  std::int64_t windows() const { return ranked_ ? std::clamp<std::int64_t>(512 / g_.width.stride, 1, kMost) : kMost; }

  void find(std::int64_t plane, std::int64_t p, Range outputs, Middles& m) {
    ranked_ ? by_ranks(plane, p, outputs, m) : by_sorting(plane, p, outputs, m);
  }

 private:
  static constexpr std::int64_t kMost = kTaps;
  static_assert(kTaps == kWindows);

  // Ranks take the square of the taps for each vector of windows.
  static bool suits_ranks(const Pooling& g) {
    if (g.height.kernel > kMost || g.width.kernel > kMost) return false;
    const std::int64_t taps = g.height.kernel * g.width.kernel;
    return taps <= kMost && taps <= 8 * g.width.output;
  }

  struct Entry {
    double value;
    std::int64_t row, column;
  };

  std::int64_t position(std::int64_t plane, std::int64_t row, std::int64_t column) const { return (plane * g_.height.input + row) * g_.width.input + column; }

  // Elements of x as T, from a buffer where they are stored otherwise.
  const T* elements(std::int64_t at, std::int64_t n) {
    if (g_.dtype == KARAT_F32 || g_.dtype == KARAT_F64) return static_cast<const T*>(x_) + at;
    if constexpr (sizeof(T) == sizeof(double)) widen(g_.dtype, element(g_.dtype, x_, at), static_cast<std::size_t>(n), row_.data());
    return row_.data();
  }

  void by_ranks(std::int64_t plane, std::int64_t p, Range outputs, Middles& m) {
    const Side &down = g_.height, &across = g_.width;
    const Range rows = down.taps(p);
    const std::int64_t begin = across.start(outputs.begin), end = across.start(outputs.end - 1) + across.kernel;
    const Range inside{std::max<std::int64_t>(begin, 0), std::min(end, across.input)};
    std::size_t tap = 0;
    for (std::int64_t i = rows.begin; i < rows.end && !inside.empty(); ++i) {
      const T* const row = elements(position(plane, down.start(p) + i, inside.begin), inside.size());
      for (std::int64_t j = 0; j < across.kernel; ++j, ++tap) {
        T* const to = ranked_taps_.tap[tap];
        const std::int64_t first = begin + j - inside.begin, n = outputs.size();
        std::int64_t q = 0;
        for (; q < n && first + q * across.stride < 0; ++q) to[q] = std::numeric_limits<T>::quiet_NaN();
        for (; q < n && first + q * across.stride < inside.size(); ++q) to[q] = row[first + q * across.stride];
        for (; q < n; ++q) to[q] = std::numeric_limits<T>::quiet_NaN();
      }
    }
    const auto n = static_cast<std::size_t>(outputs.size());
    std::array<double, kWindows> present;
    across.count(outputs, false, present.data());
    for (std::size_t q = 0; q < n; ++q) {
      const auto elements = static_cast<std::int64_t>(present[q]) * rows.size();
      present[q] = static_cast<double>(elements);
      ranked_taps_.low_rank[q] = static_cast<T>((elements - 1) / 2);
      ranked_taps_.high_rank[q] = static_cast<T>(lower_ ? (elements - 1) / 2 : elements / 2);
    }
    rank(ranked_taps_, tap, n);
    const std::int64_t top = down.start(p) + rows.begin;
    for (std::size_t q = 0; q < n; ++q) {
      const std::int64_t left = across.start(outputs.begin + static_cast<std::int64_t>(q));
      const auto entry = [&](double value, std::size_t k) { return Entry{value, top + tap_row_[k], left + tap_column_[k]}; };
      if (present[q] == 0) {
        none(m, q);
      } else if (static_cast<double>(ranked_taps_.numbers[q]) < present[q]) {
        std::size_t k = 0;  // the first NaN that is an element
        while (!std::isnan(ranked_taps_.tap[k][q]) || left + tap_column_[k] < 0 || left + tap_column_[k] >= across.input) ++k;
        set(m, q, entry(kNaN, k), entry(kNaN, k));
      } else {
        set(m, q, entry(static_cast<double>(ranked_taps_.low[q]), static_cast<std::size_t>(ranked_taps_.low_tap[q])),
            entry(static_cast<double>(ranked_taps_.high[q]), static_cast<std::size_t>(ranked_taps_.high_tap[q])));
      }
    }
  }

  void by_sorting(std::int64_t plane, std::int64_t p, Range outputs, Middles& m) {
    const Range rows = g_.height.taps(p);
    for (std::size_t q = 0; q < static_cast<std::size_t>(outputs.size()); ++q) {
      const std::int64_t o = outputs.begin + static_cast<std::int64_t>(q), left = g_.width.start(o);
      const Range taps = g_.width.taps(o);
      entries_.clear();
      for (std::int64_t i = rows.begin; i < rows.end; ++i)
        for (std::int64_t j = taps.begin; j < taps.end; j += kChunk) {
          const std::int64_t n = std::min(kChunk, taps.end - j), row = g_.height.start(p) + i;
          const T* const values = elements(position(plane, row, left + j), n);
          for (std::int64_t k = 0; k < n; ++k) entries_.push_back({static_cast<double>(values[k]), row, left + j + k});
        }
      if (entries_.empty()) {
        none(m, q);
        continue;
      }
      const auto nan = std::find_if(entries_.begin(), entries_.end(), [](const Entry& e) { return std::isnan(e.value); });
      if (nan != entries_.end()) {
        set(m, q, *nan, *nan);
        continue;
      }
      const auto before = [](const Entry& a, const Entry& b) {
        return a.value != b.value ? a.value < b.value : a.row != b.row ? a.row < b.row : a.column < b.column;
      };
      const auto n = static_cast<std::int64_t>(entries_.size());
      const auto low = entries_.begin() + (n - 1) / 2;
      std::nth_element(entries_.begin(), low, entries_.end(), before);
      set(m, q, *low, lower_ || n % 2 == 1 ? *low : *std::min_element(low + 1, entries_.end(), before));
    }
  }

  static void set(Middles& m, std::size_t q, const Entry& low, const Entry& high) {
    m.low[q] = low.value;
    m.low_row[q] = low.row;
    m.low_column[q] = low.column;
    m.high[q] = high.value;
    m.high_row[q] = high.row;
    m.high_column[q] = high.column;
  }
  static void none(Middles& m, std::size_t q) { set(m, q, {kNaN, -1, -1}, {kNaN, -1, -1}); }

  static constexpr std::int64_t kChunk = 512;
  const Pooling& g_;
  const void* x_;
  bool lower_, ranked_;
  Ranked<T> ranked_taps_;
  std::array<std::int64_t, kTaps> tap_row_, tap_column_;
  std::array<T, kChunk + kTaps> row_;  // of a 16-bit format
  std::vector<Entry> entries_;
};

// (a + b)/2 rounded once; where a + b overflows, the halves are exact.
double midpoint(double a, double b) {
  const double sum = a + b;
  return std::isinf(sum) && std::isfinite(a) && std::isfinite(b) ? a / 2 + b / 2 : sum / 2;
}

bool takes_lower(const Arguments& a) {
  const bool lower = a.is("even", "lower");
  require(lower || a.is("even", "mean"), "even is mean or lower");
  return lower;
}

struct Forward {
  const karat_tensor &x, &y;
  Pooling pooling;
  bool lower;
  Forward(std::int32_t dtype, const Arguments& a)
      : x(a.tensor("x", KARAT_INPUT, dtype)), y(a.tensor("y", KARAT_OUTPUT, dtype)), pooling(pooling_of(dtype, a, x, y, false)), lower(takes_lower(a)) {}
  void run() const { pooling.dtype == KARAT_F32 ? run_as<float>() : run_as<double>(); }

 private:
  template <class T>
  void run_as() const {
    for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      Finder<T> finder(pooling, x.data, lower);
      Middles m;
      for (std::int64_t row = begin; row < end; ++row)
        for (std::int64_t q = 0; q < pooling.width.output; q += finder.windows()) {
          const Range outputs{q, std::min(pooling.width.output, q + finder.windows())};
          const auto n = static_cast<std::size_t>(outputs.size());
          finder.find(row / pooling.height.output, row % pooling.height.output, outputs, m);
          for (std::size_t o = 0; o < n; ++o) m.low[o] = midpoint(m.low[o], m.high[o]);
          narrow(pooling.dtype, m.low.data(), n, element(pooling.dtype, y.data, row * pooling.width.output + q));
        }
    });
  }
};

struct Backward {
  const karat_tensor &dy, &x, &dx;
  Pooling pooling;
  bool lower;
  Backward(std::int32_t dtype, const Arguments& a)
      : dy(a.tensor("dy", KARAT_INPUT, dtype)),
        x(a.tensor("x", KARAT_INPUT, dtype)),
        dx(a.tensor("dx", KARAT_OUTPUT, dtype)),
        pooling(pooling_of(dtype, a, x, dy, false)),
        lower(takes_lower(a)) {
    require(shape_of(dx) == shape_of(x) && is_dense(dx), "dx is not dense, or of another shape than x");
  }
  void run() const { pooling.dtype == KARAT_F32 ? run_as<float>() : run_as<double>(); }

 private:
  template <class T>
  void run_as() const {
    const Blocks blocks(pooling);
    for_each_part(blocks.count(), blocks.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      Finder<T> finder(pooling, x.data, lower);
      BlockSums sums(pooling.dtype);
      Middles m;
      std::array<double, kWindows> slope;
      std::array<double, 2 * kWindows> values;
      std::array<std::int64_t, 2 * kWindows> rows, columns;
      for (std::int64_t i = begin; i < end; ++i) {
        const Block block = blocks[i];
        const Range ps = pooling.height.reaching(block.rows), qs = pooling.width.reaching(block.columns);
        sums.begin(block);
        for (std::int64_t p = ps.begin; p < ps.end; ++p)
          for (std::int64_t q = qs.begin; q < qs.end; q += finder.windows()) {
            const Range outputs{q, std::min(qs.end, q + finder.windows())};
            const auto n = static_cast<std::size_t>(outputs.size());
            finder.find(block.plane, p, outputs, m);
            widen(pooling.dtype, element(pooling.dtype, dy.data, (block.plane * pooling.height.output + p) * pooling.width.output + q), n, slope.data());
            std::size_t used = 0;
            const auto give = [&](std::int64_t h, std::int64_t w, double value) {
              rows[used] = h;
              columns[used] = w;
              values[used++] = value;
            };
            for (std::size_t o = 0; o < n; ++o) {
              const bool one = m.low_row[o] == m.high_row[o] && m.low_column[o] == m.high_column[o];
              give(m.low_row[o], m.low_column[o], one ? slope[o] : slope[o] / 2);
              if (!one) give(m.high_row[o], m.high_column[o], slope[o] / 2);
            }
            sums.add(used, rows.data(), columns.data(), values.data());
          }
        sums.write(pooling, dx.data);
      }
    });
  }
};

const Planned<Forward> row({.op = "median_pool2d", .kernel = "ranks", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});
const Planned<Backward> backward({.op = "median_pool2d_backward", .kernel = "ranks", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
