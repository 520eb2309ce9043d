// SPDX-License-Identifier: MIT
// The sum to the weights.  What is allocated: lists of taps, and lines of one channel's results, a few hundred bytes.
// Scratch holds sums of segments of the positions, where there are few weights, and tensors of 16 bits in f32.
#include <atomic>
#include <cmath>
#include <vector>

#include "kernels/call.hpp"
#include "kernels/convolution/convolution.hpp"
#include "kernels/convolution/special.hpp"
#include "kernels/convolution/work.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels {
namespace {

std::vector<std::int64_t> offsets_of(const Convolution::Axis& a) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t k = 0; k < a.kernel; ++k) offsets.push_back(k * a.dilation - a.padding);
  return offsets;
}

template <class T>
class ToWeights {
 public:
  explicit ToWeights(const Convolution& c) : c_(c), big_(big_of(c)), small_(small_of(c)), positions_(c.batch * small_.plane()) {
    patches_ = {.count = c.big_count(),
                .channels = c.groups * big_.channels,
                .height = big_.height,
                .width = big_.width,
                .group_channels = big_.channels,
                .rows = small_.height,
                .columns = small_.width,
                .step_h = c.height.stride,
                .step_w = c.width.stride,
                .offsets_h = offsets_of(c.height),
                .offsets_w = offsets_of(c.width)};
    rows_ = patches_.depth();
    row_block_ = block_of(rows_, divided_up(rows_, kPartRows));
    row_blocks_ = divided_up(rows_, row_block_);
    column_block_ = block_limits(T{}).weights_columns;
    column_blocks_ = divided_up(small_.channels, column_block_);
    const std::int64_t chains = divided_up(positions_, kChain), rows = std::clamp<std::int64_t>(rows_, 1, row_block_);
    // Groups of a part: their sums are kept at the same time.
    group_block_ = row_blocks_ == 1 ? std::clamp<std::int64_t>(c.groups / kParts, 1, kPartRows / rows) : 1;
    group_blocks_ = divided_up(c.groups, group_block_);
    const std::int64_t blocks = std::max<std::int64_t>(1, group_blocks_ * row_blocks_ * column_blocks_);
    segments_ = std::clamp<std::int64_t>(kParts / blocks, 1, std::max<std::int64_t>(1, chains / kSegmentChains));
    segment_ = divided_up(chains, segments_) * kChain;
    segments_ = std::max<std::int64_t>(1, divided_up(positions_, std::max<std::int64_t>(1, segment_)));
  }

  std::size_t scratch_bytes(std::int32_t dtype) const {
    Shelf shelf(nullptr);
    numbers_of<T>(dtype, nullptr, c_.big_count(), shelf, 1);
    numbers_of<T>(dtype, nullptr, c_.small_count(), shelf, 1);
    shelf.take<double>(partial_count() * kSums);
    return shelf.used();
  }

