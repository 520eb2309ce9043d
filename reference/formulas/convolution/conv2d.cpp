// SPDX-License-Identifier: MIT
// Two-dimensional convolution as networks compute it (cross-correlation: the filter is not
// turned), its transpose, and fractionally-strided convolution, figure 4 of the seed.
#include "reference/sizes.hpp"
#include "reference/whole.hpp"

namespace karat {
namespace {

template <class T>
const T* at(const Tensor<T>& x, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
  return &x.values[static_cast<std::size_t>(((a * x.shape[1] + b) * x.shape[2] + c) * x.shape[3] + d)];
}

std::int64_t groups_of(const char* op, const Attributes& a, std::int64_t channels, const char* what) {
  const std::int64_t groups = a.integer("groups");
  if (channels % groups != 0)
    throw Refused("attribute groups of " + std::string(op) + ": expected a divisor of the " + std::to_string(channels) + " " + what +
                  ", got " + std::to_string(groups));
  return groups;
}

// Visits every (output, input, weight) that meet in a convolution of input x and output y.
template <class Visit>
void for_each_tap(const Shape& x, const Shape& w, const Shape& y, const Windows& windows, std::int64_t groups, Visit visit) {
  const std::int64_t in = x[1] / groups, out = y[1] / groups;
  for (std::int64_t n = 0; n < x[0]; ++n)
    for (std::int64_t m = 0; m < y[1]; ++m)
      for (std::int64_t oh = 0; oh < y[2]; ++oh)
        for (std::int64_t ow = 0; ow < y[3]; ++ow)
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t kh = 0; kh < w[2]; ++kh)
              for (std::int64_t kw = 0; kw < w[3]; ++kw) {
                const std::int64_t ih = oh * windows.height.stride + kh * windows.height.dilation - windows.height.before;
                const std::int64_t iw = ow * windows.width.stride + kw * windows.width.dilation - windows.width.before;
                if (ih < 0 || ih >= x[2] || iw < 0 || iw >= x[3]) continue;
                visit(n, m, oh, ow, m / out * in + c, ih, iw, c, kh, kw);
              }
}

// A convolution is the sum of y x w over the taps; each of the three is linear in the other two.
// Sums of one tensor, element by element.
template <class T>
class Sums {
 public:
  explicit Sums(Shape shape) : shape_(std::move(shape)), sums_(static_cast<std::size_t>(element_count(shape_))) {}
  Sum<T>& at(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    return sums_[static_cast<std::size_t>(((a * shape_[1] + b) * shape_[2] + c) * shape_[3] + d)];
  }
  // Σ, and of a channel its bias.
  Tensor<T> total(const Tensor<T>* bias = nullptr) {
    Tensor<T> tensor(shape_);
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      if (bias && !absent(*bias)) sums_[i].add(bias->values[i / static_cast<std::size_t>(shape_[2] * shape_[3]) % static_cast<std::size_t>(shape_[1])]);
      tensor.values[i] = sums_[i].total();
    }
    return tensor;
  }

