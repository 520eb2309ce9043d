// SPDX-License-Identifier: MIT
// How well the ways of differentiating agree on an operator.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference/operator.hpp"

namespace karat {

// A call away from kinks, with values that doubles hold.
struct Point {
  const Operator* op = nullptr;
  Attributes attributes;
  Tensors<Real> inputs;
  std::string name;   // "adam amsgrad=1"
  bool kink = false;  // no way that moves the inputs can see the derivative that is decided there
};

// The operator's examples, and its first one once for every other choice of an attribute.
std::vector<Point> points_of(const Operator& op, std::uint64_t seed);

// Decimal digits in which each way gives what the tape gives at twice the precision, relative to
// the terms that are added up; nothing where the operator lacks the way.
struct Agreement {
  std::optional<double> closed_form, dual, tape, symbolic, complex_step;
  // Of finite differences: digits at steps near the best, and the order that two steps show.
  std::optional<double> forward, central, richardson;
  std::optional<double> forward_order, central_order, richardson_order, complex_order;
  std::size_t inputs = 0, outputs = 0;
};

// At `digits` decimal digits of working precision.  Nothing where the gradient is not finite or
// there is no number to differentiate by.
std::optional<Agreement> agreement(const Point& point, int digits, std::uint64_t seed);

}  // namespace karat
