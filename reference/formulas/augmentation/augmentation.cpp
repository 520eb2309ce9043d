// SPDX-License-Identifier: MIT
// Data augmentation (named by the seed) as exact moves of data: flips, crop and pad of x: (N, C, H, W).
#include "reference/whole.hpp"

namespace karat {
namespace {

// y[…, h, w] = x[…, row(h), column(w)], or `fill` outside of x.
template <class T, class Source>
Tensor<T> moved(const Tensor<T>& x, Shape shape, const T& fill, Source source) {
  Tensor<T> y(std::move(shape));
  const std::int64_t height = x.shape[2], width = x.shape[3];
  std::size_t at = 0;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t h = 0; h < y.shape[2]; ++h)
      for (std::int64_t w = 0; w < y.shape[3]; ++w) {
        const auto [i, j] = source(h, w);
        const bool inside = i >= 0 && i < height && j >= 0 && j < width;
        y.values[at++] = inside ? x.values[static_cast<std::size_t>((plane * height + i) * width + j)] : fill;
      }
  return y;
}
using Place = std::pair<std::int64_t, std::int64_t>;

struct Flip {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_rank("flip", "x", 4, in[0]);
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const bool horizontal = a.text("direction") == "horizontal";
    const std::int64_t height = in[0].shape[2], width = in[0].shape[3];
    return {moved(in[0], in[0].shape, T(0), [&](std::int64_t h, std::int64_t w) {
      return horizontal ? Place(h, width - 1 - w) : Place(height - 1 - h, w);
    })};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    return value<T>({in[0]}, a);
  }
};
struct Crop {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("crop", "x", 4, in[0]);
    const auto& b = a.list("box");
    if (b.size() != 4) throw Refused("attribute box of crop: expected [top, left, height, width], got " + std::to_string(b.size()) + " integers");
    const bool inside = b[0] >= 0 && b[1] >= 0 && b[2] >= 0 && b[3] >= 0 && b[0] <= in[0][2] && b[1] <= in[0][3] &&
                        b[2] <= in[0][2] - b[0] && b[3] <= in[0][3] - b[1];
    if (!inside) throw Refused("attribute box of crop: expected a box inside the image " + to_text(Shape{in[0][2], in[0][3]}) + ", got top, left, height, width " + to_text(b));
    return {{in[0][0], in[0][1], b[2], b[3]}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& b = a.list("box");
    return {moved(in[0], shapes({in[0].shape}, a)[0], T(0), [&](std::int64_t h, std::int64_t w) { return Place(h + b[0], w + b[1]); })};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& b = a.list("box");
    return {moved(in[0], in[1].shape, T(0), [&](std::int64_t h, std::int64_t w) { return Place(h - b[0], w - b[1]); })};
  }
};
struct Pad {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("pad", "x", 4, in[0]);
    const auto& p = a.list("padding");
    if (p.size() != 4) throw Refused("attribute padding of pad: expected [top, left, bottom, right], got " + std::to_string(p.size()) + " integers");
    for (const std::int64_t v : p)
      if (v < 0 || v > (1 << 24)) throw Refused("attribute padding of pad: expected integers from 0 to 16777216, got " + std::to_string(v));
    return {{in[0][0], in[0][1], in[0][2] + p[0] + p[2], in[0][3] + p[1] + p[3]}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& p = a.list("padding");
    return {moved(in[0], shapes({in[0].shape}, a)[0], T(a.number("value")), [&](std::int64_t h, std::int64_t w) { return Place(h - p[0], w - p[1]); })};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& p = a.list("padding");
    return {moved(in[0], in[1].shape, T(0), [&](std::int64_t h, std::int64_t w) { return Place(h + p[0], w + p[1]); })};
  }
};

InputRow image() { return {.name = "x", .directed = {0, 1, -1}, .typical = {-4, 4}}; }
using List = std::vector<std::int64_t>;

const Operator flip = whole<Flip>({
    .name = "flip",
    .family = "augmentation",
    .formula = "y[h, w] = x[h, W − 1 − w], or x[H − 1 − h, w]",
    .source = "seed 5, data augmentation, named",
    .notes = "Moves data, bit by bit.",
    .inputs = {image()},
    .outputs = {"y"},
    .attributes = {choice_row("direction", {"horizontal", "vertical"}, "horizontal or vertical")},
    .catalogue = {.variants = "direction = horizontal, vertical", .gradient = "dx = flip of dy"},
    .examples = {{.shapes = {{1, 2, 3, 2}}}, {.shapes = {{2, 1, 2, 3}}, .attributes = {{"direction", "vertical"}}}},
    .laws = {"linear_in x"},
    .batched = {"x", "y"},
});
const Row flip_forward{flip};
const Row flip_backward{backward_of<Flip>(flip)};
const Operator crop = whole<Crop>({
    .name = "crop",
    .family = "augmentation",
    .formula = "y[h, w] = x[top + h, left + w]",
    .source = "seed 5, data augmentation, named",
    .notes = "Moves data, bit by bit.",
    .inputs = {image()},
    .outputs = {"y"},
    .attributes = {list_row("box", {0, 0, 1, 1}, "[top, left, height, width], inside the image")},
    .catalogue = {.gradient = "dx = dy inside the box, 0 outside"},
    .examples = {{.shapes = {{1, 2, 4, 3}}, .attributes = {{"box", List{1, 0, 2, 2}}}},
                 {.shapes = {{1, 1, 3, 4}}, .attributes = {{"box", List{1, 2, 2, 2}}}}},
    .laws = {"linear_in x"},
    .batched = {"x", "y"},
});
const Row crop_forward{crop};
const Row crop_backward{backward_of<Crop>(crop)};
const Operator pad = whole<Pad>({
    .name = "pad",
    .family = "augmentation",
    .formula = "y[h, w] = x[h − top, w − left], value outside",
    .source = "seed 5, data augmentation, named",
    .notes = "Moves data, bit by bit.",
    .inputs = {image()},
    .outputs = {"y"},
    .attributes = {list_row("padding", {0, 0, 0, 0}, "[top, left, bottom, right], each ≥ 0"),
                   {.name = "value", .standard = 0, .domain = "finite", .directed = {0}, .valid = [](double v) { return v - v == 0; }}},
    .catalogue = {.gradient = "dx = dy inside"},
    .examples = {{.shapes = {{1, 2, 2, 3}}, .attributes = {{"padding", List{1, 0, 2, 1}}, {"value", 0.5}}}},
    .laws = {"linear_in x"},
    .batched = {"x", "y"},
});
const Row pad_forward{pad};
const Row pad_backward{backward_of<Pad>(pad)};

}  // namespace
}  // namespace karat
