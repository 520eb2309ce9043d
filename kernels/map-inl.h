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

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
