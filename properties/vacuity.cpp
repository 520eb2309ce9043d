// SPDX-License-Identifier: MIT
#include "properties/vacuity.hpp"

#include <algorithm>

#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

constexpr std::size_t largest = 1024;  // output elements

// Bits that tell expected results apart, or nothing where the formula is not defined on them.
std::vector<double> expected(const Question& question) {
  std::vector<double> values;
  try {
    for (const Real& v : witness(question)) values.push_back(static_cast<double>(v));
  } catch (const Refused&) {
    values.clear();
  }
  return values;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return x == y || (x != x && y != y); });
}

// Other values of one input, of the same kind: rotated, and every number something else.
Question with_other(const Question& question, std::size_t input) {
  Question q = question;
  const Format& f = *q.format;
  auto& values = q.inputs[input].values;
  const InputRow& row = q.op->inputs[input];
  if (row.index) {
    std::rotate(values.begin(), values.begin() + 1, values.end());
    if (values == question.inputs[input].values)
      for (Bits& b : values) b ^= 1;
    return q;
  }
  std::uint64_t step = 0;
  for (Bits& b : values) {
    const double share = static_cast<double>(++step * 0x9e3779b97f4a7c15u >> 11) * 0x1p-53;
    const Bits other = round_nearest(f, truncated(row.typical.low + (row.typical.high - row.typical.low) * share));
    b = other == b ? round_nearest(f, truncated(row.typical.high)) : other;
  }
  return q;
}

}  // namespace

bool Meaning::any() const { return !constant && std::find(moves.begin(), moves.end(), true) != moves.end(); }

std::optional<Meaning> meaning_of(const Question& question) {
  const std::size_t count = question.output_count();
  if (count == 0 || count > largest) return std::nullopt;
  const PrecisionScope scope(64);
  const std::vector<double> y = expected(question);
  const auto number = [](double v) { return v - v == 0; };
  Meaning m;
  m.constant = std::none_of(y.begin(), y.end(), number) || (y.size() > 1 && std::all_of(y.begin(), y.end(), [&](double v) { return v == y[0]; })) ||
               (y.size() == 1 && y[0] == 0);
  for (std::size_t t = 0; t < question.inputs.size(); ++t) {
    m.moves.push_back(false);
    if (question.inputs[t].values.empty()) continue;
    Question other = with_other(question, t);
    if (invalid(other) && !question.op->inputs[t].index)  // a matrix that must stay symmetric, say: twice as large
      for (std::size_t i = 0; i < other.inputs[t].values.size(); ++i)
        other.inputs[t].values[i] = round_nearest(*other.format, truncated(2 * to_double(*other.format, question.inputs[t].values[i])));
    m.moves.back() = !invalid(other) && !same(expected(other), y);
  }
  return m;
}

}  // namespace karat::properties
