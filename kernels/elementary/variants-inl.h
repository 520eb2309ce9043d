// SPDX-License-Identifier: MIT
// VariantLanes out of an operator's functions of one vector.

#if defined(KARAT_KERNELS_VARIANTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_VARIANTS_INL_H_
#undef KARAT_KERNELS_VARIANTS_INL_H_
#else
#define KARAT_KERNELS_VARIANTS_INL_H_
#endif

#include <type_traits>

#include "kernels/elementary/accurate-inl.h"
#include "kernels/elementary/elementary-inl.h"
#include "kernels/elementary/floats-inl.h"
#include "kernels/elementary/narrow-inl.h"
#include "kernels/elementary/variants.hpp"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

template <V (*F)(V)>
void FullLanes(const LaneCall& call) { Map<F>(call); }
template <class F>
void ApproximateLanes(const LaneCall& call) { MapApproximate(F(), call); }
template <class F>
void AccurateLanes(const LaneCall& call) { MapAccurate(F(), call); }
template <class F>
void ExactStored(const StoredCall& call) { MapExactStored(F(), call); }
template <class F, class Floats>
void FastStored(const StoredCall& call) {
#if KARAT_FLOATS
  if constexpr (!std::is_void_v<Floats>) return MapFloats<Floats>(F(), call);
#endif
  MapNarrowStored(F(), call);
}

// Full: f64.  Exactly: a Settled.  Quickly: an Unsettled, in lanes of float where Floats has them.
template <V (*Full)(V), class Exactly, class Quickly, class Floats = void>
VariantLanes LanesOf() {
  return {.full = FullLanes<Full>,
          .exact = {.approximate = ApproximateLanes<Exactly>, .accurate = AccurateLanes<Exactly>, .stored = ExactStored<Exactly>},
          .fast = ApproximateLanes<Quickly>,
          .fast_stored = FastStored<Quickly, Floats>};
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
