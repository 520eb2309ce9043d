// SPDX-License-Identifier: MIT
// Images (N, C, H, W) whose elements move as they are: crop, pad and flip and their gradients.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/arguments.hpp"

namespace karat::kernels {

// A dense tensor of images.
struct Images {
  std::int64_t samples, channels, height, width;
  std::byte* data;  // NULL while a call is only asked about

  std::int64_t planes() const { return samples * channels; }
};

// Refuses a tensor that is not of rank 4, or not dense.
Images images_of(const karat_tensor& tensor);

// The tensor x beside dy: its shape is that of dx, and its elements are not read.
struct ImageTensors {
  Images from, to;
};
ImageTensors forward_images(std::int32_t dtype, const Arguments& arguments);   // x, y
ImageTensors backward_images(std::int32_t dtype, const Arguments& arguments);  // dy, dx; refuses dx of another shape than x

// to[…, h, w] = from[…, h + top, w + left], or `fill` outside; of elements of `size` bytes, which `fill` points to.
void shift_images(const ImageTensors& images, std::int64_t top, std::int64_t left, std::size_t size, const void* fill, int threads);

// Rows of a part of work that moves bytes: from and to together about 256 KiB.
std::int64_t rows_of_a_part(std::int64_t bytes_of_a_row);

}  // namespace karat::kernels
