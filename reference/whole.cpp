// SPDX-License-Identifier: MIT
#include "reference/whole.hpp"

#include <algorithm>
#include <cstdio>

namespace karat {

void expect_shape(const char* op, const char* input, const Shape& expected, const Shape& got) {
  if (got != expected)
    throw Refused(std::string("input ") + input + " of " + op + ": expected shape " + to_text(expected) + ", got " +
                  to_text(got));
}

void expect_rank(const char* op, const char* input, std::size_t expected, const Shape& got) {
  if (got.size() != expected)
    throw Refused(std::string("input ") + input + " of " + op + ": expected rank " + std::to_string(expected) +
                  ", got shape " + to_text(got));
}

AttributeRow reduction_row() {
  return {.kind = AttributeRow::Kind::text,
          .name = "reduction",
          .domain = "none, sum or mean",
          .choices = {"mean", "sum", "none"}};
}

Shape reduced(const Shape& terms, const Attributes& a) {
  return a.text("reduction") == "none" ? terms : Shape{};
}

AttributeRow form_row() {
  return {.kind = AttributeRow::Kind::text,
          .name = "form",
          .domain = "standard, or printed: as the seed prints it",
          .choices = {"standard", "printed"}};
}

AttributeRow flag_row(const char* name) {
  return {.kind = AttributeRow::Kind::integer, .name = name, .standard = 0, .domain = "0 or 1",
          .valid = [](double v) { return v == 0 || v == 1; }};
}
AttributeRow list_row(const char* name, std::vector<std::int64_t> standard, const char* domain) {
  return {.kind = AttributeRow::Kind::list, .name = name, .domain = domain, .standard_list = std::move(standard)};
}
AttributeRow choice_row(const char* name, std::vector<std::string> choices, const char* domain) {
  return {.kind = AttributeRow::Kind::text, .name = name, .domain = domain, .choices = std::move(choices)};
}
AttributeRow not_negative_row(const char* name, double standard) {
  return {.name = name, .standard = standard, .domain = "≥ 0, finite", .directed = standard == standard ? std::vector{standard} : std::vector<double>{},
          .valid = [](double v) { return v >= 0 && v - v == 0; }};
}

void refuse_outside(const char* op, const char* input, const Tensor<double>& x, double low, double high) {
  for (std::size_t i = 0; i < x.values.size(); ++i)
    if (x.values[i] < low || x.values[i] > high) {
      char text[80];
      std::snprintf(text, sizeof text, "expected a number from %g to %g, got %.9g", low, high, x.values[i]);
      throw Refused("input " + std::string(input) + " of " + op + ", element " + std::to_string(i) + ": " + text);
    }
}

namespace whole_detail {

Operator backward_row(const Operator& forward) {
  Operator op;
  op.name = forward.name + "_backward";
  op.family = forward.family;
  op.formula = forward.catalogue.gradient.empty() ? "vector–Jacobian product of " + forward.name
                                                  : forward.catalogue.gradient;
  op.source = "derivative of " + forward.source;
  op.notes = "Judged by the derivative of the forward formula, by the reverse-mode tape.";
  op.independence = Independence::whole;
  op.attributes = forward.attributes;
  for (const std::string& name : forward.outputs)
    op.inputs.push_back({.name = "d" + name, .typical = {-2, 2}, .infinities = false});
  for (const InputRow& row : forward.inputs) {
    op.inputs.push_back(row);
    if (row.differentiable) op.outputs.push_back("d" + row.name);
  }
  const std::size_t outputs = forward.outputs.size();
  std::vector<bool> differentiable;
  for (const InputRow& row : forward.inputs) differentiable.push_back(row.differentiable);
  op.shapes = [shapes = forward.shapes, outputs, differentiable, name = op.name, inputs = op.inputs](
                  const Shapes& in, const Attributes& a) {
    const Shapes own(in.begin() + static_cast<std::ptrdiff_t>(outputs), in.end());
    const Shapes y = shapes(own, a);
    for (std::size_t j = 0; j < outputs; ++j) expect_shape(name.c_str(), inputs[j].name.c_str(), y[j], in[j]);
    Shapes dx;
    for (std::size_t i = 0; i < own.size(); ++i)
      if (differentiable[i]) dx.push_back(own[i]);
    return dx;
  };
  for (const std::string& name : forward.batched) {  // samples of dx come from samples of dy alone
    const bool output = std::find(forward.outputs.begin(), forward.outputs.end(), name) != forward.outputs.end();
    op.batched.push_back(output ? "d" + name : name);
    if (std::find(op.outputs.begin(), op.outputs.end(), "d" + name) != op.outputs.end()) op.batched.push_back("d" + name);
  }
  if (forward.refuse)
    op.refuse = [refuse = forward.refuse, outputs](const Tensors<double>& in, const Attributes& a) {
      refuse(Tensors<double>(in.begin() + static_cast<std::ptrdiff_t>(outputs), in.end()), a);
    };
  for (const Example& example : forward.examples) {
    Attributes a = standard_attributes(forward);
    for (const auto& [name, value] : example.attributes) a.values[name] = value;
    Example e = example;
    e.shapes = forward.shapes(example.shapes, a);
    e.shapes.insert(e.shapes.end(), example.shapes.begin(), example.shapes.end());
    op.examples.push_back(std::move(e));
  }
  return op;
}

}  // namespace whole_detail
}  // namespace karat
