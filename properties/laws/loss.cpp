// SPDX-License-Identifier: MIT
// Losses: nonnegative, and 0 where prediction and target are the same.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> nonnegative(const Question& q, const std::string&) {
  Related related{{q}, {}};
  for (std::size_t i = 0; i < q.output_count(); ++i) related.relations.push_back({Relation::Must::at_least, {{0, i, 1}}, 0});
  return related;
}

// "zero_if_equal x t"
std::optional<Related> zero_if_equal(const Question& q, const std::string& argument) {
  const std::size_t space = argument.find_first_of(" :");
  const auto a = input_named(*q.op, argument.substr(0, space)), b = input_named(*q.op, argument.substr(space + 1));
  if (!a || !b) return std::nullopt;
  Related related{{q}, {}};
  related.calls[0].inputs[*a] = related.calls[0].inputs[*b];
  if (invalid(related.calls[0])) return std::nullopt;
  for (std::size_t i = 0; i < related.calls[0].output_count(); ++i) related.relations.push_back({Relation::Must::equal, {{0, i, 1}}, 0});
  return related;
}

const LawRow sign{{.name = "nonnegative", .sentence = "a loss is not negative", .claim = true, .relate = nonnegative}};
const LawRow zero{{.name = "zero_if_equal", .sentence = "the loss of the target itself is 0", .relate = zero_if_equal}};

}  // namespace
}  // namespace karat::properties
