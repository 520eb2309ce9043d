// SPDX-License-Identifier: MIT
// softplus:           y = x if βx > threshold, else log(1 + e^(βx))/β
// softplus_backward:  dx = dy if βx > threshold, else dy/(1 + e^(-βx))
//
// Method: t = βx as an exact sum of two doubles, z = e^-|t|, and
//   y = max{x, 0} + log1p(z)/β:  nothing cancels, and log1p(z) = z where z < 2^-60, whose
// power of two is applied last.
//
// Bound in double: 2 ulp forward (worst seen 1.811 at β = 100, x = 0x1.baef01b12b8a4p-11), 1.6
// backward (1.456 at β = 0x1.99999ap-1, dy = 0x1.f6187c0a5f7a9p-1,
// x = -0x1.57f109c53c0fp+0).  f32, f16 and bf16 round that once more.
//
// In f32, f16 and bf16 `…_exact` is correctly rounded and `…_fast` within 0.8054 ulp of f32 (at -0x1.cc3222p-12) and
// never out of order: tried on all 2^32 inputs of f32, with β = 1, and all of f16 and bf16.
#include "kernels/elementwise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/softplus.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/accurate-inl.h"
#include "kernels/elementary/elementary-inl.h"
#include "kernels/elementary/floats-inl.h"
#include "kernels/elementary/narrow-inl.h"
#include "kernels/map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// βx and whether it is above the threshold.
struct Argument {
  V hi, lo;
  M above;
};

struct Attributes {
  V beta, threshold;
  V beta_m, beta_e;  // β = beta_m·2^beta_e, 1 <= beta_m < 2

  // An f64 β times an f64 x; exact unless |βx| > 3000, where e^-|βx| is nothing beside any double, or βx
  // is below the smallest normal number.
  HWY_INLINE Argument Scale(V x) const {
    const Split split = SplitExponent(x);
    const Pair product = TwoProduct(beta_m, split.m);
    const V exponent = hn::Add(beta_e, split.e);
    const V hi = Scale3(product.hi, exponent);
    const M moderate = hn::Lt(hn::Abs(hi), Num(3000));
    const V lo = hn::IfThenElseZero(moderate, Scale3(product.lo, exponent));
    // Where the product rounds to the threshold, its tail decides; at 0, the sign of x does.
    const V tail = Choose(hn::Eq(threshold, Num(0)), x, lo);
    const M tie = hn::And(hn::Eq(hi, threshold), hn::Gt(tail, Num(0)));
    return {hi, lo, hn::Or(hn::Gt(hi, threshold), tie)};
  }

  // An f32 β times an f32, f16 or bf16 x: exact in double.
  HWY_INLINE Argument ScaleNarrow(V x) const {
    const V t = hn::Mul(beta, x);
    return {t, Num(0), hn::Gt(t, threshold)};
  }

  HWY_INLINE V Forward(V x, const Argument& t) const {
    const V low = Choose(hn::Lt(t.hi, Num(0)), t.lo, hn::Neg(t.lo));
    const Scaled z = ExpScaled(hn::Neg(AtMost(hn::Abs(t.hi), Num(3000))), low);
    const M tiny = hn::Lt(z.k, Num(-60));
    const V log = Choose(tiny, z.hi, Log1pFinite(hn::Mul(z.hi, Pow2(AtLeast(z.k, Num(-61))))));
    const V exponent = hn::Sub(hn::IfThenElseZero(tiny, z.k), beta_e);
    const V tail = Scale3(hn::Div(log, beta_m), exponent);
    const V smooth = hn::Add(hn::IfThenElseZero(hn::Gt(t.hi, Num(0)), x), tail);
    return Choose(t.above, x, smooth);
  }
};

HWY_INLINE Attributes ReadAttributes(const double* values) {
  const Split split = SplitExponent(Num(values[0]));
  return {Num(values[0]), Num(values[1]), split.m, split.e};
}

