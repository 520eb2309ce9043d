// SPDX-License-Identifier: MIT
// Enclosures of whole ranges, and enclosures as doubles.
#pragma once

#include "reference/numbers/enclosure.hpp"

namespace karat {

// A ball that holds every number from low to high.  Exact ends at any working precision.
Enclosure hull(const Enclosure& low, const Enclosure& high);

// The smallest double that no number inside exceeds (+∞ for an unbounded one), and the greatest
// that none falls below.
double upper_double(const Enclosure& x);
double lower_double(const Enclosure& x);

// Every number inside lies within `radius` of high + low; not finite if there is no such double.
struct Parts {
  double high = 0, low = 0, radius = 0;
};
Parts parts(const Enclosure& x);

}  // namespace karat
