// SPDX-License-Identifier: MIT
#include "reference/sizes.hpp"

#include <algorithm>

namespace karat {
namespace {

std::int64_t multiplied(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r))
    throw Refused("output size: " + std::to_string(a) + " · " + std::to_string(b) + " overflows 64 bits");
  return r;
}
std::int64_t added(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (__builtin_add_overflow(a, b, &r))
    throw Refused("output size: " + std::to_string(a) + " + " + std::to_string(b) + " overflows 64 bits");
  return r;
}
void at_least(const char* what, std::int64_t value, std::int64_t least) {
  if (value < least)
    throw Refused(std::string("output size: expected ") + what + " ≥ " + std::to_string(least) + ", got " + std::to_string(value));
}
void check(std::int64_t input, const Window& w) {
  at_least("input size W", input, 0);
  at_least("kernel K", w.kernel, 1);
  at_least("stride S", w.stride, 1);
  at_least("dilation", w.dilation, 1);
  at_least("padding P", w.before, 0);
  at_least("padding P", w.after, 0);
}

}  // namespace

std::int64_t effective_kernel(const Window& w) { return added(multiplied(w.kernel - 1, w.dilation), 1); }

std::int64_t conv_output_size(std::int64_t input, const Window& w, SizeMode mode) {
  check(input, w);
  const std::int64_t padded = added(added(input, w.before), w.after), kernel = effective_kernel(w);
  if (kernel > padded)
    throw Refused("output size: expected a kernel of at most W + padding = " + std::to_string(padded) + ", got K = " +
                  std::to_string(kernel) + (w.dilation > 1 ? " (with dilation)" : ""));
  const std::int64_t room = padded - kernel, whole = room / w.stride;
  if (room % w.stride == 0) return whole + 1;
  switch (mode) {
    case SizeMode::exact:
      throw Refused("output size: (W − K + 2P)/S + 1 = " + std::to_string(room) + "/" + std::to_string(w.stride) +
                    " + 1 is no integer; mode floor or ceil rounds it");
    case SizeMode::floor:
      return whole + 1;
    case SizeMode::ceil:
      break;
  }
  // One more window, if it starts inside the input or the leading padding.
  const bool starts_inside = multiplied(whole + 1, w.stride) < added(input, w.before);
  return whole + 1 + (starts_inside ? 1 : 0);
}

std::int64_t conv_transpose_output_size(std::int64_t input, const Window& w, std::int64_t output_padding) {
  check(input, w);
  at_least("input size W", input, 1);
  at_least("output_padding", output_padding, 0);
  if (output_padding >= std::max(w.stride, w.dilation))
    throw Refused("output size: expected output_padding below stride or dilation, " + std::to_string(std::max(w.stride, w.dilation)) +
                  ", got " + std::to_string(output_padding));
  const std::int64_t full = added(added(multiplied(input - 1, w.stride), effective_kernel(w)), output_padding);
  const std::int64_t size = full - w.before - w.after;
  if (size < 1)
    throw Refused("output size: padding " + std::to_string(w.before) + " + " + std::to_string(w.after) + " takes away all of " +
                  std::to_string(full));
  return size;
}

std::int64_t fractional_output_size(std::int64_t input, std::int64_t kernel, std::int64_t padding, std::int64_t s) {
  at_least("inverse stride s", s, 1);
  at_least("input size W", input, 1);
  return conv_output_size(added(multiplied(input - 1, s), 1), {.kernel = kernel, .before = padding, .after = padding}, SizeMode::exact);
}
std::int64_t fractional_output_size_printed(std::int64_t input, std::int64_t kernel, std::int64_t padding, std::int64_t s) {
  at_least("inverse stride s", s, 1);
  check(input, {.kernel = kernel, .before = padding, .after = padding});
  const std::int64_t room = added(added(input, multiplied(2, padding)), -kernel);
  if (room < 0)
    throw Refused("output size: expected a kernel of at most W + 2P = " + std::to_string(room + kernel) + ", got K = " + std::to_string(kernel));
  return added(multiplied(room, s), 1);
}

Windows windows(const char* op, const Attributes& a, std::int64_t kernel_height, std::int64_t kernel_width) {
  const auto list = [&](const char* name, std::size_t length, std::int64_t otherwise) {
    if (!a.values.contains(name)) return std::vector<std::int64_t>(length, otherwise);
    const auto& l = a.list(name);
    if (l.size() != length)
      throw Refused("attribute " + std::string(name) + " of " + op + ": expected " + std::to_string(length) + " integers, got " +
                    std::to_string(l.size()));
    return l;
  };
  const auto stride = list("stride", 2, 1), padding = list("padding", 4, 0), dilation = list("dilation", 2, 1);
  return {{kernel_height, stride[0], padding[0], padding[2], dilation[0]}, {kernel_width, stride[1], padding[1], padding[3], dilation[1]}};
}

}  // namespace karat
