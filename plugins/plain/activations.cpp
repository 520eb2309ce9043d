// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

const Row exp_row("exp", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return std::exp(x); })); });
const Row expm1_row("expm1", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return std::expm1(x); })); });
const Row log_row("log", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return std::log(x); })); });
const Row log1p_row("log1p", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return std::log1p(x); })); });
const Row sqrt_row("sqrt", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return std::sqrt(x); })); });

// dx = f(dy, x or y), element by element.
template <class W, class F>
void backward(Call<W>& c, const char* of, F f) {
  Array<W> d = c.in("dy");
  const Array<W> x = c.in(of);
  for (std::size_t i = 0; i < d.size(); ++i) d.v[i] = f(d.v[i], x.v[i]);
  c.out("dx", d);
}

const Row sigmoid_row("sigmoid", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return sigmoid(x); })); });
const Row sigmoid_backward("sigmoid_backward", []<class W>(Call<W>& c) {
  backward(c, "x", [](W dy, W x) { return dy * (sigmoid(x) * sigmoid(-x)); });
});
const Row sigmoid_from_output("sigmoid_backward_from_output", []<class W>(Call<W>& c) {
  backward(c, "y", [](W dy, W y) { return dy * y * (1 - y); });
});

const Row tanh_row("tanh", []<class W>(Call<W>& c) {
  c.out("y", map(c.in("x"), [](W x) {
    const W t = std::expm1(-2 * std::abs(x));
    return std::copysign(-t / (2 + t), x);
  }));
});
const Row tanh_backward("tanh_backward", []<class W>(Call<W>& c) {
  backward(c, "x", [](W dy, W x) {
    const W e = std::exp(-2 * std::abs(x)), s = 1 + e;
    return dy * (4 * e / (s * s));
  });
});
const Row tanh_from_output("tanh_backward_from_output", []<class W>(Call<W>& c) {
  backward(c, "y", [](W dy, W y) { return dy * (1 - y * y); });
});

const Row relu_row("relu", []<class W>(Call<W>& c) { c.out("y", map(c.in("x"), [](W x) { return x > 0 || std::isnan(x) ? x : W(0); })); });
template <class W>
W masked(W dy, W mask) {
  return std::isnan(mask) ? mask : mask > 0 ? dy : 0 * dy;
}
const Row relu_backward("relu_backward", []<class W>(Call<W>& c) { backward(c, "x", masked<W>); });
const Row relu_from_output("relu_backward_from_output", []<class W>(Call<W>& c) { backward(c, "y", masked<W>); });

const Row leaky_row("leaky_relu", []<class W>(Call<W>& c) {
  const W alpha = c.number("alpha");
  c.out("y", map(c.in("x"), [&](W x) { return x > 0 ? x : alpha * x; }));
});
template <class W>
void leaky(Call<W>& c, const char* of) {
  const W alpha = c.number("alpha");
  backward(c, of, [&](W dy, W x) { return std::isnan(x) ? x : x > 0 ? dy : alpha * dy; });
}
const Row leaky_backward("leaky_relu_backward", []<class W>(Call<W>& c) { leaky(c, "x"); });
const Row leaky_from_output("leaky_relu_backward_from_output", []<class W>(Call<W>& c) { leaky(c, "y"); });

const Row softplus_row("softplus", []<class W>(Call<W>& c) {
  const W beta = c.number("beta"), threshold = c.number("threshold");
  c.out("y", map(c.in("x"), [&](W x) { return beta * x > threshold || std::isnan(x) ? x : softplus(beta * x) / beta; }));
});
const Row softplus_backward("softplus_backward", []<class W>(Call<W>& c) {
  const W beta = c.number("beta"), threshold = c.number("threshold");
  backward(c, "x", [&](W dy, W x) { return beta * x > threshold ? dy : dy * sigmoid(beta * x); });
});

