// SPDX-License-Identifier: MIT
// Vectors of doubles for one instruction set, and sums and products that lose nothing.
// Included once for each target: kernels/elementary/exp.cpp shows how.

#if defined(KARAT_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_LANES_INL_H_
#undef KARAT_KERNELS_LANES_INL_H_
#else
#define KARAT_KERNELS_LANES_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using DU = hn::RebindToUnsigned<D>;
using V = hn::Vec<D>;
using U = hn::Vec<DU>;
using M = hn::Mask<D>;
using DF = hn::Rebind<float, D>;  // as many floats as a vector has doubles
using VF = hn::Vec<DF>;

// An unevaluated sum; normalised if hi = RN(hi + lo).
struct Pair {
  V hi, lo;
};

HWY_INLINE V Num(double value) { return hn::Set(D(), value); }
HWY_INLINE V Inf() { return Num(std::numeric_limits<double>::infinity()); }
HWY_INLINE V NaN() { return Num(std::numeric_limits<double>::quiet_NaN()); }
HWY_INLINE V Load(const double* p) { return hn::LoadU(D(), p); }
HWY_INLINE void Store(V v, double* p) { hn::StoreU(v, D(), p); }
// To float in one rounding.  (Highway's SCALAR target clamps infinite doubles to the largest float.)
HWY_INLINE VF ToFloat(V v) {
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  HWY_ALIGN double wide[HWY_LANES(double)];
  HWY_ALIGN float slim[HWY_LANES(float)] = {};
  Store(v, wide);
  for (size_t i = 0; i < hn::Lanes(D()); ++i) slim[i] = static_cast<float>(wide[i]);
  return hn::Load(DF(), slim);
#else
  return hn::DemoteTo(DF(), v);
#endif
}

// Two vectors side by side: what is done with the second fills the gaps that the first's chain of operations leaves.
// A function for both (template <class T>) calls Highway's operations by their bare names.
struct Couple {
  V a, b;
};
template <class T>
HWY_INLINE T Same(V v) {
  if constexpr (std::is_same_v<T, Couple>)
    return {v, v};
  else
    return v;
}
template <class T>
HWY_INLINE T Number(double value) { return Same<T>(Num(value)); }
HWY_INLINE Couple Add(Couple x, Couple y) { return {hn::Add(x.a, y.a), hn::Add(x.b, y.b)}; }
HWY_INLINE Couple Sub(Couple x, Couple y) { return {hn::Sub(x.a, y.a), hn::Sub(x.b, y.b)}; }
HWY_INLINE Couple Mul(Couple x, Couple y) { return {hn::Mul(x.a, y.a), hn::Mul(x.b, y.b)}; }
HWY_INLINE Couple Div(Couple x, Couple y) { return {hn::Div(x.a, y.a), hn::Div(x.b, y.b)}; }
HWY_INLINE Couple MulAdd(Couple x, Couple y, Couple z) { return {hn::MulAdd(x.a, y.a, z.a), hn::MulAdd(x.b, y.b, z.b)}; }
HWY_INLINE Couple NegMulAdd(Couple x, Couple y, Couple z) { return {hn::NegMulAdd(x.a, y.a, z.a), hn::NegMulAdd(x.b, y.b, z.b)}; }
HWY_INLINE Couple Neg(Couple x) { return {hn::Neg(x.a), hn::Neg(x.b)}; }
HWY_INLINE Couple Or(Couple x, Couple y) { return {hn::Or(x.a, y.a), hn::Or(x.b, y.b)}; }
HWY_INLINE Couple Max(Couple x, Couple y) { return {hn::Max(x.a, y.a), hn::Max(x.b, y.b)}; }
HWY_INLINE Couple CopySign(Couple x, Couple sign) { return {hn::CopySign(x.a, sign.a), hn::CopySign(x.b, sign.b)}; }
// F of a vector, or of each of two.
template <V (*F)(V, V)>
HWY_INLINE V Each(V x, V y) { return F(x, y); }
template <V (*F)(V, V)>
HWY_INLINE Couple Each(Couple x, Couple y) { return {F(x.a, y.a), F(x.b, y.b)}; }

HWY_INLINE U Bits(V v) { return hn::BitCast(DU(), v); }
HWY_INLINE V FromBits(U u) { return hn::BitCast(D(), u); }
HWY_INLINE V Choose(M m, V yes, V no) { return hn::IfThenElse(m, yes, no); }

// max(v, low) and min(v, high) that let NaN through (hn::Min and hn::Max need not).
HWY_INLINE V AtLeast(V v, V low) { return Choose(hn::Lt(v, low), low, v); }
HWY_INLINE V AtMost(V v, V high) { return Choose(hn::Gt(v, high), high, v); }

// |x| < 2^51 to the nearest integer: in 1.5·2^52 + x the last bit has the weight 1.
HWY_INLINE V RoundToInteger(V x) {
  const V shift = Num(0x1.8p52);
  return hn::Sub(hn::Add(x, shift), shift);
}

// 2^k for an integer -1022 <= k <= 1023.
HWY_INLINE V Pow2(V k) { return FromBits(hn::ShiftLeft<52>(Bits(hn::Add(k, Num(0x1.8p52 + 1023))))); }

