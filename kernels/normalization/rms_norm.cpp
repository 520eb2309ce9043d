// SPDX-License-Identifier: MIT
// rms_norm:           y = γ·x/√(mean(x²) + ε) over each row, the last axis
// rms_norm_backward:  dx = r·γdy − r³·x·mean(γdy·x), dγ = Σdy·x·r;  r = 1/√(mean(x²) + ε)
//
// Method and bounds: row_norm.hpp.  A row of zeros with ε = 0 is 0/0: NaN.
#include "kernels/normalization/row_norm.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

struct Forward : RowNorm {
  Forward(std::int32_t dtype, const Arguments& a) : RowNorm(dtype, a, false, false) {}
};
struct Backward : RowNorm {
  Backward(std::int32_t dtype, const Arguments& a) : RowNorm(dtype, a, false, true) {}
};

const Planned<Forward> forward({.op = "rms_norm", .kernel = "two_pass", .capabilities = kDense});
const Planned<Backward> backward({.op = "rms_norm_backward", .kernel = "two_pass", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
