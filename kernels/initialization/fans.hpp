// SPDX-License-Identifier: MIT
// Widths of initial weights after Glorot and Bengio.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/arguments.hpp"

namespace karat::kernels {

// √(factor/(n_in + n_out)), rounded once.
inline double root_over_fans(int factor, const Arguments& a) {
  const std::int64_t in = a.integer("n_in"), out = a.integer("n_out");
  require(in >= 1 && out >= 1, "n_in and n_out are 1 or more");
  return static_cast<double>(std::sqrt(factor / (static_cast<long double>(in) + static_cast<long double>(out))));
}

}  // namespace karat::kernels
