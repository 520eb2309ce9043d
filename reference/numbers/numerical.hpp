// SPDX-License-Identifier: MIT
// Numerical differentiation of f at x, over any number type.  (23) of the seed is the forward
// difference.  Errors fall with a power of the step h, the order, until rounding takes over:
//
//   forward_difference    (f(x + h) − f(x))/h                      order 1
//   central_difference    (f(x + h) − f(x − h))/(2h)               order 2
//   richardson            central at h, h/2, …, h/2ⁿ⁻¹, combined   order 2n
//   complex_step          Im f(x + ih)/h, no cancellation          order 2
//
// Needs nothing else of Karat but complex.hpp.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "reference/numbers/complex.hpp"

namespace karat {

template <class F, class T>
T forward_difference(const F& f, const T& x, const T& h) {
  return (f(T(x + h)) - f(x)) / h;
}

template <class F, class T>
T central_difference(const F& f, const T& x, const T& h) {
  return (f(T(x + h)) - f(T(x - h))) / (2 * h);
}

// Richardson's extrapolation of the central difference over `levels` ≥ 1 halvings.
template <class F, class T>
T richardson(const F& f, const T& x, const T& h, std::size_t levels) {
  if (levels < 1) throw std::invalid_argument("richardson: expected at least 1 level, got 0");
  std::vector<T> row;
  T step = h;
  for (std::size_t n = 0; n < levels; ++n, step = step / 2) {
    T next = central_difference(f, x, step);
    T factor(4);
    for (T& before : row) {
      const T better = next + (next - before) / (factor - 1);
      before = next;
      next = better;
      factor = factor * 4;
    }
    row.push_back(next);
  }
  return row.back();
}

// f takes and gives Complex<T>.
template <class F, class T>
T complex_step(const F& f, const T& x, const T& h) {
  return f(Complex<T>(x, h)).imaginary / h;
}

// The order that errors show: log₂ of what halving the step divides the error by.
// `approximate(h)` against the derivative `truth`; NaN if an error is 0.
template <class Approximate, class T>
double measured_order(const Approximate& approximate, const T& truth, const T& h) {
  using std::abs, std::log;
  const T coarse = abs(T(approximate(h) - truth)), fine = abs(T(approximate(T(h / 2)) - truth));
  return static_cast<double>(T(log(T(coarse / fine)) / log(T(2))));
}

}  // namespace karat
