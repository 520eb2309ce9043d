// SPDX-License-Identifier: MIT
// Whether a case can show anything: a wrong kernel may give the right answer where that is constant,
// or where an input does not matter.
#pragma once

#include <optional>
#include <vector>

#include "reference/exact.hpp"

namespace karat::properties {

struct Meaning {
  bool constant = false;    // every expected result is the same number, or none is a number
  std::vector<bool> moves;  // an input: other values of it would give another result
  bool any() const;         // neither constant nor moved by nothing
};

// nullopt: too large to be worth the look, or nothing to compute.
std::optional<Meaning> meaning_of(const Question& question);

}  // namespace karat::properties
