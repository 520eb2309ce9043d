// SPDX-License-Identifier: MIT
// x ≤ x' gives f(x) ≤ f(x').
#include <algorithm>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string&) {
  if (q.op->inputs.size() != 1) return std::nullopt;
  Related related{{q}, {}};
  const Format& f = *q.format;
  auto& values = related.calls[0].inputs[0].values;
  if (std::any_of(values.begin(), values.end(), [&](Bits b) { return is_nan(f, b); })) return std::nullopt;
  // Neighbours show it best: in pairs, each beside the next number.
  for (std::size_t i = 1; i < values.size(); i += 2)
    if (const Bits next = from_ordinal(f, ordinal(f, values[i - 1]) + 1); q.op->inputs[0].takes(to_double(f, next))) values[i] = next;
  std::sort(values.begin(), values.end(), [&](Bits a, Bits b) { return ordinal(f, a) < ordinal(f, b); });
  for (std::size_t i = 0; i + 1 < values.size(); ++i) related.relations.push_back({Relation::Must::at_least, {{0, i + 1, 1}, {0, i, -1}}, 0});
  return related;
}

const LawRow row{{.name = "monotone", .sentence = "a larger input gives no smaller result", .claim = true, .relate = relate}};

}  // namespace
}  // namespace karat::properties