// v·2^k for an integer |k| <= 2044: in two factors, so that only the last one rounds (unless
// v itself is tiny; then the two roundings together stay below one unit).
HWY_INLINE V Scale2(V v, V k) {
  const V half = RoundToInteger(hn::Mul(k, Num(0.5)));
  return hn::Mul(hn::Mul(v, Pow2(half)), Pow2(hn::Sub(k, half)));
}

// v·2^k for any integer k: in three factors; beyond ±3000 every finite v is 0 or infinite.
HWY_INLINE V Scale3(V v, V k) {
  k = AtMost(AtLeast(k, Num(-3000)), Num(3000));
  const V third = RoundToInteger(hn::Mul(k, Num(1.0 / 3)));
  const V factor = Pow2(third);
  return hn::Mul(hn::Mul(hn::Mul(v, factor), factor), Pow2(hn::Sub(k, hn::Add(third, third))));
}

// a + b = hi + lo exactly, where |a| >= |b| or a = 0 (Dekker).
HWY_INLINE Pair FastTwoSum(V a, V b) {
  const V hi = hn::Add(a, b);
  return {hi, hn::Sub(b, hn::Sub(hi, a))};
}

// a + b = hi + lo exactly (Knuth).
HWY_INLINE Pair TwoSum(V a, V b) {
  const V hi = hn::Add(a, b);
  const V part = hn::Sub(hi, a);
  return {hi, hn::Add(hn::Sub(a, hn::Sub(hi, part)), hn::Sub(b, part))};
}

// a·b = hi + lo exactly, if neither |a|, |b| < 2^996 nor the product's tail leaves the range.
HWY_INLINE Pair TwoProduct(V a, V b) {
  const V hi = hn::Mul(a, b);
#if HWY_NATIVE_FMA
  return {hi, hn::MulSub(a, b, hi)};
#else
  const V splitter = Num(0x1p27 + 1);  // Veltkamp's: two halves of 26 bits
  const V ca = hn::Mul(a, splitter), cb = hn::Mul(b, splitter);
  const V ah = hn::Sub(ca, hn::Sub(ca, a)), bh = hn::Sub(cb, hn::Sub(cb, b));
  const V al = hn::Sub(a, ah), bl = hn::Sub(b, bh);
  const V cross = hn::Add(hn::Sub(hn::Mul(ah, bh), hi), hn::Add(hn::Mul(ah, bl), hn::Mul(al, bh)));
  return {hi, hn::Add(cross, hn::Mul(al, bl))};
#endif
}

// n/d of sums, d.hi >= 1 and both far inside the range: the quotient of the leading parts, by
// one division, and what is left of n. 0.5 ulp and 2^-100.
HWY_INLINE V Quotient(Pair n, Pair d) {
  const V inverse = hn::Div(Num(1), d.hi);
  const V q = hn::Mul(n.hi, inverse);
  const Pair product = TwoProduct(q, d.hi);
  const V left = hn::Sub(hn::Sub(n.hi, product.hi), product.lo);
  return hn::MulAdd(hn::Add(left, hn::NegMulAdd(q, d.lo, n.lo)), inverse, q);
}

// v = m·2^e with 1 <= |m| < 2 and an integer e; zero, infinity and NaN are their own m.
struct Split {
  V m, e;
};

HWY_INLINE Split SplitExponent(V v) {
  const V magnitude = hn::Abs(v);
  const M subnormal = hn::Lt(magnitude, Num(std::numeric_limits<double>::min()));
  const M ordinary = hn::And(hn::Gt(magnitude, Num(0)), hn::Lt(magnitude, Inf()));
  const U bits = Bits(Choose(subnormal, hn::Mul(v, Num(0x1p54)), v));
  const U field = hn::And(hn::ShiftRight<52>(bits), hn::Set(DU(), 0x7ff));
  // 2^52 + field, written as bits; its value minus 2^52 is the field.
  const V exponent = hn::Sub(FromBits(hn::Or(field, hn::Set(DU(), 0x4330000000000000))),
                             Choose(subnormal, Num(0x1p52 + 1023 + 54), Num(0x1p52 + 1023)));
  const U significand =
      hn::Or(hn::And(bits, hn::Set(DU(), 0x800fffffffffffff)), hn::Set(DU(), 0x3ff0000000000000));
  return {Choose(ordinary, FromBits(significand), v), hn::IfThenElseZero(ordinary, exponent)};
}

// a·b and a·b·c where a factor may be so small or large that a partial product is not.
HWY_INLINE V Product(V a, V b) {
  const Split x = SplitExponent(a), y = SplitExponent(b);
  return Scale3(hn::Mul(x.m, y.m), hn::Add(x.e, y.e));
}

HWY_INLINE V Product(V a, V b, V c) {
  const Split x = SplitExponent(a), y = SplitExponent(b), z = SplitExponent(c);
  return Scale3(hn::Mul(hn::Mul(x.m, y.m), z.m), hn::Add(hn::Add(x.e, y.e), z.e));
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
