// SPDX-License-Identifier: MIT
// regularized_loss:           L_reg = L + λΩ(θ), Ω = Σ θ_i² (penalty l2) or Σ|θ_i| (l1)
// regularized_loss_backward:  dL = dy, dθ_i = 2λθ_i·dy or λ sign(θ_i)·dy
//
// Method: penalty.cpp.  λΩ and its sum with L in two doubles, so that an L below 0 cancels no digits of its own.
// Bound in double: 0.5 ulp and 2^-52 of λΩ forward; backward 1 ulp (l2), 0.5 (l1).  f32, f16 and bf16 round once, after
// 2^-42 of λΩ.
#include "kernels/regularization/penalty.hpp"

namespace karat::kernels {
namespace {

Penalty read_penalty(const Arguments& a) {
  const bool l1 = a.is("penalty", "l1");
  require(l1 || a.is("penalty", "l2"), "penalty is l2 or l1");
  return l1 ? Penalty::l1 : Penalty::l2;
}

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a), penalty_(read_penalty(a)) {
    check_penalty(dtype, a);
    require(count_of(a.tensor("loss", KARAT_INPUT, dtype)) == 1, "loss is more than one number");
  }
  void run() const {
    const WideSum omega = times(read_lambda(a_), penalty_sum(dtype_, a_, penalty_));
    store_number(a_.tensor("y"), value(plus(load_number(a_.tensor("loss")), omega)));
  }

 private:
  std::int32_t dtype_;
  Arguments a_;
  Penalty penalty_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a), penalty_(read_penalty(a)) {
    check_penalty_gradient(dtype, a);
    require(count_of(a.tensor("loss", KARAT_INPUT, dtype)) == 1, "loss is more than one number");
    require(count_of(a.tensor("dloss", KARAT_OUTPUT, dtype)) == 1, "dloss is more than one number");
  }
  // One of the outputs may lie in dy's place, and dloss in that of a θ of one element.
  void run() const {
    const double dy = load_number(a_.tensor("dy"));
    penalty_gradient(dtype_, a_, penalty_);
    store_number(a_.tensor("dloss"), dy);
  }

 private:
  std::int32_t dtype_;
  Arguments a_;
  Penalty penalty_;
};

const Planned<Forward> row({.op = "regularized_loss", .kernel = "partial_sums", .claim_narrow = "faithful"});
const Planned<Backward> backward({.op = "regularized_loss_backward", .kernel = "one_pass", .claim_narrow = "faithful"});

}  // namespace
}  // namespace karat::kernels
