// SPDX-License-Identifier: MIT
// conv_transpose2d:           y[n,m,S·p + D·k − P] = b[m] + Σ_{c,p,k} x[n,c,p] w[c,m,k]
// conv_transpose2d_backward:  dx[n,c,p] = Σ_{m,k} dy[n,m,S·p + D·k − P] w[c,m,k]
//                             dw[c,m,k] = Σ_{n,p} x[n,c,p] dy[n,m,S·p + D·k − P];  db[m] = Σ_{n,p} dy[n,m,p]
//
// Method: as conv2d, with outputs that a stride sets apart in products of their own: no zeros are multiplied.
// Bound: as conv2d, of the products that meet in an output.
#include "kernels/convolution/plans.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Transposed {
  static constexpr bool to_big = true, with_bias = true;
  static Convolution of(const Arguments& a, const Shape& x, const Shape& w) { return conv_transpose2d_of(a, x, w); }
};

const Planned<ConvolutionForward<Transposed>> forward({.op = "conv_transpose2d",
                                                       .kernel = "implicit_gemm",
                                                       .capabilities = kDense});
const Planned<ConvolutionBackward<Transposed>> backward({.op = "conv_transpose2d_backward",
                                                         .kernel = "implicit_gemm",
                                                         .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
