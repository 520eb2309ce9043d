// SPDX-License-Identifier: MIT
// What losses of probabilities and of logits have in common: logarithms of p, 1 - p, σ(x) and 1 - σ(x).
//
// Narrow: as doubles, for f32, f16 and bf16 in lanes of double.  Wide: as sums of two doubles with exponents of their
// own, for f64: nothing leaves the range and nothing but the result is rounded to 53 bits.

#if defined(KARAT_KERNELS_LIKELIHOOD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_LIKELIHOOD_INL_H_
#undef KARAT_KERNELS_LIKELIHOOD_INL_H_
#else
#define KARAT_KERNELS_LIKELIHOOD_INL_H_
#endif

#include "kernels/elementary/power-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// True if 0 <= p <= 1; false of NaN.
HWY_INLINE M IsProbability(V p) { return hn::And(hn::Ge(p, Num(0)), hn::Le(p, Num(1))); }

// log p and log(1 - p) of a probability that is no subnormal double; -∞ at 0 and 1.
HWY_INLINE V LogNarrow(V p) {
  const Pair log = LogParts(p, Num(0), Num(0));
  return Choose(hn::Eq(p, Num(0)), hn::Neg(Inf()), hn::Add(log.hi, log.lo));
}
HWY_INLINE V LogOfRestNarrow(V p) {
  const Pair rest = TwoSum(Num(1), hn::Neg(p));
  const Pair log = LogParts(rest.hi, rest.lo, Num(0));
  return Choose(hn::Eq(p, Num(1)), hn::Neg(Inf()), hn::Add(log.hi, log.lo));
}

// log u of 0 < u = p or 1 - p, given 1 - u too: where that is tiny, log u = -(1 - u).
HWY_INLINE WidePair LogWide(Pair u, Pair rest) {
  const M tiny = hn::Lt(rest.hi, Num(0x1p-200));
  const WidePair split = Normalise(u);
  const Pair log = LogPair(split.m.hi, split.m.lo, split.e);
  return Normalise(Choose(tiny, Negate(rest), log));
}

// e^-|x|; 0 below 2^-995.
HWY_INLINE V ExpOfMinusAbsNarrow(V x) {
  const V magnitude = hn::Abs(x);
  const Reduced e = Reduce(hn::Neg(AtMost(magnitude, Num(690))), Num(0));
  const V value = hn::Mul(hn::Add(Num(1), hn::Add(e.r, e.rest)), Pow2(e.k));
  return hn::IfThenZeroElse(hn::Gt(magnitude, Num(690)), value);
}

// e^-|x| to 2^-56; below e^-3000 it is that.
HWY_INLINE Scaled ExpOfMinusAbs(V x) { return ExpScaled(hn::Neg(AtMost(hn::Abs(x), Num(3000))), Num(0)); }

// 1 + w, normalised, for 0 <= w <= 1.
HWY_INLINE Pair OnePlus(const Scaled& w) {
  const V scale = Pow2(AtLeast(w.k, Num(-1000)));
  const Pair sum = TwoSum(Num(1), hn::Mul(w.hi, scale));
  return FastTwoSum(sum.hi, hn::MulAdd(w.lo, scale, sum.lo));
}

// log(1 + w) for 0 <= w <= 1, which may be far below the range. 1 ulp.
HWY_INLINE V Log1pOfUnit(const Scaled& w) {
  const M tiny = hn::Lt(w.k, Num(-60));
  const V log = Choose(tiny, w.hi, Log1pFinite(hn::Mul(w.hi, Pow2(AtLeast(w.k, Num(-61))))));
  return Scale3(log, hn::IfThenElseZero(tiny, w.k));
}

// log(1 + w) for 0 <= w <= 1, to 2^-51: log(1 + f) = 2s + s·z·Σ kAtanh[i]·z^i, s = f/(2 + f), z = s², with f = w for
// w < 0.3, and above 1 + w = 3/2·(1 + f), so that |s| < 0.15.
HWY_INLINE V Log1pOfUnitNarrow(V w) {
  using namespace constants;
  const M above = hn::Ge(w, Num(0.3));
  const V s = hn::Div(hn::Sub(w, hn::IfThenElseZero(above, Num(0.5))), hn::Add(w, Choose(above, Num(2.5), Num(2))));
  const V z = hn::Mul(s, s);
  const V log = hn::MulAdd(hn::Mul(s, z), Polynomial(kAtanh, z), hn::Add(s, s));
  return hn::Add(log, hn::IfThenElseZero(above, Num(kLogThreeHalves)));
}

// log(1 + w) for 0 <= w <= 1, as good as w.  Below 2^-50 it is w - w²/2.
HWY_INLINE WidePair Log1pWide(const Scaled& w) {
  const V square = hn::Mul(hn::Mul(w.hi, w.hi), Pow2(AtMost(AtLeast(w.k, Num(-1000)), Num(-50))));
  const WidePair tiny = {FastTwoSum(w.hi, hn::NegMulAdd(Num(0.5), square, w.lo)), w.k};
  const Pair u = OnePlus(w);
  return Choose(hn::Lt(w.k, Num(-50)), tiny, Normalise(LogPair(u.hi, u.lo, Num(0))));
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
