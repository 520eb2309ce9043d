// SPDX-License-Identifier: MIT
// leaky_relu:                       y = max{x, 0} + α·min{x, 0}
// leaky_relu_backward:              dx = dy if x > 0, else α·dy
// leaky_relu_backward_from_output:  dx = dy if y > 0, else α·dy  (α ≥ 0)
//
// Method: selection and one product in double.  Bound: 0.5 ulp, correctly rounded: the product
// of an f32 α with an f32, f16 or bf16 number is exact in double, and rounded once.
#include "kernels/elementwise.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/operators/leaky_relu.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Forward {
  static constexpr int kInputs = 1;
  V alpha;
  HWY_INLINE V operator()(V x) const { return Choose(hn::Lt(x, Num(0)), hn::Mul(alpha, x), x); }
};

struct Backward {
  static constexpr int kInputs = 2;
  V alpha;
  HWY_INLINE V operator()(V dy, V x) const { return Choose(hn::Gt(x, Num(0)), dy, hn::Mul(alpha, dy)); }
};

void ForwardLanes(const LaneCall& call) { MapWith(Forward{Num(call.attributes[0])}, call); }
void BackwardLanes(const LaneCall& call) { MapWith(Backward{Num(call.attributes[0])}, call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ForwardLanes);
HWY_EXPORT(BackwardLanes);

const char* declines(const double* attributes, int) {
  return std::isfinite(attributes[0]) ? nullptr : "alpha is not finite";
}

const char* declines_from_output(const double* attributes, int) {
  // With α < 0 the sign of y does not tell that of x.
  return std::isfinite(attributes[0]) && attributes[0] >= 0 ? nullptr : "alpha is negative or not finite";
}

const Elementwise row({.op = "leaky_relu",
                       .kernel = "select",
                       .attributes = {"alpha"},
                       .claim_f64 = "exact",
                       .claim_narrow = "exact",
                       .declines = declines},
                      [](const LaneCall& call) {
                        HWY_DYNAMIC_DISPATCH(ForwardLanes)
                        (call);
                      });

const Elementwise backward({.op = "leaky_relu_backward",
                            .kernel = "select",
                            .inputs = 2,
                            .attributes = {"alpha"},
                            .claim_f64 = "exact",
                            .claim_narrow = "exact",
                            .declines = declines},
                           [](const LaneCall& call) {
                             HWY_DYNAMIC_DISPATCH(BackwardLanes)
                             (call);
                           });

const Elementwise from_output({.op = "leaky_relu_backward_from_output",
                               .kernel = "select",
                               .inputs = 2,
                               .attributes = {"alpha"},
                               .claim_f64 = "exact",
                               .claim_narrow = "exact",
                               .declines = declines_from_output},
                              [](const LaneCall& call) {
                                HWY_DYNAMIC_DISPATCH(BackwardLanes)
                                (call);
                              });

}  // namespace
}  // namespace karat::kernels
#endif
