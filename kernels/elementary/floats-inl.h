// SPDX-License-Identifier: MIT
// Fast functions of f32 in lanes of float, two vectors at a time, where the instruction set has fused
// multiplication and eight floats or more; KARAT_FLOATS says so.  Elsewhere lanes of double are as fast.
//
// e^t = 2^(n/8)·(1 + p), n = round(8t/ln 2): the powers of 2^(1/8) stand in a table of one vector, |r| < 0.0434
// leaves a series of three terms, and p is so small that 1 + p as a sum of two floats costs two operations.

#if defined(KARAT_KERNELS_FLOATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_FLOATS_INL_H_
#undef KARAT_KERNELS_FLOATS_INL_H_
#else
#define KARAT_KERNELS_FLOATS_INL_H_
#endif

#include "kernels/elementary/minimax.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/lanes-inl.h"

#undef KARAT_FLOATS
#if HWY_NATIVE_FMA && HWY_TARGET != HWY_SCALAR && HWY_MAX_BYTES >= 32
#define KARAT_FLOATS 1
#else
#define KARAT_FLOATS 0
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

#if KARAT_FLOATS

using FD = hn::ScalableTag<float>;
using FDI = hn::RebindToSigned<FD>;
using FV = hn::Vec<FD>;
using FI = hn::Vec<FDI>;

// Two vectors, worked on side by side: the second fills the gaps that the first's chain of operations leaves.
struct Two {
  FV a, b;
};
struct TwoMasks {
  hn::Mask<FD> a, b;
};
struct TwoIntegers {
  FI a, b;
};

HWY_INLINE Two Both(float v) { return {hn::Set(FD(), v), hn::Set(FD(), v)}; }
HWY_INLINE Two LoadTwo(const float* p) { return {hn::LoadU(FD(), p), hn::LoadU(FD(), p + hn::Lanes(FD()))}; }
HWY_INLINE void StoreTwo(Two v, float* p) {
  hn::StoreU(v.a, FD(), p);
  hn::StoreU(v.b, FD(), p + hn::Lanes(FD()));
}
HWY_INLINE Two operator+(Two x, Two y) { return {hn::Add(x.a, y.a), hn::Add(x.b, y.b)}; }
HWY_INLINE Two operator-(Two x, Two y) { return {hn::Sub(x.a, y.a), hn::Sub(x.b, y.b)}; }
HWY_INLINE Two operator*(Two x, Two y) { return {hn::Mul(x.a, y.a), hn::Mul(x.b, y.b)}; }
HWY_INLINE Two operator/(Two x, Two y) { return {hn::Div(x.a, y.a), hn::Div(x.b, y.b)}; }
// x·y + z and z - x·y, rounded once.
HWY_INLINE Two Fma(Two x, Two y, Two z) { return {hn::MulAdd(x.a, y.a, z.a), hn::MulAdd(x.b, y.b, z.b)}; }
HWY_INLINE Two Fnma(Two x, Two y, Two z) { return {hn::NegMulAdd(x.a, y.a, z.a), hn::NegMulAdd(x.b, y.b, z.b)}; }
HWY_INLINE Two Abs(Two x) { return {hn::Abs(x.a), hn::Abs(x.b)}; }
HWY_INLINE Two MinusAbs(Two x) { return {hn::Or(x.a, hn::Set(FD(), -0.0f)), hn::Or(x.b, hn::Set(FD(), -0.0f))}; }
HWY_INLINE Two Larger(Two x, Two y) { return {hn::Max(x.a, y.a), hn::Max(x.b, y.b)}; }  // not of NaN
HWY_INLINE Two ChooseOrZero(TwoMasks m, Two yes) { return {hn::IfThenElseZero(m.a, yes.a), hn::IfThenElseZero(m.b, yes.b)}; }
HWY_INLINE Two Smaller(Two x, Two y) { return {hn::Min(x.a, y.a), hn::Min(x.b, y.b)}; }
HWY_INLINE Two WithSign(Two x, Two sign) { return {hn::CopySign(x.a, sign.a), hn::CopySign(x.b, sign.b)}; }
HWY_INLINE Two Choose(TwoMasks m, Two yes, Two no) { return {hn::IfThenElse(m.a, yes.a, no.a), hn::IfThenElse(m.b, yes.b, no.b)}; }
// Both are false for NaN.
HWY_INLINE TwoMasks AtLeastNumber(Two x, float low) {
  const FV v = hn::Set(FD(), low);
  return {hn::Ge(x.a, v), hn::Ge(x.b, v)};
}
HWY_INLINE TwoMasks Within(Two x, float limit) { return AtLeastNumber(MinusAbs(x), -limit); }

