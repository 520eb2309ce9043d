// SPDX-License-Identifier: MIT
// Elementary functions of numbers of at most 24 bits (f32, f16, bf16, read into lanes of double), to a stated
// fraction of an ulp of f32: for kernels that round the result once, and test whether they may.
//
// Quality says how many terms: kFast leaves 0.5 + 0.06 ulp of f32 at most, kExact a relative error of
// kExactError, so that about one result in 2^12 has to be looked at again (accurate-inl.h).

#if defined(KARAT_KERNELS_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_NARROW_INL_H_
#undef KARAT_KERNELS_NARROW_INL_H_
#else
#define KARAT_KERNELS_NARROW_INL_H_
#endif

#include "kernels/elementary/constants.hpp"
#include "kernels/elementary/minimax.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// Σ coefficients[i]·x^i, x2 = x²: even and odd powers apart, which halves the chain of operations.
template <size_t kCount>
HWY_INLINE V Interleaved(const double (&c)[kCount], V x, V x2) {
  constexpr size_t kEven = (kCount - 1) / 2 * 2, kOdd = kCount / 2 * 2 - 1;
  V even = Num(c[kEven]), odd = Num(c[kOdd]);
  for (size_t i = kEven; i >= 2; i -= 2) even = hn::MulAdd(even, x2, Num(c[i - 2]));
  for (size_t i = kOdd; i >= 3; i -= 2) odd = hn::MulAdd(odd, x2, Num(c[i - 2]));
  return hn::MulAdd(odd, x, even);
}

// The same for 4 to 8 coefficients, in a tree: the chain is shorter, for one product more.
template <size_t kCount>
HWY_INLINE V Tree(const double (&c)[kCount], V x, V x2) {
  static_assert(4 <= kCount && kCount <= 8);
  const auto line = [&](size_t i) HWY_ATTR { return i + 1 < kCount ? hn::MulAdd(Num(c[i + 1]), x, Num(c[i])) : Num(c[i]); };
  const V low = hn::MulAdd(line(2), x2, line(0));
  if constexpr (kCount == 4) return low;
  V high = line(4);
  if constexpr (kCount > 6) high = hn::MulAdd(line(6), x2, high);
  return hn::MulAdd(high, hn::Mul(x2, x2), low);
}
template <Quality q, size_t kCount>
HWY_INLINE V Series(const double (&c)[kCount], V x, V x2) {
  if constexpr (q == Quality::exact)
    return Tree(c, x, x2);
  else
    return Interleaved(c, x, x2);
}

// e^t = scale·(1 + p) for |t| < 700: t = k·ln2 + r; the 53 bits of ln 2 leave 2^-46 at |t| = 128.
struct ScaledPower {
  V scale, p;
};
template <Quality q, size_t kCount>
HWY_INLINE ScaledPower PowerOfE(const double (&c)[kCount], V t) {
  const V shifted = hn::MulAdd(t, Num(constants::kLog2E), Num(0x1.8p52 + 1023));
  const V k = hn::Sub(shifted, Num(0x1.8p52 + 1023));
  const V r = hn::NegMulAdd(k, Num(constants::kLn2High + constants::kLn2Low), t);
  const V r2 = hn::Mul(r, r);
  return {FromBits(hn::ShiftLeft<52>(Bits(shifted))), hn::MulAdd(r2, Series<q>(c, r, r2), r)};
}

// Beyond these e^x is less than half the smallest f32, or more than the largest.
inline constexpr double kLeastPower = -110, kGreatestPower = 90;

template <Quality q>
HWY_INLINE ScaledPower PowerFor(V t) {
  if constexpr (q == Quality::exact)
    return PowerOfE<q>(minimax::kExp8, t);
  else
    return PowerOfE<q>(minimax::kExp6, t);
}
// With the relative error of e^t - 1 in mind: e^t is up to 3.5 times as large.
template <Quality q>
HWY_INLINE ScaledPower PowerForDifference(V t) {
  if constexpr (q == Quality::exact)
    return PowerOfE<q>(minimax::kExp9, t);
  else
    return PowerOfE<q>(minimax::kExp7, t);
}

// Short forms for |x| up to a bound and no NaN: nothing has to be cut off.
inline constexpr int kPowerBound = 87;  // e^x is a normal float

HWY_INLINE V BoundedExp(V x) {
  const ScaledPower e = PowerFor<Quality::exact>(x);
  return hn::MulAdd(e.scale, e.p, e.scale);
}

template <Quality q>
HWY_INLINE V NarrowExp(V x) {
  const ScaledPower e = PowerFor<q>(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower)));
  return hn::MulAdd(e.scale, e.p, e.scale);
}

// e^x - 1 where kLeastPower <= x <= kGreatestPower; the sign of a zero is lost.
template <Quality q>
HWY_INLINE V NarrowExpm1Bounded(V x) {
  const ScaledPower e = PowerForDifference<q>(x);
  return hn::MulAdd(e.scale, e.p, hn::Sub(e.scale, Num(1)));
}

template <Quality q>
HWY_INLINE V NarrowExpm1(V x) {
  return hn::CopySign(NarrowExpm1Bounded<q>(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower))), x);
}

HWY_INLINE V BoundedExpm1(V x) { return hn::CopySign(NarrowExpm1Bounded<Quality::exact>(x), x); }

HWY_INLINE V MinusAbs(V x) { return hn::Or(x, Num(-0.0)); }

