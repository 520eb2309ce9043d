// SPDX-License-Identifier: MIT
// Functions of one element, and softmax along an axis.
#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

// y = f(x), written by the library itself.
template <at::Tensor& (*F)(at::Tensor&, const at::Tensor&)>
void unary(const Task& task) {
  at::Tensor y = task.out("y");
  F(y, task.in("x"));
}
// The gradient by x of f(task, x).
template <class F>
void backward(const Task& task, F f) {
  const at::Tensor x = leaf(task, "x");
  task.write("dx", gradients(f(x), {x}, task.in("dy"))[0]);
}

const Row exp("exp", "aten", unary<at::exp_out>, KARAT_IN_PLACE);
const Row expm1("expm1", "aten", unary<at::expm1_out>, KARAT_IN_PLACE);
const Row log("log", "aten", unary<at::log_out>, KARAT_IN_PLACE);
const Row log1p("log1p", "aten", unary<at::log1p_out>, KARAT_IN_PLACE);
const Row sqrt("sqrt", "aten", unary<at::sqrt_out>, KARAT_IN_PLACE);

const Row sigmoid("sigmoid", "aten", unary<at::sigmoid_out>, KARAT_IN_PLACE);
const Row sigmoid_backward("sigmoid_backward", "autograd", [](const Task& task) {
  backward(task, [](const at::Tensor& x) { return at::sigmoid(x); });
});
const Row sigmoid_from_output("sigmoid_backward_from_output", "aten", [](const Task& task) {
  at::Tensor dx = task.out("dx");
  at::sigmoid_backward_out(dx, task.in("dy"), task.in("y"));
});
const Row tanh("tanh", "aten", unary<at::tanh_out>, KARAT_IN_PLACE);
const Row tanh_backward("tanh_backward", "autograd", [](const Task& task) {
  backward(task, [](const at::Tensor& x) { return at::tanh(x); });
});
const Row tanh_from_output("tanh_backward_from_output", "aten", [](const Task& task) {
  at::Tensor dx = task.out("dx");
  at::tanh_backward_out(dx, task.in("dy"), task.in("y"));
});

const Row relu(
    "relu", "aten", [](const Task& task) { task.write("y", at::relu(task.in("x"))); }, KARAT_IN_PLACE);
const Row relu_backward("relu_backward", "autograd", [](const Task& task) {
  backward(task, [](const at::Tensor& x) { return at::relu(x); });
});
const Row relu_from_output("relu_backward_from_output", "aten", [](const Task& task) {
  at::Tensor dx = task.out("dx");
  at::threshold_backward_out(dx, task.in("dy"), task.in("y"), 0);
});

const Row leaky_relu(
    "leaky_relu", "aten",
    [](const Task& task) {
      at::Tensor y = task.out("y");
      at::leaky_relu_out(y, task.in("x"), task.number("alpha"));
    },
    KARAT_IN_PLACE);
const Row leaky_relu_backward("leaky_relu_backward", "autograd", [](const Task& task) {
  backward(task, [&](const at::Tensor& x) { return at::leaky_relu(x, task.number("alpha")); });
});
const Row leaky_relu_from_output("leaky_relu_backward_from_output", "aten", [](const Task& task) {
  require(task.number("alpha") >= 0, "libtorch takes no output for the input where the slope is negative");
  at::Tensor dx = task.out("dx");
  at::leaky_relu_backward_out(dx, task.in("dy"), task.in("y"), task.number("alpha"), true);
});

const Row softplus(
    "softplus", "aten",
    [](const Task& task) {
      at::Tensor y = task.out("y");
      at::softplus_out(y, task.in("x"), task.number("beta"), task.number("threshold"));
    },
    KARAT_IN_PLACE);
const Row softplus_backward("softplus_backward", "autograd", [](const Task& task) {
  backward(task, [&](const at::Tensor& x) {
    return at::softplus(x, task.number("beta"), task.number("threshold"));
  });
});

const Row softmax("softmax", "aten", [](const Task& task) {
  at::Tensor y = task.out("y");
  at::softmax_out(y, task.in("x"), task.integer("axis"));
});
const Row softmax_backward("softmax_backward", "autograd", [](const Task& task) {
  backward(task, [&](const at::Tensor& x) { return at::softmax(x, task.integer("axis")); });
});
const Row softmax_from_output("softmax_backward_from_output", "aten", [](const Task& task) {
  const at::Tensor y = task.in("y").contiguous();  // as it comes from the forward function
  task.write("dx", at::_softmax_backward_data(task.in("dy"), y, task.integer("axis"), y.scalar_type()));
});
const Row log_softmax("log_softmax", "aten", [](const Task& task) {
  at::Tensor y = task.out("y");
  at::log_softmax_out(y, task.in("x"), task.integer("axis"));
});
const Row log_softmax_backward("log_softmax_backward", "autograd", [](const Task& task) {
  backward(task, [&](const at::Tensor& x) { return at::log_softmax(x, task.integer("axis")); });
});
const Row log_softmax_from_output("log_softmax_backward_from_output", "aten", [](const Task& task) {
  const at::Tensor y = task.in("y").contiguous();  // as it comes from the forward function
  task.write("dx", at::_log_softmax_backward_data(task.in("dy"), y, task.integer("axis"), y.scalar_type()));
});

}  // namespace
}  // namespace karat::libtorch