HWY_INLINE FV Lookup(const float* table, FI index) { return hn::TableLookupLanes(hn::Load(FD(), table), hn::IndicesFromVec(FD(), index)); }

// scale·(1 + p + p_low): |p| < 0.0444; relative error 2^-28, of which the rounding of r is most.  |t| <= 80.
struct TwoPowers {
  Two scale, p, p_low;
};
HWY_INLINE TwoPowers PowersOfE(Two t) {
  using namespace minimax;
  const Two shifted = Fma(t, Both(kEighthsOfLog2E), Both(0x1.8p23f));
  const Two n = shifted - Both(0x1.8p23f);
  // The product with ln2/8 to 14 bits is exact, and so is the difference.
  const Two r = Fnma(n, Both(kEighthOfLn2Low), Fnma(n, Both(kEighthOfLn2High), t));
  const FI seven = hn::Set(FDI(), 7);
  const TwoIntegers bits = {hn::BitCast(FDI(), shifted.a), hn::BitCast(FDI(), shifted.b)};
  const TwoIntegers j = {hn::And(bits.a, seven), hn::And(bits.b, seven)};
  const Two root = {Lookup(kRoots, j.a), Lookup(kRoots, j.b)}, rest = {Lookup(kRootsRest, j.a), Lookup(kRootsRest, j.b)};
  // n/8 without the fraction, added to the exponent.
  const auto scaled = [](FV v, FI all, FI fraction)
                          HWY_ATTR { return hn::BitCast(FD(), hn::Add(hn::BitCast(FDI(), v), hn::ShiftLeft<20>(hn::Sub(all, fraction)))); };
  const Two scale = {scaled(root.a, bits.a, j.a), scaled(root.b, bits.b, j.b)};
  const Two series = Fma(Fma(r, Both(kExpEighth[2]), Both(kExpEighth[1])), r, Both(kExpEighth[0]));
  const Two tail = Fma(r * r, series, rest);
  const Two p = r + tail;
  return {scale, p, tail - (p - r)};
}

// An unevaluated sum.
struct TwoSums {
  Two hi, lo;
};
HWY_INLINE TwoSums SumOf(const TwoPowers& e) {
  const Two z = Fma(e.scale, e.p, e.scale);
  return {z, Fma(e.scale, e.p, e.scale - z)};
}
// c + z for a c >= z.hi.
HWY_INLINE TwoSums Plus(float c, TwoSums z) {
  const Two hi = Both(c) + z.hi;
  return {hi, (z.hi - (hi - Both(c))) + z.lo};
}
struct TwoQuotients {
  Two first, rest, inverse;  // n/d = first + rest·inverse, to 2^-45
};
HWY_INLINE TwoQuotients Divide(TwoSums n, TwoSums d) {
  const Two inverse = Both(1) / d.hi;
  const Two first = n.hi * inverse;
  return {first, Fnma(first, d.lo, Fnma(first, d.hi, n.hi) + n.lo), inverse};
}
HWY_INLINE Two Value(const TwoQuotients& q) { return Fma(q.rest, q.inverse, q.first); }

struct ExpFloats {
  static HWY_INLINE TwoMasks Inside(Two x) { return Within(x, 80); }
  static HWY_INLINE Two Of(Two x) {
    const TwoPowers e = PowersOfE(x);
    return Fma(e.scale, e.p, e.scale);
  }
};

// Functions in three steps, what one hands to the next being kCount pairs of vectors.
template <size_t kCount>
struct Handed {
  Two v[kCount];
};
template <class F>
inline constexpr bool kInSteps = requires { &F::First; };
template <class F>
HWY_INLINE Two AnswerOf(Two x) {
  if constexpr (kInSteps<F>)
    return F::Third(F::Second(F::First(x)), x);
  else
    return F::Of(x);
}

