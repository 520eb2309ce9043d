// SPDX-License-Identifier: MIT
// conv_transpose2d:           y[n,m,S·p + D·k − P] = b[m] + Σ_{c,p,k} x[n,c,p] w[c,m,k]
// conv_transpose2d_backward:  dx[n,c,p] = Σ_{m,k} dy[n,m,S·p + D·k − P] w[c,m,k]
//                             dw[c,m,k] = Σ_{n,p} x[n,c,p] dy[n,m,S·p + D·k − P];  db[m] = Σ_{n,p} dy[n,m,p]
//
// Method: as conv2d, with outputs that a stride sets apart in products of their own: no zeros are multiplied.
// Bound: as conv2d, of the products that meet in an output.
#include <algorithm>

#include "kernels/convolution/call.hpp"
#include "kernels/convolution/channel_sums.hpp"
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
        c_(conv_transpose2d_of(a, shape_of(x_), shape_of(w_))),
        b_(bias_input(a, "b", dtype, c_.groups * c_.big_channels)),
        y_(dense_output(a, "y", dtype, big_shape(c_))) {}
  std::size_t scratch_bytes() const { return scratch_to_big(c_, dtype_); }
  void run() const { sum_to_big(c_, dtype_, x_.data, w_.data, data_or_null(b_), y_.data, a_.scratch(), a_.threads()); }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &x_, &w_;
  Convolution c_;
  const karat_tensor &b_, &y_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        dy_(dense_input(a, "dy", dtype)),
        x_(dense_input(a, "x", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(conv_transpose2d_of(a, shape_of(x_), shape_of(w_))),
        b_(bias_input(a, "b", dtype, c_.groups * c_.big_channels)),
        dx_(dense_output(a, "dx", dtype, shape_of(x_))),
        dw_(dense_output(a, "dw", dtype, shape_of(w_))),
        db_(dense_output(a, "db", dtype, shape_of(b_))) {
    require_shape(dy_, big_shape(c_));
  }
  std::size_t scratch_bytes() const { return std::max(scratch_to_small(c_, dtype_), scratch_to_weights(c_, dtype_)); }
  void run() const {
    sum_to_small(c_, dtype_, dy_.data, w_.data, nullptr, dx_.data, a_.scratch(), a_.threads());
    sum_to_weights(c_, dtype_, dy_.data, x_.data, dw_.data, a_.scratch(), a_.threads());
    if (!is_absent(b_))
      sum_channels(dtype_, dy_.data, c_.batch, b_.shape[0], c_.height.big * c_.width.big, db_.data, a_.threads());
  }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &dy_, &x_, &w_;
  Convolution c_;
  const karat_tensor &b_, &dx_, &dw_, &db_;
};

const Planned<Forward> forward({.op = "conv_transpose2d", .kernel = "implicit_gemm", .capabilities = kDense});
const Planned<Backward> backward({.op = "conv_transpose2d_backward", .kernel = "implicit_gemm", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
