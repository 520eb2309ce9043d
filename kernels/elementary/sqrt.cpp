// SPDX-License-Identifier: MIT
// sqrt: y = √x.
//
// Method: the processor's instruction, in double.  Bound: 0.5 ulp, correctly rounded, in all
// four dtypes: a double has more than twice the digits of an f32 and two to spare, so that its
// rounded root never lies on the wrong side of a midpoint (Figueroa 1995).
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementary/sqrt.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE V Root(V x) { return hn::Sqrt(x); }

void SqrtLanes(const LaneCall& call) { Map<Root>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SqrtLanes);

const Elementwise row({.op = "sqrt", .kernel = "hardware", .claim_f64 = "exact", .claim_narrow = "exact"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(SqrtLanes)
                        (call);
                      });

}  // namespace
}  // namespace karat::kernels
#endif
