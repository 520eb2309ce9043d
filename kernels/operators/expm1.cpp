// SPDX-License-Identifier: MIT
// expm1: y = e^x - 1.
//
// Method: x = k·ln 2 + r as in exp; (2^k - 1) + 2^k·r is summed exactly before the rest of the
// series enters, so nothing cancels near 0 (elementary-inl.h, Expm1).  Bound: 1 ulp in double:
// worst seen 0.895 at 0x1.7f1dbaae2089p-2.  f32, f16 and bf16 round that once more.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/expm1.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void Expm1Lanes(const LaneCall& call) { Map<Expm1>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(Expm1Lanes);

const Elementwise row({.op = "expm1", .kernel = "ln2_reduction", .claim_narrow = "faithful"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(Expm1Lanes)
                        (call);
                      });

}  // namespace
}  // namespace karat::kernels
#endif
