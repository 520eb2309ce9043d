// SPDX-License-Identifier: MIT
// How close a result must be.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reference/numbers/format.hpp"

namespace karat::properties {

struct Profile;
struct PublishedRule;

struct Level {
  enum class Rule {
    exact,     // the correctly rounded result, bit for bit
    faithful,  // one of the two neighbours of the exact value; the value itself where representable
    stable,      // within the error budget of a careful kernel: the default
    permissive,  // the same with sequential sums and primitives of 4 ulp
    max_ulp,     // within `ulps` of the exact value, in units of its last place
    published    // by a profile's rule (profile.hpp)
  } rule = Rule::stable;
  double ulps = 0;
  // The kernel declares arithmetic that is narrower than usual, and is judged by that.
  std::optional<Dtype> compute = {};
  // Of a profile; `published` once it is that of one operator.  A composed operator goes by a budget, `ulps` its primitives'.
  std::shared_ptr<const Profile> profile;
  std::shared_ptr<const PublishedRule> published;
  std::string profile_name;
  // Must hold as well: neither what is asked for nor what a kernel claims replaces the other.
  std::shared_ptr<const Level> also;

  bool operator==(const Level&) const = default;
};

inline const Level default_level{};
// Judged by the error budget of each input.
inline bool by_budget(const Level& level) { return level.rule == Level::Rule::stable || level.rule == Level::Rule::permissive; }

std::string to_text(const Level& level);  // "exact", "faithful", "stable", "permissive", "max-ulp 4"
// The same, or "max-ulp=4"; nullopt if it is none.
std::optional<Level> parse_level(std::string_view text);
// Both must hold.  The one that lets the smaller error through leads, unless a profile is asked for.
Level both(const Level& asked, const Level& claim);
// For a kernel whose row declares the compute type of this code: where that is narrower than usual, results are
// judged as computed in it.
Level with_compute_type(Level level, const Format& stored, std::int32_t code);

}  // namespace karat::properties
