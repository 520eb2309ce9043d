// SPDX-License-Identifier: MIT
// A result depends on its own inputs alone: not on its neighbours, nor on where it stands.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

bool independent(const Operator& op) { return op.independence != Independence::whole; }

// Every other unit is replaced by its predecessor's values; the others keep their bits.
std::optional<Related> neighbours(const Question& q, const std::string&) {
  const std::size_t units = unit_count(q);
  if (units < 2) return std::nullopt;
  Related related{{q, q}, {}};
  for (std::size_t u = 0; u + 1 < units; u += 2) {
    const Unit kept = unit(q, u), other = unit(q, u + 1);
    for (std::size_t t = 0; t < q.inputs.size(); ++t)
      for (std::size_t k = 0; k < other.outputs.size(); ++k)
        related.calls[1].inputs[t].values[other.outputs[k]] = kept.question.inputs[t].values[k];
    for (const std::size_t i : kept.outputs) related.relations.push_back({Relation::Must::same_bits, {{0, i}, {1, i}}, 0});
  }
  return related;
}

// The same elements three places further on: in another lane, perhaps in a vector's remainder.
std::optional<Related> position(const Question& q, const std::string&) {
  const std::size_t n = q.inputs[0].values.size();
  if (q.inputs[0].shape.size() != 1 || n == 0) return std::nullopt;
  Related related{{q, q}, {}};
  for (Tensor<Bits>& input : related.calls[1].inputs) {
    input.values.insert(input.values.begin(), 3, input.values.back());
    input.shape[0] += 3;
  }
  for (std::size_t i = 0; i < n; ++i) related.relations.push_back({Relation::Must::same_bits, {{0, i}, {1, i + 3}}, 0});
  return related;
}

const LawRow beside{{.name = "neighbours", .sentence = "a result does not depend on what stands beside it", .applies = independent, .relate = neighbours}};
const LawRow moved{{.name = "position", .sentence = "a result does not depend on where its element stands",
                    .applies = [](const Operator& op) { return op.independence == Independence::elementwise; }, .relate = position}};

}  // namespace
}  // namespace karat::properties
