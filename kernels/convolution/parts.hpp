// SPDX-License-Identifier: MIT
// What convolution.cpp hands to the lanes: matrix products, one factor of which is made of patches.
#pragma once

#include <cstdint>
#include <vector>

namespace karat::kernels {

inline constexpr std::int64_t kChain = 128;     // products that are summed in the working type
inline constexpr std::int64_t kPartRows = 192;  // of a part, at most

// A matrix of patches, all groups' one after the other.  Row k = (channel, tap), column l = (sample, position):
//     source[sample, channel, row·step_h + offset_h, column·step_w + offset_w], 0 outside of the source.
struct Patches {
  const void* source = nullptr;  // dense: (batch, channels, height, width)
  std::int64_t count = 0;        // its elements
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t group_channels = 0;
  std::int64_t rows = 0, columns = 0;  // positions in a sample
  std::int64_t step_h = 1, step_w = 1;
  std::vector<std::int64_t> offsets_h, offsets_w;  // of the taps

  std::int64_t taps() const { return static_cast<std::int64_t>(offsets_h.size() * offsets_w.size()); }
  std::int64_t depth() const { return group_channels * taps(); }  // rows of a group
};

// out[n, row, p] = bias[row] + Σ_k weights[row, k] · patches[k, (n, p)], group by group
struct PatchProduct {
  const Patches* patches;
  const void* weights;       // group after group, chain after chain: (rows, products of the chain)
  const void* bias;          // as it is stored, or nullptr
  std::int64_t rows, chain;  // of a group; products
  std::int32_t dtype;
  void* out;
  std::int64_t sample, plane;          // elements from sample to sample, from channel to channel
  std::int64_t begin, step_h, step_w;  // where positions lie in a plane
};

// out[column, row] = Σ_l patches[row, l] · small[column, l], group by group; l = (sample, position)
struct WeightsProduct {
  const Patches* patches;
  const void* small;           // as numbers of the working type
  std::int64_t sample, plane;  // elements from sample to sample, from channel to channel
  std::int64_t columns;        // channels of a group
  std::int64_t begin, end;     // of the positions l
  // Where the sums go if there are others, of other positions: (group, row, column).  The second, what a sum of
  // doubles left over.
  double *partial_hi, *partial_lo;
  // Where they go otherwise, and elements from channel to channel of the patches, from column to column.
  std::int32_t dtype;
  void* out;
  std::int64_t channel_step, column_step;
};

// What a part of either computes.
struct Block {
  std::int64_t group_begin, group_end, row_begin, row_end, column_begin, column_end;
};

// Columns that a part may have at most; instruction sets differ.
struct BlockLimits {
  std::int64_t patch_columns, weights_columns;
};

// The columns of a PatchProduct's parts, of `rows` rows in all.  Short products keep no sums and little of the patches,
// and read longer stretches of memory instead; many weights, which do not stay at hand from part to part, are read half
// as often.
inline constexpr std::int64_t kShortDepth = kChain / 2;
inline constexpr std::int64_t kManyWeights = 1 << 16;
constexpr std::int64_t patch_columns(std::int64_t depth, std::int64_t rows, std::int64_t limit) {
  return depth <= kShortDepth ? 3 * limit : depth * rows > kManyWeights ? 2 * limit : limit;
}

// The best instruction set's; the last argument says the working type.
BlockLimits block_limits(float);
BlockLimits block_limits(double);
void run_part(const PatchProduct& of, const Block& block, float);
void run_part(const PatchProduct& of, const Block& block, double);
// True if some number of small is not finite; a 0 stood for it.
bool run_part(const WeightsProduct& of, const Block& block, float);
bool run_part(const WeightsProduct& of, const Block& block, double);
// Replaces numbers that are not finite by 0, and says whether there were any.
bool make_finite(float* numbers, std::int64_t count);
bool make_finite(double* numbers, std::int64_t count);

}  // namespace karat::kernels
