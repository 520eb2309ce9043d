// SPDX-License-Identifier: MIT
// Pooling over two-dimensional windows: max, mean, median and L².  Seed 9.3 names them without
// formulas.  x: (N, C, H, W).
#include <algorithm>
#include <numeric>

#include <limits>

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

// visit(output, the elements of x that its window covers, in row-major order, and how many places
// the window has inside the padded input).
template <class Visit>
void for_each_window(const char* op, const Shape& x, const Attributes& a, Visit visit) {
  const Windows w = pool_windows(op, a);
  const Shape y = pooled(op, x, a);
  const std::int64_t height = x[2], width = x[3];
  std::size_t at = 0;
  for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane)
    for (std::int64_t p = 0; p < y[2]; ++p)
      for (std::int64_t q = 0; q < y[3]; ++q) {
        std::vector<std::size_t> seen;
        std::int64_t places = 0;
        for (std::int64_t i = 0; i < w.height.kernel; ++i)
          for (std::int64_t j = 0; j < w.width.kernel; ++j) {
            const std::int64_t h = p * w.height.stride + i * w.height.dilation - w.height.before;
            const std::int64_t v = q * w.width.stride + j * w.width.dilation - w.width.before;
            if (h < height + w.height.after && v < width + w.width.after) ++places;
            if (h >= 0 && h < height && v >= 0 && v < width)
              seen.push_back(static_cast<std::size_t>((plane * height + h) * width + v));
          }
        visit(at++, seen, places);
      }
}
template <class T>
std::vector<T> gathered(const Tensor<T>& x, const std::vector<std::size_t>& elements) {
  std::vector<T> values;
  for (const std::size_t i : elements) values.push_back(x.values[i]);
  return values;
}

template <class T, class Reduce>
Tensor<T> over_windows(const char* op, const Tensor<T>& x, const Attributes& a, Reduce reduce) {
  Tensor<T> y(pooled(op, x.shape, a));
  for_each_window(op, x.shape, a, [&](std::size_t output, const std::vector<std::size_t>& elements, std::int64_t places) {
    y.values[output] = reduce(gathered(x, elements), places);
  });
  return y;
}

// dx = Σ over the windows that see x of slopes(values, places) · dy.
template <class T, class Slopes>
Tensor<T> window_gradient(const char* op, const Tensors<T>& dy_x, const Attributes& a, Slopes slopes) {
  const Tensor<T>& x = dy_x[1];
  std::vector<Sum<T>> sums(x.values.size());
  for_each_window(op, x.shape, a, [&](std::size_t output, const std::vector<std::size_t>& elements, std::int64_t places) {
    const std::vector<T> slope = slopes(gathered(x, elements), places);
    for (std::size_t k = 0; k < elements.size(); ++k)
      if (!is_exact_zero(slope[k])) sums[elements[k]].add(slope[k] * dy_x[0].values[output]);
  });
  Tensor<T> dx(x.shape);
  for (std::size_t i = 0; i < sums.size(); ++i) dx.values[i] = sums[i].total();
  return dx;
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
  // 1 for the first of the largest
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return {window_gradient("max_pool2d", in, a, [](const std::vector<T>& seen, std::int64_t) {
      std::vector<T> slope(seen.size(), T(0));
      std::size_t most = 0;
      for (std::size_t k = 0; k < seen.size() && !is_nan(seen[most]); ++k)
        if (is_nan(seen[k]) || seen[k] > seen[most]) most = k;
      if (!seen.empty()) slope[most] = T(1);
      return slope;
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
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return {window_gradient("mean_pool2d", in, a, [&](const std::vector<T>& seen, std::int64_t places) {
      const auto count = a.integer("count_include_pad") != 0 ? static_cast<double>(places) : static_cast<double>(seen.size());
      return std::vector<T>(seen.size(), T(1 / T(count)));
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
  // 1 for the element in the middle, or one half for each of the two; for a NaN, which is the result
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return {window_gradient("median_pool2d", in, a, [&](const std::vector<T>& seen, std::int64_t) {
      std::vector<T> slope(seen.size(), T(0));
      if (seen.empty()) return slope;
      for (std::size_t k = 0; k < seen.size(); ++k)
        if (is_nan(seen[k])) {
          slope[k] = T(1);
          return slope;
        }
      std::vector<std::size_t> order(seen.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](std::size_t s, std::size_t t) { return seen[s] < seen[t]; });
      const std::size_t n = seen.size(), low = (n - 1) / 2, high = a.text("even") == "lower" ? low : n / 2;
      slope[order[low]] = slope[order[low]] + T(0.5);
      slope[order[high]] = slope[order[high]] + T(0.5);
      return slope;
    })};
  }
};

template <class T>
T sum_of_squares(const std::vector<T>& values) {
  Sum<T> squares;
  for (const T& v : values) squares.add(v * v);
  return squares.total();
}

struct L2Pool {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return {pooled("l2_pool2d", in[0], a)}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return {over_windows("l2_pool2d", in[0], a, [](const std::vector<T>& seen, std::int64_t) {
      const T squares = sum_of_squares(seen);
      if (vanishes(squares)) return T(0);  // and gradient 0
      return T(sqrt(squares));
    })};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return {window_gradient("l2_pool2d", in, a, [](const std::vector<T>& seen, std::int64_t) {
      const T squares = sum_of_squares(seen);
      std::vector<T> slope;
      for (const T& v : seen) slope.push_back(vanishes(squares) ? T(0) : T(v / sqrt(squares)));
      return slope;
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
    .laws = {"translation_equivariant"},
    .batched = {"x", "y"},
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
    .laws = {"linear_in x", "translation_equivariant"},
    .batched = {"x", "y"},
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
    .laws = {"translation_equivariant"},
    .batched = {"x", "y"},
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
    .laws = {"translation_equivariant", "padding_is_zeros"},
    .range = Interval{0, std::numeric_limits<double>::infinity()},
    .batched = {"x", "y"},
});

}  // namespace
}  // namespace karat
