// SPDX-License-Identifier: MIT
#include "reference/exact.hpp"

#include <cmath>

namespace karat {
namespace {

template <class T>
Tensors<T> exact_inputs(const Question& question) {
  Tensors<T> inputs;
  for (const Tensor<Bits>& tensor : question.inputs) {
    std::vector<T> values;
    values.reserve(tensor.values.size());
    for (const Bits b : tensor.values) values.emplace_back(T(to_double(*question.format, b)));
    inputs.emplace_back(tensor.shape, std::move(values));
  }
  return inputs;
}

}  // namespace

bool Answer::certainly_above(const Enclosure& x) const {
  return x.certainly_below(value) || (above && x.certainly_at_most(*above));
}
bool Answer::certainly_at_least(const Enclosure& x) const {
  return x.certainly_at_most(value) || (above && x.certainly_at_most(*above));
}
bool Answer::certainly_below(const Enclosure& x) const {
  return value.certainly_below(x) || (below && below->certainly_at_most(x));
}
bool Answer::certainly_at_most(const Enclosure& x) const {
  return value.certainly_at_most(x) || (below && below->certainly_at_most(x));
}
int Answer::sign() const { return certainly_above(0) ? 1 : certainly_below(0) ? -1 : 0; }

std::size_t unit_count(const Question& question) {
  const Shape& shape = question.inputs[0].shape;
  if (element_count(shape) == 0) return 0;
  if (question.op->independence == Independence::elementwise) return question.inputs[0].values.size();
  return static_cast<std::size_t>(Slices(shape, question.attributes.integer("axis")).count);
}

Unit unit(const Question& question, std::size_t index) {
  Unit u;
  u.question = {question.op, question.format, {}, question.attributes};
  if (question.op->independence == Independence::elementwise) {
    u.outputs = {index};
  } else {
    const Slices slices(question.inputs[0].shape, question.attributes.integer("axis"));
    for (std::int64_t k = 0; k < slices.length; ++k)
      u.outputs.push_back(slices.at(static_cast<std::int64_t>(index), k));
    u.question.attributes.values["axis"] = std::int64_t{0};
  }
  for (const Tensor<Bits>& tensor : question.inputs) {
    Tensor<Bits> part(Shape{static_cast<std::int64_t>(u.outputs.size())});
    for (std::size_t i = 0; i < u.outputs.size(); ++i) part.values[i] = tensor.values[u.outputs[i]];
    u.question.inputs.push_back(std::move(part));
  }
  return u;
}

std::vector<Specials> specials(const Question& question) {
  return question.op->specials(exact_inputs<double>(question), question.attributes);
}

std::vector<Answer> answers(const Question& question) {
  const Tensors<Enclosure> inputs = exact_inputs<Enclosure>(question);
  Tensors<Enclosure> outputs = question.op->enclose(inputs, question.attributes);
  std::vector<Answer> result;
  result.reserve(outputs[0].values.size());
  for (Enclosure& value : outputs[0].values) result.push_back({std::move(value), {}, {}});
  if (question.op->bounds) {
    std::vector<Bounds> bounds = question.op->bounds(inputs, question.attributes);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      result[i].above = std::move(bounds[i].above);
      result[i].below = std::move(bounds[i].below);
    }
  }
  return result;
}

std::vector<Real> witness(const Question& question) {
  return question.op->real(exact_inputs<Real>(question), question.attributes)[0].values;
}

std::optional<std::string> invalid(const Question& question) {
  const Operator& op = *question.op;
  if (question.inputs.size() != op.inputs.size())
    return op.name + " takes " + std::to_string(op.inputs.size()) + " inputs, got " +
           std::to_string(question.inputs.size());
  for (std::size_t t = 0; t < question.inputs.size(); ++t) {
    const Tensor<Bits>& tensor = question.inputs[t];
    if (tensor.shape != question.inputs[0].shape)
      return "input " + op.inputs[t].name + " of " + op.name + " must have the shape of " + op.inputs[0].name;
    if (static_cast<std::int64_t>(tensor.values.size()) != element_count(tensor.shape))
      return "input " + op.inputs[t].name + " has " + std::to_string(tensor.values.size()) +
             " values, its shape asks for " + std::to_string(element_count(tensor.shape));
  }
  for (const AttributeRow& row : op.attributes) {
    const auto found = question.attributes.values.find(row.name);
    if (found == question.attributes.values.end())
      return "attribute " + row.name + " of " + op.name + " is missing";
    const bool integer = row.kind == AttributeRow::Kind::integer;
    const double value = integer ? static_cast<double>(std::get<std::int64_t>(found->second))
                                 : std::get<double>(found->second);
    if (!row.valid(value))
      return "attribute " + row.name + " of " + op.name + " is outside its domain: " + row.domain;
    if (!integer && !exact_bits(format(question.format->compute), value))
      return "attribute " + row.name + " of " + op.name + " must be exactly representable in " +
             std::string(format(question.format->compute).name);
  }
  if (op.independence == Independence::along_axis) {
    const auto rank = static_cast<std::int64_t>(question.inputs[0].shape.size());
    if (question.attributes.integer("axis") >= rank)
      return "attribute axis of " + op.name + " must be below the rank, " + std::to_string(rank) + "; got " +
             std::to_string(question.attributes.integer("axis"));
  }
  return std::nullopt;
}

}  // namespace karat
