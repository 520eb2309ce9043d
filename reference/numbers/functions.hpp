// SPDX-License-Identifier: MIT
// What formulas call, for number types that lack it: max, min and abs of Real, and the mixed
// forms max(x, 0).  An Enclosure and a Dual bring their own.
#pragma once

#include <type_traits>
#include <vector>

#include "reference/numbers/dual.hpp"
#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/real.hpp"

namespace karat {

inline Real max(const Real& x, const Real& y) { return x > y ? x : y; }
inline Real min(const Real& x, const Real& y) { return x > y ? y : x; }

// Σ of the elements.
template <class T>
T sum(const std::vector<T>& terms) {
  T total(0);
  for (const T& term : terms) total = total + term;
  return total;
}

}  // namespace karat
