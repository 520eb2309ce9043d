// SPDX-License-Identifier: MIT
// max_pool2d:           y = max of the window; −∞ where it covers no element
// max_pool2d_backward:  dx of the largest element += dy; of tied elements the first in row-major order
//
// Method: comparisons of f32 and f64 as they are stored, of f16 and bf16 as doubles, down the columns of windows and then
// across; a NaN is larger than any number, and the first of several NaNs the largest.  Exact.  Windows of 2×2 that lie side by
// side are compared where they are loaded.  The gradient: contributions to a block of dx are added in the order of the
// windows, in double (f64: with the roundings kept), and rounded once.
#include <limits>

#include "kernels/blocks.hpp"
#include "kernels/operator.hpp"
#include "kernels/pooling/pooling.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/max_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/pooling/pooling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Whether a, which comes before b, is the largest of the two.
template <class W>
HWY_INLINE auto Stays(W a, W b) {
  return hn::Or(hn::Ge(a, b), hn::IsNaN(a));
}
template <class W>
HWY_INLINE W Larger(W a, W b) {
  return hn::IfThenElse(Stays(a, b), a, b);
}

template <class Element>
struct Largest {
  using T = Element;
  static constexpr int kColumn = 1, kWindow = 1;
  static constexpr T kColumnOfNone[] = {-std::numeric_limits<T>::infinity()}, kWindowOfNone[] = {-std::numeric_limits<T>::infinity()};
  static HWY_INLINE void Lift(VOf<T> x, T, VOf<T>* column) { column[0] = x; }
  static HWY_INLINE void Down(VOf<T>* column, const VOf<T>* part) { column[0] = Larger(column[0], part[0]); }
  static HWY_INLINE void Across(VOf<T>* window, const VOf<T>* column, T) { Down(window, column); }
};

// The largest, and the row and column of its tap.
template <class Element>
struct PlaceOfLargest {
  using T = Element;
  static constexpr int kColumn = 2, kWindow = 3;
  static constexpr T kInfinity = std::numeric_limits<T>::infinity();  // a row that any other comes before
  static constexpr T kColumnOfNone[] = {-kInfinity, kInfinity}, kWindowOfNone[] = {-kInfinity, kInfinity, 0};
  static HWY_INLINE void Lift(VOf<T> x, T row, VOf<T>* column) {
    column[0] = x;
    column[1] = hn::Set(DOf<T>(), row);
  }
  static HWY_INLINE void Down(VOf<T>* column, const VOf<T>* part) {
    const auto stays = Stays(column[0], part[0]);
    for (int k = 0; k < 2; ++k) column[k] = hn::IfThenElse(stays, column[k], part[k]);
  }
  static HWY_INLINE void Across(VOf<T>* window, const VOf<T>* column, T number) {
    // Of tied ones, the one further up.
    const auto yields = hn::And(Stays(column[0], window[0]), hn::Lt(column[1], window[1]));
    const auto stays = hn::AndNot(yields, Stays(window[0], column[0]));
    for (int k = 0; k < 2; ++k) window[k] = hn::IfThenElse(stays, window[k], column[k]);
    window[2] = hn::IfThenElse(stays, window[2], hn::Set(DOf<T>(), number));
  }
};

template <class T>
HWY_INLINE void MaxRowsOf(const Pooling& g, const void* x, void* y, Range rows) {
  ForEachTile<Largest<T>>(g, x, rows, [&](int64_t at, int64_t, Range outputs, const Tile<Largest<T>>& tile) HWY_ATTR {
    const auto n = static_cast<size_t>(outputs.size());
    if constexpr (sizeof(T) == 4)
      std::memcpy(static_cast<float*>(y) + at, tile.window[0], n * sizeof(T));
    else
      narrow(g.dtype, tile.window[0], n, element(g.dtype, y, at));
  });
}

void MaxRows(const Pooling& g, const void* x, void* y, Range rows) {
  g.dtype == KARAT_F32 ? MaxRowsOf<float>(g, x, y, rows) : MaxRowsOf<double>(g, x, y, rows);
}

// n windows of 2×2 in rows a and b.
template <class T>
HWY_INLINE VOf<T> LargestOfFour(const T* a, const T* b) {
  const DOf<T> d;
  const size_t lanes = hn::Lanes(d);
  const VOf<T> low = Larger(hn::LoadU(d, a), hn::LoadU(d, b)), high = Larger(hn::LoadU(d, a + lanes), hn::LoadU(d, b + lanes));
#if HWY_TARGET == HWY_SCALAR
  return Larger(low, high);
#else
  return Larger(hn::ConcatEven(d, high, low), hn::ConcatOdd(d, high, low));
#endif
}

