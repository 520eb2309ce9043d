// SPDX-License-Identifier: MIT
// Windows reduced in lanes: first down the columns of a window, lanes being neighbouring columns, then across, lanes
// being neighbouring windows.  Each result is reduced in that order wherever it stands.

#if defined(KARAT_KERNELS_POOLING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_POOLING_INL_H_
#undef KARAT_KERNELS_POOLING_INL_H_
#else
#define KARAT_KERNELS_POOLING_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "kernels/convert.hpp"
#include "kernels/lanes-inl.h"
#include "kernels/pooling/pooling.hpp"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

template <class T>
using DOf = hn::ScalableTag<T>;
template <class T>
using VOf = hn::Vec<DOf<T>>;

// An Op says how: numbers of type T, kColumn for a column of a window and kWindow for a window.
//   Lift(x, row, column)             of one element in tap `row`
//   Down(column, another)            of the same column, further down
//   Across(window, column, number)   of the next column, tap `number`
//   kColumnOfNone, kWindowOfNone     of no element
inline constexpr size_t kColumns = 1024, kOutputs = 512, kSlack = 64;  // of a tile; vectors may reach into the slack

template <class Op>
struct Tile {
  using T = typename Op::T;
  alignas(64) T column[Op::kColumn][kColumns + kSlack];
  alignas(64) T window[Op::kWindow][kOutputs + kSlack];
  alignas(64) double wide[kColumns + kSlack];  // a row of a 16-bit format
};

// Windows of one row of y that share a tile.
HWY_INLINE int64_t OutputsOfTile(const Side& width) { return std::clamp<int64_t>(static_cast<int64_t>(kOutputs) / width.stride, 1, kOutputs); }

HWY_INLINE V LoadFull(const float* p) { return hn::PromoteTo(D(), hn::LoadU(DF(), p)); }
HWY_INLINE V LoadFull(const double* p) { return Load(p); }
// A vector from p on; without kWhole, of the elements before `end` alone.
template <bool kWhole, class T, class In>
HWY_INLINE VOf<T> LoadAs(const In* p, const In* end) {
  const DOf<T> d;
  if (kWhole || static_cast<size_t>(end - p) >= hn::Lanes(d)) {
    if constexpr (sizeof(T) == sizeof(In))
      return hn::LoadU(d, p);
    else
      return LoadFull(p);
  }
  HWY_ALIGN T rest[HWY_LANES(T)] = {};
  std::copy(p, end, rest);
  return hn::Load(d, rest);
}

// Down columns of `rows` rows from tap `tap` on, which lie `step` elements apart; the tensor ends at `end`.
template <class Op, bool kWhole, class In>
HWY_INLINE void ReduceDownTo(const In* x, int64_t step, int64_t rows, int64_t tap, size_t columns, const In* end, size_t at, Tile<Op>& tile, bool first) {
  using T = typename Op::T;
  const DOf<T> d;
  for (size_t c = 0; c < columns; c += hn::Lanes(d)) {
    VOf<T> column[Op::kColumn], part[Op::kColumn];
    int64_t row = 0;
    if (first) {
      Op::Lift(LoadAs<kWhole, T>(x + c, end), static_cast<T>(tap), column);
      row = 1;
    } else {
      for (int n = 0; n < Op::kColumn; ++n) column[n] = hn::LoadU(d, tile.column[n] + at + c);
    }
    for (; row < rows; ++row) {
      Op::Lift(LoadAs<kWhole, T>(x + row * step + c, end), static_cast<T>(tap + row), part);
      Op::Down(column, part);
    }
    for (int n = 0; n < Op::kColumn; ++n) hn::StoreU(column[n], d, tile.column[n] + at + c);
  }
}
template <class Op, class In>
HWY_INLINE void ReduceDown(const In* x, int64_t step, int64_t rows, int64_t tap, size_t columns, const In* end, size_t at, Tile<Op>& tile, bool first) {
  const size_t lanes = hn::Lanes(DOf<typename Op::T>());
  const int64_t last = (rows - 1) * step + static_cast<int64_t>((columns + lanes - 1) / lanes * lanes);
  if (last <= end - x)
    ReduceDownTo<Op, true>(x, step, rows, tap, columns, end, at, tile, first);
  else
    ReduceDownTo<Op, false>(x, step, rows, tap, columns, end, at, tile, first);
}

