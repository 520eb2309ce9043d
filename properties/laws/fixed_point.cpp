// SPDX-License-Identifier: MIT
// A zero gradient with empty states and without weight decay leaves the parameters where they are.
#include <algorithm>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string&) {
  const auto theta = input_named(*q.op, "theta");
  if (!theta) return std::nullopt;
  Question still = q;
  for (std::size_t t = 0; t < q.inputs.size(); ++t) {
    const std::string& name = q.op->inputs[t].name;
    const bool state = std::find(q.op->outputs.begin(), q.op->outputs.end(), name) != q.op->outputs.end();
    if (t != *theta && (state || name == "g")) still.inputs[t].values.assign(still.inputs[t].values.size(), 0);
  }
  if (still.attributes.values.contains("weight_decay")) still.attributes.values["weight_decay"] = 0.0;
  if (invalid(still)) return std::nullopt;
  Related related{{still}, {}};
  for (std::size_t i = 0; i < q.inputs[*theta].values.size(); ++i)
    related.relations.push_back({Relation::Must::equal, {{0, i, 1}}, Real(number_at(q, *theta, i))});
  return related;
}

const LawRow row{{.name = "fixed_point", .sentence = "a zero gradient moves nothing",
                  .applies = [](const Operator& op) { return op.outputs[0] == "theta" && input_named(op, "g"); }, .relate = relate}};

}  // namespace
}  // namespace karat::properties
