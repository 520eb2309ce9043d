// SPDX-License-Identifier: MIT
// Draws for initializers and dropout.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "reference/random/philox.hpp"

namespace karat {

// On [0, 1): multiples of 2⁻⁵³, 0 included, 1 never.
constexpr double unit_interval(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}
inline double uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t n) {
  const auto w = random_words(seed, stream, n);
  return unit_interval(w[0], w[1]);
}
// Box & Muller 1958: √(−2 ln(1 − u)) cos 2πv; |z| ≤ √(2 · 53 ln 2) < 8.58.
inline double standard_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t n) {
  const auto w = random_words(seed, stream, n);
  return std::sqrt(-2 * std::log1p(-unit_interval(w[0], w[1]))) * std::cos(2 * std::numbers::pi * unit_interval(w[2], w[3]));
}
// Dropout's mask: kept with probability p.
inline bool kept(std::uint64_t seed, std::uint64_t stream, std::uint64_t n, double p) { return uniform(seed, stream, n) < p; }

}  // namespace karat
