// SPDX-License-Identifier: MIT
#include "properties/level.hpp"

#include <charconv>
#include <cmath>

namespace karat::properties {

std::string to_text(const Level& level) {
  if (!level.profile_name.empty()) return "profile " + level.profile_name;
  switch (level.rule) {
    case Level::Rule::exact:
      return "exact";
    case Level::Rule::faithful:
      return "faithful";
    case Level::Rule::stable:
      return "stable";
    case Level::Rule::permissive:
      return "permissive";
    case Level::Rule::published:
    case Level::Rule::max_ulp:
      break;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, level.ulps).ptr;
  return "max-ulp " + std::string(digits, end);
}

std::optional<Level> parse_level(std::string_view text) {
  if (text == "exact") return Level{Level::Rule::exact, 0};
  if (text == "faithful") return Level{Level::Rule::faithful, 0};
  if (text == "stable") return Level{Level::Rule::stable, 0};
  if (text == "permissive") return Level{Level::Rule::permissive, 0};
  constexpr std::string_view prefix = "max-ulp";
  if (!text.starts_with(prefix) || text.size() < prefix.size() + 2) return std::nullopt;
  if (text[prefix.size()] != ' ' && text[prefix.size()] != '=') return std::nullopt;
  const std::string_view number = text.substr(prefix.size() + 1);
  double ulps = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), ulps);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  if (!(std::isfinite(ulps) && ulps >= 0)) return std::nullopt;
  return Level{Level::Rule::max_ulp, ulps};
}

namespace {

// The largest error in ulps that a level lets through: half an ulp, less than one, N.  A budget has
// no such figure: any limit in ulps goes before it.
double reach(const Level& level) {
  switch (level.rule) {
    case Level::Rule::exact:
      return 0.5;
    case Level::Rule::faithful:
      return 1;
    case Level::Rule::max_ulp:
      return level.ulps;
    case Level::Rule::published:
      return 0;
    case Level::Rule::stable:
      return 1e30;
    case Level::Rule::permissive:
      break;
  }
  return 1e31;
}

}  // namespace

Level both(const Level& asked, const Level& claim) {
  if (asked == claim) return asked;
  const bool claim_leads = !asked.profile && reach(claim) < reach(asked);
  Level first = claim_leads ? claim : asked;
  first.also = std::make_shared<const Level>(claim_leads ? asked : claim);
  return first;
}

}  // namespace karat::properties
