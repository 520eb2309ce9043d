// SPDX-License-Identifier: MIT
// A lane function out of a function of one vector an input.

#if defined(KARAT_KERNELS_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_MAP_INL_H_
#undef KARAT_KERNELS_MAP_INL_H_
#else
#define KARAT_KERNELS_MAP_INL_H_
#endif

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

// Correctly rounded: F has Approximate and Accurate, as ExactLanes describes them.
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
template <class F>
HWY_INLINE void MapExactStored(const F& f, const StoredCall& call) {
  const size_t step = 2 * hn::Lanes(D());
  size_t i = 0;
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

// An object out of plain functions.
template <V (*Approximation)(V), V (*Answer)(V)>
struct Settled {
  HWY_INLINE V Approximate(V x) const { return Approximation(x); }
  HWY_INLINE V Accurate(V x) const { return Answer(x); }
};
template <V (*Approximation)(V)>
struct Unsettled {
  HWY_INLINE V Approximate(V x) const { return Approximation(x); }
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
