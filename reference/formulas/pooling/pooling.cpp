// SPDX-License-Identifier: MIT
// Pooling over two-dimensional windows: max, mean, median and L².  Seed 9.3 names them without
// formulas.  x: (N, C, H, W).
#include <algorithm>

#include "reference/sizes.hpp"
#include "reference/whole.hpp"

namespace karat {
namespace {

Windows pool_windows(const char* op, const Attributes& a) {
  const auto& kernel = a.list("kernel_shape");
  if (kernel.size() != 2) throw Refused("attribute kernel_shape of " + std::string(op) + ": expected 2 integers, got " + std::to_string(kernel.size()));
  const Windows w = windows(op, a, kernel[0], kernel[1]);
  for (const Window& side : {w.height, w.width})
    if (std::max(side.before, side.after) >= effective_kernel(side))
      throw Refused("attribute padding of " + std::string(op) + ": expected less than the kernel's extent " + std::to_string(effective_kernel(side)) +
                    ", got " + std::to_string(std::max(side.before, side.after)));
  return w;
}

Shape pooled(const char* op, const Shape& x, const Attributes& a) {
  expect_rank(op, "x", 4, x);
  const Windows w = pool_windows(op, a);
  const SizeMode mode = a.integer("ceil_mode") != 0 ? SizeMode::ceil : SizeMode::floor;
  return {x[0], x[1], conv_output_size(x[2], w.height, mode), conv_output_size(x[3], w.width, mode)};
}

// The elements of x that each window covers, in row-major order, and how many places it has
// inside the padded input.
template <class T, class Reduce>
Tensor<T> over_windows(const char* op, const Tensor<T>& x, const Attributes& a, Reduce reduce) {
  const Windows w = pool_windows(op, a);
  Tensor<T> y(pooled(op, x.shape, a));
  const std::int64_t height = x.shape[2], width = x.shape[3];
  std::size_t at = 0;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t p = 0; p < y.shape[2]; ++p)
      for (std::int64_t q = 0; q < y.shape[3]; ++q) {
        std::vector<T> seen;
        std::int64_t places = 0;
        for (std::int64_t i = 0; i < w.height.kernel; ++i)
          for (std::int64_t j = 0; j < w.width.kernel; ++j) {
            const std::int64_t h = p * w.height.stride + i * w.height.dilation - w.height.before;
            const std::int64_t v = q * w.width.stride + j * w.width.dilation - w.width.before;
            if (h < height + w.height.after && v < width + w.width.after) ++places;
            if (h >= 0 && h < height && v >= 0 && v < width)
              seen.push_back(x.values[static_cast<std::size_t>((plane * height + h) * width + v)]);
          }
        y.values[at++] = reduce(seen, places);
      }
  return y;
}

template <class T>
T not_a_number() {
  return T(std::numeric_limits<double>::quiet_NaN());
}

struct MaxPool {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return {pooled("max_pool2d", in[0], a)}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return {over_windows("max_pool2d", in[0], a, [](const std::vector<T>& seen, std::int64_t) {
      if (seen.empty()) return T(-std::numeric_limits<double>::infinity());  // dilation stepped over the input
      T most = seen[0];
      for (const T& v : seen) {
        if (is_nan(v)) return v;
        if (v > most) most = v;  // the first of the tied stays
      }
      return most;
    })};
  }
};

struct MeanPool {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return {pooled("mean_pool2d", in[0], a)}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const bool padding_counts = a.integer("count_include_pad") != 0;
    return {over_windows("mean_pool2d", in[0], a, [&](const std::vector<T>& seen, std::int64_t places) {
      const auto count = padding_counts ? static_cast<double>(places) : static_cast<double>(seen.size());
      return T(sum(seen) / T(count));
    })};
  }
};

struct MedianPool {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return {pooled("median_pool2d", in[0], a)}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const bool lower = a.text("even") == "lower";
    return {over_windows("median_pool2d", in[0], a, [&](std::vector<T> seen, std::int64_t) {
      for (const T& v : seen)
        if (is_nan(v)) return v;
      if (seen.empty()) return not_a_number<T>();
      std::stable_sort(seen.begin(), seen.end(), [](const T& s, const T& t) { return s < t; });
      const std::size_t n = seen.size(), half = n / 2;
      if (n % 2 == 1) return seen[half];
      return lower ? seen[half - 1] : T((seen[half - 1] + seen[half]) / 2);
    })};
  }
};

struct L2Pool {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return {pooled("l2_pool2d", in[0], a)}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return {over_windows("l2_pool2d", in[0], a, [](const std::vector<T>& seen, std::int64_t) {
      T squares(0);
      for (const T& v : seen) squares = squares + v * v;
      if (vanishes(squares)) return T(0);  // and gradient 0
      return T(sqrt(squares));
    })};
  }
};

