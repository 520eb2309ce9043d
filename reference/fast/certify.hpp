// SPDX-License-Identifier: MIT
// The fast tier against the enclosure, input by input.  Its bounds hold by construction; this is
// how that is checked, of the code as it is compiled, on every instruction set.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reference/fast/compare.hpp"
#include "reference/fast/line.hpp"

namespace karat::fast {

// Of any number of ranges of one line; merged by merge().
struct Certificate {
  struct Deviation {
    double ulps = -1;  // |error as compare() has it − error by the enclosure|, of a result near the exact one
    Bits at = 0;
    bool operator==(const Deviation&) const = default;
  };
  std::uint64_t inputs = 0;    // each of them looked at, in one of these ways:
  std::uint64_t pointwise = 0; // its exact value enclosed
  std::uint64_t ranged = 0;    // the exact values of its range enclosed at once: tails that are one number
  std::uint64_t special = 0;   // the row's own answer, asked for that input
  std::uint64_t open = 0;      // of pointwise: left to the enclosure by one of the instruction sets
  std::uint64_t literal = 0;   // of pointwise: enclosed by the formula as it is printed, not by an algorithm
  std::uint64_t wrong = 0;     // deviations beyond the resolution, and answers of the row that a segment missed
  Bits wrong_at = 0;           // the first of them, by its bits
  std::map<std::string, Deviation> deviations;  // by instruction set

  void merge(const Certificate& other);
  bool operator==(const Certificate&) const = default;
};

// The inputs of one sign with magnitudes from … to, both finite and at least 1.  One pass serves all instruction sets.
Certificate certify(Line& line, const Format& format, bool negative, Bits from, Bits to);

// Every `literal_every`th input is enclosed by the printed formula; the others by the first algorithm of the row,
// which equals it and is narrower.  A tail is enclosed as a range, and at every `tail_every`th input.
inline constexpr Bits literal_every = 1021, tail_every = 251;

}  // namespace karat::fast
