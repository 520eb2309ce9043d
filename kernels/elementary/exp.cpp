// SPDX-License-Identifier: MIT
// exp: y = e^x.
//
// Method: x = k·ln 2 + r, |r| ≤ ln2/2, e^r by its series to r^13, scaled by 2^k in two steps
// (elementary-inl.h, Exp).  Bound: 0.6 ulp in double, 1 where the
// result is subnormal: worst seen 0.728 at -0x1.626fe20b8458fp+9, on all targets and 5·10^6
// inputs.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5652 ulp of f32 (at -0x1.e2b6a8p+5) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/exp.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/accurate-inl.h"
#include "kernels/elementary/elementary-inl.h"
#include "kernels/elementary/floats-inl.h"
#include "kernels/elementary/narrow-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void ExpLanes(const LaneCall& call) { Map<Exp>(call); }

using Exactly = Settled<NarrowExp<Quality::exact>, AccurateExpOf>;
using Quickly = Unsettled<NarrowExp<Quality::fast>>;
void ExactLanes(const LaneCall& call) { MapApproximate(Exactly(), call); }
void AccurateLanes(const LaneCall& call) { MapAccurate(Exactly(), call); }
void ExactStored(const StoredCall& call) { MapExactStored(Exactly(), call); }
void FastLanes(const LaneCall& call) { MapApproximate(Quickly(), call); }
#if KARAT_FLOATS
void FastStored(const StoredCall& call) { MapFloats<ExpFloats>(Quickly(), call); }
#else
void FastStored(const StoredCall& call) { MapNarrowStored(Quickly(), call); }
#endif

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
HWY_EXPORT(ExpLanes);

const Elementwise row({.op = "exp", .kernel = "ln2_reduction", .dtypes = bit_of(KARAT_F64)}, [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExpLanes)(call); });

const Elementwise exact({.op = "exp", .kernel = "ln2_reduction_exact", .claim_narrow = "exact", .dtypes = kNarrowDtypes},
                        {.approximate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExactLanes)(call); },
                         .accurate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(AccurateLanes)(call); },
                         .stored = [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ExactStored)(call); }});

const Elementwise fast({.op = "exp", .kernel = "ln2_reduction_fast", .claim_narrow = "faithful", .dtypes = kNarrowDtypes},
                       [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(FastLanes)(call); },
                       [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(FastStored)(call); });

}  // namespace
}  // namespace karat::kernels
#endif