struct Full {
  static constexpr int kInputs = 1;
  Attributes attributes;
  HWY_INLINE V operator()(V x) const { return attributes.Forward(x, attributes.Scale(x)); }
};

// f32, f16 and bf16: max{x, 0} + log(1 + e^-|βx|)/β, both terms positive.  kPlain: the steps are for β = 1 without a
// threshold.
template <Quality q, bool kPlain = false>
struct Narrow {
  Attributes attributes;
  V inverse;  // 1/β
  float bound;
  HWY_INLINE V Approximate(V x) const {
    const V t = hn::Mul(attributes.beta, x);
    const V decay = Choose(hn::Lt(hn::Abs(x), Inf()), hn::Mul(LogOnePlusUnit<q>(DecayDownTo<q>(t, kLeast)), inverse), Num(0));
    const V smooth = hn::Add(hn::IfThenElseZero(hn::Gt(x, Num(0)), x), decay);
    return Choose(hn::Or(hn::Gt(t, attributes.threshold), hn::IsNaN(x)), x, smooth);
  }
  HWY_INLINE float Bound() const { return bound; }
  template <class T>
  HWY_INLINE T First(T x) const {
    if constexpr (!kPlain) x = Mul(x, Same<T>(attributes.beta));
    return PowerOf<q, false>(ReducePower(MinusAbs(x)));
  }
  template <class T>
  HWY_INLINE T Second(T decay) const { return LogQuotient(decay); }
  template <class T>
  HWY_INLINE T Third(T s, T x) const {
    const T ratio = UnitLogOverQuotient<q>(s), positive = Max(x, Number<T>(0));
    if constexpr (kPlain)
      return MulAdd(ratio, s, positive);
    else
      return Below(MulAdd(ratio, Mul(s, Same<T>(inverse)), positive), x);
  }
  HWY_INLINE V Below(V smooth, V x) const { return Choose(hn::Gt(hn::Mul(attributes.beta, x), attributes.threshold), x, smooth); }
  HWY_INLINE Couple Below(Couple smooth, Couple x) const { return {Below(smooth.a, x.a), Below(smooth.b, x.b)}; }
  HWY_INLINE V Accurate(V x) const {
    const V t = hn::Mul(attributes.beta, x);
    const Pair z = AccurateExp(AtLeast(hn::Neg(hn::Abs(t)), Num(kLeast)));
    const V near = LogOnePlusUnit<Quality::exact>(z.hi);
    const Pair decay = Divide(AccurateLog1pFrom(near, z), {attributes.beta, Num(0)});
    const V smooth = RoundToOdd(Add({hn::IfThenElseZero(hn::Gt(x, Num(0)), x), Num(0)}, decay));
    const V finite = Choose(hn::Lt(hn::Abs(x), Inf()), smooth, hn::IfThenElseZero(hn::Not(hn::Lt(x, Num(0))), x));
    return Choose(hn::Gt(t, attributes.threshold), x, finite);
  }
  // Divided by the least β of f32 it is still less than half of f32's least number.
  static constexpr double kLeast = -400;
};

struct Backward {
  static constexpr int kInputs = 2;
  Attributes attributes;
  HWY_INLINE V operator()(V dy, V x) const {
    const Argument t = attributes.Scale(x);
    return Choose(t.above, dy, TimesFactor(dy, Logistic(t.hi, t.lo)));
  }
};

struct BackwardNarrow {
  static constexpr int kInputs = 2;
  Attributes attributes;
  HWY_INLINE V operator()(V dy, V x) const {
    const Argument t = attributes.ScaleNarrow(x);
    return Choose(t.above, dy, TimesFactorNarrow(dy, Logistic(t.hi, t.lo)));
  }
};

void SoftplusLanes(const LaneCall& call) { MapWith(Full{ReadAttributes(call.attributes)}, call); }

