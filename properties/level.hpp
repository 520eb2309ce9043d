// SPDX-License-Identifier: MIT
// How close a result must be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace karat::properties {

struct Level {
  enum class Rule {
    exact,     // the correctly rounded result, bit for bit
    faithful,  // one of the two neighbours of the exact value; the value itself where representable
    max_ulp    // within `ulps` of the exact value, in units of its last place
  } rule = Rule::max_ulp;
  double ulps = 4;

  bool operator==(const Level&) const = default;
};

inline constexpr Level default_level{Level::Rule::max_ulp, 4};

std::string to_text(const Level& level);  // "exact", "faithful", "max-ulp 4"
// "exact", "faithful", "max-ulp 4" or "max-ulp=4"; nullopt if it is none.
std::optional<Level> parse_level(std::string_view text);
// The one that asks for more.
Level stricter(const Level& a, const Level& b);

}  // namespace karat::properties
