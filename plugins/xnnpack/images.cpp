// SPDX-License-Identifier: MIT
// Convolutions, pooling and padding.  XNNPACK keeps channels last: tensors are turned on the way in and out,
// filters are laid out as it wants them.
#include <bit>

#include "plugins/xnnpack/xnnpack.hpp"

namespace karat::xnnpack {
namespace {

// (N, C, plane) to (N, plane, C) with room to read on behind; and back.
template <class E>
std::vector<E> channels_last(const Task& task, const char* name) {
  const std::size_t batch = task.extent(name, 0), channels = task.extent(name, 1),
                    plane = task.extent(name, 2) * task.extent(name, 3);
  std::vector<E> turned = room<E>(batch * channels * plane);
  const E* x = task.in<E>(name);
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t i = 0; i < plane; ++i) turned[(n * plane + i) * channels + c] = *x++;
  return turned;
}
template <class E>
void channels_first(const std::vector<E>& turned, const Task& task, const char* name) {
  const std::size_t batch = task.extent(name, 0), channels = task.extent(name, 1),
                    plane = task.extent(name, 2) * task.extent(name, 3);
  E* y = task.out<E>(name);
  for (std::size_t n = 0; n < batch; ++n)
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t i = 0; i < plane; ++i) *y++ = turned[(n * plane + i) * channels + c];
}

// w: (M, C/groups, kH, kW) to (M, kH, kW, C/groups).  Zeros when asked, whatever the size: no data then.
template <class E>
std::vector<E> filters(const Task& task) {
  const std::size_t out = task.extent("w", 0), in = task.extent("w", 1),
                    taps = task.extent("w", 2) * task.extent("w", 3);
  std::vector<E> turned = room<E>(out * in * taps);
  if (task.asked()) return turned;
  const E* w = task.in<E>("w");
  for (std::size_t m = 0; m < out; ++m)
    for (std::size_t c = 0; c < in; ++c)
      for (std::size_t k = 0; k < taps; ++k) turned[(m * taps + k) * in + c] = *w++;
  return turned;
}
// Of a transposed convolution: w: (C, M/groups, kH, kW) to (M, kH, kW, C/groups).
template <class E>
std::vector<E> transposed_filters(const Task& task, std::size_t groups) {
  const std::size_t in = task.extent("w", 0) / groups, out = task.extent("w", 1),
                    taps = task.extent("w", 2) * task.extent("w", 3);
  std::vector<E> turned = room<E>(groups * out * in * taps);
  if (task.asked()) return turned;
  const E* w = task.in<E>("w");
  for (std::size_t g = 0; g < groups; ++g)
    for (std::size_t c = 0; c < in; ++c)
      for (std::size_t m = 0; m < out; ++m)
        for (std::size_t k = 0; k < taps; ++k) turned[((g * out + m) * taps + k) * in + c] = *w++;
  return turned;
}
// The bias, or zeros when asked; nullptr if there is none.
template <class E>
const E* bias(const Task& task, const char* name, std::vector<E>& zeros) {
  const karat_tensor& b = task.tensor(name);
  if (adapter::is_absent(b)) return nullptr;
  if (!task.asked()) return task.in<E>(name);
  zeros = room<E>(task.count(name));
  return zeros.data();
}

// Nothing to compute, or nothing to compute it from.
bool nothing(const Task& task, const char* x, const char* w, const char* y) {
  if (task.count(y) == 0) return true;
  require(task.count(x) > 0 && (w == nullptr || task.count(w) > 0), "XNNPACK takes no empty inputs");
  return false;
}

