// SPDX-License-Identifier: MIT
#include "properties/sweep/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/fast/line.hpp"
#include "reference/numbers/rounding.hpp"
#include "reference/pointwise.hpp"
#include "reference/random/philox.hpp"

namespace karat::properties {
namespace {

// Along which of two inputs the operator takes fewer polynomials, at a few values of the other.
std::size_t easier_variable(const SweepPlan& plan, std::size_t a, std::size_t b) {
  std::size_t best = a, fewest = std::numeric_limits<std::size_t>::max();
  for (const auto& [variable, other] : {std::pair(a, b), std::pair(b, a)}) {
    std::size_t count = 0;
    const InputRow& row = plan.op->inputs[variable];
    const double most = std::min(row.domain.high, to_double(*plan.format, plan.format->max_finite()));
    for (const double value : {0.71875, 1.0, 3.25})
      if (plan.op->inputs[other].takes(value)) {
        std::vector<double> at(plan.op->inputs.size(), 1.0);
        at[other] = value;
        count += fast::Line(*plan.op, plan.attributes, *plan.format, variable, at).segments(false, 1, *exact_bits(*plan.format, most)).size();
      }
    if (count < fewest) {
      fewest = count;
      best = variable;
    }
  }
  return best;
}

// 1, and one in ±[0.5, 2) that the seed draws; of an operand with a bounded domain two that it draws there.
std::vector<Bits> fixed_values(const InputRow& row, const Format& format, std::uint64_t seed) {
  const auto draw = random_words(seed, 0x7377656570, 0);
  if (std::isfinite(row.domain.low) && std::isfinite(row.domain.high)) {
    std::vector<Bits> values;
    for (const std::size_t i : {0, 1})
      values.push_back(round_nearest(format, truncated(row.domain.low + (row.domain.high - row.domain.low) * std::ldexp(static_cast<double>(draw[i] | 1), -32))));
    return values;
  }
  const double other = std::ldexp(1 + std::ldexp(static_cast<double>(draw[0] >> 9), -23), static_cast<int>(draw[1] % 2) - 1) * (draw[2] % 2 ? -1 : 1);
  return {*exact_bits(format, 1), *exact_bits(format, row.takes(other) ? other : -other)};
}

}  // namespace

std::vector<Bits> SweepPlan::inputs_at(std::uint64_t position) const {
  std::vector<Bits> inputs(op->inputs.size(), *exact_bits(*format, 1));
  inputs[variable] = pattern_of(position);
  const std::uint64_t line = line_of(position);
  if (other) inputs[*other] = fixed.empty() ? line : fixed[line];
  return inputs;
}

std::optional<Attributes> SweepPlan::attributes_at(std::uint64_t position) const {
  if (attribute.empty()) return attributes;
  const double value = to_double(*format, line_of(position));
  Attributes all = attributes;
  all.values[attribute] = value;
  if (std::isnan(value) || invalid_attributes(*op, *format, all)) return std::nullopt;
  return all;
}

Question SweepPlan::question_at(std::uint64_t position) const {
  Question q{op, format, {}, attributes_at(position).value_or(attributes)};
  for (const Bits b : inputs_at(position)) q.inputs.emplace_back(Shape{1}, std::vector<Bits>{b});
  return q;
}

std::string SweepPlan::describe() const {
  const std::string all = format->width == 16 ? "2^16" : "2^32";
  std::string rest;
  for (std::size_t t = 0; t < op->inputs.size(); ++t)
    if (t != variable && t != other) rest += (rest.empty() ? " for " : ", ") + op->inputs[t].name + " = 1";
  if (!attribute.empty()) return "all 2^32 pairs of " + op->inputs[variable].name + " and " + attribute;
  if (!other) return "all " + all + " inputs" + rest;
  if (fixed.empty()) return "all 2^32 pairs" + (rest.empty() ? "" : " of " + op->inputs[std::min(variable, *other)].name + " and " + op->inputs[std::max(variable, *other)].name + rest);
  std::string text = "all " + all + " values of " + op->inputs[variable].name + " for " + op->inputs[*other].name + " in {";
  for (std::size_t i = 0; i < fixed.size(); ++i) text += (i ? ", " : "") + to_text(*format, fixed[i]);
  return text + "}" + (rest.empty() ? "" : "," + rest.substr(4));
}

std::optional<SweepPlan> sweep_plan(const Operator& op, const Format& format, const Attributes& attributes, const std::string& vary, std::uint64_t seed, std::string& why) {
  const Operator* elementwise = pointwise(op);
  if (!elementwise || op.outputs.size() != 1) {
    why = "no function of one or two numbers";
    return std::nullopt;
  }
  if (format.width > 32) {
    why = std::string(format.name) + " has 2^64 inputs: `karat hunt` looks for its worst ones";
    return std::nullopt;
  }
  // A gradient by a loss's one term: the upstream gradient is a factor, and is 1.
  const std::size_t first = elementwise != &op && op.inputs.size() == 3 ? 1 : 0, count = op.inputs.size() - first;
  if (count > 2 || std::any_of(op.inputs.begin(), op.inputs.end(), [](const InputRow& input) { return input.index; })) {
    why = std::to_string(op.inputs.size()) + " inputs, or indices; a sweep goes through one or two numbers";
    return std::nullopt;
  }
  SweepPlan plan{.op = elementwise, .format = &format, .attributes = attributes, .variable = first};
  if (elementwise != &op) plan.attributes.values["reduction"] = std::string("none");
  if (!vary.empty()) {
    why.clear();
    const auto row = std::find_if(op.attributes.begin(), op.attributes.end(), [&](const AttributeRow& a) { return a.name == vary && a.kind == AttributeRow::Kind::number; });
    if (row == op.attributes.end()) why = "has no number " + vary + " among its attributes";
    else if (count != 1) why = "has two inputs; " + vary + " would be a third operand";
    else if (format.width != 16) why = "every pair with " + vary + " in " + std::string(format.name) + " would be 2^64";
    if (!why.empty()) return std::nullopt;
    plan.attribute = vary;
    return plan;
  }
  if (count == 1) return plan;
  // Elementwise rows of two numbers are gradients: dy, then x.  Of a loss x or p is what people vary.
  plan.variable = format.width == 16 ? easier_variable(plan, first, first + 1) : first + 1;
  plan.other = plan.variable == first ? first + 1 : first;
  if (format.width == 32) plan.fixed = fixed_values(op.inputs[*plan.other], format, seed);
  return plan;
}

}  // namespace karat::properties
