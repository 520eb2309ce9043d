// SPDX-License-Identifier: MIT
// Pooling, and moves of data.
#include <torch/nn/functional/pooling.h>

#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

template <class F>
void forward(const Task& task, F f) {
  task.write("y", f(task.in("x")));
}
template <class F>
void backward(const Task& task, F f) {
  const at::Tensor x = leaf(task, "x");
  task.write("dx", gradients(f(x), {x}, task.in("dy"))[0]);
}

// libtorch rounds windows that begin in the padding in the same way, and pads up to half of the window.
std::vector<std::int64_t> padding_below_half(const Task& task) {
  const auto p = task.symmetric_padding(), k = task.list("kernel_shape");
  require(2 * p[0] <= k[0] && 2 * p[1] <= k[1], "libtorch pads by half of the window at most");
  return p;
}
auto max_pool(const Task& task) {
  return [&task, p = padding_below_half(task)](const at::Tensor& x) {
    return at::max_pool2d(x, task.list("kernel_shape"), task.list("stride"), p, task.list("dilation"),
                          task.integer("ceil_mode") != 0);
  };
}
const Row max("max_pool2d", "aten", [](const Task& task) { forward(task, max_pool(task)); });
const Row max_backward("max_pool2d_backward", "autograd",
                       [](const Task& task) { backward(task, max_pool(task)); });

auto mean_pool(const Task& task) {
  return [&task, p = padding_below_half(task)](const at::Tensor& x) {
    return at::avg_pool2d(x, task.list("kernel_shape"), task.list("stride"), p,
                          task.integer("ceil_mode") != 0, task.integer("count_include_pad") != 0);
  };
}
const Row mean("mean_pool2d", "aten", [](const Task& task) { forward(task, mean_pool(task)); });
const Row mean_backward("mean_pool2d_backward", "autograd",
                        [](const Task& task) { backward(task, mean_pool(task)); });

auto l2_pool(const Task& task) {
  for (const std::int64_t side : task.list("padding"))
    require(side == 0, "libtorch's lp_pool2d does not pad");
  const auto k = task.list("kernel_shape"), s = task.list("stride");
  namespace functional = torch::nn::functional;
  return [options = functional::LPPool2dFuncOptions(2, {k[0], k[1]})
                        .stride({{s[0], s[1]}})
                        .ceil_mode(task.integer("ceil_mode") != 0)](const at::Tensor& x) {
    return functional::lp_pool2d(x, options);
  };
}
const Row l2("l2_pool2d", "functional", [](const Task& task) { forward(task, l2_pool(task)); });
const Row l2_backward("l2_pool2d_backward", "autograd",
                      [](const Task& task) { backward(task, l2_pool(task)); });

auto flip(const Task& task) {
  return [&task](const at::Tensor& x) { return at::flip(x, {task.is("direction", "horizontal") ? 3 : 2}); };
}
const Row flip_forward("flip", "aten", [](const Task& task) { forward(task, flip(task)); });
const Row flip_backward("flip_backward", "autograd", [](const Task& task) { backward(task, flip(task)); });

auto crop(const Task& task) {
  return [box = task.list("box")](const at::Tensor& x) {
    return x.narrow(2, box[0], box[2]).narrow(3, box[1], box[3]);
  };
}
const Row crop_forward("crop", "aten", [](const Task& task) { forward(task, crop(task)); });
const Row crop_backward("crop_backward", "autograd", [](const Task& task) { backward(task, crop(task)); });

auto pad(const Task& task) {
  return [&task, p = task.list("padding")](const at::Tensor& x) {
    return at::constant_pad_nd(x, {p[1], p[3], p[0], p[2]}, task.number("value"));
  };
}
const Row pad_forward("pad", "aten", [](const Task& task) { forward(task, pad(task)); });
const Row pad_backward("pad_backward", "autograd", [](const Task& task) { backward(task, pad(task)); });

const Row zeros("zeros", "aten", [](const Task& task) { task.out("w").zero_(); });

}  // namespace
}  // namespace karat::libtorch