 private:
  Shape shape_;
  std::vector<Sum<T>> sums_;
};
template <class T>
Tensor<T> sum_to_y(Shape shape, const Tensor<T>& x, const Tensor<T>& w, const Windows& windows, std::int64_t groups, const Tensor<T>* bias = nullptr) {
  Sums<T> y(shape);
  for_each_tap(x.shape, w.shape, shape, windows, groups, [&](auto n, auto m, auto oh, auto ow, auto channel, auto ih, auto iw, auto c, auto kh, auto kw) {
    y.at(n, m, oh, ow).add(*at(x, n, channel, ih, iw) * *at(w, m, c, kh, kw));
  });
  return y.total(bias);
}
template <class T>
Tensor<T> sum_to_x(Shape shape, const Tensor<T>& y, const Tensor<T>& w, const Windows& windows, std::int64_t groups, const Tensor<T>* bias = nullptr) {
  Sums<T> x(shape);
  for_each_tap(shape, w.shape, y.shape, windows, groups, [&](auto n, auto m, auto oh, auto ow, auto channel, auto ih, auto iw, auto c, auto kh, auto kw) {
    x.at(n, channel, ih, iw).add(*at(y, n, m, oh, ow) * *at(w, m, c, kh, kw));
  });
  return x.total(bias);
}
template <class T>
Tensor<T> sum_to_w(Shape shape, const Tensor<T>& x, const Tensor<T>& y, const Windows& windows, std::int64_t groups) {
  Sums<T> w(shape);
  for_each_tap(x.shape, shape, y.shape, windows, groups, [&](auto n, auto m, auto oh, auto ow, auto channel, auto ih, auto iw, auto c, auto kh, auto kw) {
    w.at(m, c, kh, kw).add(*at(y, n, m, oh, ow) * *at(x, n, channel, ih, iw));
  });
  return w.total();
}
// Of dy: one sum a channel; nothing for an absent bias.
template <class T>
Tensor<T> bias_gradient(const Tensor<T>& dy, const Tensor<T>& b) {
  Tensor<T> db(b.shape);
  std::vector<Sum<T>> sums(db.values.size());
  if (absent(b)) return db;
  for (std::size_t i = 0; i < dy.values.size(); ++i)
    sums[i / static_cast<std::size_t>(dy.shape[2] * dy.shape[3]) % static_cast<std::size_t>(dy.shape[1])].add(dy.values[i]);
  for (std::size_t m = 0; m < sums.size(); ++m) db.values[m] = sums[m].total();
  return db;
}

// y[n,m,p] = b[m] + Σ_{c,k} x[n,c,S·p + D·k − P] w[m,c,k]
struct Conv2d {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("conv2d", "x", 4, in[0]);
    expect_rank("conv2d", "w", 4, in[1]);
    const std::int64_t groups = groups_of("conv2d", a, in[0][1], "input channels");
    groups_of("conv2d", a, in[1][0], "output channels");
    expect_shape("conv2d", "w", {in[1][0], in[0][1] / groups, in[1][2], in[1][3]}, in[1]);
    if (!absent(in[2])) expect_shape("conv2d", "b", {in[1][0]}, in[2]);
    const Windows w = windows("conv2d", a, in[1][2], in[1][3]);
    return {{in[0][0], in[1][0], conv_output_size(in[0][2], w.height, SizeMode::floor), conv_output_size(in[0][3], w.width, SizeMode::floor)}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& [x, w, b] = std::tie(in[0], in[1], in[2]);
    return {sum_to_y(shapes({x.shape, w.shape, b.shape}, a)[0], x, w, windows("conv2d", a, w.shape[2], w.shape[3]), a.integer("groups"), &b)};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& [dy, x, w, b] = std::tie(in[0], in[1], in[2], in[3]);
    const Windows sides = windows("conv2d", a, w.shape[2], w.shape[3]);
    const std::int64_t groups = a.integer("groups");
    return {sum_to_x(x.shape, dy, w, sides, groups), sum_to_w(w.shape, x, dy, sides, groups), bias_gradient(dy, b)};
  }
};

// The gradient by the data alone: dx[n,c,S·p + D·k − P] += dy[n,m,p] w[m,c,k].  What the stride left
// over of x shows in no dy, so its size is an attribute.
struct BackwardData {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("conv2d_backward_data", "dy", 4, in[0]);
    expect_rank("conv2d_backward_data", "w", 4, in[1]);
    const auto& size = a.list("input_size");
    if (size.size() != 2) throw Refused("attribute input_size of conv2d_backward_data: expected [height, width], got " + std::to_string(size.size()) + " integers");
    for (const std::int64_t v : size)
      if (v < 1 || v > (1 << 24)) throw Refused("attribute input_size of conv2d_backward_data: expected integers from 1 to 16777216, got " + std::to_string(v));
    if (in[1][1] < 1 || in[1][1] > (1 << 24)) throw Refused("input w of conv2d_backward_data: expected channels, got shape " + to_text(in[1]));
    const Shape x{in[0][0], in[1][1] * a.integer("groups"), size[0], size[1]};
    expect_shape("conv2d_backward_data", "dy", Conv2d::shapes({x, in[1], {0}}, a)[0], in[0]);
    return {x};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& [dy, w] = std::tie(in[0], in[1]);
    return {sum_to_x(shapes({dy.shape, w.shape}, a)[0], dy, w, windows("conv2d_backward_data", a, w.shape[2], w.shape[3]), a.integer("groups"))};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& [d, dy, w] = std::tie(in[0], in[1], in[2]);
    const Windows sides = windows("conv2d_backward_data", a, w.shape[2], w.shape[3]);
    return {sum_to_y(dy.shape, d, w, sides, a.integer("groups")), sum_to_w(w.shape, d, dy, sides, a.integer("groups"))};
  }
};

