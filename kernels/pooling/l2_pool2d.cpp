// SPDX-License-Identifier: MIT
// l2_pool2d:           y = √(Σ window²)
// l2_pool2d_backward:  dx = Σ x·dy/y over the windows that see an element; nothing of a window of zeros
//
// Method: sums of squares in double, down the columns of windows and then across, and the root; f64 in sums of two doubles.
// The gradient is x·Σ dy/y, from scratch that holds dy/y of all windows.  In f64, a window whose squares leave the range, or
// whose dy/y is far from 1, is marked by a NaN, and computed by itself with its exponents apart.
// f32, f16 and bf16: 0.5 ulp and 2^-27, as far as the gradient's sum does not cancel.  f64: 0.5 ulp and 2^-49, as far.
#include <cmath>
#include <limits>

#include "kernels/blocks.hpp"
#include "kernels/operator.hpp"
#include "kernels/pooling/pooling.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/l2_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/pooling/spread-inl.h"

#ifndef KARAT_KERNELS_L2_POOL2D_  // this file is read once a target
#define KARAT_KERNELS_L2_POOL2D_
namespace karat::kernels {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Sums of squares, norms and quotients between which nothing is lost.
constexpr double kLeastSquares = 0x1p-900, kMostSquares = 0x1p1000, kLeast = 0x1p-450, kMost = 0x1p450;

// √(Σ window²) of any f64.
Sum norm_of_window(const Pooling& g, const double* x, std::int64_t plane, std::int64_t p, std::int64_t q) {
  const Range rows = g.height.taps(p), columns = g.width.taps(q);
  const double* const first = x + (plane * g.height.input + g.height.start(p)) * g.width.input + g.width.start(q);
  double largest = 0;
  for (std::int64_t i = rows.begin; i < rows.end; ++i)
    for (std::int64_t j = columns.begin; j < columns.end; ++j) {
      const double v = std::abs(first[i * g.width.input + j]);
      if (std::isnan(v)) return {v, 0};
      largest = std::max(largest, v);
    }
  if (largest == 0 || std::isinf(largest)) return {largest, 0};
  const int exponent = std::ilogb(largest);
  Sum squares;
  for (std::int64_t i = rows.begin; i < rows.end; ++i)
    for (std::int64_t j = columns.begin; j < columns.end; ++j) {
      const double v = std::ldexp(first[i * g.width.input + j], -exponent), square = v * v;
      squares = squares + Sum{square, std::fma(v, v, -square)};
    }
  const double root = std::sqrt(squares.hi);
  return scale(two_sum(root, (std::fma(-root, root, squares.hi) + squares.lo) / (2 * root)), exponent);
}

// x·dy/norm of any f64 that are not NaN.
double share(double x, double dy, double norm) {
  if (norm == 0 || x == 0) return 0;
  if (std::isinf(norm)) return std::isinf(x) ? kNaN : 0;
  int a = 0, b = 0, c = 0;
  const double m = std::frexp(x, &a) / std::frexp(norm, &b) * std::frexp(dy, &c);
  return std::ldexp(m, a - b + c);
}

// What the gradient keeps of the windows: dy/norm, and for f64 its tail and the norms.
struct Kept {
  double *quotient, *tail, *norm;
};

// dx of one element of f64, window by window.
double gradient_of_element(const Pooling& g, const double* dy, const double* x, const Kept& kept, std::int64_t plane, std::int64_t h, std::int64_t w) {
  const double at = x[(plane * g.height.input + h) * g.width.input + w];
  const Range ps = g.height.reaching({h, h + 1}), qs = g.width.reaching({w, w + 1});
  Sum sum;
  for (std::int64_t p = ps.begin; p < ps.end; ++p)
    for (std::int64_t q = qs.begin; q < qs.end; ++q) {
      const std::int64_t o = (plane * g.height.output + p) * g.width.output + q;
      if (std::isnan(kept.norm[o]) || (std::isnan(dy[o]) && at != 0 && kept.norm[o] != 0)) return kNaN;
      sum = add_terms(sum, {std::isnan(dy[o]) ? 0 : share(at, dy[o], kept.norm[o]), 0});
    }
  return total(sum);
}

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <bool kPairs>
using SquaresOf = std::conditional_t<kPairs, PairTotalOf<true>, TotalOf<true>>;

// The norms of a tile's windows, in row p of y.
template <bool kPairs>
HWY_INLINE void Norms(const Pooling& g, const void* x, int64_t plane, int64_t p, Range outputs, const Tile<SquaresOf<kPairs>>& tile, Sums<kPairs, kOutputs>& norms) {
  const auto n = static_cast<size_t>(outputs.size());
  for (size_t i = 0; i < n; i += hn::Lanes(D())) {
    const V squares = Load(tile.window[0] + i), root = hn::Sqrt(squares);
    if constexpr (kPairs) {
      const Pair square = TwoProduct(root, root);
      const V rest = hn::Add(hn::Sub(hn::Sub(squares, square.hi), square.lo), Load(tile.window[1] + i));
      const Pair norm = FastTwoSum(root, hn::Div(rest, hn::Add(root, root)));
      Store(norm.hi, norms.hi + i);
      Store(norm.lo, norms.lo + i);
    } else {
      Store(root, norms.hi + i);
    }
  }
  if constexpr (kPairs) {
    for (size_t i = 0; i < n; ++i) {
      if (tile.window[0][i] >= kLeastSquares && tile.window[0][i] <= kMostSquares) continue;
      const Sum norm = norm_of_window(g, static_cast<const double*>(x), plane, p, outputs.begin + static_cast<int64_t>(i));
      norms.hi[i] = norm.hi;
      norms.lo[i] = norm.lo;
    }
  }
}

template <bool kPairs>
HWY_INLINE void NormRowsOf(const Pooling& g, const void* x, void* y, Range rows) {
  Sums<kPairs, kOutputs> norms;
  ForEachTile<SquaresOf<kPairs>>(g, x, rows, [&](int64_t at, int64_t p, Range outputs, const Tile<SquaresOf<kPairs>>& tile) HWY_ATTR {
    Norms<kPairs>(g, x, at / g.width.output / g.height.output, p, outputs, tile, norms);
    narrow(g.dtype, norms.hi, static_cast<size_t>(outputs.size()), element(g.dtype, y, at));
  });
}

void NormRows(const Pooling& g, const void* x, void* y, Range rows) { g.dtype == KARAT_F64 ? NormRowsOf<true>(g, x, y, rows) : NormRowsOf<false>(g, x, y, rows); }

// dy/norm of rows of windows, into `kept`.
template <bool kPairs>
HWY_INLINE void QuotientRowsOf(const Pooling& g, const void* dy, const void* x, const Kept& kept, Range rows) {
  Sums<kPairs, kOutputs> norms;
  alignas(64) double slope[kOutputs + kSlack];
  ForEachTile<SquaresOf<kPairs>>(g, x, rows, [&](int64_t at, int64_t p, Range outputs, const Tile<SquaresOf<kPairs>>& tile) HWY_ATTR {
    const auto n = static_cast<size_t>(outputs.size());
    Norms<kPairs>(g, x, at / g.width.output / g.height.output, p, outputs, tile, norms);
    widen(g.dtype, element(g.dtype, dy, at), n, slope);
    alignas(64) double quotient[kOutputs + kSlack], tail[kPairs ? kOutputs + kSlack : 1];
    for (size_t i = 0; i < n; i += hn::Lanes(D())) {
      const V norm = Load(norms.hi + i), numerator = Load(slope + i);
      const M zeros = hn::Eq(norm, Num(0));
      const V q = hn::IfThenZeroElse(zeros, hn::Div(numerator, norm));
      if constexpr (kPairs) {
        const Pair product = TwoProduct(q, norm);
        const V rest = hn::NegMulAdd(q, Load(norms.lo + i), hn::Sub(hn::Sub(numerator, product.hi), product.lo));
        const auto moderate = [](V v) HWY_ATTR { return hn::And(hn::Ge(hn::Abs(v), Num(kLeast)), hn::Le(hn::Abs(v), Num(kMost))); };
        const M nothing = hn::Or(zeros, hn::And(hn::Eq(numerator, Num(0)), moderate(norm)));
        const M safe = hn::And(moderate(norm), moderate(q));
        Store(Choose(nothing, Num(0), Choose(safe, q, NaN())), quotient + i);
        Store(hn::IfThenElseZero(safe, hn::Div(rest, norm)), tail + i);
      } else {
        Store(q, quotient + i);
      }
    }
    std::copy(quotient, quotient + n, kept.quotient + at);
    if constexpr (kPairs) {
      std::copy(tail, tail + n, kept.tail + at);
      std::copy(norms.hi, norms.hi + n, kept.norm + at);
    }
  });
}

void QuotientRows(const Pooling& g, const void* dy, const void* x, const Kept& kept, Range rows) {
  g.dtype == KARAT_F64 ? QuotientRowsOf<true>(g, dy, x, kept, rows) : QuotientRowsOf<false>(g, dy, x, kept, rows);
}

template <bool kPairs>
HWY_INLINE void GradientOfBlock(const Pooling& g, const void* dy, const void* x, const Kept& kept, void* dx, const Block& block) {
  const auto quotients = [&](int64_t p, Range windows, Sums<kPairs, kOutputs>& to) HWY_ATTR {
    const int64_t at = (block.plane * g.height.output + p) * g.width.output + windows.begin;
    std::copy(kept.quotient + at, kept.quotient + at + windows.size(), to.hi);
    if constexpr (kPairs) std::copy(kept.tail + at, kept.tail + at + windows.size(), to.lo);
  };
  alignas(64) double values[kBlockColumns + kSlack];
  SpreadBlock<kPairs>(g, block, quotients, [&](int64_t h, const Sums<kPairs, kBlockColumns>& sums) HWY_ATTR {
    const auto n = static_cast<size_t>(block.columns.size());
    const int64_t at = (block.plane * g.height.input + h) * g.width.input + block.columns.begin;
    widen(g.dtype, element(g.dtype, x, at), n, values);
    for (size_t i = 0; i < n; i += hn::Lanes(D())) {
      const V v = Load(values + i);
      if constexpr (kPairs) {
        const Pair sum = FastTwoSum(Load(sums.hi + i), Load(sums.lo + i));
        const Pair product = TwoProduct(v, sum.hi);
        const V tail = hn::MulAdd(v, sum.lo, product.lo);
        Store(hn::Add(product.hi, hn::IfThenElseZero(hn::Lt(hn::Abs(tail), Inf()), tail)), values + i);
      } else {
        Store(hn::Mul(v, Load(sums.hi + i)), values + i);
      }
    }
    if constexpr (kPairs) {
      for (size_t i = 0; i < n; ++i)
        if (std::isnan(sums.hi[i]))
          values[i] = gradient_of_element(g, static_cast<const double*>(dy), static_cast<const double*>(x), kept, block.plane, h, block.columns.begin + static_cast<int64_t>(i));
    }
    narrow(g.dtype, values, n, element(g.dtype, dx, at));
  });
}

void GradientBlock(const Pooling& g, const void* dy, const void* x, const Kept& kept, void* dx, const Block& block) {
  g.dtype == KARAT_F64 ? GradientOfBlock<true>(g, dy, x, kept, dx, block) : GradientOfBlock<false>(g, dy, x, kept, dx, block);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(NormRows);
HWY_EXPORT(QuotientRows);
HWY_EXPORT(GradientBlock);

struct Forward {
  const karat_tensor &x, &y;
  Pooling pooling;
  Forward(std::int32_t dtype, const Arguments& a)
      : x(a.tensor("x", KARAT_INPUT, dtype)), y(a.tensor("y", KARAT_OUTPUT, dtype)), pooling(pooling_of(dtype, a, x, y, false)) {}
  void run() const {
    for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads,
                  [&](std::int64_t begin, std::int64_t end) { HWY_DYNAMIC_DISPATCH(NormRows)(pooling, x.data, y.data, {begin, end}); });
  }
};

struct Backward {
  const karat_tensor &dy, &x, &dx;
  Pooling pooling;
  std::size_t windows;
  double* scratch;
  Backward(std::int32_t dtype, const Arguments& a)
      : dy(a.tensor("dy", KARAT_INPUT, dtype)),
        x(a.tensor("x", KARAT_INPUT, dtype)),
        dx(a.tensor("dx", KARAT_OUTPUT, dtype)),
        pooling(pooling_of(dtype, a, x, dy, false)),
        windows(static_cast<std::size_t>(count_of(dy))),
        scratch(reinterpret_cast<double*>(a.scratch())) {
    require(shape_of(dx) == shape_of(x) && is_dense(dx), "dx is not dense, or of another shape than x");
  }
  std::size_t scratch_bytes() const { return windows * sizeof(double) * (pooling.dtype == KARAT_F64 ? 3 : 1); }
  void run() const {
    const Kept kept{scratch, scratch + windows, scratch + 2 * windows};
    for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads,
                  [&](std::int64_t begin, std::int64_t end) { HWY_DYNAMIC_DISPATCH(QuotientRows)(pooling, dy.data, x.data, kept, {begin, end}); });
    const Blocks blocks(pooling);
    for_each_part(blocks.count(), blocks.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) HWY_DYNAMIC_DISPATCH(GradientBlock)(pooling, dy.data, x.data, kept, dx.data, blocks[i]);
    });
  }
};

const Planned<Forward> row({.op = "l2_pool2d", .kernel = "columns_first", .capabilities = kDense});
const Planned<Backward> backward({.op = "l2_pool2d_backward", .kernel = "spread", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
