// SPDX-License-Identifier: MIT
// The values that a kernel is timed on: usual ones, as the row says.
#pragma once

#include <cstdint>
#include <string>

#include "reference/exact.hpp"

namespace karat::bench {

// Numbers uniform over the row's typical ones within [-8, 8]; of an index input, integers of its domain,
// or below the largest extent of another input that the operator takes.  Throws Refused if the operator
// takes none of them.
Question drawn(const Operator& op, const Format& f, const Shapes& inputs, const Attributes& attributes, std::uint64_t seed);

}  // namespace karat::bench
