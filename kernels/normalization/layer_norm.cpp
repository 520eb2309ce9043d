// SPDX-License-Identifier: MIT
// layer_norm:           y = γ(x − μ)/√(σ² + ε) + β, μ and the biased σ² of each row, the last axis
// layer_norm_backward:  dx = r(γdy − mean(γdy) − x̂·mean(γdy·x̂)), dγ = Σdy·x̂, dβ = Σdy;  r = 1/√(σ² + ε), x̂ = (x − μ)r
//
// Method and bounds: row_norm.hpp.  A constant row gives β; with ε = 0 it is 0/0: NaN.
#include "kernels/normalization/row_norm.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Forward : RowNorm {
  Forward(std::int32_t dtype, const Arguments& a) : RowNorm(dtype, a, true, false) {}
};
struct Backward : RowNorm {
  Backward(std::int32_t dtype, const Arguments& a) : RowNorm(dtype, a, true, true) {}
};

const Planned<Forward> forward({.op = "layer_norm", .kernel = "merged_blocks", .capabilities = kDense});
const Planned<Backward> backward({.op = "layer_norm_backward", .kernel = "merged_blocks", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
