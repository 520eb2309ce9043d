// SPDX-License-Identifier: MIT
// focal_loss_with_logits:           L = −α_t q^γ log p_t, p_t = σ(z), q = 1 − p_t = σ(−z), with z = x and α_t = α for
//                                   label 1, −x and 1 − α for label 0, α_t = 1 without α (−1); their mean, or sum, or each
// focal_loss_with_logits_backward:  dx = ±α_t q^γ (γ p_t log p_t − q)·dy, − for label 0, divided by n for the mean
//
// Method: with w = e^-|z| and l = log1p(w),
//   −log p_t = max(−z, 0) + l,  −log q = max(z, 0) + l,  p_t and q = 1/(1 + w) and w/(1 + w) or the reverse,
//   dx = ∓α_t q^γ·(γ·p_t(1 + w)·(−log p_t) + q(1 + w))/(1 + w)·dy:  all terms have one sign.
// q^γ is a product where γ is a small multiple of 1/2, else e^(γ log q).  f64 keeps every factor as a sum of two doubles
// with an exponent of its own, w to 56 bits.  A label that is neither 0 nor 1 gives NaN.
//
// Bound in double: 0.5 ulp and 2^-54 + 2^-56·γ.  f32, f16 and bf16 round once, after 2^-43.
#include "kernels/losses/focal.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/focal_loss_with_logits.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/focal-inl.h"
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// z, and its positive and negative part: max(z, 0) and max(−z, 0).
struct Logit {
  V z, above, below;
  M negative;
  HWY_INLINE Logit(const Labels& labels, V x) {
    z = Choose(labels.positive, x, hn::Neg(x));
    negative = hn::Lt(z, Num(0));
    above = hn::IfThenZeroElse(negative, z);
    below = hn::IfThenElseZero(negative, hn::Neg(z));
  }
  HWY_INLINE M IsMinusInfinity() const { return hn::Eq(below, Inf()); }
};

// w, −log p_t and q^γ in double.
struct Narrow {
  V w, loss, power;
  HWY_INLINE Narrow(const Focal& focal, const Logit& logit) : w(ExpOfMinusAbsNarrow(logit.z)) {
    const V l = Log1pOfUnitNarrow(w);
    loss = hn::Add(logit.below, l);
    const V q = hn::Div(Choose(logit.negative, Num(1), w), hn::Add(Num(1), w));
    power = focal.PowerNarrow(q, [&]() HWY_ATTR { return hn::Neg(hn::Add(logit.above, l)); });
  }
};

// The same as sums of two doubles, for |z| < ∞; q^γ = power/divisor.
struct Wide {
  WidePair p, q, sum;  // p_t and q times the sum 1 + w
  WidePair loss, power, divisor;
  HWY_INLINE Wide(const Focal& focal, const Logit& logit) {
    const Scaled scaled = ExpOfMinusAbs(logit.z);
    const WidePair l = Log1pWide(scaled), w = WideOf(scaled), one = Normalise(Num(1));
    p = Choose(logit.negative, w, one);
    q = Choose(logit.negative, one, w);
    sum = Normalise(OnePlus(scaled));
    loss = Add(Normalise(logit.below), l);
    const bool whole = focal.whole_gamma() >= 0;
    power = whole ? focal.WholePower(q) : WideOf(PowerScaled(Negate(Add(Normalise(logit.above), l)), focal.Gamma()));
    divisor = whole ? focal.WholePower(sum) : one;
  }
};

HWY_INLINE V OrNaN(const Labels& labels, V value) { return Choose(labels.known, value, NaN()); }

struct TermNarrow {
  static constexpr int kIn = 2, kOut = 1;
  static constexpr uint32_t kLabels = 1;
  explicit TermNarrow(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[0]);
    const Narrow of(focal, Logit(labels, in[1]));
    out[0] = OrNaN(labels, hn::Mul(focal.AlphaNarrow(labels), hn::Mul(of.power, of.loss)));
  }
  Focal focal;
};

