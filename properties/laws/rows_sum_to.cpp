// SPDX-License-Identifier: MIT
// Σ_i y_i along the axis is a number that the row says: "rows_sum_to 1".
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument) {
  Related related{{q}, {}};
  const Slices slices(q.inputs[0].shape, q.attributes.integer("axis"));
  if (slices.length == 0 || slices.count == 0) return std::nullopt;
  for (std::int64_t s = 0; s < slices.count; ++s) {
    Relation row{Relation::Must::equal, {}, argument == "0" ? 0 : 1};
    for (std::int64_t k = 0; k < slices.length; ++k) row.terms.push_back({0, slices.at(s, k), 1});
    related.relations.push_back(std::move(row));
  }
  return related;
}

const LawRow row{{.name = "rows_sum_to", .sentence = "every row of results sums to a number of its own", .relate = relate}};

}  // namespace
}  // namespace karat::properties
