// SPDX-License-Identifier: MIT
// log1p: y = log(1 + x).
//
// Method: log of the exact sum of 1 and x, its tail carried into m - 1 (elementary-inl.h,
// Log1p).  Bound: 0.9 ulp in double: worst seen 0.789 at -0x1.2e18c3a9a894ap-2.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5132 ulp of f32 (at 0x1.1083p-3) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/log1p.cpp"
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

void Log1pLanes(const LaneCall& call) { Map<Log1p>(call); }

using Exactly = Settled<NarrowLog1p<Quality::exact>, AccurateLog1pOf>;
using Quickly = Unsettled<NarrowLog1p<Quality::fast>>;
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
HWY_EXPORT(Log1pLanes);

const Elementwise row({.op = "log1p", .kernel = "atanh_series", .dtypes = bit_of(KARAT_F64)}, [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(Log1pLanes)(call); });

const Elementwise exact({.op = "log1p", .kernel = "atanh_series_exact", .claim_narrow = "exact", .dtypes = kNarrowDtypes},
                        {.approximate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExactLanes)(call); },
                         .accurate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(AccurateLanes)(call); },
                         .stored = [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ExactStored)(call); }});

const Elementwise fast({.op = "log1p", .kernel = "atanh_series_fast", .claim_narrow = "faithful", .dtypes = kNarrowDtypes},
                       [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(FastLanes)(call); },
                       [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(FastStored)(call); });

}  // namespace
}  // namespace karat::kernels
#endif
