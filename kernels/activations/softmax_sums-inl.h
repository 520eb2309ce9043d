// SPDX-License-Identifier: MIT
// What softmax and log_softmax, forward and backward, share.
//
// With m the row's maximum, taken at position i*, and e_j = e^(x_j - m):
//   S = Σ e_j = 1 + rest,  rest = Σ_{j ≠ i*} e_j:
// the 1 stays apart, so that log S and 1 - s keep their digits where one entry dominates.

#if defined(KARAT_KERNELS_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_SOFTMAX_INL_H_
#undef KARAT_KERNELS_SOFTMAX_INL_H_
#else
#define KARAT_KERNELS_SOFTMAX_INL_H_
#endif

#include "kernels/activations/softmax_sums.hpp"
#include "kernels/elementary/double_double-inl.h"
#include "kernels/rowwise.hpp"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// x - m, without loss: the rounding of the difference, times a slope of e^-30, would be seen.
// An x of -∞ gives hi = -∞; what is below -3000 is -3000 in `bounded`.
struct Difference {
  V hi, lo, bounded;
};

HWY_INLINE Difference Below(V x, double max) {
  const Pair d = TwoSum(x, Num(-max));
  const M ordinary = hn::Lt(hn::Abs(d.hi), Num(3000));
  return {d.hi, hn::IfThenElseZero(ordinary, d.lo), AtLeast(d.hi, Num(-3000))};
}

// e^d as 2^k·(hi + lo), exactly 0 for d = -∞.
HWY_INLINE Scaled ExpOf(const Difference& d) {
  const Scaled e = ExpScaled(d.bounded, d.lo);
  const M nothing = hn::Eq(d.hi, hn::Neg(Inf()));
  return {e.k, hn::IfThenZeroElse(nothing, e.hi), hn::IfThenZeroElse(nothing, e.lo)};
}

// Its value; what lies below the range of a double is lost.
HWY_INLINE Pair PairOf(const Scaled& e) {
  const V k = AtLeast(e.k, Num(-2000));
  return {Scale2(e.hi, k), Scale2(e.lo, k)};
}

// e^d as 2^k·w with w to 94 bits or more, exactly 0 for d = -∞.
struct Weight {
  Pair w;
  V k;
};

HWY_INLINE Weight WeightOf(const Difference& d) {
  const ExpPair e = ExpDoubleDouble({d.bounded, d.lo});
  const M nothing = hn::Eq(d.hi, hn::Neg(Inf()));
  const Pair w = OnePlus(e.p);
  return {{hn::IfThenZeroElse(nothing, w.hi), hn::IfThenZeroElse(nothing, w.lo)}, e.k};
}

// Σ e_j of a chunk, divided by 2^exponent, to 56 bits.
HWY_INLINE Sum SumOfExps(const double* x, size_t count, double max, double exponent) {
  Sum result[1];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[1]) HWY_ATTR {
        const Scaled e = ExpOf(Below(Load(x + i), max));
        const V k = AtLeast(hn::Sub(e.k, Num(exponent)), Num(-2000));
        sums[0].Add(Pair{Scale2(e.hi, k), Scale2(e.lo, k)});
      },
      result);
  return result[0];
}

// The same to 94 bits.
HWY_INLINE Sum SumOfWeights(const double* x, size_t count, double max, double exponent) {
  Sum result[1];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[1]) HWY_ATTR {
        const Weight e = WeightOf(Below(Load(x + i), max));
        sums[0].Add(Scale(e.w, hn::Sub(e.k, Num(exponent))));
      },
      result);
  return result[0];
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
