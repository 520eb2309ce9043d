// SPDX-License-Identifier: MIT
// log1p: y = log(1 + x).
//
// Method: log of the exact sum of 1 and x, its tail carried into m - 1 (elementary-inl.h,
// Log1p).  Bound: 0.9 ulp in double: worst seen 0.789 at -0x1.2e18c3a9a894ap-2.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5132 ulp of f32 (at 0x1.1083p-3) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/log1p.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

VariantLanes Log1pLanes() {
  return LanesOf<Log1p, Settled<InSteps<Log1pSteps<Quality::exact>>, AccurateLog1pOf, Log1pSteps<Quality::exact>>, Unsettled<InSteps<Log1pSteps<Quality::fast>>>>();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(Log1pLanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(Log1pLanes)(); }
const Variants<lanes> rows("log1p", "atanh_series");

}  // namespace
}  // namespace karat::kernels
#endif
