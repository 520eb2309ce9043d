// SPDX-License-Identifier: MIT
// Results of a kernel against segments of the fast tier, in vectors (Highway, every target of the
// build by run-time dispatch).  What a vector cannot decide it leaves open: the enclosure answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reference/fast/line.hpp"

namespace karat::fast {

// Numbers of a format for the comparison.
struct Scale {
  explicit Scale(const Format& format);
  double least_normal, overflow;  // 2^e_min; magnitudes from here on round to infinity
  int precision;
  // Errors are known to this many ulps: the promise of a segment, and the roundings of the comparison.
  double resolution;
};

// A run of inputs in one segment, all of one sign.
struct Piece {
  const Segment* segment = nullptr;
  // Inputs as floats, or null: count consecutive bit patterns of binary32 from `first` on.
  const float* inputs = nullptr;
  std::uint32_t first = 0;
  const float* got = nullptr;  // readable up to `padding` elements beyond count, as `inputs` is
  std::size_t count = 0;
};
inline constexpr std::size_t padding = 16;

struct Comparison {
  std::uint32_t rounded = 0;     // correctly rounded
  std::uint32_t open = 0;        // not decided: NaN in `ulps`
  std::uint32_t above_one = 0;   // decided, error over one ulp
  std::uint32_t other_zero = 0;  // zero of the other sign than y, which is not zero
  double worst_normal = -1, worst_subnormal = -1;  // largest decided error, by the size of y; −1: none
};

// Writes one error a result, in ulps: negative where y is subnormal, NaN where open.  Polynomial and
// `beyond` segments only.  `ulps` has room for `padding` more.
using Compare = void (*)(const Scale& scale, const Piece& piece, double* ulps, Comparison& result);

// Numbers of a 16-bit format as floats, NaN and infinities included; `to` has room for `padding` more.
void widen(const Format& format, const std::uint16_t* from, std::size_t count, float* to);

// For one of instruction_sets(), by default the best; nullptr if it is none of them.
Compare comparing(const std::string& instruction_set = "");
// What this processor and build have, the best first: "AVX3", "AVX2", …
std::vector<std::string> instruction_sets();

}  // namespace karat::fast
