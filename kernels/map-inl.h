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

inline constexpr size_t kExactBlock = 128;

// Whether |x| <= bound for all x of a block, none of them NaN.
HWY_INLINE bool AllWithin(const float* in, float bound) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> bits;
  auto most = hn::Zero(bits);
  for (size_t i = 0; i < kExactBlock; i += hn::Lanes(d)) most = hn::Max(most, hn::BitCast(bits, hn::Abs(hn::LoadU(d, in + i))));
  return hn::AllTrue(bits, hn::Not(hn::Gt(most, hn::BitCast(bits, hn::Set(d, bound)))));
}

// Whether roundings to a normal float are settled by a double's last 29 bits: open where they are within kExactError of
// the middle, 2^14 units at most.
class Rounded {
 public:
  HWY_INLINE Rounded()
      : last_(hn::Set(DI(), (1 << 29) - 1)), from_(hn::Set(DI(), (1 << 28) + (1 << 14))), width_(hn::Set(DI(), (1 << 15) + 1)), open_(hn::Zero(DI())) {}
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

// A block within the bound, and whether all of it is settled.  No branch and no call is in the loop, which leaves the
// registers to the constants.  From x to y is a longer chain of operations than processors look ahead: after each of
// a vector's steps, two vectors behind it take theirs.
template <class F>
HWY_INLINE bool MapExactBlock(const F& f, const float* in, float* out) {
  const size_t n = hn::Lanes(D());
  const auto x = [&](size_t i) HWY_ATTR { return hn::PromoteTo(D(), hn::LoadU(DF(), in + i)); };
  Rounded rounded;
  V second0 = f.Second(f.First(x(0))), second1 = f.Second(f.First(x(n)));
  auto first2 = f.First(x(2 * n)), first3 = f.First(x(3 * n));
  size_t i = 0;
  for (; i < kExactBlock - 4 * n; i += n) {
    const V y = f.Third(second0, x(i));
    second0 = second1;
    second1 = f.Second(first2);
    first2 = first3;
    first3 = f.First(x(i + 4 * n));
    rounded.Store(y, out + i);
  }
  rounded.Store(f.Third(second0, x(i)), out + i);
  rounded.Store(f.Third(second1, x(i + n)), out + i + n);
  rounded.Store(f.Third(f.Second(first2), x(i + 2 * n)), out + i + 2 * n);
  rounded.Store(f.Third(f.Second(first3), x(i + 3 * n)), out + i + 3 * n);
  return rounded.Settled();
}

template <class F>
HWY_INLINE void MapExactStored(const F& f, const StoredCall& call) {
  const size_t step = 2 * hn::Lanes(D());
  size_t i = 0;
  HWY_ALIGN float inputs[kExactBlock];
  for (; i + kExactBlock <= call.count; i += kExactBlock) {
    const float* in = call.in[0] + i;
    if (in == call.out + i) in = static_cast<const float*>(std::memcpy(inputs, in, sizeof inputs));
    if (AllWithin(in, f.Bound()) && MapExactBlock(f, in, call.out + i)) continue;
    for (size_t j = 0; j < kExactBlock; j += step) MapExactPair(f, in + j, call.out + i + j);
  }
  for (; i + step <= call.count; i += step) MapExactPair(f, call.in[0] + i, call.out + i);
  if (i == call.count) return;
  HWY_ALIGN float rest[2 * HWY_LANES(double)];
  for (size_t j = 0; j < step; ++j) rest[j] = i + j < call.count ? call.in[0][i + j] : 1.0f;
  MapExactPair(f, rest, rest);
  for (size_t j = i; j < call.count; ++j) call.out[j] = rest[j - i];
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
