// SPDX-License-Identifier: MIT
// conv2d:                   y[n,m,p] = b[m] + Σ_{c,k} x[n,c,S·p + D·k − P] w[m,c,k]
// conv2d_backward:          dx, dw as below; db[m] = Σ_{n,p} dy[n,m,p]
// conv2d_backward_data:     dx[n,c,S·p + D·k − P] = Σ_{m,p,k} dy[n,m,p] w[m,c,k]
// conv2d_backward_weights:  dw[m,c,k] = Σ_{n,p} dy[n,m,p] x[n,c,S·p + D·k − P]
//
// Method: matrix products of patches, convolution.hpp; b is added to the whole sum.  A sum of n products is off by
// at most min(n, 128) units of Σ|products| in f32 (f64: in f64), and one last rounding.
#include "kernels/convolution/call.hpp"
#include "kernels/convolution/convolution.hpp"
#include "kernels/convolution/plans.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Conv2d {
  static constexpr bool to_big = false, with_bias = true;
  static Convolution of(const Arguments& a, const Shape& x, const Shape& w) { return conv2d_of(a, x, w); }
};

class BackwardData {
 public:
  BackwardData(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        dy_(dense_input(a, "dy", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(of(a, shape_of(dy_), shape_of(w_))),
        dx_(dense_output(a, "dx", dtype, big_shape(c_))) {
    require_shape(dy_, small_shape(c_));
  }
  std::size_t scratch_bytes() const { return scratch_to_big(c_, dtype_); }
  void run() const { sum_to_big(c_, dtype_, dy_.data, w_.data, nullptr, dx_.data, a_.scratch(), a_.threads()); }

 private:
  static Convolution of(const Arguments& a, const Shape& dy, const Shape& w) {
    const auto size = pair_of(a, "input_size", 1);
    require(w[1] >= 1, "the filter has no channels");
    require(a.integer("groups") >= 1, "groups below 1");
    return conv2d_of(a, {dy[0], checked_product(w[1], a.integer("groups")), size[0], size[1]}, w);
  }
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &dy_, &w_;
  Convolution c_;
  const karat_tensor& dx_;
};

class BackwardWeights {
 public:
  BackwardWeights(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        dy_(dense_input(a, "dy", dtype)),
        x_(dense_input(a, "x", dtype)),
        w_(of(a, shape_of(dy_), shape_of(x_))),
        c_(conv2d_of(a, shape_of(x_), w_)),
        dw_(dense_output(a, "dw", dtype, w_)) {
    require_shape(dy_, small_shape(c_));
  }
  std::size_t scratch_bytes() const { return scratch_to_weights(c_, dtype_); }
  void run() const { sum_to_weights(c_, dtype_, x_.data, dy_.data, dw_.data, a_.scratch(), a_.threads()); }

 private:
  static Shape of(const Arguments& a, const Shape& dy, const Shape& x) {
    const auto kernel = pair_of(a, "kernel_shape", 1);
    require(a.integer("groups") >= 1, "groups below 1");
    return {dy[1], x[1] / a.integer("groups"), kernel[0], kernel[1]};
  }
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &dy_, &x_;
  Shape w_;
  Convolution c_;
  const karat_tensor& dw_;
};

const Planned<ConvolutionForward<Conv2d>> forward({.op = "conv2d", .kernel = "implicit_gemm", .capabilities = kDense});
const Planned<ConvolutionBackward<Conv2d>> backward({.op = "conv2d_backward",
                                                     .kernel = "implicit_gemm",
                                                     .capabilities = kDense});
const Planned<BackwardData> backward_data({.op = "conv2d_backward_data", .kernel = "implicit_gemm", .capabilities = kDense});
const Planned<BackwardWeights> backward_weights({.op = "conv2d_backward_weights",
                                                 .kernel = "implicit_gemm",
                                                 .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
