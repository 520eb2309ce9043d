// SPDX-License-Identifier: MIT
// Σ over the rows of a matrix, a sum a column: lanes go across the columns, so that no lane is summed with another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/arguments.hpp"

namespace karat::kernels {

// The order of additions follows from the shape alone: it is the same for any strides and number of threads.
class ColumnSums {
 public:
  static constexpr std::size_t kTile = 1024;  // columns that a part sums at most

  ColumnSums(std::int32_t dtype, const karat_tensor& matrix);  // (N, D)

  std::size_t scratch_bytes() const;

  // Calls each(first, n, hi, lo), on at most `threads` threads: the sums of columns first to first + n are
  // hi[i] + lo[i], and hi[i] alone where it is not finite.  The arrays hold kTile numbers, and may be written to.
  // f32, f16 and bf16 are summed in double; f64 keeps the roundings.
  using Each = std::function<void(std::int64_t first, std::size_t n, double* hi, double* lo)>;
  void run(int threads, std::byte* scratch, const Each& each) const;

 private:
  struct Tile;
  void add_rows(std::int64_t begin, std::int64_t end, std::int64_t first, Tile& tile) const;
  void read(std::int64_t row, std::int64_t first, std::size_t n, double* to) const;
  std::int64_t full_rows() const { return samples_ / fold_; }
  std::int64_t width_of(std::int64_t row) const { return row < full_rows() ? width_ : (samples_ - row * fold_) * columns_; }
  bool whole() const { return fold_ == 1 && chunks_ == 1; }

  std::int32_t dtype_;
  const std::byte* data_;
  std::int64_t samples_, columns_;           // N, D
  std::int64_t row_stride_, column_stride_;  // in elements
  // Narrow matrices are summed `fold` samples side by side: as rows of fold·D columns.
  std::int64_t fold_ = 1, width_, rows_;
  std::int64_t tiles_, chunks_ = 1, chunk_rows_;  // parts: chunks of rows by tiles of columns
};

}  // namespace karat::kernels
