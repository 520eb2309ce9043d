// SPDX-License-Identifier: MIT
#include "properties/sweep/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/fast/line.hpp"
#include "reference/random/philox.hpp"

namespace karat::properties {
namespace {

// Along which input the operator takes fewer polynomials, at a few values of the other.
std::size_t easier_variable(const Operator& op, const Format& format, const Attributes& attributes) {
  std::size_t best = 0, fewest = std::numeric_limits<std::size_t>::max();
  for (std::size_t variable = 0; variable < op.inputs.size(); ++variable) {
    std::size_t count = 0;
    for (const double other : {0.71875, 1.0, 3.25})
      if (op.inputs[1 - variable].takes(other)) {
        std::vector<double> at(2, other);
        count += fast::Line(op, attributes, format, variable, at).segments(false, 1, format.max_finite()).size();
      }
    if (count < fewest) {
      fewest = count;
      best = variable;
    }
  }
  return best;
}

}  // namespace

std::vector<Bits> SweepPlan::inputs_at(std::uint64_t position) const {
  std::vector<Bits> inputs(op->inputs.size(), pattern_of(position));
  if (inputs.size() > 1) {
    const std::uint64_t line = line_of(position);
    inputs[1 - variable] = fixed.empty() ? line : fixed[line];
  }
  return inputs;
}

Question SweepPlan::question_at(std::uint64_t position) const {
  Question q{op, format, {}, attributes};
  for (const Bits b : inputs_at(position)) q.inputs.emplace_back(Shape{1}, std::vector<Bits>{b});
  return q;
}

std::string SweepPlan::describe() const {
  const std::string all = format->width == 16 ? "2^16" : "2^32";
  if (op->inputs.size() == 1) return "all " + all + " inputs";
  if (fixed.empty()) return "all 2^32 pairs";
  std::string text = "all " + all + " values of " + op->inputs[variable].name + " for " + op->inputs[1 - variable].name + " in {";
  for (std::size_t i = 0; i < fixed.size(); ++i) text += (i ? ", " : "") + to_text(*format, fixed[i]);
  return text + "}";
}

std::optional<SweepPlan> sweep_plan(const Operator& op, const Format& format, const Attributes& attributes, std::uint64_t seed, std::string& why) {
  if (op.independence != Independence::elementwise || op.outputs.size() != 1) {
    why = "no function of one or two numbers";
    return std::nullopt;
  }
  if (format.width > 32) {
    why = std::string(format.name) + " has 2^64 inputs: `karat hunt` looks for its worst ones";
    return std::nullopt;
  }
  if (op.inputs.size() > 2 || std::any_of(op.inputs.begin(), op.inputs.end(), [](const InputRow& input) { return input.index; })) {
    why = std::to_string(op.inputs.size()) + " inputs, or indices; a sweep goes through one or two numbers";
    return std::nullopt;
  }
  SweepPlan plan{.op = &op, .format = &format, .attributes = attributes};
  if (op.inputs.size() == 2 && format.width == 16) plan.variable = easier_variable(op, format, attributes);
  if (op.inputs.size() == 2 && format.width == 32) {
    plan.variable = 1;
    // 1, and one in ±[0.5, 2) that the seed draws.
    const auto draw = random_words(seed, 0x7377656570, 0);
    const double other = std::ldexp(1 + std::ldexp(static_cast<double>(draw[0] >> 9), -23), static_cast<int>(draw[1] % 2) - 1) * (draw[2] % 2 ? -1 : 1);
    plan.fixed = {*exact_bits(format, 1), *exact_bits(format, other)};
  }
  return plan;
}

}  // namespace karat::properties