// z = e^-|t|; and log(1 + z), 0 <= z <= 1, by s = z/(2 + z).
template <Quality q>
HWY_INLINE V DecayDownTo(V t, double least) {
  const ScaledPower e = PowerFor<q>(AtLeast(hn::Neg(hn::Abs(t)), Num(least)));
  return hn::MulAdd(e.scale, e.p, e.scale);
}
template <Quality q>
HWY_INLINE V DecayOf(V t) {
  return DecayDownTo<q>(t, kLeastPower);
}
template <Quality q>
HWY_INLINE V LogOnePlusUnit(V z) {
  const V s = hn::Div(z, hn::Add(Num(2), z));
  const V w = hn::Mul(s, s), w2 = hn::Mul(w, w);
  const V twice = hn::Add(s, s);
  if constexpr (q == Quality::exact)
    return hn::MulAdd(hn::Mul(s, w), Series<q>(minimax::kLog1p6, w, w2), twice);
  else
    return hn::MulAdd(hn::Mul(s, w), Series<q>(minimax::kLog1p3, w, w2), twice);
}

// k·ln2 + log(1 + f), √½ <= 1 + f < √2.
template <Quality q>
HWY_INLINE V LogOfParts(V k, V f) {
  const V s = hn::Div(f, hn::Add(Num(2), f));
  const V w = hn::Mul(s, s), w2 = hn::Mul(w, w);
  V series;
  if constexpr (q == Quality::exact)
    series = Series<q>(minimax::kLog4, w, w2);
  else
    series = Series<q>(minimax::kLog2, w, w2);
  const V log = hn::MulAdd(hn::Mul(s, w), series, hn::Add(s, s));
  return hn::MulAdd(k, Num(constants::kLn2High + constants::kLn2Low), log);
}

// u = 2^k·m, √½ <= m < √2, for a normal u > 0.
struct Binade {
  V k, m;
};
HWY_INLINE Binade SplitAtRoot(V u) {
  const U root_half = hn::Set(DU(), 0x3fe6a09e667f3bcd);
  const U shifted = hn::Add(Bits(u), hn::Sub(hn::Set(DU(), 0x3ff0000000000000), root_half));
  const U biased = hn::Or(hn::ShiftRight<52>(shifted), hn::Set(DU(), 0x4330000000000000));
  return {hn::Sub(FromBits(biased), Num(0x1p52 + 1023)), FromBits(hn::Add(hn::And(shifted, hn::Set(DU(), 0x000fffffffffffff)), root_half))};
}

// Every number of 24 bits or less is a normal double.
template <Quality q>
HWY_INLINE V NarrowLog(V x) {
  const Binade b = SplitAtRoot(x);
  const V finite = LogOfParts<q>(b.k, hn::Sub(b.m, Num(1)));
  const V above = Choose(hn::Lt(x, Inf()), finite, x);  // infinity and NaN
  const V positive = Choose(hn::Gt(x, Num(0)), above, hn::Neg(Inf()));
  return Choose(hn::Not(hn::Ge(x, Num(0))), NaN(), positive);
}

template <Quality q>
HWY_INLINE V NarrowLog1p(V x) {
  const Binade b = SplitAtRoot(hn::Add(Num(1), x));
  // 1 + x is exact where x is not small, and where it is, f is x itself.
  const V f = Choose(hn::Eq(b.k, Num(0)), x, hn::Sub(b.m, Num(1)));
  const V finite = hn::CopySign(LogOfParts<q>(b.k, f), x);
  const V above = Choose(hn::Lt(x, Inf()), finite, x);
  const V inside = Choose(hn::Gt(x, Num(-1)), above, hn::Neg(Inf()));
  return Choose(hn::Not(hn::Ge(x, Num(-1))), NaN(), inside);
}

template <Quality q>
HWY_INLINE V NarrowSigmoid(V x) {
  const V z = DecayOf<q>(x);
  return hn::Div(Choose(hn::Lt(x, Num(0)), z, Num(1)), hn::Add(Num(1), z));
}

// 1/(1 + e^-x), one form for both signs: the denominator first.
HWY_INLINE V BoundedSigmoidBegin(V x) {
  const ScaledPower e = PowerFor<Quality::exact>(hn::Neg(x));
  return hn::MulAdd(e.scale, e.p, hn::Add(e.scale, Num(1)));
}
HWY_INLINE V BoundedSigmoidEnd(V d, V) { return hn::Div(Num(1), d); }

// -(e^-2|x| - 1)/(e^-2|x| + 1); from |x| = 12 on it is 1 to 2^-34.
template <Quality q>
HWY_INLINE V NarrowTanh(V x) {
  const V e = NarrowExpm1Bounded<q>(AtLeast(hn::Mul(hn::Abs(x), Num(-2)), Num(-60)));
  return hn::CopySign(hn::Div(e, hn::Add(Num(2), e)), x);
}

inline constexpr int kTanhBound = 300;
HWY_INLINE V BoundedTanhBegin(V x) {
  const V magnitude = MinusAbs(x);
  const ScaledPower e = PowerForDifference<Quality::exact>(hn::Add(magnitude, magnitude));
  return hn::MulAdd(e.scale, e.p, hn::Sub(e.scale, Num(1)));
}
HWY_INLINE V BoundedTanhEnd(V e, V x) { return hn::CopySign(hn::Div(e, hn::Add(Num(2), e)), x); }

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
