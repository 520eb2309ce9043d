// SPDX-License-Identifier: MIT
// Elementary functions of doubles in lanes.
//
// Bounds are of the methods, in ulp of the exact result; the heads of the kernels have the
// worst that was seen, with its input.  A lane depends on nothing but its own input; NaN passes through.

#if defined(KARAT_KERNELS_ELEMENTARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_ELEMENTARY_INL_H_
#undef KARAT_KERNELS_ELEMENTARY_INL_H_
#else
#define KARAT_KERNELS_ELEMENTARY_INL_H_
#endif

#include "kernels/elementary/constants.hpp"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// Σ coefficients[i]·x^i by Horner's rule.
template <size_t kCount>
HWY_INLINE V Polynomial(const double (&coefficients)[kCount], V x) {
  V sum = Num(coefficients[kCount - 1]);
  for (size_t i = kCount - 1; i-- > 0;) sum = hn::MulAdd(sum, x, Num(coefficients[i]));
  return sum;
}

// e^(x + x_low) = 2^k·(1 + r + rest) with |r| <= ln2/2 (and a rounding), |rest| < 0.08.
struct Reduced {
  V k, r, rest;
};

// |x| <= 5000, |x_low| <= ulp(x); x - k·ln2 without loss: k·kLn2High is exact, and the rest of
// ln 2 enters r and, as what rounding to r left over, the rest.
// Error of 1 + r + rest: 2^-57.7 (series) + 2^-57 (its rounding).
HWY_INLINE Reduced Reduce(V x, V x_low) {
  using namespace constants;
  const V k = RoundToInteger(hn::Mul(x, Num(kLog2E)));
  const V high = hn::NegMulAdd(k, Num(kLn2High), x);
  const V low = hn::Mul(k, Num(kLn2Low));
  const V r = hn::Sub(high, low);
  const V left_over = hn::Add(hn::Sub(hn::Sub(high, r), low), x_low);
  const V tail = hn::Mul(hn::Mul(r, r), Polynomial(kExp, r));
  // e^(r + left_over) = e^r + e^r·left_over, as left_over² < 2^-80.
  const V factor = hn::Add(Num(1), hn::Add(r, tail));
  return {k, r, hn::MulAdd(factor, left_over, tail)};
}

// e^(x + x_low) = 2^k·(hi + lo), normalised; relative error 2^-56.
struct Scaled {
  V k, hi, lo;
};

HWY_INLINE Scaled ExpScaled(V x, V x_low) {
  const Reduced e = Reduce(x, x_low);
  const Pair head = FastTwoSum(Num(1), e.r);
  const Pair sum = FastTwoSum(head.hi, hn::Add(head.lo, e.rest));
  return {e.k, sum.hi, sum.lo};
}

// e^x. 0.5 + 0.1 ulp; a subnormal result is rounded once more.
HWY_INLINE V Exp(V x) {
  const V bounded = AtMost(AtLeast(x, Num(-746)), Num(710));  // 2^-1076.2 and beyond the largest
  const Scaled e = ExpScaled(bounded, Num(0));
  return Scale2(e.hi, e.k);
}

// e^x - 1 = ((2^k - 1) + 2^k·r) + 2^k·rest, the parenthesis as an exact sum; not normalised.
// Where k > 64 the 1 is below 2^-64 of the result, and k - 64 of the scale waits.
struct Expm1Parts {
  V hi, lo, waiting;
};

HWY_INLINE Expm1Parts Expm1Scaled(V x) {
  const V bounded = AtMost(AtLeast(x, Num(-64)), Num(710));
  const Reduced e = Reduce(bounded, Num(0));
  const V k = AtMost(e.k, Num(64));
  const V scale = Pow2(k);
  const Pair less_one = TwoSum(scale, Num(-1));
  const Pair sum = TwoSum(less_one.hi, hn::Mul(scale, e.r));
  return {sum.hi, hn::Add(hn::MulAdd(scale, e.rest, sum.lo), less_one.lo), hn::Sub(e.k, k)};
}

// e^x - 1. 0.5 + 0.4 ulp.
HWY_INLINE V Expm1(V x) {
  const Expm1Parts e = Expm1Scaled(x);
  const V value = hn::Mul(hn::Add(e.hi, e.lo), Pow2(e.waiting));
  return hn::CopySign(value, x);  // -0 stays -0
}

// u + u_low = 2^k·(1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for a normal u > 0, |u_low| <= ulp(u)/2.
struct LogReduced {
  V k;
  Pair f;
};

HWY_INLINE LogReduced ReduceLog(V u, V u_low) {
  const U root_half = hn::Set(DU(), 0x3fe6a09e667f3bcd);
  const U one = hn::Set(DU(), 0x3ff0000000000000);
  const U shifted = hn::Add(Bits(u), hn::Sub(one, root_half));
  const U biased = hn::Or(hn::ShiftRight<52>(shifted), hn::Set(DU(), 0x4330000000000000));
  const V k = hn::Sub(FromBits(biased), Num(0x1p52 + 1023));
  const V m = FromBits(hn::Add(hn::And(shifted, hn::Set(DU(), 0x000fffffffffffff)), root_half));
  const V m_low = hn::Mul(u_low, Pow2(AtLeast(hn::Neg(k), Num(-1000))));
  return {k, TwoSum(hn::Sub(m, Num(1)), m_low)};
}

