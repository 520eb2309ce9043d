// SPDX-License-Identifier: MIT
// Which inputs a sweep goes through, in which order: a position is a line and a bit pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference/exact.hpp"

namespace karat::properties {

// All bit patterns of one input, the variable; the others are fixed along a line.
//   one input:           one line, 2^16 or 2^32 positions
//   two, in 16 bits:     2^16 lines: every pair
//   two, in f32:         a line for each of a few values of the first, the upstream gradient (1 among them)
class SweepPlan {
 public:
  const Operator* op = nullptr;
  const Format* format = nullptr;
  Attributes attributes;
  std::size_t variable = 0;
  std::vector<Bits> fixed;  // of two inputs in f32: what the other one is, line by line

  std::uint64_t lines() const { return op->inputs.size() == 1 ? 1 : fixed.empty() ? std::uint64_t{1} << format->width : fixed.size(); }
  std::uint64_t positions() const { return lines() << format->width; }
  // Chunks are what is dealt out, recorded and merged.
  int chunk_bits() const { return format->width == 16 && op->inputs.size() == 1 ? 12 : 20; }
  std::uint64_t chunks() const { return positions() >> chunk_bits(); }

  std::uint64_t line_of(std::uint64_t position) const { return position >> format->width; }
  Bits pattern_of(std::uint64_t position) const { return position & format->mask(); }
  // Bits of all inputs at a position.
  std::vector<Bits> inputs_at(std::uint64_t position) const;
  Question question_at(std::uint64_t position) const;
  // "every pair of f16", "2^32 inputs × 2 gradients: 0x1p+0, -0x1.8p-1"
  std::string describe() const;
};

// nullopt, and why: no sweep goes through all inputs of this one.
std::optional<SweepPlan> sweep_plan(const Operator& op, const Format& format, const Attributes& attributes, std::uint64_t seed, std::string& why);

}  // namespace karat::properties
