// SPDX-License-Identifier: MIT
// fractionally_strided_conv2d:           y[n,m,s·i − k + P] = Σ_{c,i,k} x[n,c,i] w[m,c,k]: stride 1 over x with s − 1
//                                        zeros between its elements
// fractionally_strided_conv2d_backward:  dx[n,c,i] = Σ_{m,k} dy[n,m,s·i − k + P] w[m,c,k]
//                                        dw[m,c,k] = Σ_{n,i} x[n,c,i] dy[n,m,s·i − k + P]
//
// Method: as conv_transpose2d with a dilation of −1; the zeros are neither stored nor multiplied, except with weights
// that are infinite or NaN, whose products with them are NaN.  Bound: as conv2d, of the products that are not 0 · w.
#include "kernels/convolution/plans.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Fractional {
  static constexpr bool to_big = true, with_bias = false;
  static Convolution of(const Arguments& a, const Shape& x, const Shape& w) { return fractional_of(a, x, w); }
};

const Planned<ConvolutionForward<Fractional>> forward({.op = "fractionally_strided_conv2d",
                                                       .kernel = "implicit_gemm",
                                                       .capabilities = kDense});
const Planned<ConvolutionBackward<Fractional>> backward({.op = "fractionally_strided_conv2d_backward",
                                                         .kernel = "implicit_gemm",
                                                         .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
