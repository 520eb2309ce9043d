// SPDX-License-Identifier: MIT
// log: y = log x.
//
// Method: x = 2^k·m, √½ ≤ m < √2, log m = 2·artanh(s), s = (m-1)/(m+1), by its series to s^21
// (elementary-inl.h, Log).  Bound: 0.9 ulp in double: worst seen 0.722 at 0x1.67dd2600018dap+0.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5132 ulp of f32 (at 0x1.22106p+0) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/log.cpp"
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

void LogLanes(const LaneCall& call) { Map<Log>(call); }

using Exactly = Settled<NarrowLog<Quality::exact>, AccurateLogOf>;
using Quickly = Unsettled<NarrowLog<Quality::fast>>;
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
HWY_EXPORT(LogLanes);

const Elementwise row({.op = "log", .kernel = "atanh_series", .dtypes = bit_of(KARAT_F64)}, [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(LogLanes)(call); });

const Elementwise exact({.op = "log", .kernel = "atanh_series_exact", .claim_narrow = "exact", .dtypes = kNarrowDtypes},
                        {.approximate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExactLanes)(call); },
                         .accurate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(AccurateLanes)(call); },
                         .stored = [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ExactStored)(call); }});

const Elementwise fast({.op = "log", .kernel = "atanh_series_fast", .claim_narrow = "faithful", .dtypes = kNarrowDtypes},
                       [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(FastLanes)(call); },
                       [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(FastStored)(call); });

}  // namespace
}  // namespace karat::kernels
#endif