template <class E, auto Create, auto Setup>
void conv2d(const Task& task) {
  if (nothing(task, "x", "w", "y")) return;
  const auto groups = static_cast<std::uint32_t>(task.integer("groups"));
  const std::size_t in = task.extent("x", 1), out = task.extent("y", 1);
  const std::vector<E> w = filters<E>(task);
  std::vector<E> zeros;
  Handle op;
  check(Create(task.at("padding", 0), task.at("padding", 3), task.at("padding", 2), task.at("padding", 1),
               static_cast<std::uint32_t>(task.extent("w", 2)),
               static_cast<std::uint32_t>(task.extent("w", 3)), task.at("stride", 0), task.at("stride", 1),
               task.at("dilation", 0), task.at("dilation", 1), groups, in / groups, out / groups, in, out,
               w.data(), bias<E>(task, "b", zeros), -infinity, infinity, flags, op.out()));
  if (task.asked()) return;
  const std::vector<E> x = channels_last<E>(task, "x");
  std::vector<E> y = room<E>(task.count("y"));
  check(Setup(op, task.extent("x", 0), task.extent("x", 2), task.extent("x", 3), x.data(), y.data(),
              task.threads()));
  op.run(task);
  channels_first(y, task, "y");
}
const Row conv2d_f32("conv2d", "convolution2d_nhwc", KARAT_F32,
                     conv2d<float, xnn_create_convolution2d_nhwc_f32, xnn_setup_convolution2d_nhwc_f32>);
const Row conv2d_f16(
    "conv2d", "convolution2d_nhwc", KARAT_F16,
    conv2d<std::uint16_t, xnn_create_convolution2d_nhwc_f16, xnn_setup_convolution2d_nhwc_f16>);

// XNNPACK's convolution without turned tensors, which it has for a few filters.
const Row conv2d_nchw("conv2d", "convolution2d_nchw", KARAT_F32, [](const Task& task) {
  if (nothing(task, "x", "w", "y")) return;
  const auto groups = static_cast<std::uint32_t>(task.integer("groups"));
  const std::size_t in = task.extent("x", 1), out = task.extent("y", 1);
  const std::vector<float> w = filters<float>(task);
  std::vector<float> zeros;
  Handle op;
  check(xnn_create_convolution2d_nchw_f32(
      task.at("padding", 0), task.at("padding", 3), task.at("padding", 2), task.at("padding", 1),
      static_cast<std::uint32_t>(task.extent("w", 2)), static_cast<std::uint32_t>(task.extent("w", 3)),
      task.at("stride", 0), task.at("stride", 1), task.at("dilation", 0), task.at("dilation", 1), groups,
      in / groups, out / groups, in, out, w.data(), bias<float>(task, "b", zeros), -infinity, infinity, flags,
      op.out()));
  if (task.asked()) return;
  check(xnn_setup_convolution2d_nchw_f32(op, task.extent("x", 0), task.extent("x", 2), task.extent("x", 3),
                                         task.in<float>("x"), task.out<float>("y"), task.threads()));
  op.run(task);
});

// y of size (x − 1)·stride + dilation·(kernel − 1) + 1 − padding + adjustment, the adjustment below the
// stride.
template <class E, auto Create, auto Setup>
void deconvolve(const Task& task, const char* x, const char* y, const char* b) {
  if (nothing(task, x, "w", y)) return;
  const auto groups = static_cast<std::uint32_t>(task.integer("groups"));
  const std::size_t in = task.extent(x, 1), out = task.extent(y, 1);
  std::uint32_t adjustment[2];
  for (const int d : {0, 1}) {
    const auto side = static_cast<std::size_t>(d);
    const std::int64_t size = (task.tensor(x).shape[d + 2] - 1) * task.at("stride", side) +
                              task.at("dilation", side) * (task.tensor("w").shape[d + 2] - 1) + 1;
    const std::int64_t more =
        task.tensor(y).shape[d + 2] - (size - task.at("padding", side) - task.at("padding", side + 2));
    require(more >= 0 && more < task.at("stride", side),
            "XNNPACK's adjustment of the output's size is below the stride");
    adjustment[d] = static_cast<std::uint32_t>(more);
  }
  const std::vector<E> w = transposed_filters<E>(task, groups);
  std::vector<E> zeros;
  Handle op;
  check(Create(task.at("padding", 0), task.at("padding", 3), task.at("padding", 2), task.at("padding", 1),
               static_cast<std::uint32_t>(task.extent("w", 2)),
               static_cast<std::uint32_t>(task.extent("w", 3)), task.at("stride", 0), task.at("stride", 1),
               task.at("dilation", 0), task.at("dilation", 1), groups, in / groups, out / groups, in, out,
               w.data(), b ? bias<E>(task, b, zeros) : nullptr, -infinity, infinity, flags, op.out()));
  if (task.asked()) return;
  const std::vector<E> turned = channels_last<E>(task, x);
  std::vector<E> result = room<E>(task.count(y));
  check(Setup(op, task.extent(x, 0), task.extent(x, 2), task.extent(x, 3), adjustment[0], adjustment[1],
              turned.data(), result.data(), task.threads()));
  op.run(task);
  channels_first(result, task, y);
}
template <class E, auto Create, auto Setup>
void transposed(const Task& task) {
  deconvolve<E, Create, Setup>(task, "x", "y", "b");
}
// The gradient by the data is the same operator.
template <class E, auto Create, auto Setup>
void by_data(const Task& task) {
  deconvolve<E, Create, Setup>(task, "dy", "dx", nullptr);
}
const Row transposed_f32(
    "conv_transpose2d", "deconvolution2d_nhwc", KARAT_F32,
    transposed<float, xnn_create_deconvolution2d_nhwc_f32, xnn_setup_deconvolution2d_nhwc_f32>);
