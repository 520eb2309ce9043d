// SPDX-License-Identifier: MIT
// focal_loss:           L = −α_t q^γ log p_t, q = 1 − p_t, with p_t = p and α_t = α for label 1, 1 − p and 1 − α for
//                       label 0, α_t = 1 without α (−1); their mean, or sum, or each.  p_t = 1 gives 0.
// focal_loss_backward:  dp = ±α_t (γ q^(γ−1) log p_t − q^γ/p_t)·dy, − for label 0, divided by n for the mean.  q = 0
//                       gives 0 unless γ = 0.
//
// Method: p_t and q as exact sums of two doubles.  The gradient is one quotient, of terms with one sign:
//   dp = ∓α_t q^γ·(−γ p_t log p_t + q)/(p_t q)·dy.
// q^γ is a product where γ is a small multiple of 1/2, else e^(γ log q).  f64 keeps every factor as a sum of two doubles
// with an exponent of its own, log q to 64 bits.  A label that is neither 0 nor 1, and p outside of [0, 1], give NaN.
//
// Bound in double: 0.5 ulp and 2^-54 + 2^-64·|γ log q|.  f32, f16 and bf16 round once, after 2^-43.
#include "kernels/losses/focal.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/focal_loss.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/focal-inl.h"
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// p_t and q.
struct Likelihood {
  Pair p, q;
  HWY_INLINE Likelihood(const Labels& labels, V given) {
    const Pair here = {given, hn::Zero(D())}, rest = TwoSum(Num(1), hn::Neg(given));
    p = Choose(labels.positive, here, rest);
    q = Choose(labels.positive, rest, here);
  }
  HWY_INLINE static V Log(Pair u) {
    const Pair log = LogParts(u.hi, u.lo, Num(0));
    return Choose(hn::Eq(u.hi, Num(0)), hn::Neg(Inf()), hn::Add(log.hi, log.lo));
  }
};

HWY_INLINE V OrNaN(const Labels& labels, V p, V value) { return Choose(hn::And(labels.known, IsProbability(p)), value, NaN()); }

// q^γ for q > 0.
HWY_INLINE WidePair Power(const Focal& focal, const Likelihood& of) {
  if (focal.whole_gamma() >= 0) return focal.WholePower(Normalise(of.q));
  return WideOf(PowerScaled(LogWide(of.q, of.p), focal.Gamma()));
}

// The gradient at p_t = 0, (−γ log p_t + 1/p_t)·α_t dy, with the sign of the zero; without weight nothing.
HWY_INLINE V AtZero(const Focal& focal, V p, V weighted_dy) {
  const V slope = hn::Add(focal.gamma_is_zero() ? hn::Zero(D()) : Inf(), hn::Div(Num(1), p));
  return hn::IfThenZeroElse(hn::Eq(weighted_dy, hn::Zero(D())), hn::Mul(slope, weighted_dy));
}

struct TermNarrow {
  static constexpr int kIn = 2, kOut = 1;
  static constexpr uint32_t kLabels = 1;
  explicit TermNarrow(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[0]);
    const Likelihood of(labels, in[1]);
    const V power = focal.PowerNarrow(of.q.hi, [&]() HWY_ATTR { return Likelihood::Log(of.q); });
    out[0] = OrNaN(labels, in[1], hn::Mul(focal.AlphaNarrow(labels), hn::Mul(power, hn::Neg(Likelihood::Log(of.p)))));
  }
  Focal focal;
};

struct Term {
  static constexpr int kIn = 2, kOut = 1;
  static constexpr uint32_t kLabels = 1;
  explicit Term(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[0]);
    const Likelihood of(labels, in[1]);
    const WidePair alpha = focal.Alpha(labels);
    const WidePair loss = Multiply(Multiply(alpha, Power(focal, of)), Negate(LogWide(of.p, of.q)));
    const V inside = hn::IfThenZeroElse(hn::Eq(of.q.hi, Num(0)), Value(loss));
    out[0] = OrNaN(labels, in[1], Choose(hn::Eq(of.p.hi, Num(0)), hn::Mul(alpha.m.hi, Inf()), inside));
  }
  Focal focal;
};

