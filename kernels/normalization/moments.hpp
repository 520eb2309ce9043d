// SPDX-License-Identifier: MIT
// Means, and sums of squares and products about them, block by block: what normalizations need of a channel or row.
//
// A block of at most 4096 elements (down columns: 15360) is summed about one of them, K: S = Σ(x − K), Q = Σ(x − K)²,
// and with dy T = Σdy, P = Σ(x − K)dy.  Then mean = K + S/n, Σ(x − mean)² = (nQ − S²)/n, Σ(x − mean)dy = (nP − ST)/n.
// For an element of the sample |K − mean|² < n·σ² (Samuelson 1968), so Q < n·Σ(x − mean)²: of the bits of Q at most
// 14 are lost.  Blocks are merged by the formula of Chan, Golub & LeVeque (1983), which only adds squares.
//
// f32, f16, bf16: x − K to 2^-53 of itself, sums in double, of up to 2048 terms one after the other: a variance to
// 2^-28 in the worst case and 2^-45 in others, at any mean.  f64: x − K exactly, sums in pairs of doubles: 2^-80, as
// long as (x − K)² is inside the range of a double.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/elementwise.hpp"
#include "kernels/sum.hpp"
#include "plugins/karat_plugin.h"

namespace karat::kernels {

// How lanes see elements: f64 as they are, in pairs of doubles; f32 as they are; f16 and bf16 widened to doubles.
enum class Storage { doubles, floats, widened };
constexpr Storage storage_of(std::int32_t dtype) {
  return dtype == KARAT_F64 ? Storage::doubles : dtype == KARAT_F32 ? Storage::floats : Storage::widened;
}

constexpr std::int64_t whole_groups(std::int64_t n) {
  constexpr auto group = static_cast<std::int64_t>(kLaneGroup);
  return (n + group - 1) / group * group;
}

// Elements that are widened at a time, and of a block.
inline constexpr std::int64_t kWidened = 1024;
constexpr std::int64_t block_elements(Storage storage) { return storage == Storage::widened ? kWidened : 4096; }

// An output of more bytes than caches hold goes past them, so that what is read stays there.
inline constexpr std::int64_t kPastCaches = std::int64_t{16} << 20;

// Arithmetic of sums.hpp where a result may leave the range: its tail is then 0 and not a NaN.
inline Sum times(Sum a, Sum b) {
  const double hi = a.hi * b.hi;
  return std::isfinite(hi) ? a * b : Sum{hi, 0};
}
inline Sum plus(Sum a, Sum b) { return add_terms(a, b); }
inline Sum minus(Sum a, Sum b) { return add_terms(a, -b); }
inline Sum over(Sum a, Sum b) {
  const double q = a.hi / b.hi;
  if (!std::isfinite(q) || !std::isfinite(b.hi)) return {q, 0};
  return two_sum(q, (std::fma(-q, b.hi, a.hi) + (a.lo - q * b.lo)) / b.hi);
}
// 1/√v: with e = 1 − v·r², r·(1 + e/2) has an error of 3/8·e² < 2^-104.
inline Sum reciprocal_root(Sum v) {
  const double r = 1 / std::sqrt(v.hi);
  const double e = (Sum{1} + -(Sum{r} * Sum{r} * v)).hi;
  return std::isfinite(e) ? two_sum(r, r * 0.5 * e) : Sum{r, 0};
}

// 1/√(squares/n + ε); NaN where squares left the range: then it is not known.
inline Sum reciprocal_deviation(Sum squares, double n, double eps) {
  if (std::isinf(squares.hi)) return {std::numeric_limits<double>::quiet_NaN()};
  return reciprocal_root(plus(over(squares, {n}), {eps}));
}

// Elements of a block: `count` pieces of `length`, `stride` elements from one to the next, and to what comes after.
struct Piece {
  const void* x = nullptr;
  const void* dy = nullptr;
  void* out = nullptr;
  std::size_t length = 0, count = 1;
  std::int64_t stride = 0;
  double k = 0;                   // what x is taken about along a block
  const double* gamma = nullptr;  // as many as length, and up to whole groups
  const double* c = nullptr;      // coefficients, or what x is taken about in each column
  std::size_t pitch = 1;               // from one coefficient, or sum, of a column to its next
  double* sums = nullptr;
  double dy_scale = 1;       // f64: what dy is multiplied by first
  bool past_caches = false;  // stores of aligned vectors
};

struct Moments {
  double n = 0;
  Sum mean, squares;  // of x: the mean, Σ(x − mean)²
  Sum dy, products;   // Σdy, Σ(x − mean)dy
};

// Where dy is so large that sums leave the range of a double, although means do not, f64 takes this of it.
inline constexpr double kSmallDy = 0x1p-128;
inline bool within_reach(const Moments& m) { return std::fabs(m.dy.hi) < 0x1p900 && std::fabs(m.products.hi) < 0x1p900; }

// Of a block, from its sums about k.  Where n times a result is a number of few bits, nothing is rounded.
struct BlockSums {
  Sum s, q, t, p;
};
// (nq − st)/n, q less what the mean has of it.
inline Sum central(Sum n, Sum q, Sum s, Sum t) {
  const Sum exact = over(minus(times(n, q), times(s, t)), n);
  return std::isfinite(exact.hi) ? exact : minus(q, times(s, over(t, n)));
}
template <bool kFull>
Moments moments_of(double n, double k, const BlockSums& b) {
  if constexpr (kFull) {
    const Sum count = {n};
    return {n, plus({k}, over(b.s, count)), central(count, b.q, b.s, b.s), b.t, central(count, b.p, b.s, b.t)};
  } else {
    return {n, two_sum(k, b.s.hi / n), {(n * b.q.hi - b.s.hi * b.s.hi) / n}, b.t, {(n * b.p.hi - b.s.hi * b.t.hi) / n}};
  }
}

template <bool kFull>
Moments merge(const Moments& a, const Moments& b) {
  if (a.n == 0) return b;
  const double n = a.n + b.n;
  if constexpr (kFull) {
    const Sum share = over({b.n}, {n}), x = minus(b.mean, a.mean);
    const Sum dy = over(minus(times({a.n}, b.dy), times({b.n}, a.dy)), {n});
    return {n, plus(a.mean, times(x, share)), plus(plus(a.squares, b.squares), times(times(x, x), times(share, {a.n}))), plus(a.dy, b.dy),
            plus(plus(a.products, b.products), times(x, dy))};
  } else {
    const double share = b.n / n, x = (b.mean.hi - a.mean.hi) + (b.mean.lo - a.mean.lo);
    const Sum mean = two_sum(a.mean.hi, x * share);
    return {n, {mean.hi, mean.lo + a.mean.lo}, {a.squares.hi + b.squares.hi + x * x * (share * a.n)}, {a.dy.hi + b.dy.hi},
            {a.products.hi + b.products.hi + x * ((a.n * b.dy.hi - b.n * a.dy.hi) / n)}};
  }
}

}  // namespace karat::kernels