// The gradient by the weights alone: dw[m,c,k] = Σ_{n,p} dy[n,m,p] x[n,c,S·p + D·k − P].
struct BackwardWeights {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("conv2d_backward_weights", "dy", 4, in[0]);
    expect_rank("conv2d_backward_weights", "x", 4, in[1]);
    const auto& kernel = a.list("kernel_shape");
    if (kernel.size() != 2) throw Refused("attribute kernel_shape of conv2d_backward_weights: expected [height, width], got " + std::to_string(kernel.size()) + " integers");
    for (const std::int64_t v : kernel)
      if (v < 1 || v > (1 << 24)) throw Refused("attribute kernel_shape of conv2d_backward_weights: expected integers from 1 to 16777216, got " + std::to_string(v));
    const std::int64_t groups = groups_of("conv2d_backward_weights", a, in[1][1], "input channels");
    const Shape w{in[0][1], in[1][1] / groups, kernel[0], kernel[1]};
    expect_shape("conv2d_backward_weights", "dy", Conv2d::shapes({in[1], w, {0}}, a)[0], in[0]);
    return {w};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& [dy, x] = std::tie(in[0], in[1]);
    const Shape w = shapes({dy.shape, x.shape}, a)[0];
    return {sum_to_w(w, x, dy, windows("conv2d_backward_weights", a, w[2], w[3]), a.integer("groups"))};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& [d, dy, x] = std::tie(in[0], in[1], in[2]);
    const Windows sides = windows("conv2d_backward_weights", a, d.shape[2], d.shape[3]);
    return {sum_to_y(dy.shape, x, d, sides, a.integer("groups")), sum_to_x(x.shape, dy, d, sides, a.integer("groups"))};
  }
};

// The transpose of conv2d by its data: y[n,m,S·p + D·k − P] += x[n,c,p] w[c,m,k].
struct ConvTranspose2d {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("conv_transpose2d", "x", 4, in[0]);
    expect_rank("conv_transpose2d", "w", 4, in[1]);
    const std::int64_t groups = groups_of("conv_transpose2d", a, in[0][1], "input channels");
    expect_shape("conv_transpose2d", "w", {in[0][1], in[1][1], in[1][2], in[1][3]}, in[1]);
    const std::int64_t out = in[1][1] * groups;
    if (!absent(in[2])) expect_shape("conv_transpose2d", "b", {out}, in[2]);
    const Windows w = windows("conv_transpose2d", a, in[1][2], in[1][3]);
    const auto& extra = a.list("output_padding");
    if (extra.size() != 2) throw Refused("attribute output_padding of conv_transpose2d: expected 2 integers, got " + std::to_string(extra.size()));
    return {{in[0][0], out, conv_transpose_output_size(in[0][2], w.height, extra[0]), conv_transpose_output_size(in[0][3], w.width, extra[1])}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& [x, w, b] = std::tie(in[0], in[1], in[2]);
    // The convolution that maps y to x has the same taps.
    return {sum_to_x(shapes({x.shape, w.shape, b.shape}, a)[0], x, w, windows("conv_transpose2d", a, w.shape[2], w.shape[3]), a.integer("groups"), &b)};
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto& [dy, x, w, b] = std::tie(in[0], in[1], in[2], in[3]);
    const Windows sides = windows("conv_transpose2d", a, w.shape[2], w.shape[3]);
    const std::int64_t groups = a.integer("groups");
    return {sum_to_y(x.shape, dy, w, sides, groups), sum_to_w(w.shape, dy, x, sides, groups), bias_gradient(dy, b)};
  }
};