struct GradientNarrow {
  static constexpr int kIn = 3, kOut = 1;
  static constexpr uint32_t kLabels = 2;
  explicit GradientNarrow(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[1]);
    const Likelihood of(labels, in[2]);
    const V p = of.p.hi, q = of.q.hi, divisor = Num(focal.p[focal::kDivisor]);
    const V dy = Choose(labels.positive, hn::Neg(in[0]), in[0]), alpha = focal.AlphaNarrow(labels);
    V value;
    if (focal.gamma_is_zero()) {
      value = hn::Div(hn::Mul(alpha, dy), hn::Mul(p, divisor));
    } else {
      const V power = focal.PowerNarrow(q, [&]() HWY_ATTR { return Likelihood::Log(of.q); });
      const V entropy = hn::Mul(hn::Neg(Likelihood::Log(of.p)), p);
      const V n = hn::MulAdd(Num(focal.p[focal::kGamma]), entropy, q);
      const V slope = hn::Div(hn::Mul(n, dy), hn::Mul(hn::Mul(p, q), divisor));
      value = hn::IfThenZeroElse(hn::Eq(q, Num(0)), hn::Mul(hn::Mul(alpha, power), slope));
    }
    out[0] = OrNaN(labels, in[2], Choose(hn::Eq(p, Num(0)), AtZero(focal, p, hn::Mul(alpha, dy)), value));
  }
  Focal focal;
};

struct Gradient {
  static constexpr int kIn = 3, kOut = 1;
  static constexpr uint32_t kLabels = 2;
  explicit Gradient(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[1]);
    const Likelihood of(labels, in[2]);
    const V dy = Choose(labels.positive, hn::Neg(in[0]), in[0]);
    const WidePair alpha = focal.Alpha(labels), p = Normalise(of.p);
    WidePair n = Multiply(alpha, Normalise(dy)), d = Multiply(p, focal.Divisor());
    if (!focal.gamma_is_zero()) {
      const WidePair gamma = focal.Gamma(), q = Normalise(of.q);
      const WidePair entropy = Multiply(gamma, Multiply(p, Negate(LogWide(of.p, of.q))));
      n = Multiply(Multiply(n, Power(focal, of)), Add(entropy, q));
      d = Multiply(d, q);
    }
    const V plain = hn::Mul(alpha.m.hi, dy);  // beside infinities
    const V inside = Choose(hn::IsFinite(dy), Ratio(n, d), plain);
    V value = Choose(hn::Eq(of.p.hi, Num(0)), AtZero(focal, of.p.hi, plain), inside);
    if (!focal.gamma_is_zero()) value = hn::IfThenZeroElse(hn::Eq(of.q.hi, Num(0)), value);
    out[0] = OrNaN(labels, in[2], value);
  }
  Focal focal;
};

TermLanes LossLanes() { return TermLanesOf<Term, TermNarrow>(); }
StreamLanes GradientLanes() { return StreamLanesOf<Gradient, GradientNarrow>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LossLanes);
HWY_EXPORT(GradientLanes);

TermLanes lanes() { return HWY_DYNAMIC_DISPATCH(LossLanes)(); }
StreamLanes gradient_lanes() { return HWY_DYNAMIC_DISPATCH(GradientLanes)(); }

const Terms row({.about = {.op = "focal_loss", .kernel = "logarithm_and_power", .claim_narrow = "faithful"},
                 .tensors = {{"t", Stream::labels}, {"p", Stream::in}},
                 .functions = functions_of<lanes>(kLabelsInPlace),
                 .prepare = focal::prepare});

const Streams backward({.about = {.op = "focal_loss_backward", .kernel = "one_quotient", .claim_narrow = "faithful"},
                        .tensors = {{"dy", Stream::broadcast}, {"t", Stream::labels}, {"p", Stream::in}, {"dp", Stream::out}},
                        .functions = functions_of<gradient_lanes>(kLabelsInPlace),
                        .prepare = [](const Arguments& a, std::int64_t n, double* p) {
                          focal::read(a, p);
                          p[focal::kDivisor] = divisor_of_dy(a, n, "p");
                        }});

}  // namespace
}  // namespace karat::kernels
#endif
