// SPDX-License-Identifier: MIT
#include "properties/nearest.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <numeric>

#include "reference/operator.hpp"

namespace karat::properties {
namespace {

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::vector<std::string> operator_names() {
  std::vector<std::string> names;
  for (const Operator& op : operators()) names.push_back(op.name);
  return names;
}

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (const Format& f : formats()) names.emplace_back(f.name);
  return names;
}

std::string unknown(std::string_view what, std::string_view got, const std::vector<std::string>& names) {
  const std::string_view shown = got.substr(0, 60);
  std::string text = "unknown " + std::string(what) + " '" + std::string(shown) + "'";
  const auto nearest = std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return distance(shown, a) < distance(shown, b);
  });
  if (nearest != names.end() && distance(shown, *nearest) <= std::max<std::size_t>(2, nearest->size() / 3))
    text += ": did you mean " + *nearest + "?";
  text += text.ends_with('?') ? " Known:" : "; known:";
  for (const std::string& name : names) text += " " + name;
  return text;
}

bool matches(std::string_view pattern, std::string_view text) {
  return fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), 0) == 0;
}

}  // namespace karat::properties