template <class T>
HWY_INLINE void HalveRowsOf(const Pooling& g, const T* x, T* y, Range rows) {
  const DOf<T> d;
  const auto n = static_cast<size_t>(g.width.output), lanes = hn::Lanes(d);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const T* const a = x + (row / g.height.output * g.height.input + row % g.height.output * 2) * g.width.input;
    const T* const b = a + g.width.input;
    T* const to = y + row * g.width.output;
    size_t q = 0;
    for (; q + lanes <= n; q += lanes) hn::StoreU(LargestOfFour(a + 2 * q, b + 2 * q), d, to + q);
    if (q == n) continue;
    HWY_ALIGN T rest[4][2 * HWY_LANES(T)] = {};
    std::copy(a + 2 * q, a + 2 * n, rest[0]);
    std::copy(b + 2 * q, b + 2 * n, rest[1]);
    hn::Store(LargestOfFour(rest[0], rest[1]), d, rest[2]);
    std::copy(rest[2], rest[2] + (n - q), to + q);
  }
}

void HalveRows(const Pooling& g, const void* x, void* y, Range rows) {
  g.dtype == KARAT_F32 ? HalveRowsOf(g, static_cast<const float*>(x), static_cast<float*>(y), rows)
                       : HalveRowsOf(g, static_cast<const double*>(x), static_cast<double*>(y), rows);
}

// The gradient of a vector of 2×2 windows.
template <class T>
HWY_INLINE void GradientOfFour(const T* a, const T* b, const T* dy, T* da, T* db) {
  const DOf<T> d;
  VOf<T> x[4];
  hn::LoadInterleaved2(d, a, x[0], x[1]);
  hn::LoadInterleaved2(d, b, x[2], x[3]);
  const VOf<T> slope = hn::LoadU(d, dy);
  VOf<T> share[4] = {slope, slope, slope, slope}, largest = x[0];
  for (int k = 1; k < 4; ++k) {
    const auto stays = Stays(largest, x[k]);
    largest = hn::IfThenElse(stays, largest, x[k]);
    for (int before = 0; before < k; ++before) share[before] = hn::IfThenElseZero(stays, share[before]);
    share[k] = hn::IfThenZeroElse(stays, slope);
  }
  hn::StoreInterleaved2(share[0], share[1], d, da);
  hn::StoreInterleaved2(share[2], share[3], d, db);
}

template <class T>
HWY_INLINE void UnhalveRowsOf(const Pooling& g, const T* dy, const T* x, T* dx, Range rows) {
  const DOf<T> d;
  const int64_t width = g.width.input;
  const auto n = static_cast<size_t>(g.width.output), lanes = hn::Lanes(d);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int64_t p = row % g.height.output, first = (row / g.height.output * g.height.input + 2 * p) * width;
    const T *const a = x + first, *const b = a + width, *const slope = dy + row * g.width.output;
    T *const da = dx + first, *const db = da + width;
    size_t q = 0;
    for (; q + lanes <= n; q += lanes) GradientOfFour(a + 2 * q, b + 2 * q, slope + q, da + 2 * q, db + 2 * q);
    if (q < n) {
      HWY_ALIGN T rest[5][2 * HWY_LANES(T)] = {};
      std::copy(a + 2 * q, a + 2 * n, rest[0]);
      std::copy(b + 2 * q, b + 2 * n, rest[1]);
      std::copy(slope + q, slope + n, rest[2]);
      GradientOfFour(rest[0], rest[1], rest[2], rest[3], rest[4]);
      std::copy(rest[3], rest[3] + 2 * (n - q), da + 2 * q);
      std::copy(rest[4], rest[4] + 2 * (n - q), db + 2 * q);
    }
    // What no window sees: a last column, a last row.
    for (int64_t w = 2 * g.width.output; w < width; ++w) da[w] = db[w] = 0;
    if (p + 1 == g.height.output) std::fill(db + width, dx + (row / g.height.output + 1) * g.height.input * width, T(0));
  }
}

void UnhalveRows(const Pooling& g, const void* dy, const void* x, void* dx, Range rows) {
  g.dtype == KARAT_F32 ? UnhalveRowsOf(g, static_cast<const float*>(dy), static_cast<const float*>(x), static_cast<float*>(dx), rows)
                       : UnhalveRowsOf(g, static_cast<const double*>(dy), static_cast<const double*>(x), static_cast<double*>(dx), rows);
}

