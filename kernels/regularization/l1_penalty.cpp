// SPDX-License-Identifier: MIT
// l1_penalty:           Ω = λ Σ|θ_i|; form "printed": λ‖θ‖, the root of Σ θ_i²
// l1_penalty_backward:  dθ_i = λ sign(θ_i)·dy, sign(0) = 0; printed: λθ_i/‖θ‖·dy, 0 where all θ are 0
//
// Method: penalty.cpp; λ times the sum, its root and λ·dy/‖θ‖ in two doubles.  Bound in double: 1 ulp forward, as no
// terms cancel; backward 0.5, printed 1.  f32, f16 and bf16 round once, after 2^-42 and 2^-53.
#include <cmath>

#include "kernels/regularization/penalty.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/regularization/l1_penalty.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_L1_PENALTY_  // this file is read once a target
#define KARAT_KERNELS_L1_PENALTY_
namespace karat::kernels {
namespace {
// c = λ·dy/‖θ‖ as a double; whether that is finite, and then c = (hi + lo)·2^exponent.
enum { kFactor, kFinite, kHigh, kLow, kExponent };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct DirectionNarrow {
  static constexpr int kIn = 2, kOut = 1;
  explicit DirectionNarrow(const double* p) : factor(Num(p[kFactor])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::Mul(in[1], factor); }
  V factor;
};

struct Direction {
  static constexpr int kIn = 2, kOut = 1;
  explicit Direction(const double* parameters) : p(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V theta = in[1], plain = hn::Mul(theta, Num(p[kFactor]));
    if (p[kFinite] == 0) {
      out[0] = plain;
      return;
    }
    const Split split = SplitExponent(theta);
    const Pair product = TwoProduct(split.m, Num(p[kHigh]));
    const V value = hn::Add(product.hi, hn::MulAdd(split.m, Num(p[kLow]), product.lo));
    out[0] = Choose(hn::IsFinite(theta), Scale3(value, hn::Add(split.e, Num(p[kExponent]))), plain);
  }
  const double* p;
};

StreamLanes DirectionLanes() { return StreamLanesOf<Direction, DirectionNarrow>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(DirectionLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(DirectionLanes)(); }

bool read_printed(const Arguments& a) {
  const bool printed = a.is("form", "printed");
  require(printed || a.is("form", "standard"), "form is standard or printed");
  return printed;
}

WideSum root(const WideSum& square) {
  const double odd = std::fmod(square.e, 2) != 0;
  const Sum m = scale(square.m, odd);
  const double hi = std::sqrt(m.hi);
  if (!(std::isfinite(hi) && hi > 0)) return {{hi, 0}, square.e};
  return normalised({hi, (std::fma(-hi, hi, m.hi) + m.lo) / (2 * hi)}, (square.e - odd) / 2);
}

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a), printed_(read_printed(a)) { check_penalty(dtype, a); }
  void run() const {
    const WideSum norm = printed_ ? root(penalty_sum(dtype_, a_, Penalty::l2)) : penalty_sum(dtype_, a_, Penalty::l1);
    store_number(a_.tensor("y"), value(times(read_lambda(a_), norm)));
  }

 private:
  std::int32_t dtype_;
  Arguments a_;
  bool printed_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a), printed_(read_printed(a)) { check_penalty_gradient(dtype, a); }
  void run() const {
    if (!printed_) return penalty_gradient(dtype_, a_, Penalty::l1);
    double parameters[kMaxParameters] = {};
    find_factor(parameters);
    map_streams(dtype_, a_, penalty_gradient_tensors(), functions_of<lanes>(), parameters);
  }

 private:
  void find_factor(double* p) const {
    const WideSum norm = root(penalty_sum(dtype_, a_, Penalty::l2));
    const double dy = load_number(a_.tensor("dy"));
    const WideSum n = times(dy, normalised({read_lambda(a_), 0}));
    p[kFinite] = std::isfinite(n.m.hi) && std::isfinite(norm.m.hi);
    if (p[kFinite] == 0 || norm.m.hi == 0) {
      p[kFinite] = 0;
      p[kFactor] = norm.m.hi == 0 ? 0 * n.m.hi : n.m.hi / norm.m.hi;
      return;
    }
    p[kHigh] = quotient(n.m, norm.m);
    const Sum left = n.m + -(Sum{p[kHigh], 0} * norm.m);
    p[kLow] = left.hi / norm.m.hi;
    p[kExponent] = n.e - norm.e;
    p[kFactor] = value({{p[kHigh], p[kLow]}, p[kExponent]});
  }

  std::int32_t dtype_;
  Arguments a_;
  bool printed_;
};

const Planned<Forward> row({.op = "l1_penalty", .kernel = "partial_sums", .claim_narrow = "faithful"});
const Planned<Backward> backward({.op = "l1_penalty_backward", .kernel = "one_pass", .claim_narrow = "faithful"});

}  // namespace
}  // namespace karat::kernels
#endif
