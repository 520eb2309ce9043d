// SPDX-License-Identifier: MIT
// Losses, and their gradients by the predictions.  The library's …_out functions keep each term in the result
// before they reduce it, which a result in the call's memory does not allow.
#include <limits>

#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

void require_standard_form(const Task& task) {
  require(task.is("form", "standard"), "libtorch has the standard form");
}
const Row mse("mse_loss", "aten", [](const Task& task) {
  require_standard_form(task);
  task.write("y", at::mse_loss(task.in("x"), task.in("t"), task.reduction()));
});
const Row mse_backward("mse_loss_backward", "autograd", [](const Task& task) {
  require_standard_form(task);
  const at::Tensor x = leaf(task, "x"), t = leaf(task, "t");
  const auto d = gradients(at::mse_loss(x, t, task.reduction()), {x, t}, task.in("dy"));
  task.write("dx", d[0]);
  task.write("dt", d[1]);
});

void require_clamp(const Task& task) {
  require(task.number("log_clamp") == -100, "libtorch clamps logarithms at -100");
}
const Row bce("binary_cross_entropy", "aten", [](const Task& task) {
  require_clamp(task);
  task.write("y", at::binary_cross_entropy(task.in("p"), task.in("t"), {}, task.reduction()));
});
const Row bce_backward("binary_cross_entropy_backward", "autograd", [](const Task& task) {
  require_clamp(task);
  const at::Tensor p = leaf(task, "p");
  task.write("dp", gradients(at::binary_cross_entropy(p, task.in("t"), {}, task.reduction()), {p},
                             task.in("dy"))[0]);
});
const Row bce_logits("binary_cross_entropy_with_logits", "aten", [](const Task& task) {
  task.write("y", at::binary_cross_entropy_with_logits(task.in("x"), task.in("t"), {}, {}, task.reduction()));
});
const Row bce_logits_backward("binary_cross_entropy_with_logits_backward", "autograd", [](const Task& task) {
  const at::Tensor x = leaf(task, "x");
  task.write("dx", gradients(at::binary_cross_entropy_with_logits(x, task.in("t"), {}, {}, task.reduction()),
                             {x}, task.in("dy"))[0]);
});

at::Tensor indexed(const Task& task, const at::Tensor& x) {
  return at::cross_entropy_loss(x, task.in("t"), task.maybe("w"), task.reduction(),
                                task.integer("ignore_index"), task.number("label_smoothing"));
}
void require_nan(const Task& task) {
  require(task.is("all_ignored", "nan"), "libtorch gives NaN where all targets are ignored");
}
const Row cross_entropy("softmax_cross_entropy", "aten", [](const Task& task) {
  require_nan(task);
  task.write("y", indexed(task, task.in("x")));
});
const Row cross_entropy_backward("softmax_cross_entropy_backward", "autograd", [](const Task& task) {
  require_nan(task);
  const at::Tensor x = leaf(task, "x");
  task.write("dx", gradients(indexed(task, x), {x}, task.in("dy"))[0]);
});
at::Tensor by_probabilities(const Task& task, const at::Tensor& x) {
  return at::cross_entropy_loss(x, task.in("t"), task.maybe("w"), task.reduction(), -100,
                                task.number("label_smoothing"));
}
const Row probabilities("softmax_cross_entropy_probabilities", "aten",
                        [](const Task& task) { task.write("y", by_probabilities(task, task.in("x"))); });
const Row probabilities_backward("softmax_cross_entropy_probabilities_backward", "autograd",
                                 [](const Task& task) {
                                   const at::Tensor x = leaf(task, "x");
                                   task.write("dx",
                                              gradients(by_probabilities(task, x), {x}, task.in("dy"))[0]);
                                 });

const Row gap(
    "generalization_gap", "aten",
    [](const Task& task) {
      at::Tensor y = task.out("y");
      at::sub_out(y, task.in("E_out"), task.in("E_in"));
    },
    KARAT_IN_PLACE);

}  // namespace
}  // namespace karat::libtorch
