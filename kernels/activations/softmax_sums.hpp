// SPDX-License-Identifier: MIT
// What is known of a row before softmax, log_softmax and their gradients are written.
#pragma once

#include <functional>

#include "kernels/rowwise.hpp"

namespace karat::kernels {

struct RowMaximum {
  Peak peak;
  double exponent = 0;  // of the second largest e^(x_j - max): a scale for the sum of the others
  // NaN where the row has no softmax: nothing finite in it, or +∞.
  bool valid() const { return std::isfinite(peak.max); }
};

// Sums over a row: of e_j, of e_j·δ_j, and of |e_j·δ_j|.
struct Sums {
  Sum s, t, t_magnitude;
};

inline Sums operator+(const Sums& a, const Sums& b) {
  return {a.s + b.s, a.t + b.t, a.t_magnitude + b.t_magnitude};
}

// t, or 0 where it is less than `noise` of its terms (see AddWithoutNoise).
inline Sum without_noise(const Sums& sums, double noise) {
  return std::fabs(sums.t.hi) < sums.t_magnitude.hi * noise ? Sum{} : sums.t;
}

RowMaximum find_row_maximum(const Row& row, int tensor);

// How much a caller may cancel: nothing beyond a double's digits, or to 94 bits.
enum class Digits { of_double, of_two };

// Σ_{j ≠ i*} e^(x_j - max), divided by 2^maximum.exponent.
Sum sum_of_others(const Row& row, int tensor, const RowMaximum& maximum, Digits digits);

}  // namespace karat::kernels
