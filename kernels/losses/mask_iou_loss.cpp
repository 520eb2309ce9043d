// SPDX-License-Identifier: MIT
// mask_iou_loss, of masks p and g from 0 to 1:  L = 1 − (Σpg + s)/(Σp + Σg − Σpg + s); one a mask, their sum or mean.
// mask_iou_loss_backward: its gradient by p.
//
// Method: masks.hpp has the formulas.  Two passes for the gradient, sums by pieces of 8192 elements.  No term is
// negative in the loss: f64, which keeps the roundings of sums, to 4 ulp, gradients as far as their two terms do not
// cancel; f32, f16 and bf16 in double, rounded once.
#include "kernels/losses/masks.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Forward : MaskLoss {
  Forward(std::int32_t dtype, const Arguments& arguments) : MaskLoss(dtype, arguments, Overlap::iou) {}
};
struct Backward : MaskLossGradient {
  Backward(std::int32_t dtype, const Arguments& arguments) : MaskLossGradient(dtype, arguments, Overlap::iou) {}
};

const Planned<Forward> row({.op = "mask_iou_loss", .kernel = "sum_of_differences", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "mask_iou_loss_backward", .kernel = "sum_of_differences", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
