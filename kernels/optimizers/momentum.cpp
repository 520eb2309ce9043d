// SPDX-License-Identifier: MIT
// momentum: g ← g + λθ;  v ← βv + (1 − dampening) g, at the first step v ← g;  θ ← θ − ηv, or, after Nesterov,
//           θ ← θ − η(g + βv)
//
// Method: one pass, in double.  f32, f16 and bf16 round once: v and θ to 0.5 ulp and 2^-28, as far as their terms do
// not cancel.
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/momentum.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_MOMENTUM_  // this file is read once a target
#define KARAT_KERNELS_MOMENTUM_
namespace karat::kernels {
namespace {
enum { kEta, kBeta, kOld, kNew, kDecay, kLater };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <bool kNesterov>
struct Momentum {
  static constexpr int kIn = 3, kOut = 2;
  explicit Momentum(const double* p)
      : eta(Num(p[kEta])),
        beta(Num(p[kBeta])),
        old(Num(p[kOld])),
        fresh(Num(p[kNew])),
        decay(Num(p[kDecay])),
        later(hn::Gt(Num(p[kLater]), Num(0))) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V g = hn::MulAdd(decay, in[0], in[1]);
    const V v = hn::MulAdd(old, hn::IfThenElseZero(later, in[2]), hn::Mul(fresh, g));
    const V step = kNesterov ? hn::MulAdd(beta, v, g) : v;
    out[0] = hn::NegMulAdd(eta, step, in[0]);
    out[1] = v;
  }
  V eta, beta, old, fresh, decay;
  M later;
};

StreamLanes MomentumLanes(bool nesterov) { return nesterov ? StreamLanesOf<Momentum<true>>() : StreamLanesOf<Momentum<false>>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(MomentumLanes);

template <bool kNesterov>
StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(MomentumLanes)(kNesterov); }

void prepare(const Arguments& a, std::int64_t, double* p) {
  const bool first = step_number(a) == 1;
  p[kEta] = learning_rate(a);
  p[kBeta] = fraction(a, "beta");
  // At the first step v is g itself, whatever the state holds: −0·0 + g is g, a zero's sign included.
  p[kOld] = first ? -0.0 : p[kBeta];
  p[kNew] = first ? 1 : 1 - fraction(a, "dampening");
  p[kDecay] = weight_decay(a);
  p[kLater] = first ? 0 : 1;
}

StreamVariant variant(const Arguments& a) {
  return {{{"theta", Stream::inout}, {"g", Stream::in}, {"v", Stream::inout}},
          a.flag("nesterov") ? functions_of<lanes<true>>() : functions_of<lanes<false>>()};
}

const Streams row({.about = {.op = "momentum", .kernel = "one_pass"}, .prepare = prepare, .variant = variant});

}  // namespace
}  // namespace karat::kernels
#endif
