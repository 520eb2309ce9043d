// SPDX-License-Identifier: MIT
// exp: y = e^x.
//
// Method: x = k·ln 2 + r, |r| ≤ ln2/2, e^r by its series to r^13, scaled by 2^k in two steps
// (elementary-inl.h, Exp).  Bound: 0.6 ulp in double, 1 where the
// result is subnormal: worst seen 0.728 at -0x1.626fe20b8458fp+9, on all targets and 5·10^6
// inputs.  f32, f16 and bf16 round that once more.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/exp.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void ExpLanes(const LaneCall& call) { Map<Exp>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ExpLanes);

const Elementwise row({.op = "exp", .kernel = "ln2_reduction", .claim_narrow = "faithful"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(ExpLanes)
                        (call);
                      });

}  // namespace
}  // namespace karat::kernels
#endif
