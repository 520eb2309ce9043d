// SPDX-License-Identifier: MIT
// log: y = log x.
//
// Method: x = 2^k·m, √½ ≤ m < √2, log m = 2·artanh(s), s = (m-1)/(m+1), by its series to s^21
// (elementary-inl.h, Log).  Bound: 0.9 ulp in double: worst seen 0.722 at 0x1.67dd2600018dap+0.
// f32, f16 and bf16 round that once more.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/log.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void LogLanes(const LaneCall& call) { Map<Log>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LogLanes);

const Elementwise row({.op = "log", .kernel = "atanh_series", .claim_narrow = "faithful"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(LogLanes)
                        (call);
                      });

}  // namespace
}  // namespace karat::kernels
#endif
