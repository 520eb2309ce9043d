// SPDX-License-Identifier: MIT
// Where the elements of a call's tensors lie.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "plugins/karat_plugin.h"

namespace karat::kernels {

inline constexpr int kMaxTensors = 10;
inline constexpr int kMaxRank = 32;

// Bytes of one element of a floating-point dtype.
constexpr std::size_t element_size(std::int32_t dtype) {
  return dtype == KARAT_F64 ? 8 : dtype == KARAT_F32 ? 4 : 2;
}

// True if no two indices of the tensor can name the same element.
bool free_of_overlap(const karat_tensor& tensor);

// Positions of the same element in all tensors of a call, in row-major order, with as few
// dimensions as describe them: neighbours that are contiguous in every tensor are merged.
struct Layout {
  int tensors = 0;
  int rank = 0;  // 1 or more
  std::int64_t count = 1;
  std::array<std::int64_t, kMaxRank> extent{};
  std::array<std::array<std::int64_t, kMaxRank>, kMaxTensors> stride{};  // in elements

  bool contiguous(int tensor) const { return rank == 1 && (stride[tensor][0] == 1 || count == 1); }
};

// The layout of tensors of one shape: of all dimensions but `without` (-1: of all).
Layout layout_of(std::span<const karat_tensor* const> tensors, int without = -1);
inline Layout layout_of(const karat_call& call, int without = -1) {
  return layout_of({call.tensors, static_cast<std::size_t>(call.tensor_count)}, without);
}

// Walks a layout from one linear position on.
class Cursor {
 public:
  Cursor(const Layout& layout, int tensor, std::int64_t position);
  std::int64_t offset() const { return offset_; }  // of the present element, in elements
  // Elements from here to the end of the innermost dimension, and their distance.
  std::int64_t run() const { return layout_.extent[layout_.rank - 1] - index_[layout_.rank - 1]; }
  std::int64_t step() const { return layout_.stride[tensor_][layout_.rank - 1]; }
  void advance(std::int64_t n);  // n <= run()

 private:
  const Layout& layout_;
  int tensor_;
  std::int64_t offset_ = 0;
  std::array<std::int64_t, kMaxRank> index_{};
};

// Copies n elements of `size` bytes that lie `step` elements apart, to or from contiguous ones.
void gather(const void* from, std::int64_t step, std::size_t n, std::size_t size, void* to);
void scatter(const void* from, std::size_t n, std::size_t size, void* to, std::int64_t step);

}  // namespace karat::kernels
