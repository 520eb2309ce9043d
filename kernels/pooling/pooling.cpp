// SPDX-License-Identifier: MIT
#include "kernels/pooling/pooling.hpp"

#include <algorithm>

#include "kernels/call.hpp"
#include "kernels/convert.hpp"

namespace karat::kernels {
namespace {

constexpr std::int64_t kPartBytes = 256 * 1024;
constexpr std::int64_t kLargestExtent = std::int64_t{1} << 60;

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a - 1) / b + 1; }  // a, b >= 1

// The kernel's extent, the output's size and all positions stay below 2^62.
void check_side(Side& side, bool ceil) {
  require(side.kernel >= 1, "kernel_shape is below 1");
  require(side.stride >= 1, "a stride is below 1");
  require(side.dilation >= 1, "a dilation is below 1");
  require(side.before >= 0 && side.after >= 0, "padding is below 0");
  if (side.kernel == 1) side.dilation = 1;
  std::int64_t extent = 0;
  require(!__builtin_mul_overflow(side.kernel - 1, side.dilation, &extent) && extent < kLargestExtent, "a kernel's extent above 2^60");
  require(std::max(side.before, side.after) < side.extent(), "padding is not below the kernel's extent");
  require(side.input < kLargestExtent, "an extent above 2^60");
  const std::int64_t room = side.input + side.before + side.after - side.extent();
  require(room >= 0, "the kernel is larger than the padded input");
  side.output = room / side.stride + 1;
  // One more window for a remainder, if it starts inside the input or the padding before it.
  if (ceil && room % side.stride != 0 && side.output < divided_up(side.input + side.before, side.stride)) ++side.output;
  if (side.output == 1) side.stride = side.extent();
}

}  // namespace

Range Side::taps(std::int64_t o) const {
  const std::int64_t first = start(o);
  const std::int64_t begin = first >= 0 ? 0 : std::min(kernel, divided_up(-first, dilation));
  const std::int64_t end = first >= input ? 0 : std::min(kernel, divided_up(input - first, dilation));
  return {begin, std::max(begin, end)};
}

std::int64_t Side::places(std::int64_t o) const { return std::min(kernel, divided_up(input + after - start(o), dilation)); }

Range Side::reaching(Range part) const {
  const std::int64_t first = part.begin + before - extent() + 1;
  return {first <= 0 ? 0 : divided_up(first, stride), std::min(output, (part.end - 1 + before) / stride + 1)};
}

void Side::count(Range outputs, bool padding_counts, double* counts) const {
  // Windows [whole.begin, whole.end) have all their taps.
  const std::int64_t room = input - extent() + before + (padding_counts ? after : 0);
  const Range whole{padding_counts || before == 0 ? 0 : divided_up(before, stride), room < 0 ? 0 : room / stride + 1};
  for (std::int64_t o = outputs.begin; o < outputs.end;) {
    if (o >= whole.begin && o < whole.end) {
      const std::int64_t end = std::min(outputs.end, whole.end);
      std::fill_n(counts + (o - outputs.begin), end - o, static_cast<double>(kernel));
      o = end;
    } else {
      counts[o - outputs.begin] = static_cast<double>(padding_counts ? places(o) : taps(o).size());
      ++o;
    }
  }
}

bool Pooling::is_halving() const {
  const auto halves = [](const Side& s) {
    return s.kernel == 2 && s.stride == 2 && s.before == 0 && s.dilation == 1 && 2 * s.output <= s.input;
  };
  return halves(height) && halves(width);
}

std::int64_t Pooling::grain() const {
  const std::int64_t elements = kPartBytes / static_cast<std::int64_t>(element_size(dtype));
  const std::int64_t rows = std::min(std::min(height.stride, height.kernel), elements), columns = std::clamp<std::int64_t>(width.input, 1, elements);
  return std::max<std::int64_t>(1, elements / (rows * columns + std::min(width.output, elements)));
}