// f(slice of the first, slice of the second or nothing) along the attribute axis.
template <class W, class F>
void along_axis(Call<W>& c, const char* first, const char* second, const char* out, F f) {
  const Array<W> a = c.in(first), b = second ? c.in(second) : Array<W>{};
  Array<W> y = a;
  const auto axis = static_cast<std::size_t>(c.integer("axis"));
  const auto length = static_cast<std::size_t>(a.shape[axis]);
  std::size_t inner = 1;
  for (std::size_t d = axis + 1; d < a.shape.size(); ++d) inner *= static_cast<std::size_t>(a.shape[d]);
  if (a.size() > 0)
    for (std::size_t s = 0; s < a.size() / length; ++s) {
      const std::size_t start = s / inner * length * inner + s % inner;
      std::vector<W> u, v;
      for (std::size_t k = 0; k < length; ++k) {
        u.push_back(a.v[start + k * inner]);
        if (second) v.push_back(b.v[start + k * inner]);
      }
      const std::vector<W> r = f(u, v);
      for (std::size_t k = 0; k < length; ++k) y.v[start + k * inner] = r[k];
    }
  c.out(out, y);
}

template <class W>
W largest(const std::vector<W>& x) {
  W m = x[0];
  for (const W v : x) m = v > m || std::isnan(v) ? v : m;
  return m;
}
template <class W>
std::vector<W> softmax(const std::vector<W>& x) {
  const W m = largest(x);
  std::vector<W> e;
  for (const W v : x) e.push_back(std::exp(v - m));
  const W total = sum(e);
  for (W& v : e) v /= total;
  return e;
}
template <class W>
std::vector<W> log_softmax(const std::vector<W>& x) {
  const W m = largest(x);
  const W log_total = std::log(sum<W>(x.size(), [&](std::size_t i) { return std::exp(x[i] - m); }));
  std::vector<W> y;
  for (const W v : x) y.push_back((v - m) - log_total);
  return y;
}
template <class W>
std::vector<W> softmax_gradient(const std::vector<W>& dy, const std::vector<W>& y) {
  const W along = sum<W>(y.size(), [&](std::size_t i) { return dy[i] * y[i]; });
  std::vector<W> d;
  for (std::size_t i = 0; i < y.size(); ++i) d.push_back(y[i] * (dy[i] - along));
  return d;
}
template <class W>
std::vector<W> log_softmax_gradient(const std::vector<W>& dy, const std::vector<W>& probabilities) {
  const W total = sum(dy);
  std::vector<W> d;
  for (std::size_t i = 0; i < dy.size(); ++i) d.push_back(dy[i] - probabilities[i] * total);
  return d;
}

const Row softmax_row("softmax", []<class W>(Call<W>& c) {
  along_axis(c, "x", nullptr, "y", [](const auto& x, const auto&) { return softmax(x); });
});
const Row softmax_backward("softmax_backward", []<class W>(Call<W>& c) {
  along_axis(c, "dy", "x", "dx", [](const auto& dy, const auto& x) { return softmax_gradient(dy, softmax(x)); });
});
const Row softmax_from_output("softmax_backward_from_output", []<class W>(Call<W>& c) {
  along_axis(c, "dy", "y", "dx", [](const auto& dy, const auto& y) { return softmax_gradient(dy, y); });
});
const Row log_softmax_row("log_softmax", []<class W>(Call<W>& c) {
  along_axis(c, "x", nullptr, "y", [](const auto& x, const auto&) { return log_softmax(x); });
});
const Row log_softmax_backward("log_softmax_backward", []<class W>(Call<W>& c) {
  along_axis(c, "dy", "x", "dx", [](const auto& dy, const auto& x) { return log_softmax_gradient(dy, softmax(x)); });
});
const Row log_softmax_from_output("log_softmax_backward_from_output", []<class W>(Call<W>& c) {
  along_axis(c, "dy", "y", "dx", [](const auto& dy, auto y) {
    for (auto& v : y) v = std::exp(v);
    return log_softmax_gradient(dy, y);
  });
});

}  // namespace
}  // namespace karat::plain
