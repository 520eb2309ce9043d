// SPDX-License-Identifier: MIT
// Sums of powers of all parameters, of which penalties are made.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/arguments.hpp"
#include "kernels/streams.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels {

enum class Penalty { l1, l2 };

// λ, which must be finite and not negative.
double read_lambda(const Arguments& arguments);

// Refuses what is no θ and no number y.
void check_penalty(std::int32_t dtype, const Arguments& arguments);
// Σ|θ| or Σθ², inside the range of doubles or not; infinite or NaN, with exponent 0, as θ is.
WideSum penalty_sum(std::int32_t dtype, const Arguments& arguments, Penalty penalty);

// a·b and a + b, of infinities and NaNs too.
WideSum times(double a, const WideSum& b);
WideSum plus(double a, const WideSum& b);

// dθ = λ sign(θ)·dy or 2λθ·dy; at θ = NaN it is NaN.  Refuses a dy that is not one number.
void check_penalty_gradient(std::int32_t dtype, const Arguments& arguments);
void penalty_gradient(std::int32_t dtype, const Arguments& arguments, Penalty penalty);

// The tensors of a gradient by all of θ.
const std::vector<StreamTensor>& penalty_gradient_tensors();

}  // namespace karat::kernels
