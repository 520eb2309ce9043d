// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

struct Geometry {
  Extents stride{1, 1}, padding{0, 0, 0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
  Geometry() = default;
  template <class W>
  explicit Geometry(const Call<W>& c) : stride(c.list("stride")), padding(c.list("padding")), dilation(c.list("dilation")), groups(c.integer("groups")) {}
};

// The terms of each element of one of y, x, w of a convolution, collected and then summed.
template <class W>
class Sums {
 public:
  explicit Sums(Extents shape) : shape_(std::move(shape)), terms_(count(shape_)) {}
  void add(std::size_t at, W term) { terms_[at].push_back(term); }
  Array<W> total(const Array<W>* bias = nullptr) {
    Array<W> a = zeros<W>(shape_);
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (bias && bias->size()) terms_[i].push_back(bias->v[i / static_cast<std::size_t>(shape_[2] * shape_[3]) % static_cast<std::size_t>(shape_[1])]);
      a.v[i] = sum(terms_[i]);
    }
    return a;
  }

 private:
  Extents shape_;
  std::vector<std::vector<W>> terms_;
};

// visit(offset in y, in x, in w) wherever the three meet.
template <class Visit>
void taps(const Extents& y, const Extents& x, const Extents& w, const Geometry& g, Visit visit) {
  const std::int64_t in = x[1] / g.groups, out = y[1] / g.groups;
  const auto at = [](const Extents& s, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    return static_cast<std::size_t>(((a * s[1] + b) * s[2] + c) * s[3] + d);
  };
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t m = 0; m < y[1]; ++m)
      for (std::int64_t p = 0; p < y[2]; ++p)
        for (std::int64_t q = 0; q < y[3]; ++q)
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t i = 0; i < w[2]; ++i)
              for (std::int64_t j = 0; j < w[3]; ++j) {
                const std::int64_t h = p * g.stride[0] + i * g.dilation[0] - g.padding[0], v = q * g.stride[1] + j * g.dilation[1] - g.padding[1];
                if (h < 0 || v < 0 || h >= x[2] || v >= x[3]) continue;
                visit(at(y, n, m, p, q), at(x, n, m / out * in + c, h, v), at(w, m, c, i, j));
              }
}
template <class W>
Array<W> to_y(Extents shape, const Array<W>& x, const Array<W>& w, const Geometry& g, const Array<W>* bias = nullptr) {
  Sums<W> y(shape);
  taps(shape, x.shape, w.shape, g, [&](std::size_t a, std::size_t b, std::size_t c) { y.add(a, x.v[b] * w.v[c]); });
  return y.total(bias);
}
template <class W>
Array<W> to_x(Extents shape, const Array<W>& y, const Array<W>& w, const Geometry& g, const Array<W>* bias = nullptr) {
  Sums<W> x(shape);
  taps(y.shape, shape, w.shape, g, [&](std::size_t a, std::size_t b, std::size_t c) { x.add(b, y.v[a] * w.v[c]); });
  return x.total(bias);
}
template <class W>
Array<W> to_w(Extents shape, const Array<W>& y, const Array<W>& x, const Geometry& g) {
  Sums<W> w(shape);
  taps(y.shape, x.shape, shape, g, [&](std::size_t a, std::size_t b, std::size_t c) { w.add(c, y.v[a] * x.v[b]); });
  return w.total();
}
template <class W>
Array<W> bias_gradient(const Array<W>& dy, Extents shape) {
  Array<W> db = zeros<W>(std::move(shape));
  const auto inner = static_cast<std::size_t>(dy.shape[2] * dy.shape[3]), channels = static_cast<std::size_t>(dy.shape[1]);
  for (std::size_t m = 0; m < db.size(); ++m)
    db.v[m] = sum<W>(dy.size() / channels, [&](std::size_t i) { return dy.v[(i / inner * channels + m) * inner + i % inner]; });
  return db;
}

const Row conv2d("conv2d", []<class W>(Call<W>& c) {
  const Array<W> b = c.in("b");
  c.out("y", to_y(c.shape("y"), c.in("x"), c.in("w"), Geometry(c), &b));
});
const Row conv2d_backward("conv2d_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), w = c.in("w");
  const Geometry g(c);
  c.out("dx", to_x(x.shape, dy, w, g));
  c.out("dw", to_w(w.shape, dy, x, g));
  c.out("db", bias_gradient(dy, c.shape("b")));
});
const Row by_data("conv2d_backward_data", []<class W>(Call<W>& c) { c.out("dx", to_x(c.shape("dx"), c.in("dy"), c.in("w"), Geometry(c))); });
const Row by_weights("conv2d_backward_weights", []<class W>(Call<W>& c) { c.out("dw", to_w(c.shape("dw"), c.in("dy"), c.in("x"), Geometry(c))); });
// The convolution that maps y to x has the same taps.
const Row transposed("conv_transpose2d", []<class W>(Call<W>& c) {
  const Array<W> b = c.in("b");
  c.out("y", to_x(c.shape("y"), c.in("x"), c.in("w"), Geometry(c), &b));
});
const Row transposed_backward("conv_transpose2d_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), w = c.in("w");
  const Geometry g(c);
  c.out("dx", to_y(x.shape, dy, w, g));
  c.out("dw", to_w(w.shape, x, dy, g));
  c.out("db", bias_gradient(dy, c.shape("b")));
});

// s − 1 zeros between the elements, then stride 1.
template <class W>
struct Widened {
  Array<W> wide;
  std::vector<std::size_t> from;  // place in `wide` of each element
  Geometry g;
  Widened(const Call<W>& c, const Array<W>& x) {
    const std::int64_t s = c.integer("inverse_stride"), p = c.integer("padding");
    wide = zeros<W>({x.shape[0], x.shape[1], (x.shape[2] - 1) * s + 1, (x.shape[3] - 1) * s + 1});
    g.padding = {p, p, p, p};
    for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
      for (std::int64_t i = 0; i < x.shape[2]; ++i)
        for (std::int64_t j = 0; j < x.shape[3]; ++j) {
          from.push_back(static_cast<std::size_t>((plane * wide.shape[2] + i * s) * wide.shape[3] + j * s));
          wide.v[from.back()] = x.v[from.size() - 1];
        }
  }
};
const Row fractional("fractionally_strided_conv2d", []<class W>(Call<W>& c) {
  const Widened<W> x(c, c.in("x"));
  c.out("y", to_y(c.shape("y"), x.wide, c.in("w"), x.g));
});
const Row fractional_backward("fractionally_strided_conv2d_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), w = c.in("w");
  Array<W> dx = c.in("x");
  const Widened<W> x(c, dx);
  const Array<W> d = to_x(x.wide.shape, dy, w, x.g);
  for (std::size_t i = 0; i < dx.size(); ++i) dx.v[i] = d.v[x.from[i]];
  c.out("dx", dx);
  c.out("dw", to_w(w.shape, dy, x.wide, x.g));
});

const Row output_size("conv_output_size", []<class W>(Call<W>& c) {
  const auto sizes = c.labels("W");
  Array<W> o = zeros<W>(c.shape("O"));
  const std::int64_t stride = c.integer("stride"), before = c.integer("before"), after = c.integer("after");
  const std::int64_t kernel = (c.integer("kernel_size") - 1) * c.integer("dilation") + 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t room = sizes[i] + before + after - kernel;
    std::int64_t size = room / stride + 1;
    if (c.is("mode", "ceil") && room % stride != 0 && size * stride < sizes[i] + before) ++size;
    o.v[i] = static_cast<W>(size);
  }
  c.out("O", o);
});

}  // namespace
}  // namespace karat::plain
