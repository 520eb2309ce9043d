// SPDX-License-Identifier: MIT
// ⟨J v, dy⟩ = ⟨v, Jᵀ dy⟩ for each pair of an operator and its backward: the left side exactly, by dual
// numbers of the forward formula; the right side from the gradient that is judged.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string&) {
  const Operator& forward = *forward_of(*q.op);
  const std::size_t outputs = forward.outputs.size();
  Relation relation;
  Tensors<Dual<Real>> x;
  std::size_t element = 0;  // of the gradients
  for (std::size_t t = 0; t < forward.inputs.size(); ++t) {
    const InputRow& row = forward.inputs[t];
    const Tensor<Bits>& given = q.inputs[outputs + t];
    Tensor<Dual<Real>> tensor(given.shape);
    for (std::size_t i = 0; i < given.values.size(); ++i) {
      const double number = row.index ? static_cast<double>(static_cast<std::int64_t>(given.values[i])) : to_double(*q.format, given.values[i]);
      if (!row.differentiable) {
        tensor.values[i] = Dual<Real>(Real(number));
        continue;
      }
      const double v = static_cast<double>(static_cast<int>(element * 5 % 7) - 3) * 0.5;  // some direction
      tensor.values[i] = Dual<Real>(Real(number), Real(v));
      if (v != 0) relation.terms.push_back({0, element, v});
      ++element;
    }
    x.push_back(std::move(tensor));
  }
  if (element != q.output_count() || relation.terms.empty()) return std::nullopt;
  const Tensors<Dual<Real>> y = forward.dual(x, q.attributes);
  relation.value = 0;
  for (std::size_t j = 0; j < outputs; ++j)
    for (std::size_t i = 0; i < y[j].values.size(); ++i) relation.value += y[j].values[i].derivative * Real(number_at(q, j, i));
  if (!(relation.value - relation.value == 0)) return std::nullopt;
  return Related{{q}, {std::move(relation)}};
}

const LawRow row{{.name = "adjoint", .sentence = "⟨J v, dy⟩ = ⟨v, Jᵀ dy⟩",
                  .applies = [](const Operator& op) { return forward_of(op) != nullptr; }, .relate = relate}};

}  // namespace
}  // namespace karat::properties
