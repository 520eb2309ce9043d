// SPDX-License-Identifier: MIT
// Storage types to and from double, and f32, f16 and bf16 to and from float, in lanes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace karat::kernels {

// to[i] = from[i], exactly.  Reads n elements and not a byte more; any alignment down to the
// element's.
void widen(std::int32_t dtype, const void* from, std::size_t n, double* to);
void widen(std::int32_t dtype, const void* from, std::size_t n, float* to);

// to[i] = from[i] in one rounding, to nearest even: subnormals, overflow and NaN included.
// Writes n elements and not a byte more.
void narrow(std::int32_t dtype, const double* from, std::size_t n, void* to);
void narrow(std::int32_t dtype, const float* from, std::size_t n, void* to);

}  // namespace karat::kernels
