// SPDX-License-Identifier: MIT
// Sums of two doubles in lanes, about 106 bits: for rows whose terms cancel.

#if defined(KARAT_KERNELS_DOUBLE_DOUBLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_DOUBLE_DOUBLE_INL_H_
#undef KARAT_KERNELS_DOUBLE_DOUBLE_INL_H_
#else
#define KARAT_KERNELS_DOUBLE_DOUBLE_INL_H_
#endif

#include "kernels/elementary/constants.hpp"
#include "kernels/elementary/elementary-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/rowwise.hpp"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE Pair Broadcast(Sum s) { return {Num(s.hi), Num(s.lo)}; }
HWY_INLINE Pair Negate(Pair a) { return {hn::Neg(a.hi), hn::Neg(a.lo)}; }
HWY_INLINE Pair Choose(M m, Pair yes, Pair no) {
  return {Choose(m, yes.hi, no.hi), Choose(m, yes.lo, no.lo)};
}

// Relative error 2^-104, also where the terms cancel.
HWY_INLINE Pair Add(Pair a, Pair b) {
  const Pair high = TwoSum(a.hi, b.hi), low = TwoSum(a.lo, b.lo);
  const Pair head = FastTwoSum(high.hi, hn::Add(high.lo, low.hi));
  return FastTwoSum(head.hi, hn::Add(low.lo, head.lo));
}

// Relative error 2^-102.
HWY_INLINE Pair Multiply(Pair a, Pair b) {
  const Pair product = TwoProduct(a.hi, b.hi);
  const V cross = hn::MulAdd(a.hi, b.lo, hn::Mul(a.lo, b.hi));
  return FastTwoSum(product.hi, hn::Add(product.lo, cross));
}

// m·2^k, k any integer; what falls below 2^-1074 is lost.
HWY_INLINE Pair Scale(Pair m, V k) { return {Scale3(m.hi, k), Scale3(m.lo, k)}; }

// m·2^e with 1 <= |m.hi| < 2; zero has an exponent below all others.
struct WidePair {
  Pair m;
  V e;
};

HWY_INLINE WidePair Broadcast(const WideSum& s) { return {Broadcast(s.m), Num(s.e)}; }

HWY_INLINE WidePair Normalise(Pair p) {
  const Split split = SplitExponent(p.hi);
  const M zero = hn::Eq(p.hi, Num(0));
  return {{split.m, Scale3(p.lo, hn::Neg(split.e))}, Choose(zero, Num(kExponentOfZero), split.e)};
}

HWY_INLINE WidePair Normalise(V v) {
  const Split split = SplitExponent(v);
  return {{split.m, Num(0)}, Choose(hn::Eq(v, Num(0)), Num(kExponentOfZero), split.e)};
}

HWY_INLINE WidePair Normalise(const WidePair& a) {
  const WidePair n = Normalise(a.m);
  return {n.m, hn::Add(n.e, a.e)};
}

// Not normalised.
HWY_INLINE WidePair Add(const WidePair& a, const WidePair& b) {
  const V e = AtLeast(a.e, b.e);
  return {Add(Scale(a.m, hn::Sub(a.e, e)), Scale(b.m, hn::Sub(b.e, e))), e};
}

// a + b, and 0 where they cancel to less than `noise` of the larger.  What is left then is the
// roundings of a and b; exponentials of different numbers cancel so far only if they do so
// altogether (Lindemann and Weierstrass: they are linearly independent over the rationals).
HWY_INLINE WidePair AddWithoutNoise(const WidePair& a, const WidePair& b, double noise) {
  const V e = AtLeast(a.e, b.e);
  const Pair x = Scale(a.m, hn::Sub(a.e, e)), y = Scale(b.m, hn::Sub(b.e, e));
  const Pair sum = Add(x, y);
  const V larger = AtLeast(hn::Abs(x.hi), hn::Abs(y.hi));
  const M cancelled = hn::Lt(hn::Abs(sum.hi), hn::Mul(larger, Num(noise)));
  return {{hn::IfThenZeroElse(cancelled, sum.hi), hn::IfThenZeroElse(cancelled, sum.lo)}, e};
}

