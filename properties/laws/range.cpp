// SPDX-License-Identifier: MIT
// low ≤ y ≤ high, the operator's range: an error that leaves it has consequences that its size does not show.
#include <cmath>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string&) {
  Related related{{q}, {}};
  const auto [low, high] = *q.op->range;
  for (std::size_t i = 0; i < q.output_count(); ++i) {
    if (std::isfinite(low)) related.relations.push_back({Relation::Must::at_least, {{0, i, 1}}, low});
    if (std::isfinite(high)) related.relations.push_back({Relation::Must::at_most, {{0, i, 1}}, high});
  }
  return related;
}

const LawRow row{{.name = "range", .sentence = "every result lies in the operator's range",
                  .applies = [](const Operator& op) { return op.range.has_value(); }, .relate = relate}};

}  // namespace
}  // namespace karat::properties
