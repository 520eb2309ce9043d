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

// The same on f32 tensors as they are stored, for what needs no wider numbers.  Any count, any alignment;
// attributes are numbers of f32.
struct StoredCall {
  std::array<const float*, kMaxInputs> in;
  float* out;
  std::size_t count;
  const double* attributes;
};
using StoredFunction = void (*)(const StoredCall& call);

class Elementwise final : public Operator {
 public:
  // `full` computes f64 tensors; `narrow` computes f32, f16 and bf16 tensors, whose values,
  // squared and multiplied, stay far inside the range of a double.  `stored`, if there is one, gives the
  // same bits as `narrow` on f32 tensors without gaps.
  Elementwise(const Description& description, LaneFunction full, LaneFunction narrow, StoredFunction stored = nullptr)
      : Operator(description), full_(full), narrow_(narrow), stored_(stored) {}
  Elementwise(const Description& description, LaneFunction both) : Elementwise(description, both, both) {}
  Elementwise(const Description& description, LaneFunction both, StoredFunction stored) : Elementwise(description, both, both, stored) {}

  void run(const Call& call) const override;

 private:
  LaneFunction full_, narrow_;
  StoredFunction stored_;
};

}  // namespace karat::kernels
