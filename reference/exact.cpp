// SPDX-License-Identifier: MIT
#include "reference/exact.hpp"

#include <cmath>
#include <cstdio>
#include <numeric>

namespace karat {
namespace {

template <class T, class Make>
Tensors<T> exact_inputs(const Question& question, Make make) {
  Tensors<T> inputs;
  for (std::size_t t = 0; t < question.inputs.size(); ++t) {
    const Tensor<Bits>& tensor = question.inputs[t];
    const bool index = question.op->inputs[t].index;
    std::vector<T> values;
    values.reserve(tensor.values.size());
    for (const Bits b : tensor.values)
      values.emplace_back(make(index ? static_cast<double>(static_cast<std::int64_t>(b)) : to_double(*question.format, b)));
    inputs.emplace_back(tensor.shape, std::move(values));
  }
  return inputs;
}
template <class T>
Tensors<T> exact_inputs(const Question& question) {
  return exact_inputs<T>(question, [](double value) { return T(value); });
}

template <class T>
std::vector<T> joined(Tensors<T> outputs) {
  if (outputs.size() == 1) return std::move(outputs[0].values);
  std::vector<T> all;
  for (Tensor<T>& y : outputs)
    for (T& v : y.values) all.push_back(std::move(v));
  return all;
}

// Bits at which the classes of results are looked at: more than the sums of doubles need.
constexpr int class_precision = 2200;

std::vector<Specials> specials_by_formula(const Question& question) {
  std::vector<Specials> result(question.output_count());
  const auto special = [](double d) { return Specials{{.value = d}}; };
  const PrecisionScope scope(class_precision);
  const std::vector<Real> values = witness(question);
  std::vector<std::size_t> suspects;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Real& v = values[i];
    if (v - v == 0) continue;
    result[i] = special(v != v ? std::nan("") : v > 0 ? HUGE_VAL : -HUGE_VAL);
    suspects.push_back(i);
  }
  if (suspects.empty()) return result;
  try {
    const std::vector<Answer> enclosed = answers(question);
    for (const std::size_t i : suspects)
      if (enclosed[i].value.is_bounded()) result[i].clear();
  } catch (const Undecided&) {  // a comparison with NaN: Real alone says what comes of it
  }
  return result;
}

std::optional<std::string> wrong_attribute(const Question& question, const AttributeRow& row) {
  using Kind = AttributeRow::Kind;
  const Operator& op = *question.op;
  const std::string what = "attribute " + row.name + " of " + op.name;
  const auto found = question.attributes.values.find(row.name);
  if (found == question.attributes.values.end()) return what + " is missing";
  const Attributes::Value& value = found->second;
  const auto is = [&](Kind kind) { return row.kind == kind; };
  if (is(Kind::text)) {
    const auto* text = std::get_if<std::string>(&value);
    std::string choices;
    for (const std::string& choice : row.choices) {
      if (text && *text == choice) return std::nullopt;
      choices += (choices.empty() ? "" : ", ") + choice;
    }
    return what + ": expected one of " + choices + (text ? ", got '" + *text + "'" : "");
  }
  if (is(Kind::list))
    return std::holds_alternative<std::vector<std::int64_t>>(value)
               ? std::nullopt
               : std::optional(what + ": expected a list of integers: " + row.domain);
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* number = std::get_if<double>(&value);
  if (is(Kind::integer) ? !integer : !number)
    return what + ": expected " + (is(Kind::integer) ? "an integer" : "a number") + ": " + row.domain;
  const double v = integer ? static_cast<double>(*integer) : *number;
  if (v != v && row.standard != row.standard) return what + " has no standard value: a call must say " + row.name + "=…, " + row.domain;
  if (row.valid && !row.valid(v))
    return what + " is outside its domain: " + row.domain + "; got " + (integer ? std::to_string(*integer) : [&] {
      char text[48];
      std::snprintf(text, sizeof text, "%.17g", v);
      return std::string(text);
    }());
  if (number && !exact_bits(format(question.format->compute), v))
    return what + " must be exactly representable in " + std::string(format(question.format->compute).name);
  return std::nullopt;
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

Shapes Question::output_shapes() const {
  Shapes shapes;
  for (const Tensor<Bits>& tensor : inputs) shapes.push_back(tensor.shape);
  return op->output_shapes(shapes, attributes);
}
std::size_t Question::output_count() const {
  if (op->independence != Independence::whole) return inputs[0].values.size();
  std::int64_t count = 0;
  for (const Shape& shape : output_shapes()) count += element_count(shape);
  return static_cast<std::size_t>(count);
}

std::size_t unit_count(const Question& question) {
  if (question.op->independence == Independence::whole) return question.output_count() > 0 ? 1 : 0;
  const Shape& shape = question.inputs[0].shape;
  if (element_count(shape) == 0) return 0;
  if (question.op->independence == Independence::elementwise) return question.inputs[0].values.size();
  return static_cast<std::size_t>(Slices(shape, question.attributes.integer("axis")).count);
}

Unit unit(const Question& question, std::size_t index) {
  Unit u;
  if (question.op->independence == Independence::whole) {
    u.question = question;
    u.outputs.resize(question.output_count());
    std::iota(u.outputs.begin(), u.outputs.end(), std::size_t{0});
    return u;
  }
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
  if (!question.op->specials) return specials_by_formula(question);
  std::vector<Specials> by_row = question.op->specials(exact_inputs<double>(question), question.attributes);
  if (question.op->independence != Independence::whole) return by_row;
  std::vector<Specials> by_formula = specials_by_formula(question);  // what the row says nothing of
  for (std::size_t i = 0; i < by_row.size(); ++i)
    if (by_row[i].empty()) by_row[i] = std::move(by_formula[i]);
  return by_row;
}

std::vector<Answer> answers(const Question& question) {
  const Tensors<Enclosure> inputs = exact_inputs<Enclosure>(question);
  std::vector<Enclosure> outputs = joined(question.op->enclose(inputs, question.attributes));
  std::vector<Answer> result;
  result.reserve(outputs.size());
  for (Enclosure& value : outputs) result.push_back({std::move(value), {}, {}});
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
  return joined(question.op->real(exact_inputs<Real>(question), question.attributes));
}

std::vector<Compensated> compensated(const Question& question, const Format& compute, bool sequential_sums) {
  const auto input = [&](double value) { return Compensated::input(value, compute, sequential_sums); };
  return joined(question.op->compensated(exact_inputs<Compensated>(question, input), question.attributes));
}

std::optional<std::string> invalid_attributes(const Operator& op, const Format& f, const Attributes& attributes) {
  const Question question{&op, &f, {}, attributes};
  for (const AttributeRow& row : op.attributes)
    if (const auto wrong = wrong_attribute(question, row)) return wrong;
  return std::nullopt;
}

std::optional<std::string> invalid(const Question& question) {
  const Operator& op = *question.op;
  if (question.inputs.size() != op.inputs.size())
    return op.name + " takes " + std::to_string(op.inputs.size()) + " inputs, got " +
           std::to_string(question.inputs.size());
  const bool whole = op.independence == Independence::whole;
  for (std::size_t t = 0; t < question.inputs.size(); ++t) {
    const Tensor<Bits>& tensor = question.inputs[t];
    if (!whole && tensor.shape != question.inputs[0].shape)
      return "input " + op.inputs[t].name + " of " + op.name + " must have the shape of " + op.inputs[0].name;
    if (static_cast<std::int64_t>(tensor.values.size()) != element_count(tensor.shape))
      return "input " + op.inputs[t].name + " has " + std::to_string(tensor.values.size()) +
             " values, its shape asks for " + std::to_string(element_count(tensor.shape));
  }
  if (const auto wrong = invalid_attributes(op, *question.format, question.attributes)) return wrong;
  if (whole) {
    try {
      question.output_shapes();
      if (op.refuse) op.refuse(exact_inputs<double>(question), question.attributes);
    } catch (const Refused& refused) {
      return refused.what();
    }
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
