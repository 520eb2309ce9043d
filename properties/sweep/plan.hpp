// SPDX-License-Identifier: MIT
// Which inputs a sweep goes through, in which order: a position is a line and a bit pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference/exact.hpp"

namespace karat::properties {

// All bit patterns of one input, the variable; all else is fixed along a line.
//   one input:           one line, 2^16 or 2^32 positions
//   two, in 16 bits:     2^16 lines: every pair
//   two, in f32:         a line for each of a few values of the other: an upstream gradient (1 among them), a target
//   one and an attribute, in 16 bits: 2^16 lines: every pair of an input and a number of that format
// Further inputs (the upstream gradient of a loss of two numbers) are 1.
class SweepPlan {
 public:
  const Operator* op = nullptr;  // elementwise: a view of it where the row is over tensors (pointwise.hpp)
  const Format* format = nullptr;
  Attributes attributes;
  std::size_t variable = 0;
  std::optional<std::size_t> other = {};  // the input that differs from line to line
  std::string attribute = {};             // or the number that does
  std::vector<Bits> fixed = {};           // in f32: what the other one is, line by line

  std::uint64_t lines() const { return !other && attribute.empty() ? 1 : fixed.empty() ? std::uint64_t{1} << format->width : fixed.size(); }
  std::uint64_t positions() const { return lines() << format->width; }
  // Chunks are what is dealt out, recorded and merged.
  int chunk_bits() const { return positions() == 65536 ? 12 : 20; }
  std::uint64_t chunks() const { return positions() >> chunk_bits(); }

  std::uint64_t line_of(std::uint64_t position) const { return position >> format->width; }
  Bits pattern_of(std::uint64_t position) const { return position & format->mask(); }
  // Bits of all inputs at a position.
  std::vector<Bits> inputs_at(std::uint64_t position) const;
  // nullopt: the line's number is none that the attribute takes, and nothing is asked there.
  std::optional<Attributes> attributes_at(std::uint64_t position) const;
  Question question_at(std::uint64_t position) const;
  // "every pair of f16", "2^32 inputs × 2 gradients: 0x1p+0, -0x1.8p-1"
  std::string describe() const;
};

// nullopt, and why: no sweep goes through all inputs of this one.  `vary`: an attribute that takes the place
// of the other operand, or empty.
std::optional<SweepPlan> sweep_plan(const Operator& op, const Format& format, const Attributes& attributes, const std::string& vary, std::uint64_t seed, std::string& why);

}  // namespace karat::properties
