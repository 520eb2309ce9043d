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
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/exp.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

VariantLanes ExpLanes() {
  return LanesOf<Exp, Settled<NarrowExp<Quality::exact>, AccurateExpOf, ExpSteps, kPowerBound>, Unsettled<NarrowExp<Quality::fast>>, ExpFloats>();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ExpLanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(ExpLanes)(); }
const Variants<lanes> rows("exp", "ln2_reduction");

}  // namespace
}  // namespace karat::kernels
#endif
