// SPDX-License-Identifier: MIT
// Dual numbers a + εb with ε² = 0: forward-mode differentiation.  (24)–(27) of the seed.
//
//   Dual<double> x(3.0, 1.0);                  // one direction
//   (x * x).derivative                         // 6
//   Dual<double, Tangent<double>> …            // any number of directions at once
//
// T is any number type that has the functions used here; B holds the derivatives: T itself, or
// a Tangent<T> of any length.  Needs nothing else of Karat.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

namespace karat {

// Zero and nothing else; an Enclosure says so of [0, 0] alone.
template <class T>
bool is_exact_zero(const T& x) {
  return x == 0;
}

// max and min propagate NaN.  Enclosure says so of what was made from a NaN.
template <class T>
bool not_a_number(const T& x) {
  return x != x;
}

// Derivatives in n directions.  Without components it is zero in every direction.
template <class T>
struct Tangent {
  std::vector<T> along;

  Tangent() = default;
  explicit Tangent(int zero) { (void)zero; }
  explicit Tangent(std::vector<T> components) : along(std::move(components)) {}
  // The k-th of n unit directions.
  static Tangent unit(std::size_t n, std::size_t k) {
    Tangent t(std::vector<T>(n, T(0)));
    t.along[k] = T(1);
    return t;
  }
  T operator[](std::size_t k) const { return along.empty() ? T(0) : along[k]; }

  friend Tangent operator+(const Tangent& a, const Tangent& b) {
    if (a.along.empty()) return b;
    if (b.along.empty()) return a;
    return map(a, [&](std::size_t k) { return T(a.along[k] + b.along[k]); });
  }
  friend Tangent operator-(const Tangent& a, const Tangent& b) { return a + (-b); }
  friend Tangent operator-(const Tangent& a) {
    return map(a, [&](std::size_t k) { return T(-a.along[k]); });
  }
  friend Tangent operator*(const Tangent& a, const T& factor) {
    return map(a, [&](std::size_t k) { return is_exact_zero(a.along[k]) ? T(0) : T(a.along[k] * factor); });
  }
  friend Tangent operator/(const Tangent& a, const T& divisor) {
    return map(a, [&](std::size_t k) { return is_exact_zero(a.along[k]) ? T(0) : T(a.along[k] / divisor); });
  }
  friend bool is_exact_zero(const Tangent& a) { return a.along.empty(); }

 private:
  template <class F>
  static Tangent map(const Tangent& a, F f) {
    Tangent result;
    result.along.reserve(a.along.size());
    for (std::size_t k = 0; k < a.along.size(); ++k) result.along.push_back(f(k));
    return result;
  }
};

template <class T, class B = T>
struct Dual {
  T value{0};
  B derivative{0};

  Dual() = default;
  Dual(int constant) : value(constant) {}  // NOLINT: formulas write 1 + x
  explicit Dual(double constant) requires(!std::same_as<T, double>) : value(constant) {}
  Dual(T v) : value(std::move(v)) {}  // NOLINT: a constant, derivative 0
  Dual(T v, B d) : value(std::move(v)), derivative(std::move(d)) {}

  // (a + εb) + (c + εd) = (a + c) + ε(b + d)
  friend Dual operator+(const Dual& x, const Dual& y) {
    return {x.value + y.value, x.derivative + y.derivative};
  }
  friend Dual operator-(const Dual& x, const Dual& y) {
    return {x.value - y.value, x.derivative - y.derivative};
  }
  friend Dual operator-(const Dual& x) { return {-x.value, -x.derivative}; }
  // (a + εb)(c + εd) = ac + ε(bc + ad)
  friend Dual operator*(const Dual& x, const Dual& y) {
    return {x.value * y.value, scale(x.derivative, y.value) + scale(y.derivative, x.value)};
  }
  // (a + εb)/(c + εd) = a/c + ε(b − (a/c) d)/c
  friend Dual operator/(const Dual& x, const Dual& y) {
    const T ratio = x.value / y.value;
    return {ratio, over(x.derivative - scale(y.derivative, ratio), y.value)};
  }
  // f(a + εb) = f(a) + ε f'(a) b
  friend Dual exp(const Dual& x) {
    using std::exp;
    const T e = exp(x.value);
    return {e, scale(x.derivative, e)};
  }
  friend Dual expm1(const Dual& x) {
    using std::exp, std::expm1;
    return {expm1(x.value), scale(x.derivative, exp(x.value))};
  }
  friend Dual log(const Dual& x) {
    using std::log;
    return {log(x.value), over(x.derivative, x.value)};
  }
  friend Dual log1p(const Dual& x) {
    using std::log1p;
    return {log1p(x.value), over(x.derivative, 1 + x.value)};
  }
  friend Dual sqrt(const Dual& x) {
    using std::sqrt;
    const T root = sqrt(x.value);
    return {root, over(x.derivative, 2 * root)};
  }
  // At a tie max takes its second argument and min its first: with max(x, 0) and min(x, 0)
  // the derivative at 0 is that of the left side, as the catalogue decides.
  friend Dual max(const Dual& x, const Dual& y) {
    if (not_a_number(x) || not_a_number(y)) return not_a_number(x) ? x : y;
    return x.value > y.value ? x : y;
  }
  friend Dual min(const Dual& x, const Dual& y) {
    if (not_a_number(x) || not_a_number(y)) return not_a_number(x) ? x : y;
    return x.value > y.value ? y : x;
  }
  friend bool not_a_number(const Dual& x) { return not_a_number(x.value); }
  friend Dual abs(const Dual& x) {
    using std::abs;
    if (not_a_number(x) || x.value > 0) return x;
    if (x.value < 0) return -x;
    return {abs(x.value), B(0)};
  }

  friend bool operator<(const Dual& x, const Dual& y) { return x.value < y.value; }
  friend bool operator>(const Dual& x, const Dual& y) { return x.value > y.value; }
  friend bool operator<=(const Dual& x, const Dual& y) { return x.value <= y.value; }
  friend bool operator>=(const Dual& x, const Dual& y) { return x.value >= y.value; }

 private:
  // A constant has no derivative, whatever it is multiplied by: 0·∞ must not make a NaN.
  static B scale(const B& derivative, const T& factor) {
    return is_exact_zero(derivative) ? B(0) : B(derivative * factor);
  }
  static B over(const B& derivative, const T& divisor) {
    return is_exact_zero(derivative) ? B(0) : B(derivative / divisor);
  }
};

template <class T, class B>
bool is_exact_zero(const Dual<T, B>& x) {
  return is_exact_zero(x.value) && is_exact_zero(x.derivative);
}

}  // namespace karat
