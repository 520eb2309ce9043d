// SPDX-License-Identifier: MIT
// sigmoid:                       y = 1/(1 + e^-x)
// sigmoid_backward:              dx = dy·z/(1 + z)², z = e^-|x|: 1 - σ without cancellation
// sigmoid_backward_from_output:  dx = dy·y·(1 - y)
//
// Method: z = 2^k·(hi + lo) to 56 bits; 1/(1 + z) for x ≥ 0, z/(1 + z) below, quotients of sums
// of two doubles, the factor 2^k last, so that tails stay exact down to the subnormals.
//
// Bound in double: 0.6 ulp forward, 1 where the result is subnormal (worst seen 0.728 at
// -0x1.626fe20b8458fp+9); 1.6 backward (1.413 at dy = 0x1.e5e4667d991bp-2,
// x = 0x1.a77a302edafaap+8); 2.1 from the output (1.953 at dy = -0x1.fffffffffee9ep-1,
// y = -0x1.f8585667afd4fp+5).  f32, f16 and bf16 round that once more.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.9864 ulp of f32 (at -0x1.4cbbe8p+2) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/sigmoid.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE V Sigmoid(V x) {
  const Factor y = Logistic(AtLeast(x, Num(-1400)), Num(0));
  return Scale2(y.q, y.k);
}

HWY_INLINE V Backward(V dy, V x) { return TimesFactor(dy, LogisticSlope(x, Num(0))); }
HWY_INLINE V BackwardNarrow(V dy, V x) { return TimesFactorNarrow(dy, LogisticSlope(x, Num(0))); }

HWY_INLINE V FromOutput(V dy, V y) { return Product(dy, y, hn::Sub(Num(1), y)); }
HWY_INLINE V FromOutputNarrow(V dy, V y) { return hn::Mul(hn::Mul(dy, y), hn::Sub(Num(1), y)); }

VariantLanes SigmoidLanes() {
  return LanesOf<Sigmoid, Settled<NarrowSigmoid<Quality::exact>, AccurateSigmoidOf, SigmoidSteps, kPowerBound>, Unsettled<NarrowSigmoid<Quality::fast>>, SigmoidFloats>();
}
void BackwardLanes(const LaneCall& call) { Map<Backward>(call); }
void BackwardNarrowLanes(const LaneCall& call) { Map<BackwardNarrow>(call); }
void FromOutputLanes(const LaneCall& call) { Map<FromOutput>(call); }
void FromOutputNarrowLanes(const LaneCall& call) { Map<FromOutputNarrow>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SigmoidLanes);
HWY_EXPORT(BackwardLanes);
HWY_EXPORT(BackwardNarrowLanes);
HWY_EXPORT(FromOutputLanes);
HWY_EXPORT(FromOutputNarrowLanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(SigmoidLanes)(); }
const Variants<lanes> rows("sigmoid", "exp_ratio");

const Elementwise backward(
    {.op = "sigmoid_backward", .kernel = "exp_ratio", .inputs = 2, .claim_narrow = "faithful"},
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardLanes)
      (call);
    },
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardNarrowLanes)
      (call);
    });

const Elementwise from_output(
    {.op = "sigmoid_backward_from_output", .kernel = "product", .inputs = 2, .claim_narrow = "faithful"},
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(FromOutputLanes)
      (call);
    },
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(FromOutputNarrowLanes)
      (call);
    });

}  // namespace
}  // namespace karat::kernels
#endif
