// SPDX-License-Identifier: MIT
#include "kernels/column_sums.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/column_sums.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Adds n columns, a multiple of kPartialSums, of `rows` rows that lie `step` elements apart, one row after the other.
template <class T, bool kExact>
HWY_INLINE void AddRowsAs(const T* p, int64_t step, size_t rows, size_t n, double* hi, double* lo) {
  for (size_t c = 0; c < n; c += hn::Lanes(D())) {
    V h = Load(hi + c), l = kExact ? Load(lo + c) : Num(0);
    for (size_t r = 0; r < rows; ++r) {
      const V v = LoadElements(p + static_cast<int64_t>(r) * step + static_cast<int64_t>(c));
      if constexpr (kExact) {
        const Pair sum = TwoSum(h, v);
        h = sum.hi;
        l = hn::Add(l, sum.lo);
      } else {
        h = hn::Add(h, v);
      }
    }
    Store(h, hi + c);
    if constexpr (kExact) Store(l, lo + c);
  }
}
void AddDoubles(const double* p, int64_t step, size_t rows, size_t n, double* hi, double* lo) {
  AddRowsAs<double, false>(p, step, rows, n, hi, lo);
}
void AddExact(const double* p, int64_t step, size_t rows, size_t n, double* hi, double* lo) {
  AddRowsAs<double, true>(p, step, rows, n, hi, lo);
}
void AddFloats(const float* p, int64_t step, size_t rows, size_t n, double* hi, double* lo) {
  AddRowsAs<float, false>(p, step, rows, n, hi, lo);
}

