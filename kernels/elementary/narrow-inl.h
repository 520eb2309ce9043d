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
template <size_t kCount, class T>
HWY_INLINE T Series(const double (&c)[kCount], T x, T x2) {
  constexpr size_t kEven = (kCount - 1) / 2 * 2, kOdd = kCount / 2 * 2 - 1;
  T even = Number<T>(c[kEven]), odd = Number<T>(c[kOdd]);
  for (size_t i = kEven; i >= 2; i -= 2) even = MulAdd(even, x2, Number<T>(c[i - 2]));
  for (size_t i = kOdd; i >= 3; i -= 2) odd = MulAdd(odd, x2, Number<T>(c[i - 2]));
  return MulAdd(odd, x, even);
}

// The same for 4 to 8 coefficients, in a tree: the chain is shorter, for one product more.
template <size_t kCount, class T>
HWY_INLINE T Tree(const double (&c)[kCount], T x, T x2) {
  static_assert(4 <= kCount && kCount <= 8);
  const auto line = [&](size_t i) HWY_ATTR { return i + 1 < kCount ? MulAdd(Number<T>(c[i + 1]), x, Number<T>(c[i])) : Number<T>(c[i]); };
  const T low = MulAdd(line(2), x2, line(0));
  if constexpr (kCount == 4) return low;
  T high = line(4);
  if constexpr (kCount > 6) high = MulAdd(line(6), x2, high);
  return MulAdd(high, Mul(x2, x2), low);
}

// What one of a function's steps hands to the next (map-inl.h: MapExactSpan).
template <class T>
struct Parts {
  T a, b;
};

// e^t = scale·(1 + p) for |t| < 700: t = k·ln2 + r; the 53 bits of ln 2 leave 2^-46 at |t| = 128.
template <class T>
struct ScaledPower {
  T scale, p;
};
// k, shifted to where 2^k is made of it, and r.
template <class T>
HWY_INLINE Parts<T> ReducePower(T t) {
  const T shifted = MulAdd(t, Number<T>(constants::kLog2E), Number<T>(0x1.8p52 + 1023));
  const T k = Sub(shifted, Number<T>(0x1.8p52 + 1023));
  return {shifted, NegMulAdd(k, Number<T>(constants::kLn2High + constants::kLn2Low), t)};
}
HWY_INLINE V PowerFromShifted(V shifted) { return FromBits(hn::ShiftLeft<52>(Bits(shifted))); }
HWY_INLINE Couple PowerFromShifted(Couple shifted) { return {PowerFromShifted(shifted.a), PowerFromShifted(shifted.b)}; }
// kTree: a shorter chain; without it fewer operations, for functions with other work between.
template <bool kTree, size_t kCount, class T>
HWY_INLINE ScaledPower<T> PowerOfReduced(const double (&c)[kCount], const Parts<T>& reduced) {
  const T r = reduced.b, r2 = Mul(r, r);
  return {PowerFromShifted(reduced.a), MulAdd(r2, kTree ? Tree(c, r, r2) : Series(c, r, r2), r)};
}

// Beyond these e^x is less than half the smallest f32, or more than the largest.
inline constexpr double kLeastPower = -110, kGreatestPower = 90;

template <Quality q, bool kTree = q == Quality::exact, class T>
HWY_INLINE ScaledPower<T> PowerFor(const Parts<T>& reduced) {
  if constexpr (q == Quality::exact)
    return PowerOfReduced<kTree>(minimax::kExp8, reduced);
  else
    return PowerOfReduced<kTree>(minimax::kExp6, reduced);
}
// With the relative error of e^t - 1 in mind: e^t is up to 3.5 times as large.
template <Quality q, class T>
HWY_INLINE ScaledPower<T> PowerForDifference(const Parts<T>& reduced) {
  if constexpr (q == Quality::exact)
    return PowerOfReduced<true>(minimax::kExp9, reduced);
  else
    return PowerOfReduced<false>(minimax::kExp7, reduced);
}
template <Quality q, bool kTree = q == Quality::exact, class T>
HWY_INLINE T PowerOf(const Parts<T>& reduced) {
  const ScaledPower<T> e = PowerFor<q, kTree>(reduced);
  return MulAdd(e.scale, e.p, e.scale);
}

