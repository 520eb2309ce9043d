// SPDX-License-Identifier: MIT
// relu:                       y = max{x, 0}
// relu_backward:              dx = dy if x > 0, else 0
// relu_backward_from_output:  dx = dy if y > 0, else 0
//
// Method: selection; no rounding.  NaN passes through the forward operator; the gradient at a
// NaN is 0.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/relu.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE V Relu(V x) { return hn::IfThenZeroElse(hn::Le(x, Num(0)), x); }
HWY_INLINE V Backward(V dy, V x) { return hn::IfThenElseZero(hn::Gt(x, Num(0)), dy); }

void ReluLanes(const LaneCall& call) { Map<Relu>(call); }
void BackwardLanes(const LaneCall& call) { Map<Backward>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ReluLanes);
HWY_EXPORT(BackwardLanes);

const Elementwise row({.op = "relu", .kernel = "select", .claim_f64 = "exact", .claim_narrow = "exact"},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(ReluLanes)
                        (call);
                      });

const Elementwise backward(
    {.op = "relu_backward", .kernel = "select", .inputs = 2, .claim_f64 = "exact", .claim_narrow = "exact"},
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardLanes)
      (call);
    });

const Elementwise from_output({.op = "relu_backward_from_output",
                               .kernel = "select",
                               .inputs = 2,
                               .claim_f64 = "exact",
                               .claim_narrow = "exact"},
                              [](const LaneCall& call) {
                                HWY_DYNAMIC_DISPATCH(BackwardLanes)
                                (call);
                              });

}  // namespace
}  // namespace karat::kernels
#endif
