// SPDX-License-Identifier: MIT
// How far a result is off, to nine digits: for figures and searches.  Verdicts are by acceptance.hpp.
#pragma once

#include <optional>

#include "reference/exact.hpp"

namespace karat::properties {

// |got − y| / ulp(y) of a question of one output element; y on the side of a power of two that the
// row's strict bounds say.  nullopt: got is no number, the row decides alone, or y has no such figure.
std::optional<double> error_in_ulps(const Question& question, Bits got);

}  // namespace karat::properties
