// SPDX-License-Identifier: MIT
// Complex numbers over any real number type, for the complex step: f'(x) = Im f(x + ih)/h without
// cancellation.  Functions are continued from the real axis: a comparison, abs, max and min
// look at the real part.  Needs nothing else of Karat.
#pragma once

#include <cmath>
#include <concepts>
#include <utility>

namespace karat {

template <class T>
struct Complex {
  T value{0}, imaginary{0};

  Complex() = default;
  Complex(int constant) : value(constant) {}  // NOLINT: formulas write 1 + x
  explicit Complex(double constant) requires(!std::same_as<T, double>) : value(constant) {}
  explicit Complex(T re) : value(std::move(re)) {}
  Complex(T re, T im) : value(std::move(re)), imaginary(std::move(im)) {}

  friend Complex operator+(const Complex& x, const Complex& y) { return {T(x.value + y.value), T(x.imaginary + y.imaginary)}; }
  friend Complex operator-(const Complex& x, const Complex& y) { return {T(x.value - y.value), T(x.imaginary - y.imaginary)}; }
  friend Complex operator-(const Complex& x) { return {T(-x.value), T(-x.imaginary)}; }
  friend Complex operator*(const Complex& x, const Complex& y) {
    return {T(x.value * y.value - x.imaginary * y.imaginary), T(x.value * y.imaginary + x.imaginary * y.value)};
  }
  friend Complex operator/(const Complex& x, const Complex& y) {
    const T square = y.value * y.value + y.imaginary * y.imaginary;
    return {T((x.value * y.value + x.imaginary * y.imaginary) / square), T((x.imaginary * y.value - x.value * y.imaginary) / square)};
  }
  // e^(a + ib) = e^a (cos b + i sin b)
  friend Complex exp(const Complex& x) {
    using std::exp, std::cos, std::sin;
    const T size = exp(x.value);
    return {T(size * cos(x.imaginary)), T(size * sin(x.imaginary))};
  }
  // e^(a + ib) − 1 = (e^a − 1) cos b − 2 sin²(b/2) + i e^a sin b
  friend Complex expm1(const Complex& x) {
    using std::exp, std::expm1, std::cos, std::sin;
    const T half = sin(T(x.imaginary / 2));
    return {T(expm1(x.value) * cos(x.imaginary) - 2 * half * half), T(exp(x.value) * sin(x.imaginary))};
  }
  friend Complex log(const Complex& x) {
    using std::log, std::atan2;
    return {T(log(T(x.value * x.value + x.imaginary * x.imaginary)) / 2), T(atan2(x.imaginary, x.value))};
  }
  // |1 + z|² = 1 + a(2 + a) + b²
  friend Complex log1p(const Complex& x) {
    using std::log1p, std::atan2;
    return {T(log1p(T(x.value * (2 + x.value) + x.imaginary * x.imaginary)) / 2), T(atan2(x.imaginary, T(1 + x.value)))};
  }
  friend Complex sqrt(const Complex& x) {
    using std::sqrt;
    const T size = sqrt(T(x.value * x.value + x.imaginary * x.imaginary));
    if (!(x.value < 0)) {
      const T re = sqrt(T((size + x.value) / 2));
      return {re, re == 0 ? T(0) : T(x.imaginary / (2 * re))};
    }
    const T im = sqrt(T((size - x.value) / 2));
    return {T(abs_of(x.imaginary) / (2 * im)), x.imaginary < 0 ? T(-im) : im};
  }
  friend Complex abs(const Complex& x) { return x.value < 0 ? -x : x; }
  friend Complex max(const Complex& x, const Complex& y) { return x.value > y.value ? x : y; }
  friend Complex min(const Complex& x, const Complex& y) { return x.value > y.value ? y : x; }

  friend bool operator<(const Complex& x, const Complex& y) { return x.value < y.value; }
  friend bool operator>(const Complex& x, const Complex& y) { return x.value > y.value; }
  friend bool operator<=(const Complex& x, const Complex& y) { return x.value <= y.value; }
  friend bool operator>=(const Complex& x, const Complex& y) { return x.value >= y.value; }

 private:
  static T abs_of(const T& x) { return x < 0 ? T(-x) : x; }
};

template <class T>
bool is_exact_zero(const Complex<T>& x) {
  return x.value == 0 && x.imaginary == 0;
}

}  // namespace karat
