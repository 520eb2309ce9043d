// SPDX-License-Identifier: MIT
// Terms are summed in sixteen partial sums a block, blocks in their order: f32, f16 and bf16 in doubles, to 2^-42 of
// the sum, f64 with the roundings of the sums kept, to 2^-53.  A sum of f64 that leaves the range, or that of squares
// below it, is taken once more with θ scaled by a power of two.
#include "kernels/regularization/penalty.hpp"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/regularization/penalty.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// kScaled: of θ times a power of two.
template <bool kScaled>
struct Absolute {
  static constexpr int kIn = 1, kOut = 1;
  explicit Absolute(const double* parameters) : scale(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::Abs(kScaled ? hn::Mul(in[0], scale) : in[0]); }
  V scale;
};

template <bool kScaled>
struct Square {
  static constexpr int kIn = 1, kOut = 1;
  explicit Square(const double* parameters) : scale(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V theta = kScaled ? hn::Mul(in[0], scale) : in[0];
    out[0] = hn::Mul(theta, theta);
  }
  V scale;
};

struct SignGradient {
  static constexpr int kIn = 2, kOut = 1;
  explicit SignGradient(const double* parameters) : lambda(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V theta = in[1];
    const M moves = hn::Or(hn::Lt(theta, hn::Zero(D())), hn::Gt(theta, hn::Zero(D())));
    out[0] = hn::Mul(Choose(moves, hn::CopySign(lambda, theta), hn::Mul(theta, hn::Zero(D()))), in[0]);
  }
  V lambda;
};

struct SquareGradient {
  static constexpr int kIn = 2, kOut = 1;
  explicit SquareGradient(const double* parameters) : lambda(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V product = hn::Mul(lambda, in[1]);
    out[0] = hn::Mul(hn::Add(product, product), in[0]);
  }
  V lambda;
};

template <template <bool> class Term>
TermLanes LanesOf() {
  return {.each = StreamLanesOf<Term<true>>(),
          .sum_full = SumStreams<Term<true>, double, true>,
          .sum_stored = SumStreams<Term<false>, float, false>};
}
TermLanes PenaltyLanes(Penalty penalty) { return penalty == Penalty::l1 ? LanesOf<Absolute>() : LanesOf<Square>(); }
StreamLanes GradientLanes(Penalty penalty) { return penalty == Penalty::l1 ? StreamLanesOf<SignGradient>() : StreamLanesOf<SquareGradient>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(PenaltyLanes);
HWY_EXPORT(GradientLanes);

template <Penalty kPenalty>
TermLanes lanes() { return HWY_DYNAMIC_DISPATCH(PenaltyLanes)(kPenalty); }
template <Penalty kPenalty>
StreamLanes gradient_lanes() { return HWY_DYNAMIC_DISPATCH(GradientLanes)(kPenalty); }

const std::vector<StreamTensor>& theta_alone() {
  static const std::vector<StreamTensor> tensors = {{"theta", Stream::in}};
  return tensors;
}

}  // namespace

double read_lambda(const Arguments& arguments) {
  const double lambda = arguments.number("lambda");
  require(lambda >= 0 && std::isfinite(lambda), "lambda is not a finite number from 0 on");
  return lambda;
}

void check_penalty(std::int32_t dtype, const Arguments& arguments) {
  read_lambda(arguments);
  count_of_streams(dtype, arguments, theta_alone());
  require(count_of(arguments.tensor("y", KARAT_OUTPUT, dtype)) == 1, "y is more than one number");
}

WideSum penalty_sum(std::int32_t dtype, const Arguments& arguments, Penalty penalty) {
  const TermFunctions terms = penalty == Penalty::l1 ? functions_of<lanes<Penalty::l1>>() : functions_of<lanes<Penalty::l2>>();
  const auto scaled_sum = [&](double scale) { return sum_of_terms(dtype, arguments, theta_alone(), terms, &scale); };
  const double power = penalty == Penalty::l1 ? 1 : 2;
  Sum sum = scaled_sum(1);
  double exponent = 0;
  if (dtype == KARAT_F64) {
    if (std::isinf(sum.hi)) exponent = 600;
    if (power == 2 && sum.hi < 0x1p-900) exponent = -600;
    if (exponent != 0) sum = scaled_sum(std::ldexp(1, static_cast<int>(-exponent)));
  }
  return std::isfinite(sum.hi) ? normalised(sum, power * exponent) : WideSum{{sum.hi, 0}, 0};
}

WideSum times(double a, const WideSum& b) {
  return std::isfinite(a) && std::isfinite(b.m.hi) ? normalised({a, 0}) * b : WideSum{{a * b.m.hi, 0}, 0};
}
WideSum plus(double a, const WideSum& b) {
  return std::isfinite(a) && std::isfinite(b.m.hi) ? normalised({a, 0}) + b : WideSum{{a + b.m.hi, 0}, 0};
}

const std::vector<StreamTensor>& penalty_gradient_tensors() {
  static const std::vector<StreamTensor> tensors = {{"dy", Stream::broadcast}, {"theta", Stream::in}, {"dtheta", Stream::out}};
  return tensors;
}

void check_penalty_gradient(std::int32_t dtype, const Arguments& arguments) {
  read_lambda(arguments);
  count_of_streams(dtype, arguments, penalty_gradient_tensors());
  require(count_of(arguments.tensor("dy")) == 1, "dy is more than one number");
}

void penalty_gradient(std::int32_t dtype, const Arguments& arguments, Penalty penalty) {
  const double lambda = read_lambda(arguments);
  map_streams(dtype, arguments, penalty_gradient_tensors(),
              penalty == Penalty::l1 ? functions_of<gradient_lanes<Penalty::l1>>() : functions_of<gradient_lanes<Penalty::l2>>(), &lambda);
}

}  // namespace karat::kernels
#endif