const Row transposed_f16(
    "conv_transpose2d", "deconvolution2d_nhwc", KARAT_F16,
    transposed<std::uint16_t, xnn_create_deconvolution2d_nhwc_f16, xnn_setup_deconvolution2d_nhwc_f16>);
const Row by_data_f32(
    "conv2d_backward_data", "deconvolution2d_nhwc", KARAT_F32,
    by_data<float, xnn_create_deconvolution2d_nhwc_f32, xnn_setup_deconvolution2d_nhwc_f32>);
const Row by_data_f16(
    "conv2d_backward_data", "deconvolution2d_nhwc", KARAT_F16,
    by_data<std::uint16_t, xnn_create_deconvolution2d_nhwc_f16, xnn_setup_deconvolution2d_nhwc_f16>);

// Sizes are rounded down, in XNNPACK as in the floor mode.
void require_floor(const Task& task, bool dilated) {
  for (const int d : {0, 1}) {
    const auto side = static_cast<std::size_t>(d);
    const std::int64_t kernel = (task.at("kernel_shape", side) - 1) *
                                    static_cast<std::int64_t>(dilated ? task.at("dilation", side) : 1) +
                                1;
    const std::int64_t room =
        task.tensor("x").shape[d + 2] + task.at("padding", side) + task.at("padding", side + 2) - kernel;
    require(task.tensor("y").shape[d + 2] == room / task.at("stride", side) + 1,
            "XNNPACK rounds sizes down: no ceil_mode");
  }
}
template <class E, auto Setup>
void pool_images(const Task& task, const Handle& op) {
  const std::vector<E> x = channels_last<E>(task, "x");
  std::vector<E> y = room<E>(task.count("y"));
  check(Setup(op, task.extent("x", 0), task.extent("x", 2), task.extent("x", 3), x.data(), y.data(),
              task.threads()));
  op.run(task);
  channels_first(y, task, "y");
}

template <class E, auto Create, auto Setup>
void max_pool(const Task& task) {
  if (nothing(task, "x", nullptr, "y")) return;
  require_floor(task, true);
  const std::size_t channels = task.extent("x", 1);
  Handle op;
  check(Create(task.at("padding", 0), task.at("padding", 3), task.at("padding", 2), task.at("padding", 1),
               task.at("kernel_shape", 0), task.at("kernel_shape", 1), task.at("stride", 0),
               task.at("stride", 1), task.at("dilation", 0), task.at("dilation", 1), channels, channels,
               channels, -infinity, infinity, flags, op.out()));
  if (!task.asked()) pool_images<E, Setup>(task, op);
}
const Row max_pool_f32("max_pool2d", "max_pooling2d_nhwc", KARAT_F32,
                       max_pool<float, xnn_create_max_pooling2d_nhwc_f32, xnn_setup_max_pooling2d_nhwc_f32>);
