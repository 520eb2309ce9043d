// SPDX-License-Identifier: MIT
// Infinities and NaNs in the factor of a convolution that is multiplied with borders.  A border has no product, so
// the 0 that stands for it in a matrix must not meet a NaN: there the products put a 0 for what is not finite,
// and these functions compute the results that it has a part in.  All of them are infinite or NaN.
#pragma once

#include <cstdint>

#include "kernels/convolution/convolution.hpp"

namespace karat::kernels {

// Of weights, in the sums to big or to small; T is what the dtype is multiplied in.
template <class T>
void settle_side(const Convolution& convolution, bool to_big, const T* input, const T* weights, std::int32_t dtype, void* output,
                 int threads);
// Of small, in the sums to the weights.
template <class T>
void settle_weights(const Convolution& convolution, const T* big, const T* small, std::int32_t dtype, void* weights, int threads);

}  // namespace karat::kernels