// Functions in three steps, of a vector or two (class T).  Those of e^x are for |x| up to a bound and no NaN, so that
// nothing has to be cut off; those of logarithms take any x.
inline constexpr int kPowerBound = 87;  // e^x is a normal float

struct ExpSteps {
  template <class T>
  static HWY_INLINE Parts<T> First(T x) { return ReducePower(x); }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& reduced) { return PowerOf<Quality::exact>(reduced); }
  template <class T>
  static HWY_INLINE T Third(T y, T) { return y; }
};

template <Quality q>
HWY_INLINE V NarrowExp(V x) {
  return PowerOf<q>(ReducePower(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower))));
}

// e^t - 1 of a reduced t, |t| < 700; the sign of a zero is lost.
template <Quality q, class T>
HWY_INLINE T DifferenceOf(const Parts<T>& reduced) {
  const ScaledPower<T> e = PowerForDifference<q>(reduced);
  return MulAdd(e.scale, e.p, Sub(e.scale, Number<T>(1)));
}

template <Quality q>
HWY_INLINE V NarrowExpm1(V x) {
  return hn::CopySign(DifferenceOf<q>(ReducePower(AtMost(AtLeast(x, Num(kLeastPower)), Num(kGreatestPower)))), x);
}

struct Expm1Steps {
  template <class T>
  static HWY_INLINE Parts<T> First(T x) { return ReducePower(x); }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& reduced) { return DifferenceOf<Quality::exact>(reduced); }
  template <class T>
  static HWY_INLINE T Third(T e, T x) { return CopySign(e, x); }
};

template <class T>
HWY_INLINE T MinusAbs(T x) { return Or(x, Number<T>(-0.0)); }

// z = e^-|t|; and log(1 + z), 0 <= z <= 1, by s = z/(2 + z).
template <Quality q>
HWY_INLINE V DecayDownTo(V t, double least) {
  return PowerOf<q>(ReducePower(AtLeast(hn::Neg(hn::Abs(t)), Num(least))));
}
template <Quality q>
HWY_INLINE V DecayOf(V t) {
  return DecayDownTo<q>(t, kLeastPower);
}
// s = f/(2 + f), 1 + f = (1 + s)/(1 - s); and log(1 + f)/s.
template <class T>
HWY_INLINE T LogQuotient(T f) { return Div(f, Add(Number<T>(2), f)); }
template <class T, size_t kCount>
HWY_INLINE T LogOverQuotient(const double (&c)[kCount], T s) {
  const T w = Mul(s, s);
  return MulAdd(Series(c, w, Mul(w, w)), w, Number<T>(2));
}
template <Quality q, class T>
HWY_INLINE T UnitLogOverQuotient(T s) {  // 0 <= f <= 1
  if constexpr (q == Quality::exact)
    return LogOverQuotient(minimax::kLog1p6, s);
  else
    return LogOverQuotient(minimax::kLog1p3, s);
}
template <Quality q>
HWY_INLINE V LogOnePlusUnit(V z) {
  const V s = LogQuotient(z);
  return hn::Mul(s, UnitLogOverQuotient<q>(s));
}

// k·ln2 + log(1 + f), √½ <= 1 + f < √2, of k and s.
template <Quality q, class T>
HWY_INLINE T LogOfParts(const Parts<T>& parts) {
  const T s = parts.b;
  T ratio;
  if constexpr (q == Quality::exact)
    ratio = LogOverQuotient(minimax::kLog4, s);
  else
    ratio = LogOverQuotient(minimax::kLog2, s);
  return MulAdd(parts.a, Number<T>(constants::kLn2High + constants::kLn2Low), Mul(s, ratio));
}

