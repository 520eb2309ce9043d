// SPDX-License-Identifier: MIT
// Operators on elements, and softmax.  Tensors are dense, so their shape does not matter: a batch of
// n pixels with one channel.
#include <algorithm>

#include "plugins/xnnpack/xnnpack.hpp"

namespace karat::xnnpack {
namespace {

// y = f(x), f with further parameters.
template <class E, auto Create, auto Setup, class... Parameters>
void unary(const Task& task, Parameters... parameters) {
  Handle op;
  check(Create(1, 1, 1, parameters..., flags, op.out()));
  if (task.asked()) return;
  check(Setup(op, task.count("x"), task.in<E>("x"), task.out<E>("y"), task.threads()));
  op.run(task);
}
template <auto Create, auto Setup>
void plain(const Task& task) {
  unary<float, Create, Setup>(task);
}
// max(x, 0)
template <class E, auto Create, auto Setup>
void clamp(const Task& task) {
  unary<E, Create, Setup>(task, 0.0f, infinity);
}
template <class E, auto Create, auto Setup>
void leaky(const Task& task) {
  unary<E, Create, Setup>(task, task.number("alpha"));
}
const Row sigmoid("sigmoid", "sigmoid_nc", KARAT_F32,
                  plain<xnn_create_sigmoid_nc_f32, xnn_setup_sigmoid_nc_f32>);
const Row sqrt_row("sqrt", "square_root_nc", KARAT_F32,
                   plain<xnn_create_square_root_nc_f32, xnn_setup_square_root_nc_f32>);
const Row relu("relu", "clamp_nc", KARAT_F32, clamp<float, xnn_create_clamp_nc_f32, xnn_setup_clamp_nc_f32>);
const Row relu_f16("relu", "clamp_nc", KARAT_F16,
                   clamp<void, xnn_create_clamp_nc_f16, xnn_setup_clamp_nc_f16>);
const Row leaky_relu("leaky_relu", "leaky_relu_nc", KARAT_F32,
                     leaky<float, xnn_create_leaky_relu_nc_f32, xnn_setup_leaky_relu_nc_f32>);
const Row leaky_relu_f16("leaky_relu", "leaky_relu_nc", KARAT_F16,
                         leaky<void, xnn_create_leaky_relu_nc_f16, xnn_setup_leaky_relu_nc_f16>);

// y = f(a, b), f with further parameters.
template <auto Create, auto Setup, class... Parameters>
void binary(const Task& task, const char* a, const char* b, Parameters... parameters) {
  Handle op;
  check(Create(parameters..., flags, op.out()));
  const std::size_t n = task.count("y");
  if (task.asked() || n == 0) return;
  check(Setup(op, 1, &n, 1, &n, task.in<float>(a), task.in<float>(b), task.out<float>("y"), task.threads()));
  op.run(task);
}
const Row gap("generalization_gap", "subtract_nd", KARAT_F32, [](const Task& task) {
  binary<xnn_create_subtract_nd_f32, xnn_setup_subtract_nd_f32>(task, "E_out", "E_in", -infinity, infinity);
});
const Row mse("mse_loss", "squared_difference_nd", KARAT_F32, [](const Task& task) {
  require(
      adapter::text(task.call(), "reduction") == "none" && adapter::text(task.call(), "form") == "standard",
      "XNNPACK has the terms alone: reduction = none");
  binary<xnn_create_squared_difference_nd_f32, xnn_setup_squared_difference_nd_f32>(task, "x", "t");
});

// Along the last axis, as XNNPACK has it; along another one, tensors are turned.
const Row softmax("softmax", "softmax_nc", KARAT_F32, [](const Task& task) {
  const karat_tensor& x = task.tensor("x");
  const std::int64_t axis = task.integer("axis");
  const auto length = static_cast<std::size_t>(x.shape[axis]), n = task.count("x");
  std::size_t inner = 1;
  for (std::int64_t d = axis + 1; d < x.rank; ++d) inner *= static_cast<std::size_t>(x.shape[d]);
  if (n == 0) return;
  Handle op;
  check(xnn_create_softmax_nc_f32(length, length, length, flags, op.out()));
  if (task.asked()) return;
  const float* in = task.in<float>("x");
  float* out = task.out<float>("y");
  std::vector<float> turned, result;
  // visit(element, its place where each row lies together)
  const auto for_each = [&](auto visit) {
    for (std::size_t row = 0; row < n / length; ++row)
      for (std::size_t k = 0; k < length; ++k)
        visit((row / inner * length + k) * inner + row % inner, row * length + k);
  };
  if (inner > 1) {
    turned = room<float>(n);
    result = room<float>(n);
    for_each([&](std::size_t i, std::size_t at) { turned[at] = in[i]; });
  }
  check(xnn_setup_softmax_nc_f32(op, n / length, inner > 1 ? turned.data() : in,
                                 inner > 1 ? result.data() : out, task.threads()));
  op.run(task);
  if (inner > 1) for_each([&](std::size_t i, std::size_t at) { out[i] = result[at]; });
});

}  // namespace
}  // namespace karat::xnnpack
