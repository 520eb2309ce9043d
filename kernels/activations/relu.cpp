// SPDX-License-Identifier: MIT
// relu:                       y = max{x, 0}
// relu_backward:              dx = dy if x > 0, else 0
// relu_backward_from_output:  dx = dy if y > 0, else 0
//
// Method: selection; no rounding, so f32 needs no doubles.  NaN passes through the forward operator; the gradient at a
// NaN is 0.
#include "kernels/elementwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/relu.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/elementary-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Relu {
  static constexpr int kInputs = 1;
  template <class W>
  HWY_INLINE W operator()(W x) const { return hn::IfThenZeroElse(hn::Le(x, hn::Zero(hn::DFromV<W>())), x); }
};
struct Backward {
  static constexpr int kInputs = 2;
  template <class W>
  HWY_INLINE W operator()(W dy, W x) const { return hn::IfThenElseZero(hn::Gt(x, hn::Zero(hn::DFromV<W>())), dy); }
};

void ReluLanes(const LaneCall& call) { MapWith(Relu(), call); }
void BackwardLanes(const LaneCall& call) { MapWith(Backward(), call); }
void ReluStored(const StoredCall& call) { MapStored(Relu(), call); }
void BackwardStored(const StoredCall& call) { MapStored(Backward(), call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ReluLanes);
HWY_EXPORT(BackwardLanes);
HWY_EXPORT(ReluStored);
HWY_EXPORT(BackwardStored);

void backward_lanes(const LaneCall& call) { HWY_DYNAMIC_DISPATCH(BackwardLanes)(call); }
void backward_stored(const StoredCall& call) { HWY_DYNAMIC_DISPATCH(BackwardStored)(call); }

const Elementwise row({.op = "relu", .kernel = "select", .claim_f64 = "exact", .claim_narrow = "exact"},
                      [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ReluLanes)(call); },
                      [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ReluStored)(call); });

const Elementwise backward(
    {.op = "relu_backward", .kernel = "select", .inputs = 2, .claim_f64 = "exact", .claim_narrow = "exact"},
    backward_lanes, backward_stored);

const Elementwise from_output({.op = "relu_backward_from_output",
                               .kernel = "select",
                               .inputs = 2,
                               .claim_f64 = "exact",
                               .claim_narrow = "exact"},
                              backward_lanes, backward_stored);

}  // namespace
}  // namespace karat::kernels
#endif
