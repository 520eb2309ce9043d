// SPDX-License-Identifier: MIT
// expm1: y = e^x - 1.
//
// Method: x = k·ln 2 + r as in exp; (2^k - 1) + 2^k·r is summed exactly before the rest of the
// series enters, so nothing cancels near 0 (elementary-inl.h, Expm1).  Bound: 1 ulp in double:
// worst seen 0.895 at 0x1.7f1dbaae2089p-2.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5065 ulp of f32 (at -0x1.07bbbp-4) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/expm1.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/accurate-inl.h"
#include "kernels/elementary/elementary-inl.h"
#include "kernels/elementary/narrow-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void Expm1Lanes(const LaneCall& call) { Map<Expm1>(call); }

using Exactly = Settled<NarrowExpm1<Quality::exact>, AccurateExpm1Of>;
using Quickly = Unsettled<NarrowExpm1<Quality::fast>>;
void ExactLanes(const LaneCall& call) { MapApproximate(Exactly(), call); }
void AccurateLanes(const LaneCall& call) { MapAccurate(Exactly(), call); }
void ExactStored(const StoredCall& call) { MapExactStored(Exactly(), call); }
void FastLanes(const LaneCall& call) { MapApproximate(Quickly(), call); }
void FastStored(const StoredCall& call) { MapNarrowStored(Quickly(), call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ExactLanes);
HWY_EXPORT(AccurateLanes);
HWY_EXPORT(ExactStored);
HWY_EXPORT(FastLanes);
HWY_EXPORT(FastStored);
HWY_EXPORT(Expm1Lanes);

const Elementwise row({.op = "expm1", .kernel = "ln2_reduction", .dtypes = bit_of(KARAT_F64)}, [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(Expm1Lanes)(call); });

const Elementwise exact({.op = "expm1", .kernel = "ln2_reduction_exact", .claim_narrow = "exact", .dtypes = kNarrowDtypes},
                        {.approximate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExactLanes)(call); },
                         .accurate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(AccurateLanes)(call); },
                         .stored = [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ExactStored)(call); }});

const Elementwise fast({.op = "expm1", .kernel = "ln2_reduction_fast", .claim_narrow = "faithful", .dtypes = kNarrowDtypes},
                       [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(FastLanes)(call); },
                       [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(FastStored)(call); });

}  // namespace
}  // namespace karat::kernels
#endif
