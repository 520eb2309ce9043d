// SPDX-License-Identifier: MIT
// f(−x) = −f(x).
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument) {
  const auto x = input_named(*q.op, argument);
  const auto other = x ? changed(q, *x, [](double v, std::size_t) { return -v; }) : std::nullopt;
  if (!other) return std::nullopt;
  Related related{{q, *other}, {}};
  for (std::size_t i = 0; i < q.output_count(); ++i) related.relations.push_back({Relation::Must::equal, {{0, i, 1}, {1, i, 1}}, 0});
  return related;
}

const LawRow row{{.name = "odd_in", .sentence = "the negative input gives the negative result", .relate = relate}};

}  // namespace
}  // namespace karat::properties
