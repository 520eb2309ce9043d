// SPDX-License-Identifier: MIT
// binary_cross_entropy_with_logits:           L = −t log σ(x) − (1 − t) log(1 − σ(x)), their mean, or sum, or each
// binary_cross_entropy_with_logits_backward:  dx = (σ(x) − t)·dy, divided by n for the mean
//
// Method: with w = e^-|x| and, for x >= 0, a = 1 − t and b = t, otherwise a = t and b = 1 − t,
//   L = |x|·a + log1p(w),  σ(x) − t = ±(a − b·w)/(1 + w), − for x < 0:
// for t in [0, 1] nothing cancels in L, and σ(x) − t only where σ(x) is near t.  There f64 keeps the numerator as a
// sum of two doubles with an exponent of its own, w to 56 bits.
//
// Bound in double: L 2 ulp, or 2^-52 of what cancels where t is outside of [0, 1]; dx 0.51 ulp and 2^-56 of what
// cancels.  f32, f16 and bf16: dx 2^-51 of σ(x) and t; and one rounding.
#include "kernels/losses/reduction.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/binary_cross_entropy_with_logits.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/likelihood-inl.h"
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <bool kFull>
struct Term {
  static constexpr int kIn = 2, kOut = 1;
  explicit Term(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V t = in[0], x = in[1];
    const V a = Choose(hn::Lt(x, Num(0)), t, hn::Sub(Num(1), t));
    const V log = kFull ? Log1pOfUnit(ExpOfMinusAbs(x)) : Log1pOfUnitNarrow(ExpOfMinusAbsNarrow(x));
    out[0] = hn::MulAdd(hn::Abs(x), a, log);
  }
};

struct GradientNarrow {
  static constexpr int kIn = 3, kOut = 1;
  explicit GradientNarrow(const double* parameters) : divisor(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V dy = in[0], t = in[1], x = in[2], rest = hn::Sub(Num(1), t);
    const M negative = hn::Lt(x, Num(0));
    const V w = ExpOfMinusAbsNarrow(x);
    const V n = hn::NegMulAdd(Choose(negative, rest, t), w, Choose(negative, t, rest));
    const V signed_dy = Choose(negative, hn::Neg(dy), dy);
    out[0] = hn::Div(hn::Mul(n, signed_dy), hn::Mul(hn::Add(Num(1), w), divisor));
  }
  V divisor;
};

struct Gradient {
  static constexpr int kIn = 3, kOut = 1;
  explicit Gradient(const double* parameters) : divisor(Normalise(Num(parameters[0]))) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V dy = in[0], t = in[1], x = in[2];
    const Pair one = {t, hn::Zero(D())}, rest = TwoSum(Num(1), hn::Neg(t));
    const M negative = hn::Lt(x, Num(0));
    const Scaled w = ExpOfMinusAbs(x);
    const WidePair b_w = Multiply(Normalise(Choose(negative, rest, one)), WideOf(w));
    const WidePair n = Add(Normalise(Choose(negative, one, rest)), Negate(b_w));
    const V signed_dy = Choose(negative, hn::Neg(dy), dy);
    const V value = Ratio(Multiply(n, Normalise(signed_dy)), Multiply(Normalise(OnePlus(w)), divisor));
    out[0] = Choose(hn::IsFinite(dy), value, hn::Mul(n.m.hi, signed_dy));
  }
  WidePair divisor;
};

TermLanes LossLanes() { return TermLanesOf<Term<true>, Term<false>>(); }
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

const Terms row({.about = {.op = "binary_cross_entropy_with_logits", .kernel = "log1p_exp", .claim_narrow = "faithful"},
                 .tensors = {{"t", Stream::in}, {"x", Stream::in}},
                 .functions = functions_of<lanes>()});

const Streams backward({.about = {.op = "binary_cross_entropy_with_logits_backward", .kernel = "exp_ratio", .claim_narrow = "faithful"},
                        .tensors = {{"dy", Stream::broadcast}, {"t", Stream::in}, {"x", Stream::in}, {"dx", Stream::out}},
                        .functions = functions_of<gradient_lanes>(),
                        .prepare = [](const Arguments& a, std::int64_t n, double* p) { p[0] = divisor_of_dy(a, n, "x"); }});

}  // namespace
}  // namespace karat::kernels
#endif
