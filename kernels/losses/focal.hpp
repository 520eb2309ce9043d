// SPDX-License-Identifier: MIT
// The attributes of focal loss as its lanes want them.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/losses/reduction.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels::focal {

enum Parameter {
  kDivisor,              // of dy; 1 for the loss itself
  kGamma,
  kTwiceGamma,           // where that is an integer up to 16, else -1
  kAlpha1,               // α_t of label 1
  kAlpha0, kAlpha0Low,   // and of label 0: 1 − α as an exact sum
};

inline void read(const Arguments& a, double* p) {
  const double gamma = a.number("gamma"), alpha = a.number("alpha");
  require(gamma >= 0 && std::isfinite(gamma), "gamma is not a finite number from 0 on");
  require(alpha == -1 || (alpha >= 0 && alpha <= 1), "alpha is neither -1 nor in [0, 1]");
  const Sum rest = two_sum(1, -alpha);
  p[kDivisor] = 1;
  p[kGamma] = gamma;
  p[kTwiceGamma] = gamma <= 8 && 2 * gamma == std::nearbyint(2 * gamma) ? 2 * gamma : -1;
  p[kAlpha1] = alpha < 0 ? 1 : alpha;
  p[kAlpha0] = alpha < 0 ? 1 : rest.hi;
  p[kAlpha0Low] = alpha < 0 ? 0 : rest.lo;
}
inline void prepare(const Arguments& a, std::int64_t, double* p) { read(a, p); }

}  // namespace karat::kernels::focal