// log(u + u_low) of a normal u > 0, |u_low| <= ulp(u)/2, as a sum that is not normalised.
//
// u = 2^k·m, sqrt(1/2) <= m < sqrt(2); f = m - 1 is exact, s = f/(2 + f), and
// log(1 + f) = log((1 + s)/(1 - s)) = f - f²/2 + s·(f²/2 + R), R = s²·Σ kAtanh[i]·s^(2i).
HWY_INLINE Pair LogParts(V u, V u_low, V k_extra) {
  using namespace constants;
  const auto [k, f] = ReduceLog(u, u_low);
  const V s = hn::Div(f.hi, hn::Add(f.hi, Num(2)));
  const V z = hn::Mul(s, s);
  const V half_square = hn::Mul(hn::Mul(f.hi, Num(0.5)), f.hi);
  const V series = hn::Mul(z, Polynomial(kAtanh, z));
  const V power = hn::Add(k, k_extra);
  const Pair head = FastTwoSum(hn::Mul(power, Num(kLn2High)), f.hi);
  // d log(1 + f) = f_low/(1 + f), f_low·(1 - f) to the accuracy that is needed.
  const V f_low = hn::NegMulAdd(f.lo, f.hi, f.lo);
  const V small = hn::MulAdd(s, hn::Add(half_square, series), hn::MulAdd(power, Num(kLn2Low), f_low));
  return {head.hi, hn::Add(head.lo, hn::Sub(small, half_square))};
}

// log x. 0.5 + 0.4 ulp.
HWY_INLINE V Log(V x) {
  const M subnormal = hn::Lt(x, Num(std::numeric_limits<double>::min()));
  const V normal = Choose(subnormal, hn::Mul(x, Num(0x1p54)), x);
  const Pair log = LogParts(normal, Num(0), hn::IfThenElseZero(subnormal, Num(-54)));
  const V finite = Choose(hn::Eq(x, Inf()), x, hn::Add(log.hi, log.lo));
  const V positive = Choose(hn::Eq(x, Num(0)), hn::Neg(Inf()), finite);
  return Choose(hn::Ge(x, Num(0)), positive, NaN());
}

// log(1 + x) of -1 < x < ∞: 1 + x as an exact sum, so that f is x itself where x is small.
// 0.5 + 0.4 ulp.
HWY_INLINE V Log1pFinite(V x) {
  const Pair u = TwoSum(Num(1), x);
  const Pair log = LogParts(u.hi, u.lo, Num(0));
  return hn::CopySign(hn::Add(log.hi, log.lo), x);  // -0 stays -0
}

HWY_INLINE V Log1p(V x) {
  const V finite = Choose(hn::Eq(x, Inf()), x, Log1pFinite(x));
  const V inside = Choose(hn::Eq(x, Num(-1)), hn::Neg(Inf()), finite);
  return Choose(hn::Ge(x, Num(-1)), inside, NaN());
}

// q·2^k with 1/6 < q < 3/2 and an integer k.
struct Factor {
  V q, k;
};

// dy·factor, where factor <= 1 and dy is any double: neither a huge dy times q nor a tiny
// factor by itself leaves the range before the last step.
HWY_INLINE V TimesFactor(V dy, Factor factor) {
  const V near = AtMost(AtLeast(factor.k, Num(-1)), Num(2));
  return Scale3(hn::Mul(dy, hn::Mul(factor.q, Pow2(near))), hn::Sub(factor.k, near));
}

// The same where |dy| < 2^200 and results below 2^-500 round to 0 anyway.
HWY_INLINE V TimesFactorNarrow(V dy, Factor factor) {
  return hn::Mul(dy, hn::Mul(factor.q, Pow2(AtLeast(factor.k, Num(-1000)))));
}

// z/(1 + z)² for z = e^(-|t + t_low|), the slope of 1/(1 + e^-t).  The square's tail and that
// of 1 + z enter the denominator. 0.6 ulp.
HWY_INLINE Factor LogisticSlope(V t, V t_low) {
  const V magnitude = AtMost(hn::Abs(t), Num(3000));
  const V low = Choose(hn::Lt(t, Num(0)), t_low, hn::Neg(t_low));
  const Scaled z = ExpScaled(hn::Neg(magnitude), low);
  const V scale = Pow2(AtLeast(z.k, Num(-1000)));
  const Pair d = FastTwoSum(Num(1), hn::Mul(z.hi, scale));
  const V d_low = hn::MulAdd(z.lo, scale, d.lo);
  const Pair square = TwoProduct(d.hi, d.hi);
  const V square_low = hn::MulAdd(hn::Add(d.hi, d.hi), d_low, square.lo);
  return {Quotient({z.hi, z.lo}, {square.hi, square_low}), z.k};
}

// 1/(1 + e^-(t + t_low)): 1/(1 + z) or z/(1 + z), z = e^-|t|. 0.6 ulp.
HWY_INLINE Factor Logistic(V t, V t_low) {
  const M negative = hn::Lt(t, Num(0));
  const V magnitude = AtMost(hn::Abs(t), Num(3000));
  const Scaled z = ExpScaled(hn::Neg(magnitude), Choose(negative, t_low, hn::Neg(t_low)));
  const V scale = Pow2(AtLeast(z.k, Num(-1000)));
  const Pair d = FastTwoSum(Num(1), hn::Mul(z.hi, scale));
  const Pair numerator = {Choose(negative, z.hi, Num(1)), hn::IfThenElseZero(negative, z.lo)};
  return {Quotient(numerator, {d.hi, hn::MulAdd(z.lo, scale, d.lo)}), hn::IfThenElseZero(negative, z.k)};
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
