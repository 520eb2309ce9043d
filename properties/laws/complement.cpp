// SPDX-License-Identifier: MIT
// σ(x) + σ(−x) = 1.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument) {
  const auto x = input_named(*q.op, argument);
  const auto other = x ? changed(q, *x, [](double v, std::size_t) { return -v; }) : std::nullopt;
  if (!other) return std::nullopt;
  Related related{{q, *other}, {}};
  for (std::size_t i = 0; i < q.output_count(); ++i) related.relations.push_back({Relation::Must::equal, {{0, i, 1}, {1, i, 1}}, 1});
  return related;
}

const LawRow row{{.name = "complement_in", .sentence = "the results of x and −x sum to 1", .relate = relate}};

}  // namespace
}  // namespace karat::properties