  void run(std::int32_t dtype, const void* big, const void* small, void* weights, std::byte* scratch, int threads) {
    if (c_.weights_count() == 0) return;
    Shelf shelf(scratch);
    const T* const from_big = numbers_of<T>(dtype, big, c_.big_count(), shelf, threads);
    const T* const from_small = numbers_of<T>(dtype, small, c_.small_count(), shelf, threads);
    double* const partial = shelf.take<double>(partial_count() * kSums);
    patches_.source = from_big;
    std::atomic<bool> special{false};
    const std::int64_t rows = std::min(rows_, row_block_), columns = std::min(column_block_, small_.channels);
    const std::int64_t grain = std::max<std::int64_t>(1, pieces_of_task(rows, columns, segment_) / group_block_);
    const std::int64_t parts_of_segment = group_blocks_ * row_blocks_ * column_blocks_;
    for_each_part(segments_ * parts_of_segment, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part) {
        const WeightsProduct product = product_of(part / parts_of_segment, from_small, partial, dtype, weights);
        if (run_part(product, block_of_part(part % parts_of_segment), T{})) special.store(true, std::memory_order_relaxed);
      }
    });
    if (segments_ > 1) add_segments(dtype, partial, weights, threads);
    if (special.load(std::memory_order_relaxed)) settle_weights(c_, from_big, from_small, dtype, weights, threads);
  }

 private:
  static constexpr std::int64_t kSegmentChains = 8;  // of a segment, or more
  static constexpr std::int64_t kSums = sizeof(T) == sizeof(double) ? 2 : 1;

  std::int64_t partial_count() const { return segments_ == 1 ? 0 : segments_ * c_.groups * rows_ * small_.channels; }

  WeightsProduct product_of(std::int64_t segment, const T* small, double* partial, std::int32_t dtype, void* weights) const {
    double* const hi = segments_ == 1 ? nullptr : partial + segment * c_.groups * rows_ * small_.channels;
    return {.patches = &patches_,
            .small = small,
            .sample = c_.groups * small_.channels * small_.plane(),
            .plane = small_.plane(),
            .columns = small_.channels,
            .begin = segment * segment_,
            .end = std::min(positions_, (segment + 1) * segment_),
            .partial_hi = hi,
            .partial_lo = hi == nullptr ? nullptr : hi + partial_count(),
            .dtype = dtype,
            .out = weights,
            .channel_step = big_.step,
            .column_step = small_.step};
  }

  Block block_of_part(std::int64_t part) const {
    const std::int64_t row = part % row_blocks_ * row_block_, rest = part / row_blocks_;
    const std::int64_t column = rest % column_blocks_ * column_block_, group = rest / column_blocks_ * group_block_;
    return {.group_begin = group,
            .group_end = std::min(c_.groups, group + group_block_),
            .row_begin = row,
            .row_end = std::min(rows_, row + row_block_),
            .column_begin = column,
            .column_end = std::min(small_.channels, column + column_block_)};
  }

  void add_segments(std::int32_t dtype, const double* partial, void* weights, int threads) const {
    const std::int64_t taps = patches_.taps(), columns = small_.channels, all = c_.groups * rows_ * columns;
    const auto size = static_cast<std::int64_t>(element_size(dtype));
    const std::int64_t grain = std::max<std::int64_t>(1, kGrainElements / (segments_ * columns));
    for_each_part(c_.groups * rows_, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> sums(static_cast<std::size_t>(columns));
      std::vector<std::byte> stored(static_cast<std::size_t>(columns * size));
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t i = 0; i < columns; ++i)
          sums[static_cast<std::size_t>(i)] = sum_of_segments(partial + row * columns + i, all);
        narrow(dtype, sums.data(), sums.size(), stored.data());
        const std::int64_t k = row % rows_, at = row / rows_ * rows_ * columns + k / taps * big_.step + k % taps;
        scatter(stored.data(), sums.size(), static_cast<std::size_t>(size), static_cast<std::byte*>(weights) + at * size,
                small_.step);
      }
    });
  }

  double sum_of_segments(const double* hi, std::int64_t step) const {
    if constexpr (kSums == 1) {
      double sum = 0;
      for (std::int64_t s = 0; s < segments_; ++s) sum += hi[s * step];
      return sum;
    } else {
      Sum sum;
      for (std::int64_t s = 0; s < segments_; ++s)
        sum = add_terms(sum, {hi[s * step], std::isfinite(hi[s * step]) ? hi[partial_count() + s * step] : 0});
      return total(sum);
    }
  }

  Convolution c_;
  Side big_, small_;
  Patches patches_;
  std::int64_t positions_, rows_ = 0;  // rows: big's channels and taps
  std::int64_t row_block_ = 0, row_blocks_ = 0, column_block_ = 0, column_blocks_ = 0, group_block_ = 0, group_blocks_ = 0;
  std::int64_t segments_ = 1, segment_ = 0;  // their number, and positions in each
};

}  // namespace

std::size_t scratch_to_weights(const Convolution& convolution, std::int32_t dtype) {
  return in_working_type(dtype, [&]<class T>(T) { return ToWeights<T>(flattened(convolution)).scratch_bytes(dtype); });
}
void sum_to_weights(const Convolution& convolution, std::int32_t dtype, const void* big, const void* small, void* weights,
                    std::byte* scratch, int threads) {
  in_working_type(dtype,
                  [&]<class T>(T) { ToWeights<T>(flattened(convolution)).run(dtype, big, small, weights, scratch, threads); });
}

}  // namespace karat::kernels
