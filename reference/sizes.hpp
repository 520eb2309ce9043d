// SPDX-License-Identifier: MIT
// Output sizes of convolutions and poolings, (54) of the seed and what frameworks make of it.
// Every impossible size throws Refused with its numbers; nothing overflows.
#pragma once

#include <cstdint>
#include <string>

#include "reference/tensor.hpp"

namespace karat {

enum class SizeMode {
  exact,  // (54) as printed: a size that is no integer is refused
  floor,  // frameworks' convolutions
  ceil,   // pooling; a last window must start inside the input or the leading padding
};

struct Window {
  std::int64_t kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;
};

// Elements that a window spans: (K − 1) · dilation + 1.
std::int64_t effective_kernel(const Window& w);
// O = (W − K + P_before + P_after)/S + 1.
std::int64_t conv_output_size(std::int64_t input, const Window& w, SizeMode mode);
// O = (W − 1)·S − P_before − P_after + effective K + output_padding, of the transposed convolution.
std::int64_t conv_transpose_output_size(std::int64_t input, const Window& w, std::int64_t output_padding);
// Stride 1/s by zero insertion, then stride 1: O = (W − 1)s − K + 2P + 2.
std::int64_t fractional_output_size(std::int64_t input, std::int64_t kernel, std::int64_t padding, std::int64_t s);
// (54) read with S = 1/s: O = (W − K + 2P)s + 1.  Equal to the former exactly if K = 2P + 1 or s = 1.
std::int64_t fractional_output_size_printed(std::int64_t input, std::int64_t kernel, std::int64_t padding, std::int64_t s);

// The two windows (height, width) of a call with attributes stride, padding (top, left,
// bottom, right) and dilation, where the operator has them.
struct Windows {
  Window height, width;
};
Windows windows(const char* op, const Attributes& a, std::int64_t kernel_height, std::int64_t kernel_width);

}  // namespace karat