// s − 1 zeros between the elements of x, padding, then conv2d of stride 1.
struct FractionallyStrided {
  static Attributes plain(const Attributes& a) {
    Attributes p;
    const std::int64_t padding = a.integer("padding");
    p.values = {{"stride", std::vector<std::int64_t>{1, 1}}, {"dilation", std::vector<std::int64_t>{1, 1}},
                {"padding", std::vector<std::int64_t>(4, padding)}, {"groups", std::int64_t{1}}};
    return p;
  }
  static Shape inserted(const Shape& x, std::int64_t s) { return {x[0], x[1], (x[2] - 1) * s + 1, (x[3] - 1) * s + 1}; }
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("fractionally_strided_conv2d", "x", 4, in[0]);
    expect_rank("fractionally_strided_conv2d", "w", 4, in[1]);
    expect_shape("fractionally_strided_conv2d", "w", {in[1][0], in[0][1], in[1][2], in[1][3]}, in[1]);
    const std::int64_t s = a.integer("inverse_stride"), padding = a.integer("padding");
    return {{in[0][0], in[1][0], fractional_output_size(in[0][2], in[1][2], padding, s), fractional_output_size(in[0][3], in[1][3], padding, s)}};
  }
  // visit(element of x, element of the widened x)
  template <class Visit>
  static void for_each_element(const Shape& x, std::int64_t s, Visit visit) {
    const Shape wide = inserted(x, s);
    for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane)
      for (std::int64_t p = 0; p < x[2]; ++p)
        for (std::int64_t q = 0; q < x[3]; ++q)
          visit(static_cast<std::size_t>((plane * x[2] + p) * x[3] + q), static_cast<std::size_t>((plane * wide[2] + p * s) * wide[3] + q * s));
  }
  template <class T>
  static Tensor<T> widened(const Tensor<T>& x, std::int64_t s) {
    Tensor<T> wide(inserted(x.shape, s));
    for_each_element(x.shape, s, [&](std::size_t narrow, std::size_t i) { wide.values[i] = x.values[narrow]; });
    return wide;
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return Conv2d::value<T>({widened(in[0], a.integer("inverse_stride")), in[1], Tensor<T>(Shape{0})}, plain(a));
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const std::int64_t s = a.integer("inverse_stride");
    const Tensors<T> d = Conv2d::gradient<T>({in[0], widened(in[1], s), in[2], Tensor<T>(Shape{0})}, plain(a));
    Tensor<T> dx(in[1].shape);
    for_each_element(dx.shape, s, [&](std::size_t narrow, std::size_t i) { dx.values[narrow] = d[0].values[i]; });
    return {dx, d[1]};
  }
};

std::vector<AttributeRow> attribute_rows() {
  return {list_row("stride", {1, 1}, "[height, width], each ≥ 1"), list_row("padding", {0, 0, 0, 0}, "[top, left, bottom, right], each ≥ 0"),
          list_row("dilation", {1, 1}, "[height, width], each ≥ 1"),
          {.kind = AttributeRow::Kind::integer, .name = "groups", .standard = 1, .domain = "a divisor of both channel counts",
           .valid = [](double g) { return g >= 1 && g <= 1e9; }}};
}
InputRow numbers(const char* name) { return {.name = name, .directed = {0, 1, -1}, .typical = {-2, 2}, .infinities = false}; }
InputRow bias() {
  InputRow row = numbers("b");
  row.optional = true;
  return row;
}
using List = std::vector<std::int64_t>;

