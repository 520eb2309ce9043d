// SPDX-License-Identifier: MIT
// Reading the calls of convolutions.  Everything throws a Refusal for what does not fit.
#pragma once

#include <cstdint>

#include "kernels/arguments.hpp"
#include "kernels/convolution/convolution.hpp"

namespace karat::kernels {

// A dense tensor of the call; with `rank`, of that rank.
const karat_tensor& dense_input(const Arguments& arguments, const char* name, std::int32_t dtype, int rank = 4);
// A dense output of that shape.
const karat_tensor& dense_output(const Arguments& arguments, const char* name, std::int32_t dtype, const Shape& shape);
// An optional vector of `channels` elements.
const karat_tensor& bias_input(const Arguments& arguments, const char* name, std::int32_t dtype, std::int64_t channels);
// Data of an optional tensor, nullptr if it is absent.
const void* data_or_null(const karat_tensor& tensor);
void require_shape(const karat_tensor& tensor, const Shape& shape);

std::int64_t checked_sum(std::int64_t a, std::int64_t b);
std::int64_t checked_product(std::int64_t a, std::int64_t b);
// Two integers of a list, each `least` or more.
std::array<std::int64_t, 2> pair_of(const Arguments& arguments, const char* name, std::int64_t least);

// conv2d of x (N, C, H, W) by w (M, C/groups, kH, kW), by the attributes stride, padding, dilation, groups: big
// is x, and small the output.
Convolution conv2d_of(const Arguments& arguments, const Shape& x, const Shape& w);
// conv_transpose2d of x (N, C, H, W) by w (C, M/groups, kH, kW); also by output_padding: small is x, and big the output.
Convolution conv_transpose2d_of(const Arguments& arguments, const Shape& x, const Shape& w);
// Stride 1 over x (N, C, H, W) with s − 1 zeros between its elements, by w (M, C, kH, kW); by the attributes
// inverse_stride and padding: small is x, and big the output.
Convolution fractional_of(const Arguments& arguments, const Shape& x, const Shape& w);

Shape big_shape(const Convolution& c);
Shape small_shape(const Convolution& c);

}  // namespace karat::kernels
