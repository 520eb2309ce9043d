// SPDX-License-Identifier: MIT
// The cases that a kernel is tried on.  They follow from the operator's row, the kernel's
// capabilities and the seed alone.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "properties/case.hpp"

namespace karat::properties {

// Zeros, ones, the ends of the subnormal and normal ranges, infinities, NaNs.
std::vector<Bits> special_values(const Format& f, bool infinities);
// What every input of this row is tried with: specials, the row's directed values and their
// neighbours, and random values (dense where the row says, over all bits, short dyadics).
std::vector<Bits> value_pool(const Format& f, const InputRow& row, std::size_t random_values,
                             std::uint64_t seed);

// Sets of attributes to try: the standard one first.
std::vector<Attributes> attribute_sets(const Operator& op);

// Dense, one thread, against the guard page behind it.
Layout base_layout(const host::KernelRow& kernel, const Format& f, const Question& question);

struct Plan {
  std::vector<Case> cases;
  bool exhaustive = false;  // all 2^16 values of a unary 16-bit operator are among them
};
// How the inputs of an example are drawn: usual values; the row's directed ones among them; all
// within a few units of each other; NaN, infinities, zeros and extremes among them; small integers and
// powers of two, on which sums and products are exact in whatever order; zeros in all tensors, in the first at every other place;
// a NaN as the last element of one tensor, where vectors have their remainders.  What an example gives it keeps,
// but for `close`, which moves it a little where that is allowed.
enum class Fill { usual, directed, close, special, small, zeros, nan_at_end };
constexpr std::size_t fills = 7;
Question filled(const Operator& op, const Format& f, const Example& example, Fill fill, std::uint64_t seed);

Plan plan(const Operator& op, const Format& f, const host::KernelRow& kernel, std::uint64_t seed);

}  // namespace karat::properties
