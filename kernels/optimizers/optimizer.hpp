// SPDX-License-Identifier: MIT
// Attributes that steps of optimizers share.  Each is refused outside of its domain.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/arguments.hpp"

namespace karat::kernels {

inline double learning_rate(const Arguments& a) {
  const double eta = a.number("eta");
  require(std::isfinite(eta), "eta is not finite");
  return eta;
}

// Rates of decay and momenta.
inline double fraction(const Arguments& a, const char* name) {
  const double value = a.number(name);
  require(value >= 0 && value <= 1, "a rate is not from 0 to 1");
  return value;
}

inline double weight_decay(const Arguments& a) {
  const double lambda = a.number("weight_decay");
  require(lambda >= 0 && std::isfinite(lambda), "weight_decay is negative or not finite");
  return lambda;
}

inline double epsilon(const Arguments& a) {
  const double eps = a.number("eps");
  require(eps >= 0 && std::isfinite(eps), "eps is negative or not finite");
  return eps;
}

inline std::int64_t step_number(const Arguments& a) {
  const std::int64_t t = a.integer("t");
  require(t >= 1, "the first step is number 1");
  return t;
}

// √(s + inner) + outer: one of them is ε, the other 0.
struct RootEpsilon {
  double inner, outer;
};
inline RootEpsilon root_epsilon(const Arguments& a) {
  const double eps = epsilon(a);
  const bool inside = a.is("eps_placement", "inside");
  require(inside || a.is("eps_placement", "outside"), "eps_placement is outside or inside");
  return inside ? RootEpsilon{eps, 0} : RootEpsilon{0, eps};
}

}  // namespace karat::kernels