HWY_INLINE WidePair Multiply(const WidePair& a, const WidePair& b) {
  return {Multiply(a.m, b.m), hn::Add(a.e, b.e)};
}

HWY_INLINE WidePair Negate(const WidePair& a) { return {Negate(a.m), a.e}; }
HWY_INLINE WidePair Choose(M m, const WidePair& yes, const WidePair& no) { return {Choose(m, yes.m, no.m), Choose(m, yes.e, no.e)}; }

// Rounded to doubles, in the range or not.
HWY_INLINE V Value(const WidePair& a) { return Scale3(hn::Add(a.m.hi, a.m.lo), a.e); }
HWY_INLINE V Ratio(const WidePair& n, const WidePair& d) { return Scale3(Quotient(n.m, d.m), hn::Sub(n.e, d.e)); }

// e^x = 2^k·(1 + p), for |x.hi| <= 3000; p to 2^-100 of itself where k = 0 and x.lo = 0,
// otherwise to 2^-94.
struct ExpPair {
  V k;
  Pair p;
};

// The first eleven terms of the series as pairs, the rest, below 2^-47 of r, as a double.
HWY_INLINE ExpPair ExpDoubleDouble(Pair x) {
  using namespace constants;
  const V k = RoundToInteger(hn::Mul(x.hi, Num(kLog2E)));
  const V high = hn::NegMulAdd(k, Num(kLn2High), x.hi);                    // exact
  const Pair middle = TwoSum(high, hn::Neg(hn::Mul(k, Num(kLn2Middle))));  // exact
  const V low = hn::NegMulAdd(k, Num(kLn2Rest), x.lo);
  const Pair tail = TwoSum(middle.lo, low);
  const Pair head = TwoSum(middle.hi, tail.hi);
  const Pair r = FastTwoSum(head.hi, hn::Add(head.lo, tail.lo));
  Pair sum = {hn::Mul(r.hi, Polynomial(kExpTail, r.hi)), Num(0)};
  constexpr int kHead = sizeof kExpHeadHigh / sizeof kExpHeadHigh[0];
  for (int n = kHead - 1; n >= 0; --n) {
    sum = Add({Num(kExpHeadHigh[n]), Num(kExpHeadLow[n])}, sum);
    sum = Multiply(r, sum);
  }
  return {k, sum};
}

HWY_INLINE Pair OnePlus(Pair p) { return Add({Num(1), Num(0)}, p); }

// Running sums, the roundings kept.
struct Accumulator {
  V hi, lo;
  HWY_INLINE void Add(V v) {
    const Pair sum = TwoSum(hi, v);
    hi = sum.hi;
    lo = hn::Add(lo, sum.lo);
  }
  HWY_INLINE void Add(Pair v) {
    Add(v.hi);
    lo = hn::Add(lo, v.lo);
  }
};

// Sums kSums series of `count` terms, a multiple of kLaneGroup: term(i, sums) adds those of a
// vector.  There are kLaneGroup partial sums whatever the vector's length, so that the order
// of the additions is the same on every instruction set.
template <size_t kSums, class Term>
HWY_INLINE void SumLanes(size_t count, const Term& term, Sum (&result)[kSums]) {
  HWY_ALIGN double hi[kSums][kLaneGroup], lo[kSums][kLaneGroup];
  for (size_t lane = 0; lane < kLaneGroup; lane += hn::Lanes(D())) {
    Accumulator sums[kSums];
    for (Accumulator& sum : sums) sum = {Num(0), Num(0)};
    for (size_t i = lane; i < count; i += kLaneGroup) term(i, sums);
    for (size_t s = 0; s < kSums; ++s) {
      Store(sums[s].hi, hi[s] + lane);
      Store(sums[s].lo, lo[s] + lane);
    }
  }
  for (size_t s = 0; s < kSums; ++s) {
    result[s] = {};
    for (size_t lane = 0; lane < kLaneGroup; ++lane) result[s] = result[s] + Sum{hi[s][lane], lo[s][lane]};
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
