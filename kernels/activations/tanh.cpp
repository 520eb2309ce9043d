// SPDX-License-Identifier: MIT
// tanh:                       y = (e^x - e^-x)/(e^x + e^-x)
// tanh_backward:              dx = dy·4z/(1 + z)², z = e^-2|x|: 1 - tanh² without cancellation
// tanh_backward_from_output:  dx = dy·(1 - y)·(1 + y)
//
// Method: with w = e^(-2|x|) - 1 as a sum of two doubles (Expm1), tanh|x| = -w/(2 + w): |x|
// itself where x is tiny, never above 1.
//
// Bound in double: 0.9 ulp forward (worst seen 0.747 at 0x1.619643a6695cp-3); 1.6 backward
// (1.425 at dy = 0x1.e6cb93ee7215p+8, x = 0x1.cc0ad35ad3ddap+4); 2.6 from the output (2.472 at
// dy = -0x1.0000000000fcap+0, y = -0x1.42c6f0201730cp-11).  f32, f16 and bf16 round that once
// more.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.6764 ulp of f32 (at 0x1.b04072p-6) and
// never out of order: tried on all 2^32 inputs of f32, and all of f16 and bf16.
#include "kernels/elementary/variants.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/tanh.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/variants-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE V Tanh(V x) {
  const V magnitude = hn::Abs(x);
  const Expm1Parts w = Expm1Scaled(hn::Neg(hn::Add(magnitude, magnitude)));
  const Pair sum = FastTwoSum(w.hi, w.lo);
  const Pair denominator = FastTwoSum(Num(2), sum.hi);
  return hn::CopySign(Quotient(sum, {denominator.hi, hn::Add(denominator.lo, sum.lo)}), x);
}

// 4z/(1 + z)², the slope of tanh: 4 times that of 1/(1 + e^-t) at t = 2x.
HWY_INLINE Factor TanhSlope(V x) {
  const Factor slope = LogisticSlope(hn::Add(x, x), Num(0));
  return {slope.q, hn::Add(slope.k, Num(2))};
}

HWY_INLINE V Backward(V dy, V x) { return TimesFactor(dy, TanhSlope(x)); }
HWY_INLINE V BackwardNarrow(V dy, V x) { return TimesFactorNarrow(dy, TanhSlope(x)); }

HWY_INLINE V FromOutput(V dy, V y) { return Product(dy, hn::Sub(Num(1), y), hn::Add(Num(1), y)); }
HWY_INLINE V FromOutputNarrow(V dy, V y) {
  return hn::Mul(dy, hn::Mul(hn::Sub(Num(1), y), hn::Add(Num(1), y)));
}

VariantLanes TanhLanes() {
  return LanesOf<Tanh, Settled<NarrowTanh<Quality::exact>, AccurateTanhOf, TanhSteps, kTanhBound>, Unsettled<NarrowTanh<Quality::fast>>, TanhFloats>();
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

HWY_EXPORT(TanhLanes);
HWY_EXPORT(BackwardLanes);
HWY_EXPORT(BackwardNarrowLanes);
HWY_EXPORT(FromOutputLanes);
HWY_EXPORT(FromOutputNarrowLanes);

VariantLanes lanes() { return HWY_DYNAMIC_DISPATCH(TanhLanes)(); }
const Variants<lanes> rows("tanh", "expm1_ratio");

const Elementwise backward(
    {.op = "tanh_backward", .kernel = "sech_squared", .inputs = 2, .claim_narrow = "faithful"},
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardLanes)
      (call);
    },
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardNarrowLanes)
      (call);
    });

const Elementwise from_output(
    {.op = "tanh_backward_from_output", .kernel = "product", .inputs = 2, .claim_narrow = "faithful"},
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
