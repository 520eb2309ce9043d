// SPDX-License-Identifier: MIT
// Operators by name, as users call them: shapes and values are checked, the answer is Real.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "reference/operator.hpp"

namespace karat {

Tensor<Real> tensor(Shape shape, const std::vector<double>& values);
Tensor<Real> scalar(double value);

using Named = std::vector<std::pair<std::string, Attributes::Value>>;

// Standard attributes but those named, at the working precision.  Throws Refused for shapes,
// values and attributes that the operator does not take, std::invalid_argument for unknown names.
Tensors<Real> call(const std::string& op, const Tensors<Real>& inputs, const Named& attributes = {});

// For comparisons with numbers that a double holds.
std::vector<double> doubles(const Tensor<Real>& t);

}  // namespace karat
