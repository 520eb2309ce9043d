// SPDX-License-Identifier: MIT
// log: y = log x.
//
// Method: x = 2^k·m, √½ ≤ m < √2, log m = 2·artanh(s), s = (m-1)/(m+1), by its series to s^21
// (elementary-inl.h, Log).  Bound: 0.9 ulp in double: worst seen 0.722 at 0x1.67dd2600018dap+0.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.5132 ulp of f32 (at 0x1.22106p+0) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/log.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

VariantLanes LogLanes() {
  return LanesOf<Log, Settled<InSteps<LogSteps<Quality::exact>>, AccurateLogOf, LogSteps<Quality::exact>>, Unsettled<InSteps<LogSteps<Quality::fast>>>>();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LogLanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(LogLanes)(); }
const Variants<lanes> rows("log", "atanh_series");

}  // namespace
}  // namespace karat::kernels
#endif
