// SPDX-License-Identifier: MIT
// Operators that compute each element from the same element of their inputs.
#pragma once

#include <cstddef>

#include "kernels/operator.hpp"

namespace karat::kernels {

// What a lane function works on: arrays of doubles, `count` a multiple of kLaneGroup.  `out`
// may be one of the inputs.
struct LaneCall {
  std::array<const double*, kMaxInputs> in;
  double* out;
  std::size_t count;
  const double* attributes;
};

// A multiple of every target's number of doubles in a vector.
inline constexpr std::size_t kLaneGroup = 16;

using LaneFunction = void (*)(const LaneCall& call);

class Elementwise final : public Operator {
 public:
  // `full` computes f64 tensors; `narrow` computes f32, f16 and bf16 tensors, whose values,
  // squared and multiplied, stay far inside the range of a double.
  Elementwise(const Description& description, LaneFunction full, LaneFunction narrow)
      : Operator(description), full_(full), narrow_(narrow) {}
  Elementwise(const Description& description, LaneFunction both) : Elementwise(description, both, both) {}

  void run(const Call& call) const override;

 private:
  LaneFunction full_, narrow_;
};

}  // namespace karat::kernels
