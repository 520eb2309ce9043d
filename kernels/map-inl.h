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

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
