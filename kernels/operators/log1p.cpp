// SPDX-License-Identifier: MIT
// log1p: y = log(1 + x).
//
// Method: log of the exact sum of 1 and x, its tail carried into m - 1 (elementary-inl.h,
// Log1p).  Bound: 0.9 ulp in double: worst seen 0.789 at -0x1.2e18c3a9a894ap-2.  f32, f16 and
// bf16 round that once more.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/log1p.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void Log1pLanes(const LaneCall& call) { Map<Log1p>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(Log1pLanes);

const Elementwise row({.op = "log1p", .kernel = "atanh_series", .claim_narrow = "faithful"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(Log1pLanes)
                        (call);
                      });

}  // namespace
}  // namespace karat::kernels
#endif
