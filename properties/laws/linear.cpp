// SPDX-License-Identifier: MIT
// f(a + b) + f(0) = f(a) + f(b) in one input: x is split into its even and its odd elements, so that the sum is exact.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument) {
  const auto x = input_named(*q.op, argument.empty() ? "dy" : argument);
  if (!x) return std::nullopt;
  const auto part = [&](auto keeps) { return changed(q, *x, [&](double v, std::size_t i) { return keeps(i) ? v : 0.0; }); };
  const auto even = part([](std::size_t i) { return i % 2 == 0; }), odd = part([](std::size_t i) { return i % 2 == 1; });
  const auto none = part([](std::size_t) { return false; });
  if (!even || !odd || !none) return std::nullopt;
  Related related{{q, *even, *odd, *none}, {}};
  for (std::size_t i = 0; i < q.output_count(); ++i)
    related.relations.push_back({Relation::Must::equal, {{0, i, 1}, {3, i, 1}, {1, i, -1}, {2, i, -1}}, 0});
  return related;
}

const LawRow row{{.name = "linear_in", .sentence = "the results of two parts sum to the result of their sum", .relate = relate}};
// Every gradient is linear in what comes from above.
const LawRow gradients{{.name = "linear_in_dy", .sentence = "the gradients of two parts of dy sum to the gradient of their sum",
                        .applies = [](const Operator& op) { return op.inputs[0].name == "dy" && op.outputs[0].starts_with("d"); }, .relate = relate}};

}  // namespace
}  // namespace karat::properties