const Row max_pool_f16(
    "max_pool2d", "max_pooling2d_nhwc", KARAT_F16,
    max_pool<std::uint16_t, xnn_create_max_pooling2d_nhwc_f16, xnn_setup_max_pooling2d_nhwc_f16>);

bool padded(const Task& task) {
  for (const std::int64_t side : adapter::list(task.call(), "padding"))
    if (side != 0) return true;
  return false;
}
const Row mean_pool("mean_pool2d", "average_pooling2d_nhwc", KARAT_F32, [](const Task& task) {
  if (nothing(task, "x", nullptr, "y")) return;
  require_floor(task, false);
  require(!padded(task) || !task.integer("count_include_pad"),
          "XNNPACK divides by the elements of the input in the window: no count_include_pad");
  const std::size_t channels = task.extent("x", 1);
  Handle op;
  check(xnn_create_average_pooling2d_nhwc_f32(
      task.at("padding", 0), task.at("padding", 3), task.at("padding", 2), task.at("padding", 1),
      task.at("kernel_shape", 0), task.at("kernel_shape", 1), task.at("stride", 0), task.at("stride", 1),
      channels, channels, channels, -infinity, infinity, flags, op.out()));
  if (!task.asked()) pool_images<float, xnn_setup_average_pooling2d_nhwc_f32>(task, op);
});
template <class E, auto Create, auto Setup>
void global_mean(const Task& task) {
  if (nothing(task, "x", nullptr, "y")) return;
  require(!padded(task) && task.at("kernel_shape", 0) == task.extent("x", 2) &&
              task.at("kernel_shape", 1) == task.extent("x", 3),
          "XNNPACK's global pooling is over the whole image");
  const std::size_t channels = task.extent("x", 1);
  Handle op;
  check(Create(channels, channels, channels, -infinity, infinity, flags, op.out()));
  if (task.asked()) return;
  const std::vector<E> x = channels_last<E>(task, "x");
  check(Setup(op, task.extent("x", 0), task.extent("x", 2) * task.extent("x", 3), x.data(), task.out<E>("y"),
              task.threads()));
  op.run(task);
}
const Row global_f32(
    "mean_pool2d", "global_average_pooling_nwc", KARAT_F32,
    global_mean<float, xnn_create_global_average_pooling_nwc_f32, xnn_setup_global_average_pooling_nwc_f32>);
const Row global_f16("mean_pool2d", "global_average_pooling_nwc", KARAT_F16,
                     global_mean<std::uint16_t, xnn_create_global_average_pooling_nwc_f16,
                                 xnn_setup_global_average_pooling_nwc_f16>);

