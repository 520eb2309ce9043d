// SPDX-License-Identifier: MIT
// What row_norm.cpp shares out, and what its lanes (row_norm_lanes.cpp) make of a row.
#pragma once

#include <cstddef>

#include "kernels/normalization/moments.hpp"
#include "kernels/normalization/row_norm.hpp"

namespace karat::kernels {

// A row's numbers.  In narrow types the mean's tail is part of mean_g and, times r, of x̂: its tail.
struct RowCoefficients {
  Sum mean, r, mean_g, slope;
  double hat_tail = 0;
  double dy_scale = 1;
};

struct RowPiece {
  Piece piece;
  const double* beta = nullptr;
  double* column_sums = nullptr;  // dγ, dβ, each in one or two rows of pitch doubles
  RowCoefficients c;
};

// Whole rows of one block each.
struct RowsCall {
  const void *x, *dy;
  void* out;
  const double *gamma, *beta;
  double* column_sums;
  std::size_t length, pitch, rows;
  double eps;
  bool past_caches;
};

struct RowLanes {
  void (*sums)(const Piece&);
  void (*map)(const RowPiece&);
  void (*rows)(const RowsCall&);
};

template <bool kFull, bool kCentred, bool kBackward>
Moments moments_of_block(double n, double k, const double* sums) {
  const auto sum = [&](std::size_t s) { return kFull ? plus({sums[2 * s]}, {sums[2 * s + 1]}) : Sum{sums[s]}; };
  if constexpr (!kCentred) return {n, {}, sum(0), {}, kBackward ? sum(1) : Sum{}};
  return moments_of<kFull>(n, k, {sum(0), sum(1), kBackward ? sum(2) : Sum{}, kBackward ? sum(3) : Sum{}});
}

template <bool kFull, bool kCentred>
Moments merged(const Moments& a, const Moments& b) {
  if constexpr (kCentred) return merge<kFull>(a, b);
  return {a.n + b.n, {}, plus(a.squares, b.squares), {}, plus(a.products, b.products)};
}

template <bool kFull, bool kCentred, bool kBackward>
RowCoefficients coefficients_of(const Moments& m, double eps) {
  RowCoefficients c{m.mean, {}, {}, {}};
  if constexpr (kFull) {
    const Sum n = {m.n};
    c.r = reciprocal_deviation(m.squares, m.n, eps);
    if constexpr (kBackward && kCentred) c.mean_g = over(m.dy, n);
    if constexpr (kBackward) c.slope = over(times(times(c.r, c.r), m.products), n);
  } else {
    const double r = 1 / std::sqrt(m.squares.hi / m.n + eps), low = m.mean.lo;
    c.r = {r};
    if constexpr (kBackward) c.slope = {r * r * m.products.hi / m.n};
    if constexpr (kBackward && kCentred) c.mean_g = {low == 0 ? m.dy.hi / m.n : m.dy.hi / m.n - low * c.slope.hi};
    c.hat_tail = low == 0 ? 0 : -low * r;
  }
  return c;
}

// moments(dy_scale) are the row's.
template <bool kFull, bool kCentred, bool kBackward, class MomentsOf>
RowCoefficients coefficients_within_reach(const MomentsOf& moments, double eps) {
  const Moments plain = moments(1.0);
  if (!(kFull && kBackward) || within_reach(plain)) return coefficients_of<kFull, kCentred, kBackward>(plain, eps);
  RowCoefficients c = coefficients_of<kFull, kCentred, kBackward>(moments(kSmallDy), eps);
  c.dy_scale = kSmallDy;
  return c;
}

// Of the instruction set that this process uses.
const RowLanes& row_lanes(Storage storage, bool centred, bool backward);

}  // namespace karat::kernels
