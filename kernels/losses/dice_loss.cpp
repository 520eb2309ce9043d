// SPDX-License-Identifier: MIT
// dice_loss, of masks p and g from 0 to 1:  L = 1 − (2Σpg + s)/(Σp + Σg + s), or with Σp² + Σg² in the denominator;
// one a mask, their sum or mean.  dice_loss_backward: its gradient by p.
//
// Method: masks.hpp has the formulas.  Two passes for the gradient, sums by pieces of 8192 elements.  No term is
// negative in the loss: f64, which keeps the roundings of sums, to 4 ulp, gradients as far as their two terms do not
// cancel; f32, f16 and bf16 in double, rounded once.
#include "kernels/losses/masks.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

Overlap overlap_of(const Arguments& arguments) {
  if (arguments.is("denominator", "squared")) return Overlap::dice_squared;
  require(arguments.is("denominator", "sum"), "denominator is sum or squared");
  return Overlap::dice;
}

struct Forward : MaskLoss {
  Forward(std::int32_t dtype, const Arguments& arguments) : MaskLoss(dtype, arguments, overlap_of(arguments)) {}
};
struct Backward : MaskLossGradient {
  Backward(std::int32_t dtype, const Arguments& arguments) : MaskLossGradient(dtype, arguments, overlap_of(arguments)) {}
};

const Planned<Forward> row({.op = "dice_loss", .kernel = "sum_of_differences", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "dice_loss_backward", .kernel = "sum_of_differences", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
