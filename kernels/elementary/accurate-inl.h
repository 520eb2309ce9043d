// SPDX-License-Identifier: MIT
// The same functions to 2^-90, as sums of two doubles, for the results that narrow-inl.h leaves open: slow,
// and called for about one in a few thousand.  None of these values lies half way between two numbers of 24
// bits, save those that are such numbers (Lindemann and Weierstrass: e^x and log x of algebraic numbers are
// transcendental but for e^0 and log 1), so that 2^-90 decides: the closest f32 comes is 2^-61.

#if defined(KARAT_KERNELS_ACCURATE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_ACCURATE_INL_H_
#undef KARAT_KERNELS_ACCURATE_INL_H_
#else
#define KARAT_KERNELS_ACCURATE_INL_H_
#endif

#include "kernels/elementary/double_double-inl.h"
#include "kernels/elementary/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// The double towards zero from the sum if its last bit is one, the other neighbour otherwise: rounding that to
// at most 51 bits gives what rounding the sum would.  Exact sums stay, infinities and NaN too.
HWY_INLINE V RoundToOdd(Pair a) {
  const Pair sum = FastTwoSum(a.hi, a.lo);
  const U bits = Bits(sum.hi);
  const M inexact = hn::And(hn::Gt(hn::Abs(sum.lo), Num(0)), hn::Lt(hn::Abs(sum.hi), Inf()));
  // Away from zero where the rest has the sum's sign.
  const M outwards = hn::Eq(hn::CopySign(Num(1), sum.hi), hn::CopySign(Num(1), sum.lo));
  const M is_odd = hn::RebindMask(D(), hn::TestBit(bits, hn::Set(DU(), 1)));
  const V stays = FromBits(hn::Or(bits, hn::Set(DU(), 1)));
  const V inwards = FromBits(hn::Sub(bits, hn::Set(DU(), 1)));
  return Choose(inexact, Choose(hn::Or(outwards, is_odd), stays, inwards), a.hi);
}

// Relative error 2^-100.
HWY_INLINE Pair Divide(Pair n, Pair d) {
  const V first = hn::Div(n.hi, d.hi);
  const Pair rest = Add(n, Negate(Multiply(d, {first, Num(0)})));
  return FastTwoSum(first, hn::Div(rest.hi, d.hi));
}

// e^x and e^x - 1 for |x| <= 1100; what falls below 2^-1022 loses digits.
HWY_INLINE Pair AccurateExp(V x) {
  const ExpPair e = ExpDoubleDouble({x, Num(0)});
  return Scale(OnePlus(e.p), e.k);
}
HWY_INLINE Pair AccurateExpm1(V x) {
  const ExpPair e = ExpDoubleDouble({x, Num(0)});
  return Add(TwoSum(Scale3(Num(1), e.k), Num(-1)), Scale(e.p, e.k));
}

// log u = y + δ - δ²/2 for δ = u·e^-y - 1, |δ| < 2^-36.
HWY_INLINE Pair AccurateLogFrom(V y, Pair u) {
  const ExpPair e = ExpDoubleDouble({hn::Neg(y), Num(0)});
  const Pair scaled = Scale(u, e.k);
  const V delta = Add(Add(scaled, {Num(-1), Num(0)}), Multiply(scaled, e.p)).hi;
  return FastTwoSum(y, hn::NegMulAdd(hn::Mul(delta, Num(0.5)), delta, delta));
}

// log(1 + z) = y + δ - δ²/2 for δ = (1 + z)·e^-y - 1 = z + p + z·p, e^-y = 1 + p: small z keep their digits.
HWY_INLINE Pair AccurateLog1pFrom(V y, Pair z) {
  const Pair p = AccurateExpm1(hn::Neg(y));
  const V delta = Add(Add(z, p), Multiply(z, p)).hi;
  return FastTwoSum(y, hn::NegMulAdd(hn::Mul(delta, Num(0.5)), delta, delta));
}

// Where the approximation is final (zero, infinity, NaN) it is the answer.
HWY_INLINE Pair OrSpecial(Pair finite, V approximation) {
  const M special = hn::Or(hn::Eq(approximation, Num(0)), hn::Not(hn::Lt(hn::Abs(approximation), Inf())));
  return Choose(special, {approximation, Num(0)}, finite);
}

HWY_INLINE V AccurateExpOf(V x) { return RoundToOdd(AccurateExp(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower)))); }

HWY_INLINE V AccurateExpm1Of(V x) {
  const V bounded = AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower));
  return hn::CopySign(RoundToOdd(OrSpecial(AccurateExpm1(bounded), bounded)), x);
}

HWY_INLINE V AccurateLogOf(V x) {
  const V y = InSteps<LogSteps<Quality::exact>>(x);
  return RoundToOdd(OrSpecial(AccurateLogFrom(y, {x, Num(0)}), y));
}

HWY_INLINE V AccurateLog1pOf(V x) {
  const V y = InSteps<Log1pSteps<Quality::exact>>(x);
  return RoundToOdd(OrSpecial(AccurateLogFrom(y, TwoSum(Num(1), x)), y));
}

HWY_INLINE V AccurateSigmoidOf(V x) {
  const Pair z = AccurateExp(AtLeast(hn::Neg(hn::Abs(x)), Num(kLeastPower)));
  return RoundToOdd(Divide(Choose(hn::Lt(x, Num(0)), z, Pair{Num(1), Num(0)}), OnePlus(z)));
}

HWY_INLINE V AccurateTanhOf(V x) {
  const V bounded = AtLeast(hn::Mul(hn::Abs(x), Num(-2)), Num(-60));
  const Pair e = OrSpecial(AccurateExpm1(bounded), bounded);
  return hn::CopySign(RoundToOdd(Divide(e, Add({Num(2), Num(0)}, e))), x);
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