const Operator conv2d = whole<Conv2d>({
    .name = "conv2d",
    .family = "convolution",
    .formula = "y[n,m,p] = b[m] + Σ_{c,k} x[n,c,S·p + D·k − P] w[m,c,k]",
    .source = "seed 9.1; sizes (54)",
    .notes = "x: (N, C, H, W), w: (M, C/groups, kH, kW), b: (M) or absent.  Cross-correlation: the filter is not turned.",
    .inputs = {numbers("x"), numbers("w"), bias()},
    .outputs = {"y"},
    .attributes = attribute_rows(),
    .catalogue = {.variants = "stride, asymmetric padding, dilation, groups",
                  .special = "A size that is no integer is rounded down; a kernel larger than the padded input is refused.",
                  .gradient = "dx = transpose of the convolution, applied to dy;  dw[m,c,k] = Σ_{n,p} dy[n,m,p] x[n,c,S·p + D·k − P];  db = Σ dy"},
    .examples = {{.shapes = {{1, 2, 4, 5}, {3, 2, 3, 2}, {3}}},
                 {.shapes = {{2, 1, 5, 4}, {2, 1, 2, 2}, {0}}, .attributes = {{"stride", List{2, 1}}, {"padding", List{1, 0, 0, 1}}}},
                 {.shapes = {{1, 1, 5, 5}, {1, 1, 2, 2}, {1}}, .attributes = {{"dilation", List{2, 3}}, {"padding", List{1, 1, 1, 1}}}},
                 {.shapes = {{1, 4, 3, 3}, {4, 2, 2, 2}, {0}}, .attributes = {{"groups", std::int64_t{2}}}}},
    .laws = {"linear_in x", "linear_in w", "padding_is_zeros", "translation_equivariant"},
    .batched = {"x", "y"},
});
std::vector<AttributeRow> with(AttributeRow row) {
  auto rows = attribute_rows();
  rows.push_back(std::move(row));
  return rows;
}
const Row by_data{whole<BackwardData>({
    .name = "conv2d_backward_data",
    .family = "convolution",
    .formula = "dx[n,c,S·p + D·k − P] = Σ_{m,p,k} dy[n,m,p] w[m,c,k]",
    .source = "derivative of seed 9.1 by x",
    .notes = "What conv2d_backward gives as dx; dx: (N, C, H, W) with [H, W] = input_size.",
    .inputs = {numbers("dy"), numbers("w")},
    .outputs = {"dx"},
    .attributes = with(list_row("input_size", {4, 4}, "[height, width] of x")),
    .examples = {{.shapes = {{1, 2, 3, 3}, {2, 1, 2, 2}}}, {.shapes = {{1, 2, 2, 2}, {2, 1, 2, 2}}, .attributes = {{"stride", List{2, 2}}, {"input_size", List{5, 4}}, {"groups", std::int64_t{2}}}},
                 {.shapes = {{1, 1, 3, 3}, {1, 1, 2, 2}}, .attributes = {{"stride", List{2, 1}}, {"padding", List{1, 0, 0, 2}}, {"dilation", List{2, 3}}, {"input_size", List{6, 4}}}}},
    .laws = {"linear_in w"},
    .batched = {"dy", "dx"},
})};
const Row by_weights{whole<BackwardWeights>({
    .name = "conv2d_backward_weights",
    .family = "convolution",
    .formula = "dw[m,c,k] = Σ_{n,p} dy[n,m,p] x[n,c,S·p + D·k − P]",
    .source = "derivative of seed 9.1 by w",
    .notes = "What conv2d_backward gives as dw; dw: (M, C/groups, kH, kW) with [kH, kW] = kernel_shape.",
    .inputs = {numbers("dy"), numbers("x")},
    .outputs = {"dw"},
    .attributes = with(list_row("kernel_shape", {2, 2}, "[height, width] of w")),
    .examples = {{.shapes = {{2, 2, 3, 3}, {2, 1, 4, 4}}}, {.shapes = {{1, 2, 2, 2}, {1, 2, 5, 4}}, .attributes = {{"stride", List{2, 2}}, {"groups", std::int64_t{2}}}},
                 {.shapes = {{1, 1, 3, 3}, {1, 1, 6, 4}}, .attributes = {{"stride", List{2, 1}}, {"padding", List{1, 0, 0, 2}}, {"dilation", List{2, 3}}}}},
    .laws = {"linear_in x"},
})};
const Row forward{conv2d};
const Row backward{backward_of<Conv2d>(conv2d)};

