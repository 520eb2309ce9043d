// SPDX-License-Identifier: MIT
// Elementary functions of numbers of at most 24 bits (f32, f16, bf16, read into lanes of double), to a stated
// fraction of an ulp of f32: for kernels that round the result once, and test whether they may.
//
// Quality says how many terms: fast leaves 0.5 + 0.06 ulp of f32 at most, exact a relative error of
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

// What the first of a function's steps hands to the second (map-inl.h: MapExactBlock).
struct Parts {
  V a, b;
};

// e^t = scale·(1 + p) for |t| < 700: t = k·ln2 + r; the 53 bits of ln 2 leave 2^-46 at |t| = 128.
struct ScaledPower {
  V scale, p;
};
// k, shifted to where 2^k is made of it, and r.
HWY_INLINE Parts ReducePower(V t) {
  const V shifted = hn::MulAdd(t, Num(constants::kLog2E), Num(0x1.8p52 + 1023));
  const V k = hn::Sub(shifted, Num(0x1.8p52 + 1023));
  return {shifted, hn::NegMulAdd(k, Num(constants::kLn2High + constants::kLn2Low), t)};
}
template <Quality q, size_t kCount>
HWY_INLINE ScaledPower PowerOfReduced(const double (&c)[kCount], Parts reduced) {
  const V r = reduced.b, r2 = hn::Mul(r, r);
  return {FromBits(hn::ShiftLeft<52>(Bits(reduced.a))), hn::MulAdd(r2, Series<q>(c, r, r2), r)};
}

// Beyond these e^x is less than half the smallest f32, or more than the largest.
inline constexpr double kLeastPower = -110, kGreatestPower = 90;

template <Quality q>
HWY_INLINE ScaledPower PowerFor(Parts reduced) {
  if constexpr (q == Quality::exact)
    return PowerOfReduced<q>(minimax::kExp8, reduced);
  else
    return PowerOfReduced<q>(minimax::kExp6, reduced);
}
// With the relative error of e^t - 1 in mind: e^t is up to 3.5 times as large.
template <Quality q>
HWY_INLINE ScaledPower PowerForDifference(Parts reduced) {
  if constexpr (q == Quality::exact)
    return PowerOfReduced<q>(minimax::kExp9, reduced);
  else
    return PowerOfReduced<q>(minimax::kExp7, reduced);
}
template <Quality q>
HWY_INLINE V PowerOf(Parts reduced) {
  const ScaledPower e = PowerFor<q>(reduced);
  return hn::MulAdd(e.scale, e.p, e.scale);
}

// Functions in three steps.  Those of e^x are for |x| up to a bound and no NaN, so that nothing has to be cut off;
// those of logarithms take any x.
inline constexpr int kPowerBound = 87;  // e^x is a normal float

struct ExpSteps {
  static HWY_INLINE Parts First(V x) { return ReducePower(x); }
  static HWY_INLINE V Second(Parts reduced) { return PowerOf<Quality::exact>(reduced); }
  static HWY_INLINE V Third(V y, V) { return y; }
};

template <Quality q>
HWY_INLINE V NarrowExp(V x) {
  return PowerOf<q>(ReducePower(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower))));
}

// e^t - 1 of a reduced t, |t| < 700; the sign of a zero is lost.
template <Quality q>
HWY_INLINE V DifferenceOf(Parts reduced) {
  const ScaledPower e = PowerForDifference<q>(reduced);
  return hn::MulAdd(e.scale, e.p, hn::Sub(e.scale, Num(1)));
}

template <Quality q>
HWY_INLINE V NarrowExpm1(V x) {
  return hn::CopySign(DifferenceOf<q>(ReducePower(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower)))), x);
}

struct Expm1Steps {
  static HWY_INLINE Parts First(V x) { return ReducePower(x); }
  static HWY_INLINE V Second(Parts reduced) { return DifferenceOf<Quality::exact>(reduced); }
  static HWY_INLINE V Third(V e, V x) { return hn::CopySign(e, x); }
};

HWY_INLINE V MinusAbs(V x) { return hn::Or(x, Num(-0.0)); }

