// SPDX-License-Identifier: MIT
#include <algorithm>
#include <numeric>
#include <optional>

#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

// visit(output, elements of x in its window, places inside the padded input)
template <class W, class Visit>
void windows(const Call<W>& c, const Extents& x, const Extents& y, bool dilated, Visit visit) {
  const Extents kernel = c.list("kernel_shape"), stride = c.list("stride"), padding = c.list("padding"), dilation = dilated ? c.list("dilation") : Extents{1, 1};
  std::size_t output = 0;
  for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane)
    for (std::int64_t p = 0; p < y[2]; ++p)
      for (std::int64_t q = 0; q < y[3]; ++q) {
        std::vector<std::size_t> seen;
        std::size_t places = 0;
        for (std::int64_t i = 0; i < kernel[0]; ++i)
          for (std::int64_t j = 0; j < kernel[1]; ++j) {
            const std::int64_t h = p * stride[0] + i * dilation[0] - padding[0], v = q * stride[1] + j * dilation[1] - padding[1];
            if (h < x[2] + padding[2] && v < x[3] + padding[3]) ++places;
            if (h >= 0 && v >= 0 && h < x[2] && v < x[3]) seen.push_back(static_cast<std::size_t>((plane * x[2] + h) * x[3] + v));
          }
        visit(output++, seen, places);
      }
}
template <class W, class F>
void pool(Call<W>& c, bool dilated, F f) {
  const Array<W> x = c.in("x");
  Array<W> y = zeros<W>(c.shape("y"));
  windows(c, x.shape, y.shape, dilated, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t places) {
    std::vector<W> values;
    for (const std::size_t i : seen) values.push_back(x.v[i]);
    y.v[o] = f(values, places);
  });
  c.out("y", y);
}
// dx = Σ slope · dy over the windows that see an element; slopes(values, places) gives one each, or nothing
// where an element has no share (not 0, which a NaN in dy would make a NaN, nor what has underflowed to 0).
template <class W>
using Slopes = std::vector<std::optional<W>>;
template <class W, class F>
void pool_backward(Call<W>& c, bool dilated, F slopes) {
  const Array<W> dy = c.in("dy"), x = c.in("x");
  std::vector<std::vector<W>> terms(x.size());
  windows(c, x.shape, dy.shape, dilated, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t places) {
    std::vector<W> values;
    for (const std::size_t i : seen) values.push_back(x.v[i]);
    const Slopes<W> slope = slopes(values, places);
    for (std::size_t k = 0; k < seen.size(); ++k)
      if (slope[k]) terms[seen[k]].push_back(*slope[k] * dy.v[o]);
  });
  Array<W> dx = x;
  for (std::size_t i = 0; i < dx.size(); ++i) dx.v[i] = sum(terms[i]);
  c.out("dx", dx);
}

template <class W>
std::size_t first_largest(const std::vector<W>& v) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return i;
    if (v[i] > v[best]) best = i;
  }
  return best;
}
const Row max_pool("max_pool2d", []<class W>(Call<W>& c) {
  pool(c, true, [](const std::vector<W>& v, std::size_t) { return v.empty() ? -std::numeric_limits<W>::infinity() : v[first_largest(v)]; });
});
const Row max_pool_backward("max_pool2d_backward", []<class W>(Call<W>& c) {
  pool_backward(c, true, [](const std::vector<W>& v, std::size_t) {
    Slopes<W> slope(v.size());
    if (!v.empty()) slope[first_largest(v)] = W(1);
    return slope;
  });
});
const Row mean_pool("mean_pool2d", []<class W>(Call<W>& c) {
  pool(c, false, [&](const std::vector<W>& v, std::size_t places) { return sum(v) / static_cast<W>(c.integer("count_include_pad") ? places : v.size()); });
});
const Row mean_pool_backward("mean_pool2d_backward", []<class W>(Call<W>& c) {
  pool_backward(c, false, [&](const std::vector<W>& v, std::size_t places) {
    return Slopes<W>(v.size(), 1 / static_cast<W>(c.integer("count_include_pad") ? places : v.size()));
  });
});
template <class W>
std::vector<std::size_t> sorted(const std::vector<W>& v) {
  std::vector<std::size_t> order(v.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return v[a] < v[b]; });
  return order;
}
template <class W>
bool any_nan(const std::vector<W>& v) {
  return std::any_of(v.begin(), v.end(), [](W x) { return std::isnan(x); });
}
const Row median_pool("median_pool2d", []<class W>(Call<W>& c) {
  pool(c, false, [&](const std::vector<W>& v, std::size_t) {
    if (v.empty() || any_nan(v)) return std::numeric_limits<W>::quiet_NaN();
    const auto order = sorted(v);
    const std::size_t n = v.size(), low = (n - 1) / 2, high = c.is("even", "lower") ? low : n / 2;
    return low == high ? v[order[low]] : (v[order[low]] + v[order[high]]) / 2;
  });
});
const Row median_pool_backward("median_pool2d_backward", []<class W>(Call<W>& c) {
  pool_backward(c, false, [&](const std::vector<W>& v, std::size_t) {
    Slopes<W> slope(v.size());
    if (v.empty()) return slope;
    if (any_nan(v)) {  // the result is the first NaN
      slope[first_largest(v)] = W(1);
      return slope;
    }
    const auto order = sorted(v);
    const std::size_t n = v.size(), low = (n - 1) / 2, high = c.is("even", "lower") ? low : n / 2;
    slope[order[low]] = slope[order[high]] = W(low == high ? 1 : 0.5);
    return slope;
  });
});
template <class W>
W norm(const std::vector<W>& v) {
  return std::sqrt(sum<W>(v.size(), [&](std::size_t i) { return v[i] * v[i]; }));
}
const Row l2_pool("l2_pool2d", []<class W>(Call<W>& c) { pool(c, false, [](const std::vector<W>& v, std::size_t) { return norm(v); }); });
const Row l2_pool_backward("l2_pool2d_backward", []<class W>(Call<W>& c) {
  pool_backward(c, false, [](const std::vector<W>& v, std::size_t) {
    const W n = norm(v);
    Slopes<W> slope(v.size());
    for (std::size_t k = 0; k < v.size(); ++k)
      if (v[k] != 0 || std::isnan(n)) slope[k] = n == 0 ? W(0) : v[k] / n;
    return slope;
  });
});

}  // namespace
}  // namespace karat::plain