std::vector<AttributeRow> attribute_rows(std::vector<AttributeRow> own = {}) {
  std::vector<AttributeRow> rows{list_row("kernel_shape", {2, 2}, "[height, width], each ≥ 1"), list_row("stride", {2, 2}, "[height, width], each ≥ 1"),
                                 list_row("padding", {0, 0, 0, 0}, "[top, left, bottom, right], each below the kernel"), flag_row("ceil_mode")};
  rows.insert(rows.end(), own.begin(), own.end());
  return rows;
}
InputRow input() { return {.name = "x", .directed = {0, -1, 1}, .typical = {-4, 4}}; }
using List = std::vector<std::int64_t>;
std::vector<Example> examples(const char* own = nullptr, Attributes::Value value = 0.0) {
  std::vector<Example> all{{.shapes = {{1, 2, 4, 4}}},
                           {.shapes = {{1, 1, 5, 5}}, .attributes = {{"kernel_shape", List{3, 3}}, {"padding", List{1, 0, 1, 2}}}},
                           {.shapes = {{1, 1, 5, 4}}, .attributes = {{"kernel_shape", List{3, 2}}, {"ceil_mode", std::int64_t{1}}}}};
  if (own) {
    all.push_back({.shapes = {{1, 1, 4, 4}}, .attributes = {{"kernel_shape", List{2, 2}}, {"padding", List{1, 1, 0, 0}}, {own, value}}});
    all.push_back({.shapes = {{1, 1, 5, 5}}, .attributes = {{"kernel_shape", List{2, 2}}, {"ceil_mode", std::int64_t{1}}, {own, value}}});
  }
  return all;
}

template <class F>
struct Rows {
  Operator op;
  Row forward, backward;
  explicit Rows(Operator row) : op(whole<F>(std::move(row))), forward(op), backward(backward_of<F>(op)) {}
};

const Rows<MaxPool> max_pool({
    .name = "max_pool2d",
    .family = "pooling",
    .formula = "y = max of the window",
    .source = "seed 9.3, named",
    .notes = "Padding counts as −∞, never 0; a window never sees it as a value.",
    .inputs = {input()},
    .outputs = {"y"},
    .attributes = attribute_rows({list_row("dilation", {1, 1}, "[height, width], each ≥ 1")}),
    .catalogue = {.variants = "kernel_shape, stride, padding, dilation, ceil_mode",
                  .special = "NaN in a window gives NaN.  Of tied elements the first in row-major order gets the gradient (reference); any is accepted.",
                  .gradient = "dx of the largest element += dy"},
    .examples = examples("dilation", List{2, 1}),
});
const Rows<MeanPool> mean_pool({
    .name = "mean_pool2d",
    .family = "pooling",
    .formula = "y = Σ window / count",
    .source = "seed 9.3, named",
    .notes = "count: the elements of the input in the window, or with count_include_pad the places inside the padded input.",
    .inputs = {input()},
    .outputs = {"y"},
    .attributes = attribute_rows({flag_row("count_include_pad")}),
    .catalogue = {.variants = "count_include_pad, ceil_mode", .special = "In ceil mode places beyond the padded input never count.", .gradient = "dx = dy / count over the window"},
    .examples = examples("count_include_pad", std::int64_t{1}),
});
const Rows<MedianPool> median_pool({
    .name = "median_pool2d",
    .family = "pooling",
    .formula = "y = median of the window",
    .source = "seed 9.3, named",
    .notes = "Of an even number of elements the mean of the middle two.  Padding is left out.",
    .inputs = {input()},
    .outputs = {"y"},
    .attributes = attribute_rows({{.kind = AttributeRow::Kind::text, .name = "even", .domain = "mean or lower", .choices = {"mean", "lower"}}}),
    .catalogue = {.variants = "even = mean, lower", .special = "NaN in a window gives NaN.  Even windows: half the gradient to each of the middle two (lower: all to it).",
                  .gradient = "dx of the median element += dy"},
    .examples = examples("even", std::string("lower")),
});
const Rows<L2Pool> l2_pool({
    .name = "l2_pool2d",
    .family = "pooling",
    .formula = "y = √(Σ window²)",
    .source = "seed 9.3, named",
    .notes = "No division by the count.",
    .inputs = {input()},
    .outputs = {"y"},
    .attributes = attribute_rows(),
    .catalogue = {.special = "A window of zeros: 0, gradient 0.", .gradient = "dx = x dy / y"},
    .examples = examples(),
});

}  // namespace
}  // namespace karat
