// SPDX-License-Identifier: MIT
// Convolutions as products of matrices, one gemm a sample, group and tap: the elements that meet at a tap
// of the filter are laid out beside each other, multiplied, and put back.  Padding and strides are not laid
// out as zeros (as im2col does), so that a NaN or an infinity reaches only what it is multiplied with.
#include "plugins/openblas/openblas.hpp"

namespace karat::openblas {
namespace {

// y: (N, M, …), x: (N, C, …), w: (M, C/groups, kH, kW); x[n, c, S·p + D·k − P] meets w[m, c, k] in y[n, m,
// p].
struct Problem {
  Extents y, x, w;
  Extents stride{1, 1}, padding{0, 0, 0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
};
template <class T>
Problem convolved(const Call<T>& c, const Extents& y, const Extents& x, const Extents& w) {
  return {y, x, w, c.list("stride"), c.list("padding"), c.list("dilation"), c.integer("groups")};
}

// The elements of a plane of y, and of x, that meet at tap (i, j) of w.
struct Places {
  std::vector<std::int64_t> y, x;
  Places(const Problem& g, std::int64_t i, std::int64_t j) {
    for (std::int64_t p = 0; p < g.y[2]; ++p)
      for (std::int64_t q = 0; q < g.y[3]; ++q) {
        const std::int64_t h = p * g.stride[0] + i * g.dilation[0] - g.padding[0];
        const std::int64_t v = q * g.stride[1] + j * g.dilation[1] - g.padding[1];
        if (h < 0 || v < 0 || h >= g.x[2] || v >= g.x[3]) continue;
        y.push_back(p * g.y[3] + q);
        x.push_back(h * g.x[3] + v);
      }
  }
};

// The elements `places` of `channels` planes, as a matrix of a row a channel; and back.
template <class T>
void gather(const T* planes, std::int64_t plane, std::int64_t channels,
            const std::vector<std::int64_t>& places, std::vector<T>& rows) {
  rows.clear();
  for (std::int64_t c = 0; c < channels; ++c, planes += plane)
    for (const std::int64_t i : places) rows.push_back(planes[i]);
}
template <class T>
void scatter(const std::vector<T>& rows, std::int64_t plane, std::int64_t channels,
             const std::vector<std::int64_t>& places, T* planes) {
  std::size_t at = 0;
  for (std::int64_t c = 0; c < channels; ++c, planes += plane)
    for (const std::int64_t i : places) planes[i] = rows[at++];
}

// Adds to the tensor `into`, which is `result`, the products of the other two.
enum class Into { y, x, w };
template <Into into, class T>
void multiply(const Problem& problem, const T* y, const T* x, const T* w, T* result) {
  const std::int64_t out = problem.y[1] / problem.groups, in = problem.x[1] / problem.groups,
                     taps = problem.w[2] * problem.w[3];
  const std::int64_t y_plane = problem.y[2] * problem.y[3], x_plane = problem.x[2] * problem.x[3];
  if (out == 0 || in == 0) return;
  std::vector<T> copy_y, copy_x, copy_w;
  const auto copied = [](const T* planes, std::int64_t plane, std::int64_t channels,
                         const std::vector<std::int64_t>& places, std::vector<T>& rows) {
    gather(planes, plane, channels, places, rows);
    return rows.data();
  };
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    const Places places(problem, tap / problem.w[3], tap % problem.w[3]);
    if (places.y.empty()) continue;
    const auto meeting = static_cast<blasint>(places.y.size()), m = static_cast<blasint>(out),
               c = static_cast<blasint>(in);
    // Filters of one tap on whole planes need no copies.
    const bool whole = meeting == y_plane && meeting == x_plane && taps == 1;
    for (std::int64_t n = 0; n < problem.y[0]; ++n)
      for (std::int64_t group = 0; group < problem.groups; ++group) {
        const std::int64_t in_y = (n * problem.y[1] + group * out) * y_plane,
                           in_x = (n * problem.x[1] + group * in) * x_plane;
        const std::int64_t in_w = group * out * in * taps;
        const T* of_y = whole ? y + in_y : copied(y + in_y, y_plane, out, places.y, copy_y);
        const T* of_x = whole ? x + in_x : copied(x + in_x, x_plane, in, places.x, copy_x);
        const T* of_w = whole ? w + in_w : copied(w + in_w, taps, out * in, {tap}, copy_w);
        if constexpr (into == Into::y) {
          gemm(CblasNoTrans, CblasNoTrans, m, meeting, c, of_w, of_x, whole ? result + in_y : copy_y.data());
          if (!whole) scatter(copy_y, y_plane, out, places.y, result + in_y);
        } else if constexpr (into == Into::x) {
          gemm(CblasTrans, CblasNoTrans, c, meeting, m, of_w, of_y, whole ? result + in_x : copy_x.data());
          if (!whole) scatter(copy_x, x_plane, in, places.x, result + in_x);
        } else {
          gemm(CblasNoTrans, CblasTrans, m, c, meeting, of_y, of_x, whole ? result + in_w : copy_w.data());
          if (!whole) scatter(copy_w, taps, out * in, {tap}, result + in_w);
        }
      }
  }
}

// (N, channels, plane) filled with each channel's bias, or with zeros.
template <class T>
T* filled(const Extents& shape, const T* bias, T* y) {
  const std::int64_t plane = shape[2] * shape[3];
  for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i)
    std::fill_n(y + i * plane, plane, bias ? bias[i % shape[1]] : T(0));
  return y;
}
template <class T>
void to_y(const Problem& problem, const T* x, const T* w, const T* bias, T* y) {
  filled(problem.y, bias, y);
  multiply<Into::y>(problem, y, x, w, y);
}
template <class T>
void to_x(const Problem& problem, const T* y, const T* w, const T* bias, T* x) {
  filled(problem.x, bias, x);
  multiply<Into::x>(problem, y, x, w, x);
}
template <class T>
void to_w(const Problem& problem, const T* y, const T* x, T* w) {
  std::fill_n(w, problem.w[0] * problem.w[1] * problem.w[2] * problem.w[3], T(0));
  multiply<Into::w>(problem, y, x, w, w);
}
// db[m] = Σ dy[·, m, ·], dy a matrix of a row a channel.
template <class T>
void to_bias(const Extents& dy, const T* y, T* b) {
  const auto plane = static_cast<blasint>(dy[2] * dy[3]), channels = static_cast<blasint>(dy[1]);
  const std::vector<T> ones(static_cast<std::size_t>(plane), T(1));
  std::fill_n(b, channels, T(0));
  if (plane == 0 || channels == 0) return;
  for (std::int64_t n = 0; n < dy[0]; ++n)
    gemv(CblasNoTrans, channels, plane, T(1), y + n * channels * static_cast<std::int64_t>(plane),
         ones.data(), T(1), b);
}
template <class T>
const T* bias(const Call<T>& c) {
  return c.has("b") ? c.in("b") : nullptr;
}

const Row conv2d("conv2d", "gemm", []<class T>(const Call<T>& c) {
  to_y(convolved(c, c.shape("y"), c.shape("x"), c.shape("w")), c.in("x"), c.in("w"), bias(c), c.out("y"));
});
const Row conv2d_backward("conv2d_backward", "gemm", []<class T>(const Call<T>& c) {
  const auto problem = convolved(c, c.shape("dy"), c.shape("x"), c.shape("w"));
  to_x<T>(problem, c.in("dy"), c.in("w"), nullptr, c.out("dx"));
  to_w(problem, c.in("dy"), c.in("x"), c.out("dw"));
  if (c.has("b")) to_bias(problem.y, c.in("dy"), c.out("db"));
});
const Row by_data("conv2d_backward_data", "gemm", []<class T>(const Call<T>& c) {
  to_x<T>(convolved(c, c.shape("dy"), c.shape("dx"), c.shape("w")), c.in("dy"), c.in("w"), nullptr,
          c.out("dx"));
});
const Row by_weights("conv2d_backward_weights", "gemm", []<class T>(const Call<T>& c) {
  to_w(convolved(c, c.shape("dy"), c.shape("x"), c.shape("dw")), c.in("dy"), c.in("x"), c.out("dw"));
});

// The convolution that maps y to x has the same taps.
const Row transposed("conv_transpose2d", "gemm", []<class T>(const Call<T>& c) {
  to_x(convolved(c, c.shape("x"), c.shape("y"), c.shape("w")), c.in("x"), c.in("w"), bias(c), c.out("y"));
});
const Row transposed_backward("conv_transpose2d_backward", "gemm", []<class T>(const Call<T>& c) {
  const auto problem = convolved(c, c.shape("x"), c.shape("dy"), c.shape("w"));
  to_y<T>(problem, c.in("dy"), c.in("w"), nullptr, c.out("dx"));
  to_w(problem, c.in("x"), c.in("dy"), c.out("dw"));
  if (c.has("b")) to_bias(problem.x, c.in("dy"), c.out("db"));
});

// Here the zeros are the operator's own: s − 1 of them between the elements of x, then stride 1.
template <class T>
struct Widened {
  Problem problem;
  std::vector<T> x;
  std::int64_t step;
  Widened(const Call<T>& c, const char* y) : step(c.integer("inverse_stride")) {
    const Extents s = c.shape("x");
    const std::int64_t p = c.integer("padding");
    const auto wide = [&](std::int64_t size) { return size == 0 ? 0 : (size - 1) * step + 1; };
    problem = {.y = c.shape(y),
               .x = {s[0], s[1], wide(s[2]), wide(s[3])},
               .w = c.shape("w"),
               .padding = {p, p, p, p}};
    x.assign(static_cast<std::size_t>(s[0] * s[1] * problem.x[2] * problem.x[3]), T(0));
    for_each(s, [&, narrow = c.in("x")](std::int64_t i, std::size_t at) { x[at] = narrow[i]; });
  }
  // visit(element of the narrow x, its place in the wide one)
  template <class Visit>
  void for_each(const Extents& narrow, Visit visit) const {
    std::int64_t i = 0;
    for (std::int64_t plane = 0; plane < narrow[0] * narrow[1]; ++plane)
      for (std::int64_t h = 0; h < narrow[2]; ++h)
        for (std::int64_t v = 0; v < narrow[3]; ++v)
          visit(i++, static_cast<std::size_t>((plane * problem.x[2] + h * step) * problem.x[3] + v * step));
  }
};
const char* too_wide(const karat_call& call) {
  const karat_tensor& x = *adapter::tensor(call, "x");
  double elements = 1;
  for (std::int32_t d = 0; d < x.rank; ++d)
    elements *= static_cast<double>(x.shape[d]) *
                (d < 2 ? 1 : static_cast<double>(adapter::integer(call, "inverse_stride", 1)));
  return elements > 0x1p27 ? "x with the zeros between its elements would take more than 1 GiB" : nullptr;
}
const Row fractional(
    "fractionally_strided_conv2d", "gemm",
    []<class T>(const Call<T>& c) {
      const Widened<T> wide(c, "y");
      to_y<T>(wide.problem, wide.x.data(), c.in("w"), nullptr, c.out("y"));
    },
    too_wide);
const Row fractional_backward(
    "fractionally_strided_conv2d_backward", "gemm",
    []<class T>(const Call<T>& c) {
      const Widened<T> wide(c, "dy");
      std::vector<T> d(wide.x.size());
      to_x<T>(wide.problem, c.in("dy"), c.in("w"), nullptr, d.data());
      wide.for_each(c.shape("x"), [&, dx = c.out("dx")](std::int64_t i, std::size_t at) { dx[i] = d[at]; });
      to_w(wide.problem, c.in("dy"), wide.x.data(), c.out("dw"));
    },
    too_wide);

// The norm of each window's elements.
const Row l2_pool("l2_pool2d", "nrm2", []<class T>(const Call<T>& c) {
  const Extents x = c.shape("x"), y = c.shape("y"), kernel = c.list("kernel_shape"),
                stride = c.list("stride"), padding = c.list("padding");
  const T* in = c.in("x");
  T* out = c.out("y");
  std::vector<T> window;
  for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane, in += x[2] * x[3])
    for (std::int64_t p = 0; p < y[2]; ++p)
      for (std::int64_t q = 0; q < y[3]; ++q) {
        window.clear();
        const std::int64_t top = p * stride[0] - padding[0], left = q * stride[1] - padding[1];
        for (std::int64_t h = std::max<std::int64_t>(top, 0); h < std::min(top + kernel[0], x[2]); ++h)
          for (std::int64_t v = std::max<std::int64_t>(left, 0); v < std::min(left + kernel[1], x[3]); ++v)
            window.push_back(in[h * x[3] + v]);
        *out++ = nrm2(static_cast<blasint>(window.size()), window.data());
      }
});

}  // namespace
}  // namespace karat::openblas
