// SPDX-License-Identifier: MIT
// expm1: y = e^x - 1.
//
// Method: x = k·ln 2 + r as in exp; (2^k - 1) + 2^k·r is summed exactly before the rest of the
// series enters, so nothing cancels near 0 (elementary-inl.h, Expm1).  Bound: 1 ulp in double:
// worst seen 0.895 at 0x1.7f1dbaae2089p-2.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5065 ulp of f32 (at -0x1.07bbbp-4) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/expm1.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

VariantLanes Expm1Lanes() {
  return LanesOf<Expm1, Settled<NarrowExpm1<Quality::exact>, AccurateExpm1Of, Expm1Steps, kPowerBound>, Unsettled<NarrowExpm1<Quality::fast>>>();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(Expm1Lanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(Expm1Lanes)(); }
const Variants<lanes> rows("expm1", "ln2_reduction");

}  // namespace
}  // namespace karat::kernels
#endif
