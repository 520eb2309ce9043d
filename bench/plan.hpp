// SPDX-License-Identifier: MIT
// What is timed: an operator's call on tensors of these shapes, and the small call, the pool, that all of its
// inputs are drawn from and all of its results follow from.  However large the call is, every element of its
// outputs is compared, and each distinct (pool element, result) is judged once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/repeats.hpp"

namespace karat::bench {

// Samples along one group of extents.
struct Pooled {
  std::int64_t extent = 0, pool = 0;  // in the call, in the pool
  Repeat repeat;
};

struct Plan {
  const Operator* op = nullptr;
  const Format* format = nullptr;
  Attributes attributes;
  Shapes inputs, outputs, pool_inputs, pool_outputs;
  std::vector<Pooled> pooled;
  std::vector<int> exponents;           // by output: the call's is 2^exponent of the pool's
  std::uint64_t read = 0, written = 0;  // bytes of one call
  std::int64_t elements = 0;            // of its largest tensor
  std::optional<double> flops;          // of one call
  bool judged_whole = false;            // by compensated evaluation: too large for tapes
  bool costly = false;                  // to judge: values are drawn once and not for every repetition
  std::string hopeless;                 // why its outputs cannot be judged, or empty

  std::uint64_t bytes() const { return read + written; }
};

// Throws Refused if the operator does not take such a call.
Plan plan_of(const Operator& op, const Format& f, const Shapes& inputs, const Attributes& attributes);

// Bytes of an element of input t.
std::size_t width_of(const Operator& op, const Format& f, std::size_t input);

}  // namespace karat::bench
