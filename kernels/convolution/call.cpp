// SPDX-License-Identifier: MIT
#include "kernels/convolution/call.hpp"

#include <algorithm>

namespace karat::kernels {
namespace {

struct Window {
  std::int64_t kernel, stride, dilation, before, after;
  std::int64_t span() const { return checked_sum(checked_product(kernel - 1, dilation), 1); }
};

struct Windows {
  Window height, width;
};

Windows windows_of(const Arguments& arguments, std::int64_t kernel_h, std::int64_t kernel_w) {
  const auto stride = pair_of(arguments, "stride", 1), dilation = pair_of(arguments, "dilation", 1);
  const auto padding = arguments.list("padding");
  require(padding.size() == 4, "padding has four integers: top, left, bottom, right");
  require(std::all_of(padding.begin(), padding.end(), [](std::int64_t p) { return p >= 0; }), "a padding below 0");
  require(kernel_h >= 1 && kernel_w >= 1, "a filter without elements");
  return {{kernel_h, stride[0], dilation[0], padding[0], padding[2]}, {kernel_w, stride[1], dilation[1], padding[1], padding[3]}};
}

// ⌊(W + P − K)/S⌋ + 1 of an input of W.
Convolution::Axis forward_axis(const Window& w, std::int64_t input) {
  const std::int64_t padded = checked_sum(checked_sum(input, w.before), w.after), span = w.span();
  require(span <= padded, "the filter is larger than the padded input");
  return {.big = input,
          .small = (padded - span) / w.stride + 1,
          .kernel = w.kernel,
          .stride = w.stride,
          .dilation = w.dilation,
          .padding = w.before};
}

// (W − 1)S + K − P of an input of W.
Convolution::Axis transposed_axis(const Window& w, std::int64_t input, std::int64_t output_padding) {
  require(input >= 1, "an input without elements");
  require(output_padding < std::max(w.stride, w.dilation), "output_padding is below stride or dilation");
  const std::int64_t full = checked_sum(checked_sum(checked_product(input - 1, w.stride), w.span()), output_padding);
  const std::int64_t size = full - checked_sum(w.before, w.after);
  require(size >= 1, "padding takes away the whole output");
  return {.big = size, .small = input, .kernel = w.kernel, .stride = w.stride, .dilation = w.dilation, .padding = w.before};
}

// Output o meets the element i of x in tap k where o = s·i − k + P.
Convolution::Axis fractional_axis(std::int64_t input, std::int64_t kernel, std::int64_t s, std::int64_t padding) {
  require(input >= 1, "an input without elements");
  require(kernel >= 1, "a filter without elements");
  const std::int64_t padded = checked_sum(checked_sum(checked_product(input - 1, s), 1), checked_product(2, padding));
  require(kernel <= padded, "the filter is larger than the padded input");
  return {.big = padded - kernel + 1, .small = input, .kernel = kernel, .stride = s, .dilation = -1, .padding = -padding};
}

std::int64_t groups_of(const Arguments& arguments, std::int64_t channels, std::int64_t other_channels) {
  const std::int64_t groups = arguments.integer("groups");
  require(groups >= 1, "groups below 1");
  require(channels % groups == 0 && other_channels % groups == 0, "groups does not divide the channels");
  return groups;
}

}  // namespace

std::int64_t checked_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  require(!__builtin_add_overflow(a, b, &sum), "a size beyond 64 bits");
  return sum;
}

std::int64_t checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  require(!__builtin_mul_overflow(a, b, &product), "a size beyond 64 bits");
  return product;
}

void require_shape(const karat_tensor& tensor, const Shape& shape) {
  require(shape_of(tensor) == shape, "a tensor's shape is not the operator's");
}

const karat_tensor& dense_input(const Arguments& arguments, const char* name, std::int32_t dtype, int rank) {
  const karat_tensor& t = arguments.tensor(name, KARAT_INPUT, dtype);
  require(t.rank == rank, "a tensor's rank is not the operator's");
  require(is_dense(t), "a tensor has gaps");
  return t;
}

const karat_tensor& dense_output(const Arguments& arguments, const char* name, std::int32_t dtype, const Shape& shape) {
  const karat_tensor& t = arguments.tensor(name, KARAT_OUTPUT, dtype);
  require_shape(t, shape);
  require(is_dense(t), "a tensor has gaps");
  return t;
}

const karat_tensor& bias_input(const Arguments& arguments, const char* name, std::int32_t dtype, std::int64_t channels) {
  const karat_tensor& t = dense_input(arguments, name, dtype, 1);
  require(is_absent(t) || t.shape[0] == channels, "the bias has one element a channel, or none");
  return t;
}

const void* data_or_null(const karat_tensor& tensor) { return is_absent(tensor) ? nullptr : tensor.data; }

std::array<std::int64_t, 2> pair_of(const Arguments& arguments, const char* name, std::int64_t least) {
  const auto list = arguments.list(name);
  require(list.size() == 2, "an attribute has two integers: height, width");
  require(list[0] >= least && list[1] >= least, "an attribute is out of its domain");
  return {list[0], list[1]};
}

Convolution conv2d_of(const Arguments& arguments, const Shape& x, const Shape& w) {
  const std::int64_t groups = groups_of(arguments, x[1], w[0]);
  require(w[1] == x[1] / groups, "the filter's channels are not those of a group");
  const Windows windows = windows_of(arguments, w[2], w[3]);
  return {.batch = x[0],
          .groups = groups,
          .big_channels = w[1],
          .small_channels = w[0] / groups,
          .height = forward_axis(windows.height, x[2]),
          .width = forward_axis(windows.width, x[3])};
}

Convolution conv_transpose2d_of(const Arguments& arguments, const Shape& x, const Shape& w) {
  const std::int64_t groups = groups_of(arguments, x[1], 0);
  require(w[0] == x[1], "the filter's channels are not the input's");
  const Windows windows = windows_of(arguments, w[2], w[3]);
  const auto extra = pair_of(arguments, "output_padding", 0);
  return {.batch = x[0],
          .groups = groups,
          .big_channels = w[1],
          .small_channels = x[1] / groups,
          .height = transposed_axis(windows.height, x[2], extra[0]),
          .width = transposed_axis(windows.width, x[3], extra[1])};
}

Convolution fractional_of(const Arguments& arguments, const Shape& x, const Shape& w) {
  require(w[1] == x[1], "the filter's channels are not the input's");
  const std::int64_t s = arguments.integer("inverse_stride"), padding = arguments.integer("padding");
  require(s >= 1, "inverse_stride below 1");
  require(padding >= 0, "a padding below 0");
  return {.batch = x[0],
          .groups = 1,
          .big_channels = w[0],
          .small_channels = w[1],
          .height = fractional_axis(x[2], w[2], s, padding),
          .width = fractional_axis(x[3], w[3], s, padding),
          .weights_by_big = true,
          .inserted_zeros = true};
}

Shape big_shape(const Convolution& c) { return {c.batch, c.groups * c.big_channels, c.height.big, c.width.big}; }
Shape small_shape(const Convolution& c) { return {c.batch, c.groups * c.small_channels, c.height.small, c.width.small}; }

}  // namespace karat::kernels
