// SPDX-License-Identifier: MIT
// A lane function out of a function of one vector an input.

#if defined(KARAT_KERNELS_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_MAP_INL_H_
#undef KARAT_KERNELS_MAP_INL_H_
#else
#define KARAT_KERNELS_MAP_INL_H_
#endif

#include <cstring>
#include <limits>

#include "kernels/elementwise.hpp"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// out = F(x) and out = F(dy, x).
template <V (*F)(V)>
HWY_INLINE void Map(const LaneCall& call) {
  for (size_t i = 0; i < call.count; i += hn::Lanes(D())) Store(F(Load(call.in[0] + i)), call.out + i);
}

template <V (*F)(V, V)>
HWY_INLINE void Map(const LaneCall& call) {
  for (size_t i = 0; i < call.count; i += hn::Lanes(D()))
    Store(F(Load(call.in[0] + i), Load(call.in[1] + i)), call.out + i);
}

// The same for an F that is an object with attributes.
template <class F>
HWY_INLINE void MapWith(const F& f, const LaneCall& call) {
  for (size_t i = 0; i < call.count; i += hn::Lanes(D())) {
    if constexpr (F::kInputs == 1)
      Store(f(Load(call.in[0] + i)), call.out + i);
    else
      Store(f(Load(call.in[0] + i), Load(call.in[1] + i)), call.out + i);
  }
}

// The same for f32 as it is stored; F takes vectors of any number type.
template <class F, class DF>
HWY_INLINE size_t MapStoredFrom(size_t i, DF d, const F& f, const StoredCall& call) {
  for (; i + hn::Lanes(d) <= call.count; i += hn::Lanes(d)) {
    if constexpr (F::kInputs == 1)
      hn::StoreU(f(hn::LoadU(d, call.in[0] + i)), d, call.out + i);
    else
      hn::StoreU(f(hn::LoadU(d, call.in[0] + i), hn::LoadU(d, call.in[1] + i)), d, call.out + i);
  }
  return i;
}
template <class F>
HWY_INLINE void MapStored(const F& f, const StoredCall& call) {
  const size_t done = MapStoredFrom(0, hn::ScalableTag<float>(), f, call);
  MapStoredFrom(done, hn::CappedTag<float, 1>(), f, call);  // nothing beyond a tensor's end is read
}

// Correctly rounded: F has Approximate and Accurate, as ExactLanes describes them; and the first in three steps,
// Third(Second(First(x)), x), for |x| <= Bound(), where results are no subnormal floats unless they are x itself, to
// kExactError.
template <class F>
HWY_INLINE void MapApproximate(const F& f, const LaneCall& call) {
  for (size_t i = 0; i < call.count; i += hn::Lanes(D())) Store(f.Approximate(Load(call.in[0] + i)), call.out + i);
}
template <class F>
HWY_INLINE void MapAccurate(const F& f, const LaneCall& call) {
  for (size_t i = 0; i < call.count; i += hn::Lanes(D())) Store(f.Accurate(Load(call.in[0] + i)), call.out + i);
}

template <class F>
HWY_NOINLINE void StoreAccurate(const F& f, V first, V second, float* out) {
  hn::StoreU(ToFloat(f.Accurate(first)), DF(), out);
  hn::StoreU(ToFloat(f.Accurate(second)), DF(), out + hn::Lanes(D()));
}
// Two vectors at a time.  Compared as bits: a NaN is final.
template <class F>
HWY_INLINE void MapExactPair(const F& f, const float* in, float* out) {
  const size_t n = hn::Lanes(D());
  const V x0 = hn::PromoteTo(D(), hn::LoadU(DF(), in)), x1 = hn::PromoteTo(D(), hn::LoadU(DF(), in + n));
  const V y0 = f.Approximate(x0), y1 = f.Approximate(x1);
  const V more = Num(1 + kExactError), less = Num(1 - kExactError);
  const VF up0 = ToFloat(hn::Mul(y0, more)), up1 = ToFloat(hn::Mul(y1, more));
  using Bits = hn::RebindToSigned<DF>;
  const auto same = hn::And(hn::Eq(hn::BitCast(Bits(), up0), hn::BitCast(Bits(), ToFloat(hn::Mul(y0, less)))),
                            hn::Eq(hn::BitCast(Bits(), up1), hn::BitCast(Bits(), ToFloat(hn::Mul(y1, less)))));
  hn::StoreU(up0, DF(), out);
  hn::StoreU(up1, DF(), out + n);
  if (HWY_UNLIKELY(!hn::AllTrue(Bits(), same))) StoreAccurate(f, x0, x1, out);
}

// Whether |x| <= bound for all, none of them NaN; whole pairs of vectors.
HWY_INLINE bool AllWithin(const float* in, size_t count, float bound) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> bits;
  auto most = hn::Zero(bits);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) most = hn::Max(most, hn::BitCast(bits, hn::Abs(hn::LoadU(d, in + i))));
  return hn::AllTrue(bits, hn::Not(hn::Gt(most, hn::BitCast(bits, hn::Set(d, bound)))));
}