// Columns [columns.begin, columns.end) of the plane, to tile.column + at.
template <class Op>
HWY_INLINE void ReduceDown(const Pooling& g, const void* x, int64_t plane, int64_t p, Range taps, Range columns, size_t at, Tile<Op>& tile) {
  const Side& s = g.height;
  const int64_t step = s.dilation * g.width.input;
  const int64_t offset = (plane * s.input + s.start(p) + taps.begin * s.dilation) * g.width.input + columns.begin;
  const auto n = static_cast<size_t>(columns.size());
  const int64_t count = g.planes * s.input * g.width.input;
  if (g.dtype == KARAT_F32) {
    const auto* data = static_cast<const float*>(x);
    ReduceDown<Op>(data + offset, step, taps.size(), taps.begin, n, data + count, at, tile, true);
    return;
  }
  if constexpr (sizeof(typename Op::T) == 8) {
    if (g.dtype == KARAT_F64) {
      const auto* data = static_cast<const double*>(x);
      ReduceDown<Op>(data + offset, step, taps.size(), taps.begin, n, data + count, at, tile, true);
      return;
    }
    for (int64_t row = 0; row < taps.size(); ++row) {
      widen(g.dtype, element(g.dtype, x, offset + row * step), n, tile.wide);
      ReduceDown<Op>(tile.wide, 0, 1, taps.begin + row, n, tile.wide + kColumns + kSlack, at, tile, row == 0);
    }
  }
}

// Element l of the result is p[l·stride].  `last`: how many elements are asked for; others are anything.
template <int kStride, class T>
HWY_INLINE VOf<T> LoadApart(const T* p, size_t stride, size_t last) {
  const DOf<T> d;
  if constexpr (kStride == 1) return hn::LoadU(d, p);
  if constexpr (kStride == 2) {
    VOf<T> even, odd;
    hn::LoadInterleaved2(d, p, even, odd);
    return even;
  }
  HWY_ALIGN T apart[HWY_LANES(T)] = {};
  for (size_t l = 0; l < HWY_MIN(last, hn::Lanes(d)); ++l) apart[l] = p[l * stride];
  return hn::Load(d, apart);
}

// Across n windows: taps [first, first + taps) stand in the tile's columns.
template <class Op, int kStride>
HWY_INLINE void ReduceAcross(const Side& s, size_t n, size_t taps, int64_t first, Tile<Op>& tile) {
  using T = typename Op::T;
  const DOf<T> d;
  const auto stride = static_cast<size_t>(s.stride), dilation = static_cast<size_t>(s.dilation);
  for (size_t q = 0; q < n; q += hn::Lanes(d)) {
    VOf<T> window[Op::kWindow], column[Op::kColumn];
    for (int k = 0; k < Op::kWindow; ++k) window[k] = hn::LoadU(d, tile.window[k] + q);
    size_t tap = 0;
    if constexpr (kStride == 2) {
      VOf<T> next[Op::kColumn];  // the tap after it comes with it
      for (; dilation == 1 && tap + 1 < taps; tap += 2) {
        for (int k = 0; k < Op::kColumn; ++k) hn::LoadInterleaved2(d, tile.column[k] + 2 * q + tap, column[k], next[k]);
        Op::Across(window, column, static_cast<T>(first + static_cast<int64_t>(tap)));
        Op::Across(window, next, static_cast<T>(first + static_cast<int64_t>(tap) + 1));
      }
    }
    for (; tap < taps; ++tap) {
      for (int k = 0; k < Op::kColumn; ++k) column[k] = LoadApart<kStride>(tile.column[k] + q * stride + tap * dilation, stride, n - q);
      Op::Across(window, column, static_cast<T>(first + static_cast<int64_t>(tap)));
    }
    for (int k = 0; k < Op::kWindow; ++k) hn::StoreU(window[k], d, tile.window[k] + q);
  }
}

