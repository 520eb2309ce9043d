// SPDX-License-Identifier: MIT
#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

void write_gradients(const Task& task, const at::Tensor& dx, const at::Tensor& dgamma,
                     const at::Tensor& dbeta) {
  task.write("dx", dx);
  task.write("dgamma", dgamma);
  task.write("dbeta", dbeta);
}

at::Tensor batch_norm(const Task& task, const at::Tensor& x, const at::Tensor& gamma,
                      const at::Tensor& beta) {
  return at::batch_norm(x, gamma, beta, {}, {}, true, 0, task.number("eps"), false);
}
void require_standard_form(const Task& task) {
  require(task.is("form", "standard"), "libtorch has the standard form");
}
const Row forward("batch_norm", "aten", [](const Task& task) {
  require_standard_form(task);
  task.write("y", batch_norm(task, task.in("x"), task.in("gamma"), task.in("beta")));
});
const Row backward("batch_norm_backward", "autograd", [](const Task& task) {
  require_standard_form(task);
  const at::Tensor x = leaf(task, "x"), gamma = leaf(task, "gamma"), beta = leaf(task, "beta");
  const auto d = gradients(batch_norm(task, x, gamma, beta), {x, gamma, beta}, task.in("dy"));
  write_gradients(task, d[0], d[1], d[2]);
});
const Row from_statistics("batch_norm_backward_from_statistics", "aten", [](const Task& task) {
  // ε is part of the statistics already.
  const auto [dx, dgamma, dbeta] =
      at::native_batch_norm_backward(task.in("dy"), task.in("x"), task.in("gamma"), {}, {}, task.in("mean"),
                                     task.in("rstd"), true, 0, {true, true, true});
  write_gradients(task, dx, dgamma, dbeta);
});
const Row inference("batch_norm_inference", "aten", [](const Task& task) {
  task.write("y", at::batch_norm(task.in("x"), task.in("gamma"), task.in("beta"), task.in("mean"),
                                 task.in("var"), false, 0, task.number("eps"), false));
});
const Row statistics("batch_norm_statistics", "aten", [](const Task& task) {
  require(task.is("variance", "unbiased"), "libtorch's running variance is the unbiased one");
  at::batch_norm_update_stats(task.in("x"), task.in("running_mean"), task.in("running_var"),
                              task.number("momentum"));
});

at::Tensor layer_norm(const Task& task, const at::Tensor& x, const at::Tensor& gamma,
                      const at::Tensor& beta) {
  return at::layer_norm(x, {x.size(-1)}, gamma, beta, task.number("eps"));
}
const Row layer("layer_norm", "aten", [](const Task& task) {
  task.write("y", layer_norm(task, task.in("x"), task.in("gamma"), task.in("beta")));
});
const Row layer_backward("layer_norm_backward", "autograd", [](const Task& task) {
  const at::Tensor x = leaf(task, "x"), gamma = leaf(task, "gamma"), beta = leaf(task, "beta");
  const auto d = gradients(layer_norm(task, x, gamma, beta), {x, gamma, beta}, task.in("dy"));
  write_gradients(task, d[0], d[1], d[2]);
});

// The gradient of the library's dropout, given its mask.
const Row dropout_backward("dropout_backward", "aten", [](const Task& task) {
  const double kept = task.number("p");
  const double scale = task.is("form", "printed") ? 1 : kept == 0 ? 0 : 1 / kept;
  task.write("dx", at::native_dropout_backward(task.in("dy"), task.in("mask").to(at::kBool), scale));
});

}  // namespace
}  // namespace karat::libtorch
