// SPDX-License-Identifier: MIT
// What is said of one output element: the inputs that it depends on, the exact answer.
#pragma once

#include <string>
#include <vector>

#include "properties/acceptance.hpp"
#include "properties/check.hpp"

namespace karat::properties {

// The name and place of an element of the outputs: "dw[0, 2]".
std::string output_name(const Question& question, std::size_t element);

struct ExactText {
  std::string hex, decimal;  // "0x1.c73b0e…p-102", "3.5085134e-31"; a class where it is special
};

// The unit that an output element belongs to, and the element's place in it.
std::pair<Unit, std::size_t> unit_of(const Question& question, std::size_t element);

// The inputs at the element; slices in full up to a few values.
std::vector<NamedValue> inputs_at(const Question& question, std::size_t element);

ExactText exact_text(const Question& question, std::size_t element, int digits = 15);

// The figure beside an error: 0.5 for exact, 1 for faithful (less than that), N for max-ulp N.
double allowed_ulps(const Level& level);

// ulps for people: "0.50", "129", "1.3e+06".
std::string ulps_text(double ulps);

}  // namespace karat::properties