// u = 2^k·m, √½ <= m < √2, for a normal u > 0.
template <class T>
struct Binade {
  T k, m;
};
HWY_INLINE Binade<V> SplitAtRoot(V u) {
  const U root_half = hn::Set(DU(), 0x3fe6a09e667f3bcd);
  const U shifted = hn::Add(Bits(u), hn::Sub(hn::Set(DU(), 0x3ff0000000000000), root_half));
  const U biased = hn::Or(hn::ShiftRight<52>(shifted), hn::Set(DU(), 0x4330000000000000));
  return {hn::Sub(FromBits(biased), Num(0x1p52 + 1023)), FromBits(hn::Add(hn::And(shifted, hn::Set(DU(), 0x000fffffffffffff)), root_half))};
}
HWY_INLINE Binade<Couple> SplitAtRoot(Couple u) {
  const Binade<V> a = SplitAtRoot(u.a), b = SplitAtRoot(u.b);
  return {{a.k, b.k}, {a.m, b.m}};
}

// Every number of 24 bits or less is a normal double.
template <Quality q>
struct LogSteps {
  template <class T>
  static HWY_INLINE Parts<T> First(T x) {
    const Binade<T> b = SplitAtRoot(x);
    return {b.k, LogQuotient(Sub(b.m, Number<T>(1)))};
  }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& parts) { return LogOfParts<q>(parts); }
  template <class T>
  static HWY_INLINE T Third(T finite, T x) { return Each<Whole>(finite, x); }

 private:
  static HWY_INLINE V Whole(V finite, V x) {
    const V above = Choose(hn::Lt(x, Inf()), finite, x);  // infinity and NaN
    const V positive = Choose(hn::Gt(x, Num(0)), above, hn::Neg(Inf()));
    return Choose(hn::Not(hn::Ge(x, Num(0))), NaN(), positive);
  }
};

template <Quality q>
struct Log1pSteps {
  template <class T>
  static HWY_INLINE Parts<T> First(T x) {
    const Binade<T> b = SplitAtRoot(Add(Number<T>(1), x));
    // 1 + x is exact where x is not small, and where it is, f is x itself.
    return {b.k, LogQuotient(IfZero(b.k, x, Sub(b.m, Number<T>(1))))};
  }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& parts) { return LogOfParts<q>(parts); }
  template <class T>
  static HWY_INLINE T Third(T finite, T x) { return Each<Whole>(finite, x); }

 private:
  static HWY_INLINE V IfZero(V k, V yes, V no) { return Choose(hn::Eq(k, Num(0)), yes, no); }
  static HWY_INLINE Couple IfZero(Couple k, Couple yes, Couple no) { return {IfZero(k.a, yes.a, no.a), IfZero(k.b, yes.b, no.b)}; }
  static HWY_INLINE V Whole(V finite, V x) {
    const V above = Choose(hn::Lt(x, Inf()), hn::CopySign(finite, x), x);
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
  template <class T>
  static HWY_INLINE Parts<T> First(T x) { return ReducePower(Neg(x)); }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& reduced) {
    const ScaledPower<T> e = PowerFor<Quality::exact>(reduced);
    return MulAdd(e.scale, e.p, Add(e.scale, Number<T>(1)));
  }
  template <class T>
  static HWY_INLINE T Third(T d, T) { return Div(Number<T>(1), d); }
};

// -(e^-2|x| - 1)/(e^-2|x| + 1); from |x| = 12 on it is 1 to 2^-34.
template <Quality q>
HWY_INLINE V NarrowTanh(V x) {
  const V e = DifferenceOf<q>(ReducePower(AtLeast(hn::Mul(hn::Abs(x), Num(-2)), Num(-60))));
  return hn::CopySign(hn::Div(e, hn::Add(Num(2), e)), x);
}

inline constexpr int kTanhBound = 300;  // 2·300 < 700; beyond, results are 1 anyway
struct TanhSteps {
  template <class T>
  static HWY_INLINE Parts<T> First(T x) {
    const T magnitude = MinusAbs(x);
    return ReducePower(Add(magnitude, magnitude));
  }
  template <class T>
  static HWY_INLINE T Second(const Parts<T>& reduced) { return DifferenceOf<Quality::exact>(reduced); }
  template <class T>
  static HWY_INLINE T Third(T e, T x) { return CopySign(LogQuotient(e), x); }
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