// Bits of the value in the format, which must have it.
std::uint32_t bits_of(const Task& task, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  switch (task.tensor("x").dtype) {
    case KARAT_F32:
      return bits;
    case KARAT_BF16:
      require((bits & 0xffff) == 0, "bf16 lacks the value of the padding");
      return bits >> 16;
    default: {
      const std::int32_t exponent = static_cast<std::int32_t>(bits >> 23 & 0xff) - 127;
      const bool zero = (bits & 0x7fffffff) == 0;
      require(zero || (exponent >= -14 && exponent <= 15 && (bits & 0x1fff) == 0),
              "f16 lacks the value of the padding");
      return (bits >> 16 & 0x8000) |
             (zero ? 0 : static_cast<std::uint32_t>(exponent + 15) << 10 | (bits >> 13 & 0x3ff));
    }
  }
}
template <class E, auto Create, auto Setup>
void constant_pad(const Task& task, const char* x, const char* y, float value, std::int64_t top,
                  std::int64_t left) {
  if (nothing(task, x, nullptr, y)) return;
  const std::uint32_t bits = bits_of(task, value);
  Handle op;
  check(Create(&bits, flags, op.out()));
  if (task.asked()) return;
  std::size_t shape[4], before[4] = {0, 0, static_cast<std::size_t>(top), static_cast<std::size_t>(left)},
                        after[4];
  for (int d = 0; d < 4; ++d) {
    shape[d] = task.extent(x, d);
    after[d] = task.extent(y, d) - shape[d] - before[d];
  }
  check(Setup(op, 4, shape, before, after, task.in<void>(x), task.out<void>(y), task.threads()));
  op.run(task);
}
template <class E, auto Create, auto Setup>
void pad(const Task& task) {
  constant_pad<E, Create, Setup>(task, "x", "y", task.number("value"), task.at("padding", 0),
                                 task.at("padding", 1));
}
// dy with zeros around the box
template <class E, auto Create, auto Setup>
void crop_backward(const Task& task) {
  constant_pad<E, Create, Setup>(task, "dy", "dx", 0, task.at("box", 0), task.at("box", 1));
}
// Rows of a box, plane by plane.
template <class E, auto Create, auto Setup>
void copy_box(const Task& task, const char* x, const char* y, std::size_t top, std::size_t left) {
  if (nothing(task, x, nullptr, y)) return;
  Handle op;
  check(Create(task.extent(y, 3), task.extent(x, 3), task.extent(y, 3), flags, op.out()));
  if (task.asked()) return;
  const std::size_t from = task.extent(x, 2) * task.extent(x, 3), to = task.extent(y, 2) * task.extent(y, 3);
  for (std::size_t plane = 0; plane < task.extent(x, 0) * task.extent(x, 1); ++plane) {
    check(Setup(op, task.extent(y, 2), task.in<E>(x) + plane * from + top * task.extent(x, 3) + left,
                task.out<E>(y) + plane * to, task.threads()));
    op.run(task);
  }
}
template <class E, auto Create, auto Setup>
void crop(const Task& task) {
  copy_box<E, Create, Setup>(task, "x", "y", task.at("box", 0), task.at("box", 1));
}
template <class E, auto Create, auto Setup>
void pad_backward(const Task& task) {
  copy_box<E, Create, Setup>(task, "dy", "dx", task.at("padding", 0), task.at("padding", 1));
}
using Word = std::uint32_t;
using Half = std::uint16_t;
const Row pad_f32("pad", "constant_pad_nd", KARAT_F32,
                  pad<Word, xnn_create_constant_pad_nd_x32, xnn_setup_constant_pad_nd_x32>);
const Row crop_backward_f32(
    "crop_backward", "constant_pad_nd", KARAT_F32,
    crop_backward<Word, xnn_create_constant_pad_nd_x32, xnn_setup_constant_pad_nd_x32>);
const Row crop_f32("crop", "copy_nc", KARAT_F32, crop<Word, xnn_create_copy_nc_x32, xnn_setup_copy_nc_x32>);
const Row pad_backward_f32("pad_backward", "copy_nc", KARAT_F32,
                           pad_backward<Word, xnn_create_copy_nc_x32, xnn_setup_copy_nc_x32>);
struct Halves {
  explicit Halves(std::int32_t dtype)
      : pad("pad", "constant_pad_nd", dtype,
            xnnpack::pad<Half, xnn_create_constant_pad_nd_x16, xnn_setup_constant_pad_nd_x16>),
        crop_backward(
            "crop_backward", "constant_pad_nd", dtype,
            xnnpack::crop_backward<Half, xnn_create_constant_pad_nd_x16, xnn_setup_constant_pad_nd_x16>),
        crop("crop", "copy_nc", dtype, xnnpack::crop<Half, xnn_create_copy_nc_x16, xnn_setup_copy_nc_x16>),
        pad_backward("pad_backward", "copy_nc", dtype,
                     xnnpack::pad_backward<Half, xnn_create_copy_nc_x16, xnn_setup_copy_nc_x16>) {}
  Row pad, crop_backward, crop, pad_backward;
};
const Halves f16(KARAT_F16), bf16(KARAT_BF16);

}  // namespace
}  // namespace karat::xnnpack