struct Term {
  static constexpr int kIn = 2, kOut = 1;
  static constexpr uint32_t kLabels = 1;
  explicit Term(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[0]);
    const Logit logit(labels, in[1]);
    const Wide of(focal, logit);
    const WidePair alpha = focal.Alpha(labels);
    // At z = ∞ nothing is left; at −∞ the loss is infinite.
    const V value = Ratio(Multiply(Multiply(alpha, of.loss), of.power), of.divisor);
    const V inside = hn::IfThenZeroElse(hn::Eq(logit.z, Inf()), value);
    out[0] = OrNaN(labels, Choose(logit.IsMinusInfinity(), hn::Mul(alpha.m.hi, logit.below), inside));
  }
  Focal focal;
};

struct GradientNarrow {
  static constexpr int kIn = 3, kOut = 1;
  static constexpr uint32_t kLabels = 2;
  explicit GradientNarrow(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[1]);
    const Logit logit(labels, in[2]);
    const Narrow of(focal, logit);
    const V p = Choose(logit.negative, of.w, Num(1)), q = Choose(logit.negative, Num(1), of.w);
    const V n = hn::MulAdd(Num(focal.p[focal::kGamma]), hn::Mul(p, of.loss), q);
    const V dy = Choose(labels.positive, hn::Neg(in[0]), in[0]);
    const V slope = hn::Div(hn::Mul(n, dy), hn::Mul(hn::Add(Num(1), of.w), Num(focal.p[focal::kDivisor])));
    out[0] = OrNaN(labels, hn::Mul(hn::Mul(focal.AlphaNarrow(labels), of.power), slope));
  }
  Focal focal;
};

struct Gradient {
  static constexpr int kIn = 3, kOut = 1;
  static constexpr uint32_t kLabels = 2;
  explicit Gradient(const double* parameters) : focal(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const Labels labels(in[1]);
    const Logit logit(labels, in[2]);
    const Wide of(focal, logit);
    const V dy = Choose(labels.positive, hn::Neg(in[0]), in[0]);
    const WidePair alpha = focal.Alpha(labels), entropy = Multiply(focal.Gamma(), Multiply(of.p, of.loss));
    const WidePair n = Multiply(Multiply(Multiply(alpha, Normalise(dy)), of.power), Add(entropy, of.q));
    const V value = Ratio(n, Multiply(Multiply(of.sum, of.divisor), focal.Divisor()));
    const V plain = hn::Mul(alpha.m.hi, dy);  // beside infinities: p_t log p_t is 0·∞ at −∞
    const V at_end = Choose(logit.IsMinusInfinity(), NaN(), hn::Mul(plain, hn::Zero(D())));
    const V inside = Choose(hn::IsFinite(dy), value, plain);
    out[0] = OrNaN(labels, Choose(hn::IsInf(logit.z), at_end, inside));
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

const Terms row({.about = {.op = "focal_loss_with_logits", .kernel = "log1p_exp", .claim_narrow = "faithful"},
                 .tensors = {{"t", Stream::labels}, {"x", Stream::in}},
                 .functions = functions_of<lanes>(kLabelsInPlace),
                 .prepare = focal::prepare});

const Streams backward({.about = {.op = "focal_loss_with_logits_backward", .kernel = "one_quotient", .claim_narrow = "faithful"},
                        .tensors = {{"dy", Stream::broadcast}, {"t", Stream::labels}, {"x", Stream::in}, {"dx", Stream::out}},
                        .functions = functions_of<gradient_lanes>(kLabelsInPlace),
                        .prepare = [](const Arguments& a, std::int64_t n, double* p) {
                          focal::read(a, p);
                          p[focal::kDivisor] = divisor_of_dy(a, n, "x");
                        }});

}  // namespace
}  // namespace karat::kernels
#endif
