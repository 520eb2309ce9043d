// SPDX-License-Identifier: MIT
// Powers a^γ of positive numbers, by way of a logarithm that may be multiplied by γ.
//
// a^γ = e^y, y = γ·log a.  An absolute error of y is a relative one of the result, and |y| is up to 745 where that is
// a double at all: log a has 64 bits.  a^γ then to 2^-56 + |y|·2^-64 < 2^-54.3 of itself: 0.5 + 0.4 ulp once rounded.

#if defined(KARAT_KERNELS_POWER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_POWER_INL_H_
#undef KARAT_KERNELS_POWER_INL_H_
#else
#define KARAT_KERNELS_POWER_INL_H_
#endif

#include "kernels/elementary/double_double-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// k_extra·ln 2 + log(u + u_low) of a normal u > 0, |u_low| <= ulp(u)/2, normalised, to 2^-64 of itself.
//
// log(1 + f) = 2s + s·z·(2/3 + z·Σ kAtanhTail[i]·z^i), s = f/(2 + f), z = s² < 2^-5.  In sums of two doubles but for
// the last sum, whose rounding, 2^-58.5 beside 2/3, is times z/2 when it reaches 2s.
HWY_INLINE Pair LogPair(V u, V u_low, V k_extra) {
  using namespace constants;
  const auto [k, f] = ReduceLog(u, u_low);
  const Pair d = TwoSum(Num(2), f.hi);
  const V inverse = hn::Div(Num(1), d.hi);
  const V s_hi = hn::Mul(f.hi, inverse);
  const Pair product = TwoProduct(s_hi, d.hi);
  const V left = hn::Sub(hn::Sub(f.hi, product.hi), product.lo);
  const V s_lo = hn::Mul(hn::Add(left, hn::NegMulAdd(s_hi, hn::Add(d.lo, f.lo), f.lo)), inverse);
  const Pair s = FastTwoSum(s_hi, s_lo);

  const Pair z = Multiply(s, s);
  const Pair sum = FastTwoSum(Num(kAtanh[0]), hn::Mul(z.hi, Polynomial(kAtanhTail, z.hi)));
  const Pair tail = Multiply(s, Multiply(z, {sum.hi, hn::Add(sum.lo, Num(kTwoThirdsLow))}));
  const Pair slim = Add({hn::Add(s.hi, s.hi), hn::Add(s.lo, s.lo)}, tail);
  // k·kLn2High and k·kLn2Middle are exact.
  const V exponent = hn::Add(k, k_extra);
  const Pair power = FastTwoSum(hn::Mul(exponent, Num(kLn2High)), hn::Mul(exponent, Num(kLn2Middle)));
  return Add({power.hi, hn::MulAdd(exponent, Num(kLn2Rest), power.lo)}, slim);
}

// a^γ for log a and γ as they are: 2^k·(hi + lo), normalised.
HWY_INLINE Scaled PowerScaled(const WidePair& log, const WidePair& gamma) {
  const WidePair y = Multiply(log, gamma);
  const V hi = Scale3(y.m.hi, y.e);
  const M moderate = hn::Lt(hn::Abs(hi), Num(4900));  // beyond, the result is 0 or infinite whatever it is a factor of
  return ExpScaled(AtMost(AtLeast(hi, Num(-4900)), Num(4900)), hn::IfThenElseZero(moderate, Scale3(y.m.lo, y.e)));
}

HWY_INLINE WidePair WideOf(const Scaled& s) { return {{s.hi, s.lo}, s.k}; }

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
