// SPDX-License-Identifier: MIT
// Power series in one variable d, cut off after N terms: Taylor arithmetic.  A formula over
// Jet<T, N> at x = c + d gives f⁽ᵏ⁾(c)/k! for all k < N at once.  With T = Enclosure and c a
// ball, coefficient k holds f⁽ᵏ⁾(ξ)/k! for every ξ in it: Lagrange's remainder.
// Comparisons look at the constant term; a branch that the series leaves at d = 0 is Undecided.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>

#include "reference/numbers/dual.hpp"
#include "reference/numbers/enclosure.hpp"

namespace karat {

template <class T, std::size_t N>
class Jet {
 public:
  Jet() : Jet(0) {}
  Jet(int constant) : Jet(T(constant)) {}  // NOLINT: formulas write 1 + x
  explicit Jet(double constant) requires(!std::same_as<T, double>) : Jet(T(constant)) {}
  explicit Jet(T constant) : used_(1) { c_[0] = std::move(constant); }
  // center + d
  static Jet variable(T center) {
    Jet x(std::move(center));
    x.c_[1] = T(1);
    x.used_ = 2;
    return x;
  }
  // The coefficient of d^k.
  const T& operator[](std::size_t k) const { return c_[k]; }

  friend Jet operator+(const Jet& x, const Jet& y) {
    return each(std::max(x.used_, y.used_), [&](const Jet&, std::size_t k) { return T(x.c_[k] + y.c_[k]); });
  }
  friend Jet operator-(const Jet& x, const Jet& y) {
    return each(std::max(x.used_, y.used_), [&](const Jet&, std::size_t k) { return T(x.c_[k] - y.c_[k]); });
  }
  friend Jet operator-(const Jet& x) {
    return each(x.used_, [&](const Jet&, std::size_t k) { return T(-x.c_[k]); });
  }
  friend Jet operator*(const Jet& x, const Jet& y) {
    if (is_exact_zero(x) || is_exact_zero(y)) return each(1, [&](const Jet&, std::size_t) { return T(x.c_[0] * y.c_[0]); });
    return each(x.used_ + y.used_ - 1, [&](const Jet&, std::size_t k) { return product(x, y, k, 0); });
  }
  // q y = x
  friend Jet operator/(const Jet& x, const Jet& y) {
    return each(y.used_ == 1 ? x.used_ : N, [&](const Jet& q, std::size_t k) {
      return T((k == 0 ? x.c_[0] : T(x.c_[k] - product(y, q, k, 1))) / y.c_[0]);
    });
  }
  // e' = x' e
  friend Jet exp(const Jet& x) {
    using std::exp;
    return each(x.used_ == 1 ? 1 : N, [&](const Jet& e, std::size_t k) { return k == 0 ? T(exp(x.c_[0])) : T(weighted(x, e, k) / T(static_cast<int>(k))); });
  }
  friend Jet expm1(const Jet& x) {
    using std::expm1;
    Jet y = exp(x);
    y.c_[0] = expm1(x.c_[0]);
    return y;
  }
  friend Jet log(const Jet& x) {
    using std::log;
    return logarithm(x, x.c_[0], T(log(x.c_[0])));
  }
  friend Jet log1p(const Jet& x) {
    using std::log1p;
    return logarithm(x, T(1) + x.c_[0], T(log1p(x.c_[0])));
  }
  // r² = x
  friend Jet sqrt(const Jet& x) {
    using std::sqrt;
    return each(x.used_ == 1 ? 1 : N, [&](const Jet& r, std::size_t k) {
      if (k == 0) return T(sqrt(x.c_[0]));
      T rest = x.c_[k];
      for (std::size_t j = 1; j < k; ++j) rest = rest - r.c_[j] * r.c_[k - j];
      return T(rest / (T(2) * r.c_[0]));
    });
  }
  friend Jet max(const Jet& x, const Jet& y) { return first_is_greater(x, y) ? x : y; }
  friend Jet min(const Jet& x, const Jet& y) { return first_is_greater(x, y) ? y : x; }
  friend Jet abs(const Jet& x) { return first_is_greater(x, Jet(0)) ? x : -x; }

  friend bool operator<(const Jet& x, const Jet& y) { return x.c_[0] < y.c_[0]; }
  friend bool operator>(const Jet& x, const Jet& y) { return x.c_[0] > y.c_[0]; }
  friend bool operator<=(const Jet& x, const Jet& y) { return x.c_[0] <= y.c_[0]; }
  friend bool operator>=(const Jet& x, const Jet& y) { return x.c_[0] >= y.c_[0]; }
  // Zero for every d.
  friend bool is_exact_zero(const Jet& x) { return x.used_ == 1 && is_exact_zero(x.c_[0]); }
  friend bool not_a_number(const Jet& x) { return not_a_number(x.c_[0]); }
  friend bool is_nan(const Jet& x) { return not_a_number(x.c_[0]); }

 private:
  // coefficient(the series so far, k) for k = 0, 1, … below `used`.
  template <class F>
  static Jet each(std::size_t used, const F& coefficient) {
    Jet result(Uninitialized{});
    result.used_ = used < N ? used : N;
    for (std::size_t k = 0; k < result.used_; ++k) result.c_[k] = coefficient(result, k);
    return result;
  }
  // Σ x_j y_{k−j} over j ≥ first.
  static T product(const Jet& x, const Jet& y, std::size_t k, std::size_t first) {
    T sum(0);
    for (std::size_t j = first; j <= k && j < x.used_; ++j)
      if (k - j < y.used_) sum = sum + x.c_[j] * y.c_[k - j];
    return sum;
  }
  // Σ j x_j y_{k−j} over j > 0.
  static T weighted(const Jet& x, const Jet& y, std::size_t k) {
    T sum(0);
    for (std::size_t j = 1; j <= k && j < x.used_; ++j) sum = sum + T(static_cast<int>(j)) * x.c_[j] * y.c_[k - j];
    return sum;
  }
  // l' (inner) = x', where `inner` is what the logarithm is of, at d = 0.
  static Jet logarithm(const Jet& x, const T& inner, T value) {
    return each(x.used_ == 1 ? 1 : N, [&](const Jet& l, std::size_t k) {
      if (k == 0) return value;
      T sum(0);
      for (std::size_t j = 1; j < k; ++j)
        if (k - j < x.used_) sum = sum + T(static_cast<int>(j)) * l.c_[j] * x.c_[k - j];
      return T((x.c_[k] - sum / T(static_cast<int>(k))) / inner);
    });
  }
  // Of two series that are equal at d = 0 the greater one changes there.
  static bool first_is_greater(const Jet& x, const Jet& y) {
    const bool greater = x.c_[0] > y.c_[0];
    if (!greater && (x.used_ > 1 || y.used_ > 1) && !(x.c_[0] < y.c_[0])) throw Undecided{};
    return greater;
  }

  struct Uninitialized {};
  explicit Jet(Uninitialized) : used_(1) {}
  std::array<T, N> c_{};
  std::size_t used_;  // coefficients beyond are exactly 0
};

}  // namespace karat
