// SPDX-License-Identifier: MIT
// What a sweep has found so far: sums that may be merged in any order to the same result, bit for bit.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "properties/kind.hpp"
#include "reference/numbers/format.hpp"

namespace karat::properties {

// What was wrong with partial results: what, where, expected, got.
struct SweepError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Sorted ranges [from, to] of numbers that do not touch.
class Ranges {
 public:
  struct Range {
    std::uint64_t from, to;
    bool operator==(const Range&) const = default;
  };
  void add(std::uint64_t from, std::uint64_t to);  // throws SweepError if one of them is there already
  bool holds(std::uint64_t n) const;
  std::uint64_t count() const;
  const std::vector<Range>& ranges() const { return ranges_; }
  bool operator==(const Ranges&) const = default;

 private:
  std::vector<Range> ranges_;
};

struct Worst {
  double ulps = -1;  // none yet
  std::uint64_t at = 0;
  Bits got = 0;
  void take(const Worst& other) {
    if (other.ulps > ulps || (other.ulps == ulps && other.at < at)) *this = other;
  }
  bool operator==(const Worst&) const = default;
};

// Errors by size: bin 0 up to half an ulp, bin k up to 2^(k−1); the last takes all beyond.
inline constexpr std::size_t error_bins = 40;
std::size_t error_bin(double ulps);

struct Errors {
  std::array<std::uint64_t, error_bins> bins{};
  Worst worst;
  std::uint64_t count() const;
  std::uint64_t over(std::size_t bin) const;  // in later bins
  void merge(const Errors& other);
  bool operator==(const Errors&) const = default;
};

// Inputs that fail in the same way, as ranges of positions: at most `kept_ranges` of a chunk.
struct Offences {
  struct Run {
    std::uint64_t from, to;
    Bits got;  // of the first
    bool operator==(const Run&) const = default;
  };
  std::uint64_t count = 0;
  Worst worst;                // among those with an error in ulps
  bool cut = false;           // some chunk had more ranges than are kept
  std::map<std::uint64_t, std::vector<Run>> runs;  // by chunk
  void merge(const Offences& other);
  std::vector<Run> joined() const;  // neighbours as one
  bool operator==(const Offences&) const = default;
};
inline constexpr std::size_t kept_ranges = 4;

struct Partial {
  Ranges chunks;                    // that this is of
  std::uint64_t inputs = 0;         // inputs called with
  std::uint64_t outside = 0;        // of them outside of the operator's domain: not judged
  std::uint64_t special = 0;        // of which the row says the result
  std::uint64_t finite = 0;         // with an error in ulps
  std::uint64_t rounded = 0;        // of these correctly rounded
  std::uint64_t escalated = 0;      // that the enclosure decided
  std::uint64_t undecided = 0;      // and those that it did not decide at its cap
  std::uint64_t errors = 0;         // that the suite could not judge
  std::uint64_t by_budget = 0;      // judged by their own budget: the worst of each chunk
  std::uint64_t other_zero = 0;     // zeros of the other sign
  Errors all;
  std::array<Worst, 4> worst;       // x < 0 or not, y normal or subnormal: worst[2·negative + subnormal]
  std::map<std::uint32_t, Errors> by_binade;  // of the varied input: 2^15 where negative + exponent field
  std::map<Kind, Offences> offences;
  Offences not_monotone;            // result i and i + 1
  std::map<std::string, std::uint64_t> policies;
  std::map<std::uint64_t, Bits> first, last;  // results at open ends of `chunks`, by chunk: of monotone operators
  std::uint64_t hash = 0;           // of all results: Σ over chunks

  // Throws SweepError if both hold a chunk; *this is then as it was.
  void merge(const Partial& other);
  bool operator==(const Partial&) const = default;
};

std::string to_json(const Partial& partial);
// Throws SweepError: what is wrong with the text.
Partial partial_from_json(const std::string& text);

}  // namespace karat::properties
