// SPDX-License-Identifier: MIT
// The sums to big and to small.  What is allocated: lists of taps and of grids, a few hundred bytes.  Scratch holds
// the weights in the order of their products, and tensors of 16 bits in f32.
#include "kernels/convolution/convolution.hpp"

#include <atomic>
#include <cmath>
#include <map>
#include <vector>

#include "kernels/call.hpp"
#include "kernels/convolution/special.hpp"
#include "kernels/convolution/work.hpp"

namespace karat::kernels {
namespace {

// Taps of one axis that a set of outputs shares, and these outputs: begin, begin + step, …
struct Phase {
  std::int64_t begin, step, count;
  std::int64_t step_in;                       // of the input, from output to output
  std::vector<std::int64_t> kernel, offsets;  // each tap's place in w, and in the input for the first output
};

std::vector<Phase> phases_to_small(const Convolution::Axis& a) {
  Phase phase{0, 1, a.small, a.stride, {}, {}};
  for (std::int64_t k = 0; k < a.kernel; ++k) {
    phase.kernel.push_back(k);
    phase.offsets.push_back(k * a.dilation - a.padding);
  }
  return {phase};
}

// Big o meets small (o + P − D·k)/S where that is an integer: taps with the same remainder go together.
std::vector<Phase> phases_to_big(const Convolution::Axis& a) {
  const auto modulo = [&](std::int64_t v) { return (v % a.stride + a.stride) % a.stride; };
  std::map<std::int64_t, std::vector<std::int64_t>> taps;  // by the first output
  for (std::int64_t k = 0; k < a.kernel; ++k) taps[modulo(a.dilation * k - a.padding)].push_back(k);
  std::vector<Phase> phases;
  for (const auto& [begin, kernel] : taps) {
    if (begin >= a.big) continue;
    Phase phase{begin, a.stride, divided_up(a.big - begin, a.stride), 1, kernel, {}};
    for (const std::int64_t k : kernel) phase.offsets.push_back((begin + a.padding - a.dilation * k) / a.stride);
    phases.push_back(phase);
  }
  return phases;
}

std::int64_t outputs_of(const std::vector<Phase>& phases) {
  std::int64_t count = 0;
  for (const Phase& phase : phases) count += phase.count;
  return count;
}

// The outputs of two phases, and their parts.
struct Grid {
  const Phase *height, *width;
  Patches patches;
  std::int64_t chain;
  std::int64_t weights_begin;  // among the ordered weights
  std::int64_t positions, columns, row_block, group_block;
  std::int64_t row_blocks, group_blocks, parts;
  std::int64_t first_part;
};

template <class T>
class ToSide {
 public:
  ToSide(const Convolution& c, bool to_big)
      : c_(c),
        in_(to_big ? small_of(c) : big_of(c)),
        out_(to_big ? big_of(c) : small_of(c)),
        to_big_(to_big),
        height_(to_big ? phases_to_big(c.height) : phases_to_small(c.height)),
        width_(to_big ? phases_to_big(c.width) : phases_to_small(c.width)) {}

  std::size_t scratch_bytes(std::int32_t dtype) const {
    Shelf shelf(nullptr);
    numbers_of<T>(dtype, nullptr, input_count(), shelf, 1);
    numbers_of<T>(dtype, nullptr, c_.weights_count(), shelf, 1);
    shelf.take<T>(c_.weights_count());
    return shelf.used();
  }

