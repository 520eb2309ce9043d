// SPDX-License-Identifier: MIT
// Operators that compute each element from the same element of their inputs.
#pragma once

#include <cstddef>

#include "kernels/uniform.hpp"

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

// How many terms an approximation for f32, f16 and bf16 has: results within 0.6 ulp of f32, or kExactError.
enum class Quality { fast, exact };

// The relative error of a lane function that leaves rounding to be settled.
inline constexpr double kExactError = 0x1p-39;

// A kernel that rounds correctly in f32, f16 and bf16.
struct ExactLanes {
  LaneFunction approximate;  // kExactError
  LaneFunction accurate;     // to 2^-90, rounded to odd in double: for the few elements whose rounding is open
  StoredFunction stored;     // both, on f32 tensors without gaps
};

class Elementwise final : public Uniform {
 public:
  // `full` computes f64 tensors; `narrow` computes f32, f16 and bf16 tensors, whose values,
  // squared and multiplied, stay far inside the range of a double.  `stored`, if there is one, computes
  // f32 tensors as they are.
  Elementwise(const Description& description, LaneFunction full, LaneFunction narrow, StoredFunction stored = nullptr)
      : Uniform(description), full_(full), narrow_(narrow), stored_(stored) {}
  Elementwise(const Description& description, LaneFunction both) : Elementwise(description, both, both) {}
  Elementwise(const Description& description, LaneFunction both, StoredFunction stored) : Elementwise(description, both, both, stored) {}
  Elementwise(const Description& description, const ExactLanes& exact)
      : Uniform(description), full_(nullptr), narrow_(exact.approximate), stored_(exact.stored), accurate_(exact.accurate) {}

  using Uniform::run;
  void run(const Call& call) const override;

 private:
  LaneFunction full_, narrow_;
  StoredFunction stored_;
  LaneFunction accurate_ = nullptr;
};

}  // namespace karat::kernels
