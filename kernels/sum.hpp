// SPDX-License-Identifier: MIT
// Sums of two doubles, one number at a time; double_double-inl.h has them in lanes.
#pragma once

#include <algorithm>
#include <cmath>

namespace karat::kernels {

// An unevaluated sum of two doubles, about 106 bits.
struct Sum {
  double hi = 0, lo = 0;
};

inline Sum two_sum(double a, double b) {
  const double hi = a + b, part = hi - a;
  return {hi, (a - (hi - part)) + (b - part)};
}

inline Sum operator+(Sum a, Sum b) {
  const Sum high = two_sum(a.hi, b.hi), low = two_sum(a.lo, b.lo);
  const Sum head = two_sum(high.hi, high.lo + low.hi);
  return two_sum(head.hi, low.lo + head.lo);
}

// A partial sum that left the range stays what it is: its tail would make a NaN of it.
inline double total(Sum a) { return std::isfinite(a.hi) ? a.hi + a.lo : a.hi; }
inline Sum add_terms(Sum a, Sum b) {
  const double hi = a.hi + b.hi;
  return std::isfinite(hi) ? a + b : Sum{hi, 0};
}

inline Sum operator-(Sum a) { return {-a.hi, -a.lo}; }

inline Sum operator*(Sum a, Sum b) {
  const double hi = a.hi * b.hi;
  return two_sum(hi, std::fma(a.hi, b.hi, -hi) + (a.hi * b.lo + a.lo * b.hi));
}

// 0.5 ulp and 2^-100: what is left of n after the first quotient is divided too.
inline double quotient(Sum n, Sum d) {
  const double q = n.hi / d.hi;
  return q + (std::fma(-q, d.hi, n.hi) + (n.lo - q * d.lo)) / d.hi;
}

inline Sum scale(Sum a, double exponent) {
  const int e = static_cast<int>(std::clamp(exponent, -6000.0, 6000.0));
  return {std::ldexp(a.hi, e), std::ldexp(a.lo, e)};
}

// m·2^e, with 1 <= |m.hi| < 2, or zero with an exponent below all others.
struct WideSum {
  Sum m;
  double e;
};

inline constexpr double kExponentOfZero = -20000;

inline WideSum normalised(Sum s, double exponent = 0) {
  if (s.hi == 0 || !std::isfinite(s.hi)) return {s, s.hi == 0 ? kExponentOfZero : 0.0};
  const int e = std::ilogb(s.hi);
  return {scale(s, -e), exponent + e};
}

inline WideSum operator+(const WideSum& a, const WideSum& b) {
  const double e = std::max(a.e, b.e);
  return normalised(scale(a.m, a.e - e) + scale(b.m, b.e - e), e);
}

inline WideSum operator-(const WideSum& a) { return {-a.m, a.e}; }

inline WideSum operator*(const WideSum& a, const WideSum& b) { return normalised(a.m * b.m, a.e + b.e); }

inline double value(const WideSum& a) {
  const double e = std::clamp(a.e, -6000.0, 6000.0);
  return std::ldexp(a.m.hi + a.m.lo, static_cast<int>(e));
}

}  // namespace karat::kernels
