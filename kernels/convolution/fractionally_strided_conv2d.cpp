// SPDX-License-Identifier: MIT
// fractionally_strided_conv2d:           y[n,m,s·i − k + P] = Σ_{c,i,k} x[n,c,i] w[m,c,k]: stride 1 over x with s − 1
//                                        zeros between its elements
// fractionally_strided_conv2d_backward:  dx[n,c,i] = Σ_{m,k} dy[n,m,s·i − k + P] w[m,c,k]
//                                        dw[m,c,k] = Σ_{n,i} x[n,c,i] dy[n,m,s·i − k + P]
//
// Method: as conv_transpose2d with a dilation of −1; the zeros are neither stored nor multiplied, except with weights
// that are infinite or NaN, whose products with them are NaN.  Bound: as conv2d, of the products that are not 0 · w.
#include <algorithm>

#include "kernels/convolution/call.hpp"
#include "kernels/convolution/convolution.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        x_(dense_input(a, "x", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(fractional_of(a, shape_of(x_), shape_of(w_))),
        y_(dense_output(a, "y", dtype, big_shape(c_))) {}
  std::size_t scratch_bytes() const { return scratch_to_big(c_, dtype_); }
  void run() const { sum_to_big(c_, dtype_, x_.data, w_.data, nullptr, y_.data, a_.scratch(), a_.threads()); }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &x_, &w_;
  Convolution c_;
  const karat_tensor& y_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        dy_(dense_input(a, "dy", dtype)),
        x_(dense_input(a, "x", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(fractional_of(a, shape_of(x_), shape_of(w_))),
        dx_(dense_output(a, "dx", dtype, shape_of(x_))),
        dw_(dense_output(a, "dw", dtype, shape_of(w_))) {
    require_shape(dy_, big_shape(c_));
  }
  std::size_t scratch_bytes() const { return std::max(scratch_to_small(c_, dtype_), scratch_to_weights(c_, dtype_)); }
  void run() const {
    sum_to_small(c_, dtype_, dy_.data, w_.data, nullptr, dx_.data, a_.scratch(), a_.threads());
    sum_to_weights(c_, dtype_, dy_.data, x_.data, dw_.data, a_.scratch(), a_.threads());
  }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &dy_, &x_, &w_;
  Convolution c_;
  const karat_tensor &dx_, &dw_;
};

const Planned<Forward> forward({.op = "fractionally_strided_conv2d", .kernel = "implicit_gemm", .capabilities = kDense});
const Planned<Backward> backward({.op = "fractionally_strided_conv2d_backward",
                                  .kernel = "implicit_gemm",
                                  .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