// Whether roundings to a normal float are settled by a double's last 29 bits: open where they are within kExactError of
// the middle, 2^14 units at most.
class Rounded {
 public:
  HWY_INLINE Rounded()
      : last_(hn::Set(DI(), (1 << 29) - 1)), from_(hn::Set(DI(), (1 << 28) + (1 << 14))), width_(hn::Set(DI(), (1 << 15) + 1)), open_(hn::Zero(DI())) {}
  HWY_INLINE void Store(Couple y, float* out) {
    Store(y.a, out);
    Store(y.b, out + hn::Lanes(D()));
  }
  HWY_INLINE void Store(V y, float* out) {
    hn::StoreU(ToFloat(y), DF(), out);
    open_ = hn::Or(open_, hn::Sub(hn::And(hn::Add(hn::BitCast(DI(), y), from_), last_), width_));
  }
  HWY_INLINE bool Settled() const { return hn::AllFalse(DI(), hn::Lt(open_, hn::Zero(DI()))); }

 private:
  using DI = hn::RebindToSigned<D>;
  const hn::Vec<DI> last_, from_, width_;
  hn::Vec<DI> open_;
};

inline constexpr size_t kExactSpan = 1024, kExactPart = 64;

// Up to a span, whole pairs of vectors; and the parts of it, as bits, that are not settled or not within the bound: what
// is stored for them is of no use.  No branch on numbers and no call is in the inner loop, which leaves the registers to
// the constants.  From x to y is a longer chain of operations than processors look ahead: two vectors go side by side,
// and after each of their steps the two behind them take theirs.
template <class F>
HWY_NOINLINE uint32_t MapExactSpan(const F& f, const float* in, size_t count, float* out) {
  const size_t n = 2 * hn::Lanes(D()), last = count - n;
  const auto x = [&](size_t i)
                     HWY_ATTR { return Couple{hn::PromoteTo(D(), hn::LoadU(DF(), in + i)), hn::PromoteTo(D(), hn::LoadU(DF(), in + i + n / 2))}; };
  auto second = f.Second(f.First(x(0)));
  auto first = f.First(x(HWY_MIN(n, last)));
  uint32_t open = 0;
  for (size_t begin = 0; begin < count; begin += kExactPart) {
    const size_t end = HWY_MIN(begin + kExactPart, count);
    Rounded rounded;
    for (size_t i = begin; i < end; i += n) {
      const Couple y = f.Third(second, x(i));
      second = f.Second(first);
      first = f.First(x(HWY_MIN(i + 2 * n, last)));
      rounded.Store(y, out + i);
    }
    const bool done = rounded.Settled() && AllWithin(in + begin, end - begin, f.Bound());
    open |= static_cast<uint32_t>(!done) << (begin / kExactPart);
  }
  return open;
}

template <class F>
HWY_INLINE void MapExactStored(const F& f, const StoredCall& call) {
  static_assert(kExactSpan / kExactPart <= 32);
  const size_t step = 2 * hn::Lanes(D()), whole = call.count / step * step;
  HWY_ALIGN float inputs[kExactSpan];
  for (size_t i = 0; i < whole; i += kExactSpan) {
    const float* in = call.in[0] + i;
    float* const out = call.out + i;
    const size_t count = HWY_MIN(whole - i, kExactSpan);
    if (in == out) in = static_cast<const float*>(std::memcpy(inputs, in, count * sizeof(float)));
    for (uint32_t open = MapExactSpan(f, in, count, out); HWY_UNLIKELY(open != 0); open &= open - 1) {
      const size_t begin = kExactPart * hwy::Num0BitsBelowLS1Bit_Nonzero32(open), end = HWY_MIN(begin + kExactPart, count);
      for (size_t j = begin; j < end; j += step) MapExactPair(f, in + j, out + j);
    }
  }
  if (whole == call.count) return;
  HWY_ALIGN float rest[2 * HWY_LANES(double)];
  for (size_t j = 0; j < step; ++j) rest[j] = whole + j < call.count ? call.in[0][whole + j] : 1.0f;
  MapExactPair(f, rest, rest);
  for (size_t j = whole; j < call.count; ++j) call.out[j] = rest[j - whole];
}

// f32 as it is stored, in lanes of double rounded once.
template <class F>
HWY_INLINE void MapNarrowStored(const F& f, const StoredCall& call) {
  const size_t n = hn::Lanes(D());
  size_t i = 0;
  for (; i + n <= call.count; i += n) hn::StoreU(ToFloat(f.Approximate(hn::PromoteTo(D(), hn::LoadU(DF(), call.in[0] + i)))), DF(), call.out + i);
  if (i == call.count) return;
  HWY_ALIGN float rest[HWY_LANES(double)];
  for (size_t j = 0; j < n; ++j) rest[j] = i + j < call.count ? call.in[0][i + j] : 1.0f;
  hn::StoreU(ToFloat(f.Approximate(hn::PromoteTo(D(), hn::LoadU(DF(), rest)))), DF(), rest);
  for (size_t j = i; j < call.count; ++j) call.out[j] = rest[j - i];
}

// An object out of plain functions and of steps, which hold for |x| <= kBound: by default for any number (those beyond
// an integer are few, and take the slower way).
template <V (*Approximation)(V), V (*Answer)(V), class Steps, int kBound = std::numeric_limits<int>::max()>
struct Settled : Steps {
  HWY_INLINE V Approximate(V x) const { return Approximation(x); }
  HWY_INLINE V Accurate(V x) const { return Answer(x); }
  HWY_INLINE static float Bound() { return static_cast<float>(kBound); }
};
template <V (*Approximation)(V)>
struct Unsettled {
  HWY_INLINE V Approximate(V x) const { return Approximation(x); }
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