// 1/(1 + e^-x) for both signs: without a choice of numerators, and with 2^k in the place of a table, as 1 + p
// need not be more than one float here.
struct SigmoidFloats {
  static HWY_INLINE TwoMasks Inside(Two x) { return AtLeastNumber(x, -64); }
  static HWY_INLINE Handed<2> First(Two x) {
    using namespace minimax;
    const Two t = Smaller(Larger(x, Both(-64)), Both(64));
    const Two shifted = Fnma(t, Both(kLog2E), Both(0x1.8p23f));
    const Two k = shifted - Both(0x1.8p23f);
    // k times ln2 to 17 bits is exact, and so is the difference.
    return {{shifted, Fnma(k, Both(kLn2Low), Fnma(k, Both(kLn2High), Both(-0.0f) - t))}};
  }
  static HWY_INLINE Handed<2> Second(const Handed<2>& h) {
    using namespace minimax;
    const Two shifted = h.v[0], r = h.v[1];
    Two series = Both(static_cast<float>(kExp6[4]));
    for (int i = 3; i >= 0; --i) series = Fma(series, r, Both(static_cast<float>(kExp6[i])));
    const Two p = Fma(r * r, series, r);
    const auto power = [](FV bits) HWY_ATTR { return hn::BitCast(FD(), hn::ShiftLeft<23>(hn::Sub(hn::BitCast(FDI(), bits), hn::Set(FDI(), 0x4b400000 - 127)))); };
    const Two scale = {power(shifted.a), power(shifted.b)};
    const Two z = Fma(scale, p, scale), z_low = Fma(scale, p, scale - z);
    const Two d = Both(1) + z;
    return {{d, (Smaller(z, Both(1)) - (d - Larger(z, Both(1)))) + z_low}};
  }
  static HWY_INLINE Two Third(const Handed<2>& d, Two) {
    const Two inverse = Both(1) / d.v[0];
    return Fma(Fnma(inverse, d.v[1], Fnma(inverse, d.v[0], Both(1))), inverse, inverse);
  }
};

struct TanhFloats {
  static HWY_INLINE TwoMasks Inside(Two x) { return Within(x, 0x1p127f); }
  static HWY_INLINE Handed<3> First(Two x) {
    const TwoPowers e = PowersOfE(Larger(Abs(x) * Both(-2), Both(-40)));
    return {{e.scale, e.p, e.p_low}};
  }
  static HWY_INLINE Handed<2> Second(const Handed<3>& h) {
    const Two scale = h.v[0], p = h.v[1], p_low = h.v[2];
    const Two less_one = scale - Both(1), lost = scale - (less_one + Both(1));
    const Two hi = Fma(scale, p, less_one);
    return {{hi, Fma(scale, p_low, Fma(scale, p, less_one - hi) + lost)}};
  }
  static HWY_INLINE Two Third(const Handed<2>& h, Two x) {
    const TwoSums e = {h.v[0], h.v[1]};
    return WithSign(Value(Divide(e, Plus(2, e))), x);
  }
};

// max{x, 0} + log(1 + z), by s = z/(2 + z): 2s + s·s²·P(s²).
struct SoftplusFloats {
  static HWY_INLINE TwoMasks Inside(Two x) { return Within(x, 64); }
  static HWY_INLINE Handed<2> First(Two x) {
    const TwoSums z = SumOf(PowersOfE(MinusAbs(x)));
    return {{z.hi, z.lo}};
  }
  static HWY_INLINE Handed<2> Second(const Handed<2>& h) {
    const TwoSums z = {h.v[0], h.v[1]};
    const TwoQuotients s = Divide(z, Plus(2, z));
    return {{s.first, s.rest * (s.inverse + s.inverse)}};
  }
  static HWY_INLINE Two Third(const Handed<2>& h, Two x) {
    using namespace minimax;
    const Two s = h.v[0], w = s * s;
    Two series = Both(kLog1pFloat[3]);
    for (int i = 2; i >= 0; --i) series = Fma(series, w, Both(kLog1pFloat[i]));
    const Two tail = Fma(s * w, series, h.v[1]);
    const Two twice = s + s, positive = Larger(x, Both(0));
    const Two sum = positive + twice, part = sum - positive;
    const Two lost = (positive - (sum - part)) + (twice - part);
    return sum + (lost + tail);
  }
};

