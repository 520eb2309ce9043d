// SPDX-License-Identifier: MIT
// Dual numbers a + εb with ε² = 0: forward-mode differentiation.  (24)–(27) of the seed.
// Works over any number type that has the functions used here.
#pragma once

#include <utility>

namespace karat {

// Zero and nothing else; an Enclosure says so of [0, 0] alone.
template <class T>
bool is_exact_zero(const T& x) {
  return x == 0;
}

template <class T>
struct Dual {
  T value{0};
  T derivative{0};

  Dual() = default;
  Dual(int constant) : value(constant) {}  // NOLINT: formulas write 1 + x
  Dual(T v) : value(std::move(v)) {}       // NOLINT: a constant, derivative 0
  Dual(T v, T d) : value(std::move(v)), derivative(std::move(d)) {}

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
    return {ratio, (x.derivative - scale(y.derivative, ratio)) / y.value};
  }
  // f(a + εb) = f(a) + ε f'(a) b
  friend Dual exp(const Dual& x) {
    const T e = exp(x.value);
    return {e, scale(x.derivative, e)};
  }
  friend Dual expm1(const Dual& x) { return {expm1(x.value), scale(x.derivative, exp(x.value))}; }
  friend Dual log(const Dual& x) { return {log(x.value), x.derivative / x.value}; }
  friend Dual log1p(const Dual& x) { return {log1p(x.value), x.derivative / (1 + x.value)}; }
  friend Dual sqrt(const Dual& x) {
    const T root = sqrt(x.value);
    return {root, x.derivative / (2 * root)};
  }
  // At a tie max takes its second argument and min its first: with max(x, 0) and min(x, 0)
  // the derivative at 0 is that of the left side, as the catalogue decides.
  friend Dual max(const Dual& x, const Dual& y) { return x.value > y.value ? x : y; }
  friend Dual min(const Dual& x, const Dual& y) { return x.value > y.value ? y : x; }
  friend Dual abs(const Dual& x) {
    if (x.value > 0) return x;
    if (x.value < 0) return -x;
    return {abs(x.value), T(0)};
  }

  friend bool operator<(const Dual& x, const Dual& y) { return x.value < y.value; }
  friend bool operator>(const Dual& x, const Dual& y) { return x.value > y.value; }
  friend bool operator<=(const Dual& x, const Dual& y) { return x.value <= y.value; }
  friend bool operator>=(const Dual& x, const Dual& y) { return x.value >= y.value; }

 private:
  // A constant has no derivative, whatever it is multiplied by: 0·∞ must not make a NaN.
  static T scale(const T& derivative, const T& factor) {
    return is_exact_zero(derivative) ? T(0) : T(derivative * factor);
  }
};

template <class T>
bool is_exact_zero(const Dual<T>& x) {
  return is_exact_zero(x.value) && is_exact_zero(x.derivative);
}

}  // namespace karat