std::vector<AttributeRow> transposed_rows() {
  auto rows = attribute_rows();
  rows.push_back(list_row("output_padding", {0, 0}, "[height, width], each below stride or dilation"));
  return rows;
}
const Operator conv_transpose2d = whole<ConvTranspose2d>({
    .name = "conv_transpose2d",
    .family = "convolution",
    .formula = "y[n,m,S·p + D·k − P] = b[m] + Σ_{c,p,k} x[n,c,p] w[c,m,k]",
    .source = "seed 9.2",
    .notes = "x: (N, C, H, W), w: (C, M/groups, kH, kW), b: (M) or absent.  The transpose of conv2d: ⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩.",
    .inputs = {numbers("x"), numbers("w"), bias()},
    .outputs = {"y"},
    .attributes = transposed_rows(),
    .catalogue = {.variants = "stride, asymmetric padding, output_padding, dilation, groups", .gradient = "dx = conv2d of dy by w"},
    .examples = {{.shapes = {{1, 2, 3, 2}, {2, 3, 2, 2}, {3}}},
                 {.shapes = {{1, 1, 2, 3}, {1, 2, 3, 3}, {0}}, .attributes = {{"stride", List{2, 3}}, {"padding", List{1, 0, 1, 2}}, {"output_padding", List{1, 2}}}},
                 {.shapes = {{1, 4, 2, 2}, {4, 1, 2, 2}, {2}}, .attributes = {{"groups", std::int64_t{2}}, {"dilation", List{2, 1}}}}},
    .laws = {"linear_in x", "linear_in w"},
    .batched = {"x", "y"},
});
const Row transposed{conv_transpose2d};
const Row transposed_backward{backward_of<ConvTranspose2d>(conv_transpose2d)};

const Operator fractional = whole<FractionallyStrided>({
    .name = "fractionally_strided_conv2d",
    .family = "convolution",
    .formula = "conv2d of stride 1 over x with s − 1 zeros between its elements",
    .source = "seed 9.2, figure 4",
    .notes = "x: (N, C, H, W), w: (M, C, kH, kW); stride 1/s.",
    .inputs = {numbers("x"), numbers("w")},
    .outputs = {"y"},
    .attributes = {{.kind = AttributeRow::Kind::integer, .name = "inverse_stride", .standard = 3, .domain = "s ≥ 1", .valid = [](double s) { return s >= 1 && s <= 1e6; }},
                   {.kind = AttributeRow::Kind::integer, .name = "padding", .standard = 1, .domain = "P ≥ 0, on every side", .valid = [](double p) { return p >= 0 && p <= 1e6; }}},
    .catalogue = {.printed = "Figure 4 (captioned \"AutoDiff\") prints [[5,3,−3,5],[3,−1,1,3],[−3,−1,0,0],[5,3,0,0]]: the result of the filter with "
                             "its corners' signs turned.  The printed filter gives [[5,3,−3,5],[3,1,−1,3],[−3,1,0,0],[5,3,0,0]]"},
    .examples = {{.shapes = {{1, 1, 2, 2}, {1, 1, 3, 3}}, .values = {{"x", {1, 1, 1, 0}}, {"w", {1, 3, -1, 3, 5, -3, 1, -3, -1}}}},
                 {.shapes = {{1, 2, 2, 3}, {1, 2, 2, 2}}, .attributes = {{"inverse_stride", std::int64_t{2}}, {"padding", std::int64_t{0}}}}},
    .laws = {"linear_in x", "linear_in w"},
    .batched = {"x", "y"},
});
const Row fractional_forward{fractional};
const Row fractional_backward{backward_of<FractionallyStrided>(fractional)};

}  // namespace
}  // namespace karat