// All contributions to the sums' block.
template <class T>
HWY_INLINE void AddContributions(const Pooling& g, const void* dy, const void* x, const Block& block, BlockSums& sums) {
  Tile<PlaceOfLargest<T>> tile;
  double slope[kOutputs];
  int64_t row[kOutputs], column[kOutputs];
  const Range ps = g.height.reaching(block.rows), qs = g.width.reaching(block.columns);
  const int64_t wide = OutputsOfTile(g.width);
  for (int64_t p = ps.begin; p < ps.end; ++p)
    for (int64_t q = qs.begin; q < qs.end; q += wide) {
      const Range outputs{q, std::min(qs.end, q + wide)};
      const auto n = static_cast<size_t>(outputs.size());
      ReduceWindows<PlaceOfLargest<T>>(g, x, block.plane, p, outputs, tile);
      widen(g.dtype, element(g.dtype, dy, (block.plane * g.height.output + p) * g.width.output + q), n, slope);
      for (size_t o = 0; o < n; ++o) {
        const bool none = tile.window[1][o] == PlaceOfLargest<T>::kInfinity;  // of no element
        row[o] = none ? -1 : g.height.start(p) + static_cast<int64_t>(tile.window[1][o]) * g.height.dilation;
        column[o] = g.width.start(q + static_cast<int64_t>(o)) + static_cast<int64_t>(tile.window[2][o]) * g.width.dilation;
      }
      sums.add(n, row, column, slope);
    }
}

void GradientBlock(const Pooling& g, const void* dy, const void* x, const Block& block, BlockSums& sums) {
  // Taps are counted in the lanes' type.
  const bool fits = g.height.kernel < (1 << 24) && g.width.kernel < (1 << 24);
  g.dtype == KARAT_F32 && fits ? AddContributions<float>(g, dy, x, block, sums) : AddContributions<double>(g, dy, x, block, sums);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(MaxRows);
HWY_EXPORT(HalveRows);
HWY_EXPORT(UnhalveRows);
HWY_EXPORT(GradientBlock);

bool halves_as_stored(const Pooling& g) { return g.is_halving() && (g.dtype == KARAT_F32 || g.dtype == KARAT_F64); }

struct Forward {
  const karat_tensor &x, &y;
  Pooling pooling;
  Forward(std::int32_t dtype, const Arguments& a)
      : x(a.tensor("x", KARAT_INPUT, dtype)), y(a.tensor("y", KARAT_OUTPUT, dtype)), pooling(pooling_of(dtype, a, x, y, true)) {}
  void run() const {
    const bool halves = halves_as_stored(pooling);
    for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      halves ? HWY_DYNAMIC_DISPATCH(HalveRows)(pooling, x.data, y.data, {begin, end})
             : HWY_DYNAMIC_DISPATCH(MaxRows)(pooling, x.data, y.data, {begin, end});
    });
  }
};

struct Backward {
  const karat_tensor &dy, &x, &dx;
  Pooling pooling;
  Backward(std::int32_t dtype, const Arguments& a)
      : dy(a.tensor("dy", KARAT_INPUT, dtype)),
        x(a.tensor("x", KARAT_INPUT, dtype)),
        dx(a.tensor("dx", KARAT_OUTPUT, dtype)),
        pooling(pooling_of(dtype, a, x, dy, true)) {
    require(shape_of(dx) == shape_of(x) && is_dense(dx), "dx is not dense, or of another shape than x");
  }
  void run() const {
    if (halves_as_stored(pooling)) {
      for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(UnhalveRows)(pooling, dy.data, x.data, dx.data, {begin, end});
      });
      return;
    }
    const Blocks blocks(pooling);
    for_each_part(blocks.count(), blocks.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      BlockSums sums(pooling.dtype);
      for (std::int64_t i = begin; i < end; ++i) {
        const Block block = blocks[i];
        sums.begin(block);
        HWY_DYNAMIC_DISPATCH(GradientBlock)(pooling, dy.data, x.data, block, sums);
        sums.write(pooling, dx.data);
      }
    });
  }
};

const Planned<Forward> row({.op = "max_pool2d", .kernel = "columns_first", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});
const Planned<Backward> backward({.op = "max_pool2d_backward", .kernel = "block_sums", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
