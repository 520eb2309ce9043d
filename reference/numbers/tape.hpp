// SPDX-License-Identifier: MIT
// Reverse-mode differentiation: a tape over any number type.
//
//   Tape<double> tape;
//   auto x = tape.inputs(values);
//   auto y = f(x);                                    // the formula's own template
//   std::vector<double> dx = tape.gradient(x, y, dy); // Σ_j dy_j ∂y_j/∂x_i
//
// A node keeps at most two parents with the partial derivatives towards them; nothing is kept
// between evaluations, and all nodes are freed together with the tape.  Over Dual<T> the same
// sweep gives second derivatives: the directional derivative of the gradient (forward over
// reverse), a column of the Hessian.  Needs nothing else of Karat but dual.hpp.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "reference/numbers/dual.hpp"

namespace karat {

template <class T>
class Tape;

// A number on a tape; without one it is a constant.
template <class T>
struct Taped {
  T value{0};
  Tape<T>* tape = nullptr;
  std::size_t node = 0;

  Taped() = default;
  Taped(int constant) : value(constant) {}  // NOLINT: formulas write 1 + x
  explicit Taped(double constant) requires(!std::same_as<T, double>) : value(constant) {}
  explicit Taped(T v) : value(std::move(v)) {}
  Taped(T v, Tape<T>* t, std::size_t n) : value(std::move(v)), tape(t), node(n) {}

  friend Taped operator+(const Taped& x, const Taped& y) { return join(x.value + y.value, x, T(1), y, T(1)); }
  friend Taped operator-(const Taped& x, const Taped& y) {
    return join(x.value - y.value, x, T(1), y, T(-1));
  }
  friend Taped operator-(const Taped& x) { return lift(-x.value, x, T(-1)); }
  friend Taped operator*(const Taped& x, const Taped& y) {
    return join(x.value * y.value, x, y.value, y, x.value);
  }
  friend Taped operator/(const Taped& x, const Taped& y) {
    const T ratio = x.value / y.value;
    return join(ratio, x, 1 / y.value, y, -ratio / y.value);
  }
  friend Taped exp(const Taped& x) {
    using std::exp;
    const T e = exp(x.value);
    return lift(e, x, e);
  }
  friend Taped expm1(const Taped& x) {
    using std::exp, std::expm1;
    return lift(expm1(x.value), x, exp(x.value));
  }
  friend Taped log(const Taped& x) {
    using std::log;
    return lift(log(x.value), x, 1 / x.value);
  }
  friend Taped log1p(const Taped& x) {
    using std::log1p;
    return lift(log1p(x.value), x, 1 / (1 + x.value));
  }
  friend Taped sqrt(const Taped& x) {
    using std::sqrt;
    const T root = sqrt(x.value);
    return lift(root, x, 1 / (2 * root));
  }
  // Ties as in Dual.
  friend Taped max(const Taped& x, const Taped& y) {
    if (not_a_number(x) || not_a_number(y)) return not_a_number(x) ? x : y;
    return x.value > y.value ? x : y;
  }
  friend Taped min(const Taped& x, const Taped& y) {
    if (not_a_number(x) || not_a_number(y)) return not_a_number(x) ? x : y;
    return x.value > y.value ? y : x;
  }
  friend bool not_a_number(const Taped& x) { return not_a_number(x.value); }
  friend Taped abs(const Taped& x) {
    using std::abs;
    if (not_a_number(x) || x.value > 0) return x;
    if (x.value < 0) return -x;
    return Taped(abs(x.value));
  }

  friend bool operator<(const Taped& x, const Taped& y) { return x.value < y.value; }
  friend bool operator>(const Taped& x, const Taped& y) { return x.value > y.value; }
  friend bool operator<=(const Taped& x, const Taped& y) { return x.value <= y.value; }
  friend bool operator>=(const Taped& x, const Taped& y) { return x.value >= y.value; }

 private:
  static Taped lift(T value, const Taped& x, T dx) {
    if (!x.tape) return Taped(std::move(value));
    return x.tape->push(std::move(value), x, std::move(dx), Taped(), T(0));
  }
  static Taped join(T value, const Taped& x, T dx, const Taped& y, T dy) {
    Tape<T>* tape = x.tape ? x.tape : y.tape;
    if (!tape) return Taped(std::move(value));
    return tape->push(std::move(value), x, std::move(dx), y, std::move(dy));
  }
};

// A constant zero; a number on the tape can move.
template <class T>
bool is_exact_zero(const Taped<T>& x) {
  return x.tape == nullptr && is_exact_zero(x.value);
}

template <class T>
class Tape {
 public:
  std::vector<Taped<T>> inputs(const std::vector<T>& values) {
    std::vector<Taped<T>> x;
    x.reserve(values.size());
    for (const T& v : values) x.push_back(input(v));
    return x;
  }
  Taped<T> input(const T& value) { return push(value, Taped<T>(), T(0), Taped<T>(), T(0)); }
  // Any container of numbers that has `shape` and `values`.
  template <template <class> class Tensor>
  Tensor<Taped<T>> input(const Tensor<T>& tensor) {
    Tensor<Taped<T>> x;
    x.shape = tensor.shape;
    x.values = inputs(tensor.values);
    return x;
  }

  // The vector–Jacobian product: Σ_j dy_j ∂y_j/∂x_i for each x_i.
  std::vector<T> gradient(std::span<const Taped<T>> x, std::span<const Taped<T>> y,
                          std::span<const T> dy) const {
    std::vector<T> adjoint(nodes_.size(), T(0));
    for (std::size_t j = 0; j < y.size(); ++j)
      if (y[j].tape) adjoint[y[j].node] = adjoint[y[j].node] + dy[j];
    for (std::size_t n = nodes_.size(); n-- > 0;) {
      if (is_exact_zero(adjoint[n])) continue;  // 0·∞ must not reach an unrelated input
      for (const Edge& edge : nodes_[n].edges)
        if (edge.known) adjoint[edge.parent] = adjoint[edge.parent] + adjoint[n] * edge.partial;
    }
    std::vector<T> dx;
    dx.reserve(x.size());
    for (const Taped<T>& v : x) dx.push_back(v.tape ? adjoint[v.node] : T(0));
    return dx;
  }

  std::size_t size() const { return nodes_.size(); }

 private:
  friend struct Taped<T>;
  struct Edge {
    bool known = false;
    std::size_t parent = 0;
    T partial{0};
  };
  struct Node {
    Edge edges[2];
  };

  Taped<T> push(T value, const Taped<T>& x, T dx, const Taped<T>& y, T dy) {
    nodes_.push_back(
        {{{x.tape != nullptr, x.node, std::move(dx)}, {y.tape != nullptr, y.node, std::move(dy)}}});
    return {std::move(value), this, nodes_.size() - 1};
  }

  std::vector<Node> nodes_;
};

}  // namespace karat