// Adds n sums of two doubles.
void AddSums(const double* hi, const double* lo, size_t n, double* to_hi, double* to_lo) {
  for (size_t c = 0; c < n; c += hn::Lanes(D())) {
    const Pair sum = TwoSum(Load(to_hi + c), Load(hi + c));
    Store(sum.hi, to_hi + c);
    Store(hn::Add(Load(to_lo + c), hn::Add(Load(lo + c), sum.lo)), to_lo + c);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(AddDoubles);
HWY_EXPORT(AddExact);
HWY_EXPORT(AddFloats);
HWY_EXPORT(AddSums);

namespace {

constexpr auto kWidth = static_cast<std::int64_t>(ColumnSums::kTile);
constexpr std::int64_t kNarrow = 256;          // columns, below which samples are folded to rows of
constexpr std::int64_t kFolded = 512;          // about as many
constexpr std::int64_t kPartElements = 65536;  // worth a task of its own
constexpr std::int64_t kEnoughTiles = 16;      // so that rows need not be shared
constexpr std::int64_t kMostChunks = 64;       // of rows
constexpr std::size_t kRowsAtOnce = 8;         // for each of which a line of the cache is read at a time

constexpr std::int64_t parts_of(std::int64_t n, std::int64_t part) { return n == 0 ? 0 : (n - 1) / part + 1; }
constexpr std::size_t padded(std::size_t n) { return (n + kPartialSums - 1) / kPartialSums * kPartialSums; }

}  // namespace

struct ColumnSums::Tile {
  alignas(64) double hi[kTile] = {}, lo[kTile] = {}, row[kTile];
  std::size_t n;  // columns
};

ColumnSums::ColumnSums(std::int32_t dtype, const karat_tensor& matrix)
    : dtype_(dtype), data_(static_cast<const std::byte*>(matrix.data)) {
  require(matrix.rank == 2, "the matrix has not two dimensions");
  count_of(matrix);
  samples_ = matrix.shape[0];
  columns_ = matrix.shape[1];
  row_stride_ = matrix.strides[0];
  column_stride_ = matrix.strides[1];
  if (columns_ > 0 && columns_ < kNarrow) fold_ = std::max<std::int64_t>(1, std::min(samples_, kFolded / columns_));
  width_ = fold_ * columns_;
  rows_ = parts_of(samples_, fold_);
  tiles_ = parts_of(width_, kWidth);
  chunk_rows_ = std::max<std::int64_t>(1, rows_);
  if (tiles_ > 0 && tiles_ < kEnoughTiles) {
    chunk_rows_ = std::max(kPartElements / std::min(width_, kWidth), parts_of(rows_, kMostChunks));
    chunks_ = std::max<std::int64_t>(1, parts_of(rows_, chunk_rows_));
  }
}

std::size_t ColumnSums::scratch_bytes() const {
  return whole() ? 0 : static_cast<std::size_t>(chunks_ * tiles_) * 2 * kTile * sizeof(double);
}

// Columns first to first + n of a row, as doubles.
void ColumnSums::read(std::int64_t row, std::int64_t first, std::size_t n, double* to) const {
  const std::size_t size = element_size(dtype_);
  alignas(64) std::byte raw[kTile * sizeof(double)];
  for (std::size_t done = 0; done < n;) {
    const std::int64_t at = first + static_cast<std::int64_t>(done), column = at % columns_;
    const auto run = static_cast<std::size_t>(std::min(static_cast<std::int64_t>(n - done), columns_ - column));
    const std::byte* const from =
        data_ + ((row * fold_ + at / columns_) * row_stride_ + column * column_stride_) * static_cast<std::int64_t>(size);
    gather(from, column_stride_, run, size, raw + done * size);
    done += run;
  }
  widen(dtype_, raw, n, to);
}

// Rows begin to end, from column `first` on.
void ColumnSums::add_rows(std::int64_t begin, std::int64_t end, std::int64_t first, Tile& tile) const {
  // Elements of a row follow each other: those of f64 and f32 are summed as they are.
  const bool direct =
      column_stride_ == 1 && (fold_ == 1 || row_stride_ == columns_) && (dtype_ == KARAT_F64 || dtype_ == KARAT_F32);
  for (std::int64_t row = begin; row < end;) {
    const std::int64_t left = width_of(row) - first;
    if (left <= 0) break;
    const auto n = std::min(tile.n, static_cast<std::size_t>(left));
    const std::size_t whole = direct ? n / kPartialSums * kPartialSums : 0;
    const std::int64_t alike = std::min(end, full_rows()) - row;  // of the full width; the last row may be shorter
    const std::size_t rows = alike > 0 ? std::min(kRowsAtOnce, static_cast<std::size_t>(alike)) : 1;
    if (whole > 0) {
      const std::int64_t step = fold_ * row_stride_, offset = row * step + first;
      if (dtype_ == KARAT_F64)
        HWY_DYNAMIC_DISPATCH(AddExact)(reinterpret_cast<const double*>(data_) + offset, step, rows, whole, tile.hi, tile.lo);
      else
        HWY_DYNAMIC_DISPATCH(AddFloats)(reinterpret_cast<const float*>(data_) + offset, step, rows, whole, tile.hi, tile.lo);
    }
    for (std::size_t r = 0; r < rows && whole < n; ++r) {
      const std::size_t rest = n - whole;
      read(row + static_cast<std::int64_t>(r), first + static_cast<std::int64_t>(whole), rest, tile.row);
      std::fill(tile.row + rest, tile.row + padded(rest), 0.0);
      if (dtype_ == KARAT_F64)
        HWY_DYNAMIC_DISPATCH(AddExact)(tile.row, 0, 1, padded(rest), tile.hi + whole, tile.lo + whole);
      else
        HWY_DYNAMIC_DISPATCH(AddDoubles)(tile.row, 0, 1, padded(rest), tile.hi + whole, tile.lo + whole);
    }
    row += static_cast<std::int64_t>(rows);
  }
}

void ColumnSums::run(int threads, std::byte* scratch, const Each& each) const {
  auto* const partial = reinterpret_cast<double*>(scratch);
  const std::int64_t elements = std::max<std::int64_t>(1, std::min(width_, kWidth) * std::min(rows_, chunk_rows_));
  for_each_part(chunks_ * tiles_, std::max<std::int64_t>(1, kPartElements / elements), threads,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t part = begin; part < end; ++part) {
                    const std::int64_t chunk = part / tiles_, first = part % tiles_ * kWidth;
                    Tile tile;
                    tile.n = static_cast<std::size_t>(std::min(kWidth, width_ - first));
                    add_rows(chunk * chunk_rows_, std::min(rows_, (chunk + 1) * chunk_rows_), first, tile);
                    if (whole()) {
                      each(first, tile.n, tile.hi, tile.lo);
                    } else {
                      std::memcpy(partial + part * 2 * kWidth, tile.hi, sizeof tile.hi);
                      std::memcpy(partial + part * 2 * kWidth + kWidth, tile.lo, sizeof tile.lo);
                    }
                  }
                });
  if (whole()) return;
  // Chunks in their order; then what was folded.
  for_each_part(tiles_, std::max<std::int64_t>(1, kPartElements / kWidth / chunks_), threads,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t tile = begin; tile < end; ++tile) {
                    double* const hi = partial + tile * 2 * kWidth;
                    for (std::int64_t chunk = 1; chunk < chunks_; ++chunk) {
                      const double* const next = hi + chunk * tiles_ * 2 * kWidth;
                      HWY_DYNAMIC_DISPATCH(AddSums)(next, next + kWidth, kTile, hi, hi + kWidth);
                    }
                    if (fold_ == 1)
                      each(tile * kWidth, static_cast<std::size_t>(std::min(kWidth, width_ - tile * kWidth)), hi, hi + kWidth);
                  }
                });
  if (fold_ == 1) return;
  Tile sums;  // fewer than kNarrow columns, folded to less than a tile
  for (std::int64_t f = 0; f < fold_; ++f) {
    Tile one;
    std::memcpy(one.hi, partial + f * columns_, static_cast<std::size_t>(columns_) * sizeof(double));
    std::memcpy(one.lo, partial + kWidth + f * columns_, static_cast<std::size_t>(columns_) * sizeof(double));
    HWY_DYNAMIC_DISPATCH(AddSums)(one.hi, one.lo, padded(static_cast<std::size_t>(columns_)), sums.hi, sums.lo);
  }
  each(0, static_cast<std::size_t>(columns_), sums.hi, sums.lo);
}

}  // namespace karat::kernels
#endif