// Windows `outputs`, at most OutputsOfTile, of row p: to tile.window.
template <class Op>
HWY_INLINE void ReduceWindows(const Pooling& g, const void* x, int64_t plane, int64_t p, Range outputs, Tile<Op>& tile) {
  const Side& s = g.width;
  const auto n = static_cast<size_t>(outputs.size());
  for (int k = 0; k < Op::kWindow; ++k) std::fill_n(tile.window[k], n + HWY_LANES(typename Op::T), Op::kWindowOfNone[k]);
  const Range rows = g.height.taps(p);
  if (rows.empty()) return;
  // Taps that are inside of the input in any of the windows, in chunks that the tile has columns for.
  const Range taps{s.taps(outputs.end - 1).begin, s.taps(outputs.begin).end};
  const int64_t spread = (outputs.size() - 1) * s.stride;
  const int64_t chunk = (static_cast<int64_t>(kColumns) - 1 - (OutputsOfTile(s) - 1) * s.stride) / s.dilation + 1;
  for (int64_t tap = taps.begin; tap < taps.end; tap += chunk) {
    const int64_t here = std::min(chunk, taps.end - tap);
    const int64_t begin = s.start(outputs.begin) + tap * s.dilation, end = begin + spread + (here - 1) * s.dilation + 1;
    const Range inside{std::max<int64_t>(begin, 0), std::min(end, s.input)};
    if (inside.empty()) continue;
    ReduceDown<Op>(g, x, plane, p, rows, inside, static_cast<size_t>(inside.begin - begin), tile);
    for (int k = 0; k < Op::kColumn; ++k) {
      std::fill(tile.column[k], tile.column[k] + (inside.begin - begin), Op::kColumnOfNone[k]);
      std::fill(tile.column[k] + (inside.end - begin), tile.column[k] + (end - begin), Op::kColumnOfNone[k]);
    }
    const auto count = static_cast<size_t>(here);
    if (s.stride == 1)
      ReduceAcross<Op, 1>(s, n, count, tap, tile);
    else if (s.stride == 2)
      ReduceAcross<Op, 2>(s, n, count, tap, tile);
    else
      ReduceAcross<Op, 0>(s, n, count, tap, tile);
  }
}

// Rows [rows.begin, rows.end) of all planes of y: finish(first output's position in y, row p, outputs, tile).
template <class Op, class Finish>
HWY_INLINE void ForEachTile(const Pooling& g, const void* x, Range rows, const Finish& finish) {
  Tile<Op> tile;
  const int64_t wide = OutputsOfTile(g.width);
  int64_t plane = rows.begin / g.height.output, p = rows.begin % g.height.output;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    for (int64_t q = 0; q < g.width.output; q += wide) {
      const Range outputs{q, std::min(g.width.output, q + wide)};
      ReduceWindows<Op>(g, x, plane, p, outputs, tile);
      finish(row * g.width.output + q, p, outputs, tile);
    }
    if (++p == g.height.output) p = 0, ++plane;
  }
}

// Σ of elements, or of their squares.
template <bool kSquares>
struct TotalOf {
  using T = double;
  static constexpr int kColumn = 1, kWindow = 1;
  static constexpr T kColumnOfNone[] = {0}, kWindowOfNone[] = {0};
  static HWY_INLINE void Lift(V x, T, V* column) { column[0] = kSquares ? hn::Mul(x, x) : x; }
  static HWY_INLINE void Down(V* column, const V* part) { column[0] = hn::Add(column[0], part[0]); }
  static HWY_INLINE void Across(V* window, const V* column, T) { window[0] = hn::Add(window[0], column[0]); }
};

// The same as a sum of two doubles.
template <bool kSquares>
struct PairTotalOf {
  using T = double;
  static constexpr int kColumn = 2, kWindow = 2;
  static constexpr T kColumnOfNone[] = {0, 0}, kWindowOfNone[] = {0, 0};
  static HWY_INLINE void Lift(V x, T, V* column) {
    const Pair part = kSquares ? TwoProduct(x, x) : Pair{x, Num(0)};
    column[0] = part.hi;
    column[1] = part.lo;
  }
  static HWY_INLINE void Down(V* column, const V* part) {
    const Pair sum = TwoSum(column[0], part[0]);
    column[0] = sum.hi;
    column[1] = hn::Add(hn::Add(column[1], part[1]), sum.lo);
  }
  static HWY_INLINE void Across(V* window, const V* column, T) { Down(window, column); }
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