Pooling pooling_of(std::int32_t dtype, const Arguments& arguments, const karat_tensor& x, const karat_tensor& y, bool dilated) {
  require(x.rank == 4 && y.rank == 4, "a tensor is not of rank 4");
  require(is_dense(x) && is_dense(y), "a tensor is not dense");
  const auto kernel = arguments.list("kernel_shape"), stride = arguments.list("stride"), padding = arguments.list("padding");
  require(kernel.size() == 2, "kernel_shape is not [height, width]");
  require(stride.size() == 2, "stride is not [height, width]");
  require(padding.size() == 4, "padding is not [top, left, bottom, right]");
  Pooling pooling{.dtype = dtype, .planes = x.shape[0] * x.shape[1], .height = {}, .width = {}, .threads = arguments.threads()};
  pooling.height = {.input = x.shape[2], .kernel = kernel[0], .stride = stride[0], .before = padding[0], .after = padding[2]};
  pooling.width = {.input = x.shape[3], .kernel = kernel[1], .stride = stride[1], .before = padding[1], .after = padding[3]};
  if (dilated) {
    const auto dilation = arguments.list("dilation");
    require(dilation.size() == 2, "dilation is not [height, width]");
    pooling.height.dilation = dilation[0];
    pooling.width.dilation = dilation[1];
  }
  const std::int64_t ceil_mode = arguments.integer("ceil_mode");
  require(ceil_mode == 0 || ceil_mode == 1, "ceil_mode is 0 or 1");
  check_side(pooling.height, ceil_mode == 1);
  check_side(pooling.width, ceil_mode == 1);
  require(y.shape[0] == x.shape[0] && y.shape[1] == x.shape[1] && y.shape[2] == pooling.height.output && y.shape[3] == pooling.width.output,
          "y has not the shape that the windows give");
  return pooling;
}

Blocks::Blocks(const Pooling& pooling)
    : planes_(pooling.planes),
      height_(pooling.height.input),
      width_(pooling.width.input),
      rows_(std::clamp<std::int64_t>(kBlockElements / std::clamp<std::int64_t>(width_, 1, kBlockColumns), 1, std::max<std::int64_t>(1, height_))),
      columns_(std::clamp<std::int64_t>(width_, 1, kBlockColumns)),
      down_((height_ + rows_ - 1) / rows_),
      across_((width_ + columns_ - 1) / columns_) {}

std::int64_t Blocks::grain() const { return std::max<std::int64_t>(1, kBlockElements / (rows_ * columns_)); }

Block Blocks::operator[](std::int64_t i) const {
  const std::int64_t column = i % across_ * columns_, row = i / across_ % down_ * rows_;
  return {i / across_ / down_, {row, std::min(height_, row + rows_)}, {column, std::min(width_, column + columns_)}};
}

void BlockSums::begin(const Block& block) {
  block_ = block;
  const auto elements = block.rows.size() * block.columns.size();
  std::fill_n(hi_.begin(), elements, 0.0);
  std::fill_n(lo_.begin(), compensated_ ? elements : 0, 0.0);
}

void BlockSums::add(std::size_t n, const std::int64_t* rows, const std::int64_t* columns, const double* values) {
  const std::int64_t top = block_.rows.begin, left = block_.columns.begin, width = block_.columns.size();
  const auto height = static_cast<std::uint64_t>(block_.rows.size()), across = static_cast<std::uint64_t>(width);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t row = rows[i] - top, column = columns[i] - left;  // negative ones are large as unsigned
    if (static_cast<std::uint64_t>(row) >= height || static_cast<std::uint64_t>(column) >= across) continue;
    const auto at = static_cast<std::size_t>(row * width + column);
    if (compensated_) {
      const Sum sum = two_sum(hi_[at], values[i]);
      hi_[at] = sum.hi;
      lo_[at] += sum.lo;
    } else {
      hi_[at] += values[i];
    }
  }
}

void BlockSums::write(const Pooling& pooling, void* dx) {
  const std::int64_t elements = block_.rows.size() * block_.columns.size();
  for (std::size_t i = 0; compensated_ && i < static_cast<std::size_t>(elements); ++i) hi_[i] = total({hi_[i], lo_[i]});
  const auto columns = static_cast<std::size_t>(block_.columns.size());
  for (std::int64_t row = block_.rows.begin; row < block_.rows.end; ++row) {
    const std::int64_t first = (block_.plane * pooling.height.input + row) * pooling.width.input + block_.columns.begin;
    narrow(pooling.dtype, &hi_[static_cast<std::size_t>(row - block_.rows.begin) * columns], columns, element(pooling.dtype, dx, first));
  }
}

}  // namespace karat::kernels