  void run(std::int32_t dtype, const void* input, const void* weights, const void* bias, void* output, std::byte* scratch,
           int threads) const {
    if (c_.batch * output_channels() * out_.plane() == 0) return;
    Shelf shelf(scratch);
    const T* const in = numbers_of<T>(dtype, input, input_count(), shelf, threads);
    const T* const w = numbers_of<T>(dtype, weights, c_.weights_count(), shelf, threads);
    T* const ordered = shelf.take<T>(c_.weights_count());
    if (outputs_of(height_) < out_.height || outputs_of(width_) < out_.width) fill(dtype, bias, output, threads);
    std::vector<Grid> grids;
    std::int64_t parts = 0, weights_begin = 0;
    // A weight that no element meets may still meet inserted zeros.
    bool special = c_.inserted_zeros && !std::all_of(w, w + c_.weights_count(), [](T v) { return std::isfinite(v); });
    for (const Phase& height : height_)
      for (const Phase& width : width_) {
        Grid grid = grid_of(height, width, in);
        grid.weights_begin = weights_begin;
        grid.first_part = parts;
        special |= order_weights(grid, w, ordered + weights_begin, threads);
        weights_begin += output_channels() * grid.patches.depth();
        parts += grid.parts;
        grids.push_back(grid);
      }
    const std::int64_t grain =
        grids.empty() ? 1 : std::max<std::int64_t>(1, pieces_of(grids.front()) / grids.front().group_block);
    for_each_part(parts, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part) {
        const auto next =
            std::upper_bound(grids.begin(), grids.end(), part, [](std::int64_t p, const Grid& g) { return p < g.first_part; });
        const Grid& grid = *(next - 1);
        run_part(product_of(grid, dtype, ordered, bias, output), block_of_part(grid, part - grid.first_part), T{});
      }
    });
    if (special) settle_side(c_, to_big_, in, w, dtype, output, threads);
  }

 private:
  static constexpr std::int64_t kFewRows = 48;  // of a part where rows must make up for few positions
  static constexpr std::int64_t kLines = 16;    // of weights that are ordered together: their cache lines stay at hand

  std::int64_t input_count() const { return c_.batch * c_.groups * in_.channels * in_.plane(); }
  std::int64_t output_channels() const { return c_.groups * out_.channels; }

  static std::int64_t pieces_of(const Grid& grid) {
    return pieces_of_task(grid.row_block, std::min(grid.positions, grid.columns), grid.patches.depth());
  }

  Grid grid_of(const Phase& height, const Phase& width, const T* in) const {
    Grid grid{};
    grid.height = &height;
    grid.width = &width;
    grid.patches = {.source = in,
                    .count = input_count(),
                    .channels = c_.groups * in_.channels,
                    .height = in_.height,
                    .width = in_.width,
                    .group_channels = in_.channels,
                    .rows = height.count,
                    .columns = width.count,
                    .step_h = height.step_in,
                    .step_w = width.step_in,
                    .offsets_h = height.offsets,
                    .offsets_w = width.offsets};
    const std::int64_t depth = grid.patches.depth();
    grid.chain = depth == 0 ? 1 : divided_up(depth, divided_up(depth, kChain));  // chains of nearly one length
    grid.positions = c_.batch * height.count * width.count;
    grid.columns = patch_columns(depth, out_.channels, block_limits(T{}).patch_columns);
    const std::int64_t column_blocks = divided_up(grid.positions, grid.columns);
    const std::int64_t enough = kParts / (c_.groups * column_blocks);
    grid.row_block = block_of(
        out_.channels, std::max(divided_up(out_.channels, kPartRows), std::min(divided_up(out_.channels, kFewRows), enough)));
    grid.row_blocks = divided_up(out_.channels, grid.row_block);
    grid.group_block = std::min(c_.groups, pieces_of(grid));
    grid.group_blocks = divided_up(c_.groups, grid.group_block);
    grid.parts = column_blocks * grid.group_blocks * grid.row_blocks;
    return grid;
  }

