// SPDX-License-Identifier: MIT
// adadelta: s ← γs + (1−γ)g²;  g' = √(Δ + ε)/√(s + ε) g;  θ ← θ − η g';  Δ ← ρΔ + (1−ρ)g'²
//
// Method: one pass, in double.  f64 divides the roots.  f32, f16 and bf16, whose quotients stay inside the range of
// double, take one root of the quotient, and round once: s and Δ to 0.5 ulp and 2^-28; where θ and the step cancel to
// 2^-18 of θ, as they do wherever Δ = s and θ = η g, both are computed again as sums of two doubles: θ to 0.5 ulp and
// 2^-28 until they cancel to 2^-70.
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/adadelta.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/double_double-inl.h"
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_ADADELTA_  // this file is read once a target
#define KARAT_KERNELS_ADADELTA_
namespace karat::kernels {
namespace {
enum { kEta, kGamma, kRestGamma, kRho, kRestRho, kEps };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Attributes {
  explicit Attributes(const double* p)
      : eta(Num(p[kEta])),
        gamma(Num(p[kGamma])),
        rest_gamma(Num(p[kRestGamma])),
        rho(Num(p[kRho])),
        rest_rho(Num(p[kRestRho])),
        eps(Num(p[kEps])) {}
  V eta, gamma, rest_gamma, rho, rest_rho, eps;
};

// √(n/d): the double and what is left of n/d.
HWY_INLINE Pair RootOfQuotient(Pair n, Pair d) {
  const V first = hn::Div(n.hi, d.hi);
  const Pair left = Add(n, Negate(Multiply({first, Num(0)}, d)));
  const Pair q = FastTwoSum(first, hn::Div(left.hi, d.hi));
  const V root = hn::Sqrt(q.hi);
  const Pair rest = Add(q, Negate(TwoProduct(root, root)));
  return FastTwoSum(root, hn::Div(rest.hi, hn::Add(root, root)));
}

// θ − η g', of numbers of f32.
HWY_NOINLINE V Precisely(const Attributes& a, const V* in) {
  const Pair rest = TwoSum(Num(1), hn::Neg(a.gamma));
  const Pair s = Add(TwoProduct(a.gamma, in[2]), Multiply(rest, TwoProduct(in[1], in[1])));
  const Pair ratio = RootOfQuotient(TwoSum(in[3], a.eps), Add(s, {a.eps, Num(0)}));
  const Pair step = Multiply(Multiply(ratio, {in[1], Num(0)}), {a.eta, Num(0)});
  const Pair theta = Add({in[0], Num(0)}, Negate(step));
  return hn::Add(theta.hi, theta.lo);
}

template <bool kNarrow>
struct Adadelta : Attributes {
  static constexpr int kIn = 4, kOut = 3;
  using Attributes::Attributes;
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V theta = in[0], g = in[1];
    const V s = hn::MulAdd(gamma, in[2], hn::Mul(hn::Mul(rest_gamma, g), g));
    const V n = hn::Add(in[3], eps), d = hn::Add(s, eps);
    const V ratio = kNarrow ? hn::Sqrt(hn::Div(n, d)) : hn::Div(hn::Sqrt(n), hn::Sqrt(d));
    const V step = hn::Mul(ratio, g);
    V next = hn::NegMulAdd(eta, step, theta);
    if constexpr (kNarrow) {
      const M cancelled = hn::Lt(hn::Abs(next), hn::Mul(hn::Abs(theta), Num(0x1p-18)));
      if (HWY_UNLIKELY(!hn::AllFalse(D(), cancelled))) next = Choose(cancelled, Precisely(*this, in), next);
    }
    out[0] = next;
    out[1] = s;
    out[2] = hn::MulAdd(rho, in[3], hn::Mul(hn::Mul(rest_rho, step), step));
  }
};

StreamLanes AdadeltaLanes() { return StreamLanesOf<Adadelta<false>, Adadelta<true>>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(AdadeltaLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(AdadeltaLanes)(); }

void prepare(const Arguments& a, std::int64_t, double* p) {
  p[kEta] = learning_rate(a);
  p[kGamma] = fraction(a, "gamma");
  p[kRestGamma] = 1 - p[kGamma];
  p[kRho] = fraction(a, "rho");
  p[kRestRho] = 1 - p[kRho];
  p[kEps] = epsilon(a);
}

const Streams row({.about = {.op = "adadelta", .kernel = "one_pass"},
                   .tensors = {{"theta", Stream::inout}, {"g", Stream::in}, {"s", Stream::inout}, {"delta", Stream::inout}},
                   .functions = functions_of<lanes>(),
                   .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
