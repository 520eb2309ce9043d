// SPDX-License-Identifier: MIT
// adam: v ← β₁v + (1−β₁)g;  s ← β₂s + (1−β₂)g²;  θ ← θ − η v̂/(√ŝ + ε)
//
// Method: one pass, in double; 1 − β and 1 − βᵗ once a call; s_max is neither read nor written without amsgrad.  f32,
// f16 and bf16 round once: v and s to 0.5 ulp and 2^-28, θ as far as θ and the step do not cancel.
#include <cmath>

#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/adam.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_ADAM_  // this file is read once a target
#define KARAT_KERNELS_ADAM_
namespace karat::kernels {
namespace {
enum { kBeta1, kRest1, kBeta2, kRest2, kInnerEps, kOuterEps, kDecay, kCoupled, kScale1, kScale2, kKept };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <bool kAmsgrad>
struct Adam {
  static constexpr int kIn = kAmsgrad ? 5 : 4, kOut = kAmsgrad ? 4 : 3;
  explicit Adam(const double* p)
      : beta1(Num(p[kBeta1])),
        rest1(Num(p[kRest1])),
        beta2(Num(p[kBeta2])),
        rest2(Num(p[kRest2])),
        inner(Num(p[kInnerEps])),
        outer(Num(p[kOuterEps])),
        decay(Num(p[kDecay])),
        scale1(Num(p[kScale1])),
        scale2(Num(p[kScale2])),
        kept(Num(p[kKept])),
        coupled(hn::Gt(Num(p[kCoupled]), Num(0))) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V theta = in[0];
    const V g = hn::MulAdd(decay, hn::IfThenElseZero(coupled, theta), in[1]);
    const V v = hn::MulAdd(beta1, in[2], hn::Mul(rest1, g));
    const V s = hn::MulAdd(beta2, in[3], hn::Mul(hn::Mul(rest2, g), g));
    V second = s;
    if constexpr (kAmsgrad) {  // max{s_max, s}; of numbers that cannot be compared, the NaN
      second = Choose(hn::Or(hn::Gt(in[4], s), hn::IsNaN(in[4])), in[4], s);
      out[3] = second;
    }
    const V root = hn::Add(hn::Sqrt(hn::MulAdd(second, scale2, inner)), outer);
    out[0] = hn::MulSub(kept, theta, hn::Div(hn::Mul(scale1, v), root));
    out[1] = v;
    out[2] = s;
  }
  V beta1, rest1, beta2, rest2, inner, outer, decay, scale1, scale2, kept;
  M coupled;
};

StreamLanes AdamLanes(bool amsgrad) { return amsgrad ? StreamLanesOf<Adam<true>>() : StreamLanesOf<Adam<false>>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(AdamLanes);

template <bool kAmsgrad>
StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(AdamLanes)(kAmsgrad); }

// 1 − βᵗ; β − 1 is exact.
double correction(double beta, std::int64_t t) {
  return static_cast<double>(-std::expm1(static_cast<long double>(t) * std::log1p(static_cast<long double>(beta) - 1)));
}

void prepare(const Arguments& a, std::int64_t, double* p) {
  const double eta = learning_rate(a), decay = weight_decay(a), eps = epsilon(a);
  const double beta1 = fraction(a, "beta1"), beta2 = fraction(a, "beta2");
  const double first = correction(beta1, step_number(a)), second = correction(beta2, step_number(a));
  const bool inside = a.is("eps_placement", "inside"), hat = a.is("eps_placement", "hat"),
             decoupled = a.is("decay", "decoupled");
  require(hat || inside || a.is("eps_placement", "outside"), "eps_placement is outside, inside or hat");
  require(decoupled || a.is("decay", "coupled"), "decay is coupled or decoupled");
  p[kBeta1] = beta1;
  p[kRest1] = 1 - beta1;
  p[kBeta2] = beta2;
  p[kRest2] = 1 - beta2;
  p[kInnerEps] = inside ? eps : 0;
  p[kOuterEps] = inside ? 0 : eps;
  p[kScale1] = hat ? eta * std::sqrt(second) / first : eta / first;
  p[kScale2] = hat ? 1 : 1 / second;
  p[kCoupled] = decoupled ? 0 : 1;
  p[kDecay] = decoupled ? -0.0 : decay;  // −0·0 + g is g, a zero's sign included
  p[kKept] = decoupled ? std::fma(-eta, decay, 1) : 1;
}

// s_max is used and updated with amsgrad alone.
StreamVariant variant(const Arguments& a) {
  const bool amsgrad = a.flag("amsgrad");
  return {{{"theta", Stream::inout},
           {"g", Stream::in},
           {"v", Stream::inout},
           {"s", Stream::inout},
           {"s_max", amsgrad ? Stream::inout : Stream::idle}},
          amsgrad ? functions_of<lanes<true>>() : functions_of<lanes<false>>()};
}

const Streams row({.about = {.op = "adam", .kernel = "one_pass"}, .prepare = prepare, .variant = variant});

}  // namespace
}  // namespace karat::kernels
#endif
