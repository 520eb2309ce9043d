// SPDX-License-Identifier: MIT
// Operators on the channels of x: (N, C) or (N, C, H, W).  Sums over each channel, then each element by what its
// channel's sums made of it.
//
// Planes of 16 elements or more are summed along lanes, a channel at a time; a channel that fits a cache is read from
// memory once.  Smaller planes, and (N, C), go down the rows of x, up to 256 neighbouring columns at a time, a lane a
// column.  How the work is cut up depends on shape and dtype alone, and so do the bits.
//
// Memory: scratch where few channels are worth sharing; and two small arrays a task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/arguments.hpp"
#include "kernels/normalization/moments.hpp"

namespace karat::kernels {

enum class ChannelReduction {
  none,
  x,      // n, mean, squares
  both,   // and dy, products
  about,  // dy, products about given centres
};
enum class ChannelMap {
  none,
  affine,        // (x − centre)·scale + shift
  affine_of_dy,  // the same of dy
  gradient,      // ((dy − shift) − (x − centre)·slope)·scale
};

struct ChannelSums {
  double n = 0;           // values
  Sum mean, squares;      // of x: the mean or the given centre, Σ(x − mean)²; NaN of no values
  Sum dy, products;       // Σdy, Σ(x − mean)dy, both divided by
  double dy_factor = 1;   // this power of two, and so are the shift and slope of a gradient
  Sum of_dy(Sum linear) const { return times(linear, {dy_factor}); }
};
struct ChannelCoefficients {
  Sum centre, scale, shift, slope;
};

struct ChannelWork {
  ChannelReduction reduction = ChannelReduction::none;
  ChannelMap map = ChannelMap::none;
  const void* x = nullptr;
  const void* dy = nullptr;
  void* out = nullptr;
  const karat_tensor* centres = nullptr;
  // Called once a channel, from any thread.
  std::function<ChannelCoefficients(std::int64_t channel, const ChannelSums& sums)> finish;
  int threads = 1;
  std::byte* scratch = nullptr;
};

class Channels {
 public:
  Channels() = default;
  Channels(std::int32_t dtype, const karat_tensor& x);  // a Refusal unless dense, (N, C) or (N, C, H, W)

  std::int64_t count() const { return count_; }
  std::int64_t values() const { return batch_ * inner_; }  // of a channel
  std::size_t scratch_bytes() const;
  void run(const ChannelWork& work) const;

 private:
  friend class ChannelRun;
  static constexpr std::int64_t kSmallestPlane = 16, kStrip = 256, kBlockRows = 1024, kManyUnits = 16, kGrain = 16384;
  bool columns() const { return inner_ < kSmallestPlane; }

  std::int32_t dtype_ = 0;
  Storage storage_ = Storage::doubles;
  std::int64_t batch_ = 0, count_ = 0, inner_ = 0;
  // A unit is a channel, or the channels of a strip of columns; its blocks are taken some at a time: parts.
  std::int64_t unit_ = 1, units_ = 0, blocks_ = 0, blocks_of_part_ = 16, parts_ = 0;
  std::int64_t pitch_ = 1;  // of a unit's coefficients
  std::int64_t block_length_ = 1, samples_of_block_ = 1, blocks_of_plane_ = 1;
};

// Element i of a tensor of one dimension, without gaps.
double load_element(const karat_tensor& tensor, std::int64_t i);
void store_element(const karat_tensor& tensor, std::int64_t i, double value);

}  // namespace karat::kernels
