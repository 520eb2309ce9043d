// SPDX-License-Identifier: MIT
// leaky_relu:                       y = max{x, 0} + α·min{x, 0}
// leaky_relu_backward:              dx = dy if x > 0, else α·dy
// leaky_relu_backward_from_output:  dx = dy if y > 0, else α·dy  (α ≥ 0)
//
// Method: selection and one product, in double for f16 and bf16.  Bound: 0.5 ulp, correctly rounded: the
// product of an f32 α with an f16 or bf16 number is exact in double, and rounded once; that of two f32 numbers
// is rounded once by the processor.
#include "kernels/elementwise.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/leaky_relu.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <class W>
struct Forward {
  static constexpr int kInputs = 1;
  W alpha;
  HWY_INLINE W operator()(W x) const { return hn::IfThenElse(hn::Lt(x, hn::Zero(hn::DFromV<W>())), hn::Mul(alpha, x), x); }
  template <class W1>
  HWY_INLINE W1 operator()(W1 x) const { return Forward<W1>{hn::Set(hn::DFromV<W1>(), hn::GetLane(alpha))}(x); }
};
template <class W>
struct Backward {
  static constexpr int kInputs = 2;
  W alpha;
  HWY_INLINE W operator()(W dy, W x) const { return hn::IfThenElse(hn::Gt(x, hn::Zero(hn::DFromV<W>())), dy, hn::Mul(alpha, dy)); }
  template <class W1>
  HWY_INLINE W1 operator()(W1 dy, W1 x) const { return Backward<W1>{hn::Set(hn::DFromV<W1>(), hn::GetLane(alpha))}(dy, x); }
};

using F32 = hn::ScalableTag<float>;
void ForwardLanes(const LaneCall& call) { MapWith(Forward<V>{Num(call.attributes[0])}, call); }
void BackwardLanes(const LaneCall& call) { MapWith(Backward<V>{Num(call.attributes[0])}, call); }
void ForwardStored(const StoredCall& call) { MapStored(Forward<hn::Vec<F32>>{hn::Set(F32(), static_cast<float>(call.attributes[0]))}, call); }
void BackwardStored(const StoredCall& call) { MapStored(Backward<hn::Vec<F32>>{hn::Set(F32(), static_cast<float>(call.attributes[0]))}, call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ForwardLanes);
HWY_EXPORT(BackwardLanes);
HWY_EXPORT(ForwardStored);
HWY_EXPORT(BackwardStored);

void backward_lanes(const LaneCall& call) { HWY_DYNAMIC_DISPATCH(BackwardLanes)(call); }
void backward_stored(const StoredCall& call) { HWY_DYNAMIC_DISPATCH(BackwardStored)(call); }

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
                      [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ForwardLanes)(call); },
                      [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ForwardStored)(call); });

const Elementwise backward({.op = "leaky_relu_backward",
                            .kernel = "select",
                            .inputs = 2,
                            .attributes = {"alpha"},
                            .claim_f64 = "exact",
                            .claim_narrow = "exact",
                            .declines = declines},
                           backward_lanes, backward_stored);

const Elementwise from_output({.op = "leaky_relu_backward_from_output",
                               .kernel = "select",
                               .inputs = 2,
                               .attributes = {"alpha"},
                               .claim_f64 = "exact",
                               .claim_narrow = "exact",
                               .declines = declines_from_output},
                              backward_lanes, backward_stored);

}  // namespace
}  // namespace karat::kernels
#endif