  // Group by group, chain by chain: (rows, products of the chain).  True if some weight is not finite; a zero
  // stands for it then.
  bool order_weights(const Grid& grid, const T* w, T* ordered, int threads) const {
    const std::int64_t taps = grid.patches.taps(), all = grid.patches.depth();
    const std::int64_t rows = out_.channels, blocks = divided_up(rows, kLines);
    if (all == 0) return false;
    std::vector<std::int64_t> kernel;  // of each tap
    for (const std::int64_t h : grid.height->kernel)
      for (const std::int64_t v : grid.width->kernel) kernel.push_back(h * c_.width.kernel + v);
    std::atomic<bool> special{false};
    const std::int64_t grain = std::max<std::int64_t>(1, kGrainElements / (kLines * all));
    for_each_part(c_.groups * blocks, grain, threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = begin; part < end; ++part) {
        const std::int64_t group = part / blocks, row = part % blocks * kLines, lines = std::min(kLines, rows - row);
        const T* const from = w + group * rows * in_.channels * c_.height.kernel * c_.width.kernel + row * out_.step;
        std::int64_t c = 0, tap = 0;
        for (std::int64_t k = 0; k < all; k += grid.chain) {
          const std::int64_t depth = std::min(grid.chain, all - k);
          T* const to = ordered + (group * all + k) * rows + row * depth;
          for (std::int64_t i = 0; i < depth; ++i) {
            const T* const in = from + c * in_.step + kernel[static_cast<std::size_t>(tap)];
            for (std::int64_t line = 0; line < lines; ++line) to[line * depth + i] = in[line * out_.step];
            if (++tap == taps) {
              tap = 0;
              ++c;
            }
          }
          if (make_finite(to, lines * depth)) special.store(true, std::memory_order_relaxed);
        }
      }
    });
    return special.load(std::memory_order_relaxed);
  }

  PatchProduct product_of(const Grid& grid, std::int32_t dtype, const T* ordered, const void* bias, void* output) const {
    return {.patches = &grid.patches,
            .weights = ordered + grid.weights_begin,
            .bias = bias,
            .rows = out_.channels,
            .chain = grid.chain,
            .dtype = dtype,
            .out = output,
            .sample = output_channels() * out_.plane(),
            .plane = out_.plane(),
            .begin = grid.height->begin * out_.width + grid.width->begin,
            .step_h = grid.height->step * out_.width,
            .step_w = grid.width->step};
  }

  // Neighbours share the patches, or else the weights.
  Block block_of_part(const Grid& grid, std::int64_t part) const {
    const std::int64_t row = part % grid.row_blocks * grid.row_block, rest = part / grid.row_blocks;
    const std::int64_t group = rest % grid.group_blocks * grid.group_block, column = rest / grid.group_blocks * grid.columns;
    return {.group_begin = group,
            .group_end = std::min(c_.groups, group + grid.group_block),
            .row_begin = row,
            .row_end = std::min(out_.channels, row + grid.row_block),
            .column_begin = column,
            .column_end = std::min(grid.positions, column + grid.columns)};
  }

  // The bias alone, where no tap meets an output.
  void fill(std::int32_t dtype, const void* bias, void* output, int threads) const {
    const auto size = static_cast<std::int64_t>(element_size(dtype));
    const std::int64_t grain = std::max<std::int64_t>(1, kGrainElements / out_.plane());
    for_each_part(c_.batch * output_channels(), grain, threads, [&](std::int64_t begin, std::int64_t end) {
      const std::byte zero[8] = {};
      for (std::int64_t i = begin; i < end; ++i) {
        const void* const value = bias == nullptr ? zero : static_cast<const std::byte*>(bias) + i % output_channels() * size;
        gather(value, 0, static_cast<std::size_t>(out_.plane()), static_cast<std::size_t>(size),
               static_cast<std::byte*>(output) + i * out_.plane() * size);
      }
    });
  }

  Convolution c_;
  Side in_, out_;
  bool to_big_;
  std::vector<Phase> height_, width_;
};

}  // namespace

std::size_t scratch_to_small(const Convolution& convolution, std::int32_t dtype) {
  return in_working_type(dtype, [&]<class T>(T) { return ToSide<T>(flattened(convolution), false).scratch_bytes(dtype); });
}
std::size_t scratch_to_big(const Convolution& convolution, std::int32_t dtype) {
  return in_working_type(dtype, [&]<class T>(T) { return ToSide<T>(flattened(convolution), true).scratch_bytes(dtype); });
}
void sum_to_small(const Convolution& convolution, std::int32_t dtype, const void* big, const void* weights, const void* bias,
                  void* small, std::byte* scratch, int threads) {
  in_working_type(dtype, [&]<class T>(T) {
    ToSide<T>(flattened(convolution), false).run(dtype, big, weights, bias, small, scratch, threads);
  });
}
void sum_to_big(const Convolution& convolution, std::int32_t dtype, const void* small, const void* weights, const void* bias,
                void* big, std::byte* scratch, int threads) {
  in_working_type(dtype, [&]<class T>(T) {
    ToSide<T>(flattened(convolution), true).run(dtype, small, weights, bias, big, scratch, threads);
  });
}

}  // namespace karat::kernels
