// SPDX-License-Identifier: MIT
// What formulas call beyond + − × ÷, exp, log, sqrt and comparisons, over any number type.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "reference/numbers/compensated.hpp"
#include "reference/numbers/complex.hpp"
#include "reference/numbers/dual.hpp"
#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/priced.hpp"
#include "reference/numbers/real.hpp"
#include "reference/numbers/symbol.hpp"
#include "reference/numbers/tape.hpp"

namespace karat {

inline Real max(const Real& x, const Real& y) { return x > y || x != x ? x : y; }
inline Real min(const Real& x, const Real& y) { return x > y || y != y ? y : x; }

// The number that is carried, without derivatives.
template <class T>
const T& plain_value(const T& x) {
  return x;
}
template <class T>
const auto& plain_value(const Complex<T>& x) {
  return plain_value(x.value);
}
template <class T, class B>
const auto& plain_value(const Dual<T, B>& x) {
  return plain_value(x.value);
}
template <class T>
const auto& plain_value(const Taped<T>& x) {
  return plain_value(x.value);
}

// x is 0, whatever its derivative: a term that vanishes.
template <class T>
bool vanishes(const T& x) {
  return is_exact_zero(plain_value(x));
}

inline bool is_nan(const Real& x) { return x != x; }
inline bool is_nan(double x) { return x != x; }
// True of what was made from a NaN, not of a wide ball.
inline bool is_nan(const Enclosure& x) { return x.is_nan(); }
inline bool is_nan(const Compensated& x) { return not_a_number(x); }
template <class T>
bool is_nan(const T& x) requires requires { x.value; }
{
  return is_nan(plain_value(x));
}

// An index, target or label that came as a number; it must be an integer.
template <class T>
std::int64_t to_index(const T& x) {
  const auto& v = plain_value(x);
  if constexpr (std::is_same_v<std::remove_cvref_t<decltype(v)>, Enclosure>)
    return static_cast<std::int64_t>(v.midpoint());
  else if constexpr (requires { v[0]; })  // a power series
    return to_index(v[0]);
  else
    return static_cast<std::int64_t>(v);
}

// Σ of the elements.
template <class T>
T sum(const std::vector<T>& terms) {
  T total(0);
  for (const T& term : terms) total = total + term;
  return total;
}

// A sum that grows term by term.  What it costs does not depend on their order.
template <class T>
class Sum {
 public:
  void add(const T& term) { total_ = total_ + term; }
  T total() const { return total_; }

 private:
  T total_{0};
};
template <>
class Sum<Priced> {
 public:
  void add(const Priced& term) { terms_.push_back(term); }
  Priced total() const { return sum(terms_); }

 private:
  std::vector<Priced> terms_;
};

template <>
class Sum<Compensated> : public CompensatedSum {};

// x^n by multiplication, n ≥ 0.
template <class T>
T power(const T& x, std::int64_t n) {
  T result(1), square = x;
  for (; n > 0; n >>= 1) {
    if (n & 1) result = result * square;
    if (n > 1) square = square * square;
  }
  return result;
}

// x^y for x ≥ 0: x^0 = 1, 0^y = 0 for y > 0.
template <class T>
T pow(const T& x, const T& y) {
  if (vanishes(y)) return T(1);
  if (vanishes(x)) return T(0);
  return exp(y * log(x));
}

// x log y, and 0 where x = 0: 0 · log 0 = 0.
template <class T>
T xlogy(const T& x, const T& y) {
  if (vanishes(x)) return T(0);
  return x * log(y);
}

}  // namespace karat
