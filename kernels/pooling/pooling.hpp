// SPDX-License-Identifier: MIT
// Windows over the planes of x: (N, C, H, W), with y: (N, C, O_h, O_w); what the poolings share besides lanes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/arguments.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels {

struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
  bool empty() const { return begin >= end; }
};

// Windows along the height or the width.  Window o starts at o·stride − before, its tap i lies dilation·i further.
struct Side {
  std::int64_t input = 0, output = 0;
  std::int64_t kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;

  std::int64_t start(std::int64_t o) const { return o * stride - before; }
  std::int64_t extent() const { return (kernel - 1) * dilation + 1; }
  Range taps(std::int64_t o) const;          // inside the input
  std::int64_t places(std::int64_t o) const;  // taps inside the padded input
  Range reaching(Range input_part) const;    // windows whose extent touches a part that is not empty
  // counts[o − outputs.begin] = the number of taps, or of places.
  void count(Range outputs, bool padding_counts, double* counts) const;
};

struct Pooling {
  std::int32_t dtype;
  std::int64_t planes;
  Side height, width;
  int threads;

  std::int64_t output_rows() const { return planes * height.output; }
  // 2×2 windows side by side, each inside of the input.
  bool is_halving() const;
  // Output rows of a part of work.
  std::int64_t grain() const;
};

// Refuses what the reference does, tensors that are not dense, and a y of another shape.
Pooling pooling_of(std::int32_t dtype, const Arguments& arguments, const karat_tensor& x, const karat_tensor& y, bool dilated);

// The gradient of a pooling: dx by blocks that do not overlap, each from all the windows that touch it.
struct Block {
  std::int64_t plane;
  Range rows, columns;
};

class Blocks {
 public:
  explicit Blocks(const Pooling& pooling);
  std::int64_t count() const { return planes_ * across_ * down_; }
  std::int64_t grain() const;  // blocks of a part of work
  Block operator[](std::int64_t i) const;

 private:
  std::int64_t planes_, height_, width_, rows_, columns_, down_, across_;
};
inline constexpr std::int64_t kBlockColumns = 256, kBlockElements = 4096;

// Sums of the contributions to a block of dx, in their order; f64 in sums of two doubles.
class BlockSums {
 public:
  explicit BlockSums(std::int32_t dtype) : compensated_(dtype == KARAT_F64) {}
  void begin(const Block& block);
  // n contributions, the i-th to element (rows[i], columns[i]) of the plane; what is outside of the block is left out.
  void add(std::size_t n, const std::int64_t* rows, const std::int64_t* columns, const double* values);
  void write(const Pooling& pooling, void* dx);

 private:
  bool compensated_;
  Block block_{};
  std::array<double, kBlockElements> hi_, lo_;
};

// Element (plane, row, column) of a tensor of H×W planes.
inline const void* element(std::int32_t dtype, const void* data, std::int64_t index) {
  return static_cast<const std::byte*>(data) + index * (dtype == KARAT_F64 ? 8 : dtype == KARAT_F32 ? 4 : 2);
}
inline void* element(std::int32_t dtype, void* data, std::int64_t index) {
  return static_cast<std::byte*>(data) + index * (dtype == KARAT_F64 ? 8 : dtype == KARAT_F32 ? 4 : 2);
}

}  // namespace karat::kernels
