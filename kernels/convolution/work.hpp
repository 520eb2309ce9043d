// SPDX-License-Identifier: MIT
// What the sums of a convolution share: working types, scratch, sizes of parts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/blocks.hpp"
#include "kernels/convert.hpp"
#include "kernels/convolution/convolution.hpp"
#include "kernels/convolution/parts.hpp"
#include "plugins/karat_plugin.h"

namespace karat::kernels {

inline constexpr std::int64_t kGrainProducts = 1 << 19;  // of a task: enough to be worth handing over
inline constexpr std::int64_t kGrainElements = 1 << 15;
inline constexpr std::int64_t kParts = 16;         // at least, where there is enough to do
inline constexpr std::int64_t kTileMultiple = 12;  // rows: whole tiles of every instruction set
static_assert(kPartRows % kTileMultiple == 0);

constexpr std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Rows of each of `blocks` blocks.
inline std::int64_t block_of(std::int64_t rows, std::int64_t blocks) {
  const std::int64_t block = divided_up(rows, std::max<std::int64_t>(1, blocks));
  return std::max<std::int64_t>(1, divided_up(block, kTileMultiple)) * kTileMultiple;
}

// How many pieces of work of this many products make a task; what they cost beside counts as some more.
inline std::int64_t pieces_of_task(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  return std::max<std::int64_t>(1, kGrainProducts / (rows + 16) / (columns + 16) / (depth + 16));
}

// Calls f with a float or a double: what the dtype is multiplied in.
template <class F>
auto in_working_type(std::int32_t dtype, const F& f) {
  return dtype == KARAT_F64 ? f(double{}) : f(float{});
}

// Pieces of scratch, one after the other; without a base it only counts.
class Shelf {
 public:
  explicit Shelf(std::byte* base) : base_(base) {}
  template <class T>
  T* take(std::int64_t count) {
    std::byte* const here = base_ == nullptr ? nullptr : base_ + used_;
    used_ += divided_up(count * static_cast<std::int64_t>(sizeof(T)), 64) * 64;
    return reinterpret_cast<T*>(here);
  }
  std::size_t used() const { return static_cast<std::size_t>(used_); }

 private:
  std::byte* base_;
  std::int64_t used_ = 0;
};

// The tensor as numbers of T: itself, or a copy of 16-bit numbers on the shelf.
template <class T>
const T* numbers_of(std::int32_t dtype, const void* tensor, std::int64_t count, Shelf& shelf, int threads) {
  if (dtype == KARAT_F64 || dtype == KARAT_F32) return static_cast<const T*>(tensor);
  T* const copy = shelf.take<T>(count);
  if (copy == nullptr) return nullptr;
  for_each_part(count, kGrainElements, threads, [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kBuffer = 512;
    alignas(64) double buffer[kBuffer];
    for (; begin < end; begin += kBuffer) {
      const std::int64_t n = std::min(kBuffer, end - begin);
      widen(dtype, static_cast<const std::byte*>(tensor) + begin * 2, static_cast<std::size_t>(n), buffer);
      std::transform(buffer, buffer + n, copy + begin, [](double v) { return static_cast<T>(v); });
    }
  });
  return copy;
}

// A filter of one element without a border: positions are elements, and a plane is a line.
inline Convolution flattened(Convolution c) {
  const auto same = [](const Convolution::Axis& a) {
    return a.kernel == 1 && a.stride == 1 && a.padding == 0 && a.big == a.small;
  };
  if (!same(c.height) || !same(c.width)) return c;
  c.width.big = c.width.small = c.height.big * c.width.big;
  c.height.big = c.height.small = 1;
  return c;
}

// One side's tensor.
struct Side {
  std::int64_t channels;  // of a group
  std::int64_t height, width;
  std::int64_t step;  // from channel to channel in w
  std::int64_t plane() const { return height * width; }
};
inline Side big_of(const Convolution& c) {
  const std::int64_t taps = c.height.kernel * c.width.kernel;
  return {c.big_channels, c.height.big, c.width.big, c.weights_by_big ? c.small_channels * taps : taps};
}
inline Side small_of(const Convolution& c) {
  const std::int64_t taps = c.height.kernel * c.width.kernel;
  return {c.small_channels, c.height.small, c.width.small, c.weights_by_big ? taps : c.big_channels * taps};
}

}  // namespace karat::kernels
