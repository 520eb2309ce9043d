// SPDX-License-Identifier: MIT
// adagrad: g ← g + λθ;  s ← βs + g²;  θ ← θ − η g/(√s + ε), or with √(s + ε)
//
// Method: one pass, in double.  f32, f16 and bf16 round once: s to 0.5 ulp and 2^-28, θ as far as θ and the step do not
// cancel.
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/adagrad.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_ADAGRAD_  // this file is read once a target
#define KARAT_KERNELS_ADAGRAD_
namespace karat::kernels {
namespace {
enum { kEta, kBeta, kInnerEps, kOuterEps, kDecay };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Adagrad {
  static constexpr int kIn = 3, kOut = 2;
  explicit Adagrad(const double* p)
      : eta(Num(p[kEta])), beta(Num(p[kBeta])), inner(Num(p[kInnerEps])), outer(Num(p[kOuterEps])), decay(Num(p[kDecay])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V g = hn::MulAdd(decay, in[0], in[1]);
    const V s = hn::MulAdd(beta, in[2], hn::Mul(g, g));
    const V root = hn::Add(hn::Sqrt(hn::Add(s, inner)), outer);
    out[0] = hn::Sub(in[0], hn::Div(hn::Mul(eta, g), root));
    out[1] = s;
  }
  V eta, beta, inner, outer, decay;
};

StreamLanes AdagradLanes() { return StreamLanesOf<Adagrad>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(AdagradLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(AdagradLanes)(); }

void prepare(const Arguments& a, std::int64_t, double* p) {
  const RootEpsilon eps = root_epsilon(a);
  p[kEta] = learning_rate(a);
  p[kBeta] = fraction(a, "beta");
  p[kInnerEps] = eps.inner;
  p[kOuterEps] = eps.outer;
  p[kDecay] = weight_decay(a);
}

const Streams row({.about = {.op = "adagrad", .kernel = "one_pass"},
                   .tensors = {{"theta", Stream::inout}, {"g", Stream::in}, {"s", Stream::inout}},
                   .functions = functions_of<lanes>(),
                   .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
