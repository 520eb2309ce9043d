// SPDX-License-Identifier: MIT
#include "reference/operator.hpp"

#include <algorithm>

namespace karat {
namespace {

std::vector<Operator>& registry() {
  static std::vector<Operator> rows;
  return rows;
}

}  // namespace

Row::Row(Operator op) {
  auto& rows = registry();
  const auto place = std::lower_bound(rows.begin(), rows.end(), op,
                                      [](const Operator& a, const Operator& b) { return a.name < b.name; });
  rows.insert(place, std::move(op));
}

std::span<const Operator> operators() { return registry(); }

const Operator* find_operator(std::string_view name) {
  for (const Operator& op : operators())
    if (op.name == name) return &op;
  return nullptr;
}

Shapes Operator::output_shapes(const Shapes& in, const Attributes& with) const {
  if (independence != Independence::whole) return Shapes(outputs.size(), in.at(0));
  return shapes(in, with);
}

Attributes standard_attributes(const Operator& op) {
  Attributes a;
  for (const AttributeRow& row : op.attributes) {
    switch (row.kind) {
      case AttributeRow::Kind::number:
        a.values[row.name] = row.standard;
        break;
      case AttributeRow::Kind::integer:
        a.values[row.name] = static_cast<std::int64_t>(row.standard);
        break;
      case AttributeRow::Kind::text:
        a.values[row.name] = row.choices.at(0);
        break;
      case AttributeRow::Kind::list:
        a.values[row.name] = row.standard_list;
        break;
    }
  }
  return a;
}

}  // namespace karat