// z = e^-|t|; and log(1 + z), 0 <= z <= 1, by s = z/(2 + z).
template <Quality q>
HWY_INLINE V DecayDownTo(V t, double least) {
  return PowerOf<q>(ReducePower(AtLeast(hn::Neg(hn::Abs(t)), Num(least))));
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

// k·ln2 + log(1 + f), √½ <= 1 + f < √2: k, and s = f/(2 + f); then the series.
HWY_INLINE Parts LogQuotient(V k, V f) { return {k, hn::Div(f, hn::Add(Num(2), f))}; }
template <Quality q>
HWY_INLINE V LogOfParts(Parts parts) {
  const V s = parts.b, w = hn::Mul(s, s), w2 = hn::Mul(w, w);
  V series;
  if constexpr (q == Quality::exact)
    series = Series<q>(minimax::kLog4, w, w2);
  else
    series = Series<q>(minimax::kLog2, w, w2);
  const V log = hn::MulAdd(hn::Mul(s, w), series, hn::Add(s, s));
  return hn::MulAdd(parts.a, Num(constants::kLn2High + constants::kLn2Low), log);
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
struct LogSteps {
  static HWY_INLINE Parts First(V x) {
    const Binade b = SplitAtRoot(x);
    return LogQuotient(b.k, hn::Sub(b.m, Num(1)));
  }
  static HWY_INLINE V Second(Parts parts) { return LogOfParts<q>(parts); }
  static HWY_INLINE V Third(V finite, V x) {
    const V above = Choose(hn::Lt(x, Inf()), finite, x);  // infinity and NaN
    const V positive = Choose(hn::Gt(x, Num(0)), above, hn::Neg(Inf()));
    return Choose(hn::Not(hn::Ge(x, Num(0))), NaN(), positive);
  }
};

template <Quality q>
struct Log1pSteps {
  static HWY_INLINE Parts First(V x) {
    const Binade b = SplitAtRoot(hn::Add(Num(1), x));
    // 1 + x is exact where x is not small, and where it is, f is x itself.
    return LogQuotient(b.k, Choose(hn::Eq(b.k, Num(0)), x, hn::Sub(b.m, Num(1))));
  }
  static HWY_INLINE V Second(Parts parts) { return LogOfParts<q>(parts); }
  static HWY_INLINE V Third(V log, V x) {
    const V above = Choose(hn::Lt(x, Inf()), hn::CopySign(log, x), x);
    const V inside = Choose(hn::Gt(x, Num(-1)), above, hn::Neg(Inf()));
    return Choose(hn::Not(hn::Ge(x, Num(-1))), NaN(), inside);
  }
};

template <class Steps>
HWY_INLINE V InSteps(V x) {
  return Steps::Third(Steps::Second(Steps::First(x)), x);
}

template <Quality q>
HWY_INLINE V NarrowSigmoid(V x) {
  const V z = DecayOf<q>(x);
  return hn::Div(Choose(hn::Lt(x, Num(0)), z, Num(1)), hn::Add(Num(1), z));
}

// 1/(1 + e^-x), one form for both signs.
struct SigmoidSteps {
  static HWY_INLINE Parts First(V x) { return ReducePower(hn::Neg(x)); }
  static HWY_INLINE V Second(Parts reduced) {
    const ScaledPower e = PowerFor<Quality::exact>(reduced);
    return hn::MulAdd(e.scale, e.p, hn::Add(e.scale, Num(1)));
  }
  static HWY_INLINE V Third(V d, V) { return hn::Div(Num(1), d); }
};

// -(e^-2|x| - 1)/(e^-2|x| + 1); from |x| = 12 on it is 1 to 2^-34.
template <Quality q>
HWY_INLINE V NarrowTanh(V x) {
  const V e = DifferenceOf<q>(ReducePower(AtLeast(hn::Mul(hn::Abs(x), Num(-2)), Num(-60))));
  return hn::CopySign(hn::Div(e, hn::Add(Num(2), e)), x);
}

inline constexpr int kTanhBound = 300;  // 2·300 < 700; beyond, results are 1 anyway
struct TanhSteps {
  static HWY_INLINE Parts First(V x) {
    const V magnitude = MinusAbs(x);
    return ReducePower(hn::Add(magnitude, magnitude));
  }
  static HWY_INLINE V Second(Parts reduced) { return DifferenceOf<Quality::exact>(reduced); }
  static HWY_INLINE V Third(V e, V x) { return hn::CopySign(hn::Div(e, hn::Add(Num(2), e)), x); }
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