// y, and what `narrow` gives in the place of those that are not inside.
template <class Narrow>
HWY_NOINLINE void StoreWithOutside(Two x, Two y, TwoMasks inside, const Narrow& narrow, float* out) {
  HWY_ALIGN float buffer[2 * HWY_LANES(float)];
  StoreTwo(x, buffer);
  for (size_t i = 0; i < 2 * hn::Lanes(FD()); i += hn::Lanes(D()))
    hn::StoreU(ToFloat(narrow.Approximate(hn::PromoteTo(D(), hn::LoadU(DF(), buffer + i)))), DF(), buffer + i);
  StoreTwo(Choose(inside, y, LoadTwo(buffer)), out);
}
template <class Floats, class Narrow>
HWY_INLINE void MapTwo(const Narrow& narrow, const float* in, float* out) {
  const Two x = LoadTwo(in);
  const Two y = AnswerOf<Floats>(x);
  const TwoMasks inside = Floats::Inside(x);
  if (HWY_UNLIKELY(!hn::AllTrue(FD(), hn::And(inside.a, inside.b)))) return StoreWithOutside(x, y, inside, narrow, out);
  StoreTwo(y, out);
}

// Up to a block, whole pairs of vectors, step by step; and whether all of it is inside: nothing is stored otherwise.
// A whole function is a longer chain of operations than processors look ahead, and a step is not.
inline constexpr size_t kFloatsBlock = 128;
template <size_t kCount>
HWY_INLINE Handed<kCount> LoadHanded(const float (&from)[3][kFloatsBlock], size_t i) {
  Handed<kCount> h;
  for (size_t k = 0; k < kCount; ++k) h.v[k] = LoadTwo(from[k] + i);
  return h;
}
template <size_t kCount>
HWY_INLINE void StoreHanded(const Handed<kCount>& h, float (&to)[3][kFloatsBlock], size_t i) {
  for (size_t k = 0; k < kCount; ++k) StoreTwo(h.v[k], to[k] + i);
}
template <class Floats>
HWY_NOINLINE bool MapInSteps(const float* in, size_t count, float* out) {
  const size_t step = 2 * hn::Lanes(FD());
  HWY_ALIGN float handed[3][kFloatsBlock];
  auto inside = hn::FirstN(FD(), hn::Lanes(FD()));
  for (size_t i = 0; i < count; i += step) {
    const Two x = LoadTwo(in + i);
    const TwoMasks here = Floats::Inside(x);
    inside = hn::And(inside, hn::And(here.a, here.b));
    StoreHanded(Floats::First(x), handed, i);
  }
  if (!hn::AllTrue(FD(), inside)) return false;
  constexpr size_t kFirst = sizeof(Floats::First(Two())) / sizeof(Two);
  for (size_t i = 0; i < count; i += step) StoreHanded(Floats::Second(LoadHanded<kFirst>(handed, i)), handed, i);
  for (size_t i = 0; i < count; i += step) StoreTwo(Floats::Third(LoadHanded<2>(handed, i), LoadTwo(in + i)), out + i);
  return true;
}
// Whole pairs of vectors.
template <class Floats, class Narrow>
HWY_INLINE void MapPairs(const Narrow& narrow, const float* in, size_t count, float* out) {
  const auto map = [&](size_t begin, size_t end) HWY_ATTR {
    for (size_t i = begin; i < end; i += 2 * hn::Lanes(FD())) MapTwo<Floats>(narrow, in + i, out + i);
  };
  if constexpr (kInSteps<Floats>) {
    for (size_t i = 0; i < count; i += kFloatsBlock) {
      const size_t end = HWY_MIN(i + kFloatsBlock, count);
      if (!MapInSteps<Floats>(in + i, end - i, out + i)) map(i, end);
    }
  } else {
    map(0, count);
  }
}

// Floats inside its domain, in lanes of float, and `narrow` outside.
template <class Floats, class Narrow>
HWY_INLINE void MapFloats(const Narrow& narrow, const StoredCall& call) {
  const size_t step = 2 * hn::Lanes(FD()), whole = call.count / step * step;
  MapPairs<Floats>(narrow, call.in[0], whole, call.out);
  if (whole == call.count) return;
  HWY_ALIGN float rest[2 * HWY_LANES(float)];
  for (size_t j = 0; j < step; ++j) rest[j] = whole + j < call.count ? call.in[0][whole + j] : 1.0f;
  MapPairs<Floats>(narrow, rest, step, rest);
  for (size_t j = whole; j < call.count; ++j) call.out[j] = rest[j - whole];
}

#else

struct ExpFloats;
struct SigmoidFloats;
struct TanhFloats;
struct SoftplusFloats;

#endif  // KARAT_FLOATS

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
