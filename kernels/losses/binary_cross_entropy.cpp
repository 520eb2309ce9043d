// SPDX-License-Identifier: MIT
// binary_cross_entropy:           L = −t log p − (1 − t) log(1 − p), their mean, or sum, or each; a logarithm below
//                                 log_clamp = c counts as c, and one of weight 0 not at all
// binary_cross_entropy_backward:  dp = ((1 − t)/(1 − p) − t/p)·dy, divided by n for the mean; where log p < c, or
//                                 p = 0, without its fraction, and so where log(1 − p) < c, or p = 1
//
// Method: log(1 − p) of 1 − p as an exact sum of two doubles.  Backward, with both fractions,
//   (1 − t)/(1 − p) − t/p = (p − t)/(p(1 − p)):  one difference of inputs, where nothing cancels that is not lost in
// them.  log p < c is p < e^c: the smallest p that is not clamped, and the largest, come from e^c to 100 bits.
// f64 keeps numerator and denominator as sums of two doubles.  A p outside of [0, 1] gives NaN.
//
// Bound in double for 0 <= t <= 1: 2 ulp forward, 0.51 backward.  f32, f16 and bf16 round once more after 2^-50.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/losses/reduction.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/binary_cross_entropy.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/likelihood-inl.h"
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_BINARY_CROSS_ENTROPY_  // this file is read once a target
#define KARAT_KERNELS_BINARY_CROSS_ENTROPY_
namespace karat::kernels {
namespace {
enum { kClamp, kDivisor, kLowest, kHighest };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// kFull: p may be a subnormal double.
template <bool kFull>
struct Term {
  static constexpr int kIn = 2, kOut = 1;
  explicit Term(const double* parameters) : clamp(Num(parameters[kClamp])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V t = in[0], p = in[1], rest = hn::Sub(Num(1), t);
    const V log = AtLeast(kFull ? Log(p) : LogNarrow(p), clamp), log_of_rest = AtLeast(LogOfRestNarrow(p), clamp);
    const V one = hn::IfThenZeroElse(hn::Eq(t, Num(0)), hn::Mul(hn::Neg(t), log));
    const V other = hn::IfThenZeroElse(hn::Eq(rest, Num(0)), hn::Mul(rest, log_of_rest));
    out[0] = Choose(IsProbability(p), hn::Sub(one, other), NaN());
  }
  V clamp;
};

// Which fractions are there.
struct Kept {
  M of_p, of_rest;
  Kept(V p, const double* parameters) : of_p(hn::Ge(p, Num(parameters[kLowest]))), of_rest(hn::Le(p, Num(parameters[kHighest]))) {}
  template <class T>  // of both fractions, that of 1 − p alone, that of p alone, none
  HWY_INLINE T Of(T both, T rest, T p, T none) const {
    return Choose(of_p, Choose(of_rest, both, p), Choose(of_rest, rest, none));
  }
};

struct GradientNarrow {
  static constexpr int kIn = 3, kOut = 1;
  explicit GradientNarrow(const double* p) : parameters(p) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V dy = in[0], t = in[1], p = in[2], one = Num(1);
    const V rest = hn::Sub(one, p);
    const Kept kept(p, parameters);
    const V n = kept.Of(hn::Sub(p, t), hn::Sub(one, t), hn::Neg(t), hn::Zero(D()));
    const V d = kept.Of(hn::Mul(p, rest), rest, p, one);
    const V value = hn::Div(hn::Mul(n, dy), hn::Mul(d, Num(parameters[kDivisor])));
    out[0] = Choose(IsProbability(p), value, NaN());
  }
  const double* parameters;
};

struct Gradient {
  static constexpr int kIn = 3, kOut = 1;
  explicit Gradient(const double* p) : parameters(p), divisor(Normalise(Num(p[kDivisor]))) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V dy = in[0], t = in[1], p = in[2], zero = hn::Zero(D());
    const Pair one = {Num(1), zero};
    const Kept kept(p, parameters);
    const Pair n = kept.Of(TwoSum(p, hn::Neg(t)), TwoSum(one.hi, hn::Neg(t)), Pair{hn::Neg(t), zero}, Pair{zero, zero});
    const Pair of_p = Choose(kept.of_p, Pair{p, zero}, one), of_rest = Choose(kept.of_rest, TwoSum(one.hi, hn::Neg(p)), one);
    const WidePair d = Multiply(Multiply(Normalise(of_p), Normalise(of_rest)), divisor);
    const V value = Ratio(Multiply(Normalise(n), Normalise(dy)), d);
    out[0] = Choose(IsProbability(p), Choose(hn::IsFinite(dy), value, hn::Mul(n.hi, dy)), NaN());
  }
  const double* parameters;
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

// e^r for |r| <= 0.35, to 2^-100, by its series.
Sum exp_of(Sum r) {
  Sum sum{1, 0};
  for (int n = 28; n > 0; --n) {
    const double inverse = 1.0 / n;
    sum = Sum{1, 0} + r * sum * Sum{inverse, std::fma(-inverse, n, 1.0) / n};
  }
  return sum;
}

// The smallest double p with log p >= c, and the largest one with log(1 − p) >= c; without 0 and 1.
void find_ends(double c, double* parameters) {
  using namespace constants;
  parameters[kLowest] = std::numeric_limits<double>::denorm_min();
  parameters[kHighest] = 1 - 0x1p-53;
  if (c < -800) return;
  const double k = std::nearbyint(c * kLog2E);
  const Sum m = exp_of(Sum{c, 0} + Sum{-k * kLn2High, -k * kLn2Middle} + Sum{-k * kLn2Rest, 0});
  double lowest = std::ldexp(m.hi, static_cast<int>(k));
  const double back = std::ldexp(lowest, -static_cast<int>(k));
  if (back < m.hi || (back == m.hi && m.lo > 0)) lowest = std::nextafter(lowest, 1);
  parameters[kLowest] = std::max(parameters[kLowest], lowest);
  const Sum rest = Sum{1, 0} + -scale(m, k);
  parameters[kHighest] = std::min(parameters[kHighest], rest.lo < 0 ? std::nextafter(rest.hi, 0) : rest.hi);
}

void read_clamp(const Arguments& a, double* p) {
  p[kClamp] = a.number("log_clamp");
  require(p[kClamp] <= 0, "log_clamp is above 0");
}
void prepare(const Arguments& a, std::int64_t, double* p) { read_clamp(a, p); }
void prepare_gradient(const Arguments& a, std::int64_t n, double* p) {
  read_clamp(a, p);
  p[kDivisor] = divisor_of_dy(a, n, "p");
  find_ends(p[kClamp], p);
}

const Terms row({.about = {.op = "binary_cross_entropy", .kernel = "two_logarithms", .claim_narrow = "faithful"},
                 .tensors = {{"t", Stream::in}, {"p", Stream::in}},
                 .functions = functions_of<lanes>(),
                 .prepare = prepare});

const Streams backward({.about = {.op = "binary_cross_entropy_backward", .kernel = "one_quotient", .claim_narrow = "faithful"},
                        .tensors = {{"dy", Stream::broadcast}, {"t", Stream::in}, {"p", Stream::in}, {"dp", Stream::out}},
                        .functions = functions_of<gradient_lanes>(),
                        .prepare = prepare_gradient});

}  // namespace
}  // namespace karat::kernels
#endif
