// SPDX-License-Identifier: MIT
// Sums over everything but channels: gradients of biases.
#pragma once

#include <cstdint>

namespace karat::kernels {

// sums[c] = Σ_{n,i} tensor[n, c, i] of a dense tensor (batch, channels, inner); both are of `dtype`.  In double,
// in an order that depends on the extents alone; f64 keeps the roundings.
void sum_channels(std::int32_t dtype, const void* tensor, std::int64_t batch, std::int64_t channels, std::int64_t inner,
                  void* sums, int threads);

}  // namespace karat::kernels
