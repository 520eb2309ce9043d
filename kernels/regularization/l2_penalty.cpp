// SPDX-License-Identifier: MIT
// l2_penalty:           Ω = λ Σ θ_i²
// l2_penalty_backward:  dθ_i = 2λθ_i·dy
//
// Method: penalty.cpp.  λ times the sum in two doubles.  Bound in double: 1 ulp forward, as no terms cancel, and 1
// backward (two products).  f32, f16 and bf16 round once, after 2^-42 and 2^-53.
#include "kernels/regularization/penalty.hpp"

namespace karat::kernels {
namespace {

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a) { check_penalty(dtype, a); }
  void run() const { store_number(a_.tensor("y"), value(times(read_lambda(a_), penalty_sum(dtype_, a_, Penalty::l2)))); }

 private:
  std::int32_t dtype_;
  Arguments a_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a) { check_penalty_gradient(dtype, a); }
  void run() const { penalty_gradient(dtype_, a_, Penalty::l2); }

 private:
  std::int32_t dtype_;
  Arguments a_;
};

const Planned<Forward> row({.op = "l2_penalty", .kernel = "partial_sums", .claim_narrow = "faithful"});
const Planned<Backward> backward({.op = "l2_penalty_backward", .kernel = "one_pass", .claim_narrow = "faithful"});

}  // namespace
}  // namespace karat::kernels
