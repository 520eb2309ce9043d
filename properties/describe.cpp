// SPDX-License-Identifier: MIT
#include "properties/describe.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace karat::properties {
namespace {

std::string class_text(const Specials& right) {
  std::string text;
  for (const Special& s : right) {
    char number[48];
    if (s.unjudged)
      std::snprintf(number, sizeof number, "anything");
    else if (std::isnan(s.value))
      std::snprintf(number, sizeof number, "nan");
    else
      std::snprintf(number, sizeof number, "%a", s.value);
    const std::string one = number;
    if (text.find(one) == std::string::npos) text += (text.empty() ? "" : " or ") + one;
  }
  return text;
}

}  // namespace

std::pair<Unit, std::size_t> unit_of(const Question& question, std::size_t element) {
  if (question.op->independence == Independence::elementwise) return {unit(question, element), 0};
  if (question.op->independence == Independence::whole) return {unit(question, 0), element};
  const Slices slices(question.inputs[0].shape, question.attributes.integer("axis"));
  const auto inner = static_cast<std::size_t>(slices.inner), length = static_cast<std::size_t>(slices.length);
  const std::size_t slice = element / (length * inner) * inner + element % inner;
  return {unit(question, slice), element / inner % length};
}

std::vector<NamedValue> inputs_at(const Question& question, std::size_t element) {
  const auto [part, place] = unit_of(question, element);
  const Format& f = *question.format;
  std::vector<NamedValue> at;
  const bool whole = question.op->independence == Independence::whole;
  for (std::size_t t = 0; t < part.question.inputs.size(); ++t) {
    const auto& values = part.question.inputs[t].values;
    std::string text;
    if (question.op->independence == Independence::elementwise) {
      text = to_text(f, values[0]);
    } else {
      constexpr std::size_t most = 6;
      text = "[";
      for (std::size_t k = 0; k < std::min(values.size(), most); ++k)
        text += (k == 0 ? "" : ", ") + (question.op->inputs[t].index ? std::to_string(static_cast<std::int64_t>(values[k])) : to_text(f, values[k]));
      text += values.size() > most ? ", … " + std::to_string(values.size()) + " values]" : "]";
    }
    at.push_back({question.op->inputs[t].name, text});
  }
  if (question.op->independence == Independence::along_axis) at.push_back({"index", std::to_string(place)});
  if (whole) at.push_back({"output", output_name(question, element)});
  for (const AttributeRow& row : question.op->attributes) {
    if (row.kind != AttributeRow::Kind::number) continue;
    char number[48];
    std::snprintf(number, sizeof number, "%a", question.attributes.number(row.name));
    at.push_back({row.name, number});
  }
  return at;
}

std::string output_name(const Question& question, std::size_t element) {
  const Shapes shapes = question.output_shapes();
  for (std::size_t j = 0; j < shapes.size(); ++j) {
    const auto count = static_cast<std::size_t>(element_count(shapes[j]));
    if (element >= count) {
      element -= count;
      continue;
    }
    std::string text;
    for (std::size_t d = shapes[j].size(); d-- > 0;) {
      const auto extent = static_cast<std::size_t>(shapes[j][d]);
      text = std::to_string(element % extent) + (text.empty() ? "" : ", ") + text;
      element /= extent;
    }
    return question.op->outputs[j] + (text.empty() ? "" : "[" + text + "]");
  }
  return "?";
}

ExactText exact_text(const Question& question, std::size_t element, int digits) {
  const auto [part, place] = unit_of(question, element);
  const Specials right = specials(part.question)[place];
  if (!right.empty()) {
    const std::string text = class_text(right);
    char decimal[48] = "";
    if (std::isfinite(right[0].value)) std::snprintf(decimal, sizeof decimal, "%.17g", right[0].value);
    return {text, decimal};
  }
  ExactText text;
  const std::size_t at = place;
  const Unit& the_unit = part;
  decide([&](int) -> std::optional<bool> {
    const Answer answer = answers(the_unit.question)[at];
    if (!answer.value.is_bounded()) return std::nullopt;
    text.hex = answer.value.hexadecimal(15);
    const auto decimal = answer.value.decimal(digits);
    if (decimal) text.decimal = *decimal;
    return decimal ? std::optional(true) : std::nullopt;
  });
  if (text.hex.empty()) text.hex = "undecided";
  return text;
}

double allowed_ulps(const Level& level) {
  switch (level.rule) {
    case Level::Rule::exact: return 0.5;
    case Level::Rule::faithful: return 1;
    case Level::Rule::stable:
    case Level::Rule::published:
    case Level::Rule::permissive: return std::numeric_limits<double>::quiet_NaN();
    case Level::Rule::max_ulp: break;
  }
  return level.ulps;
}

std::string ulps_text(double ulps) {
  char text[48];
  if (!(std::fabs(ulps) < 1e6))
    std::snprintf(text, sizeof text, "%.3g", ulps);
  else if (ulps >= 100)
    std::snprintf(text, sizeof text, "%.0f", ulps);
  else
    std::snprintf(text, sizeof text, "%.3g", ulps);
  return text;
}

}  // namespace karat::properties
