// SPDX-License-Identifier: MIT
// Convolutions: as the library decides (oneDNN for most in f32, its own otherwise), and without oneDNN.
#include <ATen/Context.h>

#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

// oneDNN switched off while it lives.
struct WithoutMkldnn {
  WithoutMkldnn() { at::globalContext().setUserEnabledMkldnn(false); }
  ~WithoutMkldnn() { at::globalContext().setUserEnabledMkldnn(true); }
};

struct Geometry {
  std::vector<std::int64_t> stride, padding, dilation;
  std::int64_t groups;
  explicit Geometry(const Task& task)
      : stride(task.list("stride")),
        padding(task.symmetric_padding()),
        dilation(task.list("dilation")),
        groups(task.integer("groups")) {}
};

at::Tensor conv2d(const Task&, const Geometry& g, const at::Tensor& x, const at::Tensor& w,
                  const c10::optional<at::Tensor>& b) {
  return at::conv2d(x, w, b, g.stride, g.padding, g.dilation, g.groups);
}
at::Tensor transposed(const Task& task, const Geometry& g, const at::Tensor& x, const at::Tensor& w,
                      const c10::optional<at::Tensor>& b) {
  return at::conv_transpose2d(x, w, b, g.stride, g.padding, task.list("output_padding"), g.groups,
                              g.dilation);
}
using Function = at::Tensor (*)(const Task&, const Geometry&, const at::Tensor&, const at::Tensor&,
                                const c10::optional<at::Tensor>&);

template <Function F>
void forward(const Task& task) {
  const Geometry g(task);
  task.write("y", F(task, g, task.in("x"), task.in("w"), task.maybe("b")));
}
template <Function F>
void backward(const Task& task) {
  const Geometry g(task);
  const at::Tensor x = leaf(task, "x"), w = leaf(task, "w");
  if (!task.has("b")) {
    const auto d = gradients(F(task, g, x, w, {}), {x, w}, task.in("dy"));
    task.write("dx", d[0]);
    task.write("dw", d[1]);
    return;
  }
  const at::Tensor b = leaf(task, "b");
  const auto d = gradients(F(task, g, x, w, b), {x, w, b}, task.in("dy"));
  task.write("dx", d[0]);
  task.write("dw", d[1]);
  task.write("db", d[2]);
}
// One gradient alone; of the other tensor only the shape counts.
void by_data(const Task& task) {
  const Geometry g(task);
  const at::Tensor dy = task.in("dy");
  const at::Tensor x = at::empty({1}, dy.options()).expand(task.shape("dx"));
  task.write(
      "dx", std::get<0>(at::convolution_backward(dy, x, task.in("w"), c10::nullopt, g.stride, g.padding,
                                                 g.dilation, false, {0, 0}, g.groups, {true, false, false})));
}
void by_weights(const Task& task) {
  const Geometry g(task);
  const at::Tensor dy = task.in("dy");
  const at::Tensor w = at::empty({1}, dy.options()).expand(task.shape("dw"));
  task.write(
      "dw", std::get<1>(at::convolution_backward(dy, task.in("x"), w, c10::nullopt, g.stride, g.padding,
                                                 g.dilation, false, {0, 0}, g.groups, {false, true, false})));
}

template <Row::Body F>
void without(const Task& task) {
  const WithoutMkldnn off;
  F(task);
}
template <Row::Body F>
struct Rows {
  Row standard, own;
  explicit Rows(const char* op) : standard(op, "aten", F), own(op, "aten_without_mkldnn", without<F>) {}
};
const Rows<forward<conv2d>> conv("conv2d");
const Rows<backward<conv2d>> conv_backward("conv2d_backward");
const Rows<by_data> conv_by_data("conv2d_backward_data");
const Rows<by_weights> conv_by_weights("conv2d_backward_weights");
const Rows<forward<transposed>> conv_transposed("conv_transpose2d");
const Rows<backward<transposed>> conv_transposed_backward("conv_transpose2d_backward");

}  // namespace
}  // namespace karat::libtorch
