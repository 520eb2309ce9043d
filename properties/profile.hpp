// SPDX-License-Identifier: MIT
// Profiles: published accuracy rules, and a user's own, beside Karat's levels.  docs/profiles.md says how
// they are written; the built-in ones are profiles/*.toml, compiled in.
//
// The limit of every rule is a case of
//
//   |got − y| ≤ max(absolute + relative·max(|y|, floor) + ulps·ulp(y), least)
//
// An operator and dtype without a rule is not judged, unless the profile says what it falls back to.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "properties/level.hpp"
#include "reference/exact.hpp"

namespace karat::properties {

// What is wrong with a file, and where: "mine.toml:7:3: …".
struct ProfileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// base + times · measure of the call
struct Amount {
  double base = 0, times = 0;
  std::string per;  // a measure, or empty
};

struct PublishedRule {
  std::vector<std::string> ops;  // names
  std::vector<Dtype> dtypes;
  Amount absolute, relative, ulps, floor, least;
  // DOT_PRODUCT of TOSA: the operator on absolute values, times 2·ksb·2^(−1−p); the measure that counts its terms.
  std::string dot_product;
  std::string source;
  int line = 0;
};

struct Profile {
  std::string name, description, source;
  std::optional<Level> base;               // for what there is no rule for
  std::optional<double> composed_ulps;     // operators without a rule are composed of primitives of so many ulps
  bool sequential_sums = false;            // with either of these
  std::map<std::string, bool> policies;    // accepted or refused, where that differs from the default
  std::vector<PublishedRule> rules;

  const PublishedRule* rule(const Operator& op, const Format& f) const;
  bool refuses(std::string_view policy) const;
  bool accepts(std::string_view policy) const;  // said so
};

// What a rule allows for one element.
struct Limit {
  double absolute = 0, relative = 0, floor = 0, ulps = 0, least = 0;
};
// Of every element of a unit.
std::vector<Limit> limits_of(const PublishedRule& rule, const Question& unit);

// Policies that a profile can name, and what they mean.
std::map<std::string, std::string> known_policies();

Profile parse_profile(std::string_view text, const std::string& file);  // throws ProfileError
std::vector<std::string> built_in_profiles();
// A built-in name or a file.  Throws ProfileError.
std::shared_ptr<const Profile> find_profile(const std::string& name_or_file);
Level level_of_profile(const std::string& name_or_file);

// A profile's level as it is for one operator and dtype; any other level as it is.  nullopt: no rule.
std::optional<Level> level_for(const Level& level, const Operator& op, const Format& f);

}  // namespace karat::properties
