// SPDX-License-Identifier: MIT
// Enclosures of whole ranges, and their ends as doubles.
#pragma once

#include "reference/numbers/enclosure.hpp"

namespace karat {

// A ball that holds every number from low to high.  Exact ends at any working precision.
Enclosure hull(const Enclosure& low, const Enclosure& high);

// The smallest double that no number inside exceeds (+∞ for an unbounded one), and the greatest
// that none falls below.
double upper_double(const Enclosure& x);
double lower_double(const Enclosure& x);

}  // namespace karat