// The bound: log(1 + e^-|βx|)/β, which is e^-|βx|·ln2/β or more, is a normal float; below 0 where it is for no x.
template <class F>
HWY_INLINE F Read(const double* attributes) {
  const double beta = attributes[0];
  return {ReadAttributes(attributes), Num(1 / beta), static_cast<float>(std::max(-1.0, (kPowerBound - 1 - std::abs(std::log(beta))) / beta))};
}
bool is_plain(const double* attributes) { return attributes[0] == 1 && attributes[1] == std::numeric_limits<double>::infinity(); }
using Exactly = Narrow<Quality::exact>;
using Quickly = Narrow<Quality::fast>;
void ExactLanes(const LaneCall& call) { MapApproximate(Read<Exactly>(call.attributes), call); }
void AccurateLanes(const LaneCall& call) { MapAccurate(Read<Exactly>(call.attributes), call); }
void ExactStored(const StoredCall& call) {
  if (is_plain(call.attributes)) return MapExactStored(Read<Narrow<Quality::exact, true>>(call.attributes), call);
  MapExactStored(Read<Exactly>(call.attributes), call);
}
void FastLanes(const LaneCall& call) { MapApproximate(Read<Quickly>(call.attributes), call); }
void FastStored(const StoredCall& call) {
#if KARAT_FLOATS
  if (is_plain(call.attributes)) return MapFloats<SoftplusFloats>(Read<Quickly>(call.attributes), call);
#endif
  MapNarrowStored(Read<Quickly>(call.attributes), call);
}

void BackwardLanes(const LaneCall& call) { MapWith(Backward{ReadAttributes(call.attributes)}, call); }
void BackwardNarrowLanes(const LaneCall& call) {
  MapWith(BackwardNarrow{ReadAttributes(call.attributes)}, call);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SoftplusLanes);
HWY_EXPORT(ExactLanes);
HWY_EXPORT(AccurateLanes);
HWY_EXPORT(ExactStored);
HWY_EXPORT(FastLanes);
HWY_EXPORT(FastStored);
HWY_EXPORT(BackwardLanes);
HWY_EXPORT(BackwardNarrowLanes);

const char* declines(const double* attributes, int) {
  if (!(attributes[0] > 0 && std::isfinite(attributes[0]))) return "beta is not a positive finite number";
  return std::isnan(attributes[1]) ? "threshold is NaN" : nullptr;
}

const Elementwise row(
    {.op = "softplus", .kernel = "log1p_exp", .attributes = {"beta", "threshold"}, .declines = declines, .dtypes = bit_of(KARAT_F64)},
    [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(SoftplusLanes)(call); });

const Elementwise exact({.op = "softplus",
                         .kernel = "log1p_exp_exact",
                         .attributes = {"beta", "threshold"},
                         .claim_narrow = "exact",
                         .declines = declines,
                         .dtypes = kNarrowDtypes},
                        {.approximate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(ExactLanes)(call); },
                         .accurate = [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(AccurateLanes)(call); },
                         .stored = [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(ExactStored)(call); }});

const Elementwise fast({.op = "softplus",
                        .kernel = "log1p_exp_fast",
                        .attributes = {"beta", "threshold"},
                        .claim_narrow = "faithful",
                        .declines = declines,
                        .dtypes = kNarrowDtypes},
                       [](const LaneCall& call) { HWY_DYNAMIC_DISPATCH(FastLanes)(call); },
                       [](const StoredCall& call) { HWY_DYNAMIC_DISPATCH(FastStored)(call); });

const Elementwise backward(
    {.op = "softplus_backward",
     .kernel = "exp_ratio",
     .inputs = 2,
     .attributes = {"beta", "threshold"},
     .claim_narrow = "faithful",
     .declines = declines},
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardLanes)
      (call);
    },
    [](const LaneCall& call) {
      HWY_DYNAMIC_DISPATCH(BackwardNarrowLanes)
      (call);
    });

}  // namespace
}  // namespace karat::kernels
#endif
