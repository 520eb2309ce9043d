// SPDX-License-Identifier: MIT
// f(P x) = P f(x) along the axis, P turning every slice round; f(P x) = f(x) where all elements make
// one number: every input turned round as a whole.
#include <algorithm>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> equivariant(const Question& q, const std::string&) {
  const Slices slices(q.inputs[0].shape, q.attributes.integer("axis"));
  Related related{{q, q}, {}};
  for (std::int64_t s = 0; s < slices.count; ++s)
    for (std::int64_t k = 0; k < slices.length; ++k) {
      const std::size_t here = slices.at(s, k), there = slices.at(s, slices.length - 1 - k);
      for (std::size_t t = 0; t < q.inputs.size(); ++t) related.calls[1].inputs[t].values[there] = q.inputs[t].values[here];
      related.relations.push_back(equal(here, there));
    }
  return related;
}

std::optional<Related> invariant(const Question& q, const std::string&) {
  if (q.output_count() != 1) return std::nullopt;
  Related related{{q, q}, all_equal(1)};
  for (Tensor<Bits>& input : related.calls[1].inputs) {
    if (input.values.size() != 1 && input.shape != q.inputs[0].shape) return std::nullopt;
    std::reverse(input.values.begin(), input.values.end());
  }
  if (invalid(related.calls[1])) return std::nullopt;
  return related;
}

const LawRow along{{.name = "permutation_equivariant", .sentence = "permuting a row permutes its results",
                    .applies = [](const Operator& op) { return op.independence == Independence::along_axis; }, .relate = equivariant}};
const LawRow over{{.name = "permutation_invariant", .sentence = "the order of the elements does not matter", .relate = invariant}};

}  // namespace
}  // namespace karat::properties
