// SPDX-License-Identifier: MIT
// The attribute `reduction` of losses whose terms know nothing of each other, seen from their gradients.
#pragma once

#include <cstdint>

#include "kernels/arguments.hpp"

namespace karat::kernels {

// What dy is divided by before it reaches each of n terms: n for the mean, else 1.  Refuses a dy that has not the
// shape of y: that of the tensor `term` for "none", and one number otherwise.
inline double divisor_of_dy(const Arguments& arguments, std::int64_t n, const char* term) {
  const bool none = arguments.is("reduction", "none"), mean = arguments.is("reduction", "mean");
  require(none || mean || arguments.is("reduction", "sum"), "reduction is none, sum or mean");
  const karat_tensor& dy = arguments.tensor("dy");
  require(none ? shape_of(dy) == shape_of(arguments.tensor(term)) : count_of(dy) == 1, "dy has not the shape of y");
  return mean ? static_cast<double>(n) : 1;
}

}  // namespace karat::kernels
