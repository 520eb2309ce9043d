// SPDX-License-Identifier: MIT
// rmsprop: g ← g + λθ;  s ← γs + (1−γ)g²;  b ← μb + g/(√s + ε), or with √(s + ε);  θ ← θ − ηb
//          centered: m ← γm + (1−γ)g, and s − m² under the root
//
// Method: one pass, in double; m is neither read nor written unless centered, b not written without momentum.  f32,
// f16 and bf16 round once: s, m and b to 0.5 ulp and 2^-28, as far as terms do not cancel, θ likewise.
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/rmsprop.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_RMSPROP_  // this file is read once a target
#define KARAT_KERNELS_RMSPROP_
namespace karat::kernels {
namespace {
enum { kEta, kGamma, kRest, kInnerEps, kOuterEps, kMu, kDecay };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <bool kCentered, bool kMomentum>
struct Rmsprop {
  static constexpr int kIn = kCentered ? 5 : 4, kOut = 2 + kCentered + kMomentum;
  explicit Rmsprop(const double* p)
      : eta(Num(p[kEta])),
        gamma(Num(p[kGamma])),
        rest(Num(p[kRest])),
        inner(Num(p[kInnerEps])),
        outer(Num(p[kOuterEps])),
        mu(Num(p[kMu])),
        decay(Num(p[kDecay])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V g = hn::MulAdd(decay, in[0], in[1]);
    const V s = hn::MulAdd(gamma, in[2], hn::Mul(hn::Mul(rest, g), g));
    V variance = s;
    if constexpr (kCentered) {
      const V m = hn::MulAdd(gamma, in[3], hn::Mul(rest, g));
      variance = hn::Sub(s, hn::Mul(m, m));  // not fused: where γ = 0 both are g² rounded, and leave nothing
      out[2] = m;
    }
    const V root = hn::Add(hn::Sqrt(hn::Add(variance, inner)), outer);
    const V step = hn::MulAdd(mu, in[kIn - 1], hn::Div(g, root));
    out[0] = hn::NegMulAdd(eta, step, in[0]);
    out[1] = s;
    if constexpr (kMomentum) out[kOut - 1] = step;
  }
  V eta, gamma, rest, inner, outer, mu, decay;
};

template <bool kCentered>
StreamLanes LanesOf(bool momentum) { return momentum ? StreamLanesOf<Rmsprop<kCentered, true>>() : StreamLanesOf<Rmsprop<kCentered, false>>(); }
StreamLanes RmspropLanes(bool centered, bool momentum) { return centered ? LanesOf<true>(momentum) : LanesOf<false>(momentum); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(RmspropLanes);

template <bool kCentered, bool kMomentum>
StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(RmspropLanes)(kCentered, kMomentum); }

void prepare(const Arguments& a, std::int64_t, double* p) {
  const RootEpsilon eps = root_epsilon(a);
  p[kEta] = learning_rate(a);
  p[kGamma] = fraction(a, "gamma");
  p[kRest] = 1 - p[kGamma];
  p[kInnerEps] = eps.inner;
  p[kOuterEps] = eps.outer;
  p[kMu] = fraction(a, "momentum");
  p[kDecay] = weight_decay(a);
}

template <bool kCentered>
StreamFunctions functions(bool momentum) {
  return momentum ? functions_of<lanes<kCentered, true>>() : functions_of<lanes<kCentered, false>>();
}

// Without momentum b stays as it is; a NaN in it reaches θ even so.
StreamVariant variant(const Arguments& a) {
  const bool centered = a.flag("centered"), momentum = a.number("momentum") != 0;
  return {{{"theta", Stream::inout},
           {"g", Stream::in},
           {"s", Stream::inout},
           {"m", centered ? Stream::inout : Stream::idle},
           {"b", momentum ? Stream::inout : Stream::kept}},
          centered ? functions<true>(momentum) : functions<false>(momentum)};
}

const Streams row({.about = {.op = "rmsprop", .kernel = "one_pass"}, .prepare = prepare, .variant = variant});

}  // namespace
}  // namespace karat::kernels
#endif
