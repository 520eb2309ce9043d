// SPDX-License-Identifier: MIT
#include "properties/lean.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "properties/budget.hpp"
#include "properties/execute.hpp"
#include "properties/generate.hpp"
#include "properties/parallel.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

constexpr std::int64_t wanted_rows = 48;

// Questions, and how many elements of their results make a row (0: all).
struct Sample {
  std::vector<Question> questions;
  std::int64_t length = 0;
};
Sample sample_of(const Operator& op, const Format& f, std::uint64_t seed) {
  std::mt19937_64 random(seed * 77 + 5);
  Sample sample;
  if (op.independence == Independence::whole) {
    const auto drawn = [&](const Example& example) {  // rows must differ: an example may give its values
      return std::none_of(op.inputs.begin(), op.inputs.end(), [&](const InputRow& row) { return row.differentiable && example.values.contains(row.name); });
    };
    const auto example = std::find_if(op.examples.begin(), op.examples.end(), drawn);
    if (example == op.examples.end()) return sample;
    for (std::int64_t i = 0; i < wanted_rows; ++i) sample.questions.push_back(filled(op, f, *example, Fill::usual, random()));
    return sample;
  }
  const bool axis = op.independence == Independence::along_axis;
  sample.length = axis ? 12 : 6;
  Question q{&op, &f, {}, standard_attributes(op)};
  if (axis) q.attributes.values["axis"] = std::int64_t{1};
  for (const InputRow& row : op.inputs) {
    Tensor<Bits> x(axis ? Shape{wanted_rows, sample.length} : Shape{wanted_rows * sample.length});
    for (Bits& b : x.values)
      b = round_nearest(f, truncated(row.typical.low + (row.typical.high - row.typical.low) * static_cast<double>(random() >> 11) * 0x1p-53));
    q.inputs.push_back(std::move(x));
  }
  sample.questions.push_back(std::move(q));
  return sample;
}

// (got − y)·sign(y)/allowed of each element of a unit; NaN where it says nothing.
std::vector<double> shares(const Unit& part, const std::vector<Bits>& got, const Level& level) {
  const PrecisionScope scope(160);
  const Format& f = *part.question.format;
  const std::vector<Real> y = witness(part.question);
  const auto by_row = specials(part.question);
  Budgets budgets(part.question, care_of(level), level.compute);
  std::vector<double> t(y.size(), std::nan(""));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const Bits b = got[part.outputs[i]];
    const auto exact = static_cast<double>(y[i]);
    if (!by_row[i].empty() || !is_finite(f, b) || !std::isfinite(exact) || std::abs(exact) < std::ldexp(4.0, f.e_min)) continue;
    const Budget budget = budgets.at(i);
    if (budget.out_of_range || budget.undefined || !(budget.bound > 0)) continue;
    if (budgets.constants_share(i) > 0.25L) continue;  // every row has that error, one and the same
    int exponent = 0;
    std::frexp(exact, &exponent);
    const double allowed = static_cast<double>(budget.bound) + std::ldexp(1.0, exponent - 1 - f.precision);
    t[i] = static_cast<double>(Real(Real(to_double(f, b)) - y[i])) * (exact < 0 ? -1 : 1) / allowed;
  }
  return t;
}

void add_mean(std::vector<double>& means, const std::vector<double>& t, std::size_t from, std::size_t n) {
  double sum = 0;
  int counted = 0;
  for (std::size_t i = from; i < from + n; ++i)
    if (!std::isnan(t[i])) {
      sum += t[i];
      ++counted;
    }
  if (counted > 0) means.push_back(sum / counted);
}

}  // namespace

std::string Lean::text() const {
  char line[200];
  std::snprintf(line, sizeof line, "errors lean to one side: S = %.1f over %zu rows, on average %.0f %% of what is allowed, %s from 0%s", s, rows, 100 * std::abs(mean),
                mean > 0 ? "away" : "towards", std::abs(mean) <= 1 ? "; no element need show it" : "");
  std::string text = line;
  if (mean <= 0) text.replace(text.find("towards from 0"), 14, "towards 0");
  return text;
}

Lean lean_of(const std::vector<double>& t) {
  Lean lean{t.size()};
  double sum = 0, squares = 0;
  for (const double v : t) {
    sum += v;
    squares += v * v;
  }
  if (squares > 0) {
    lean.s = sum / std::sqrt(squares);
    lean.mean = sum / static_cast<double>(t.size());
  }
  return lean;
}

std::optional<Lean> lean_of(host::Worker& worker, const host::KernelRow& kernel, const Operator& op, const Format& f, const Level& level,
                            std::uint64_t seed) {
  if (!by_budget(level)) return std::nullopt;
  const Sample sample = sample_of(op, f, seed);
  std::vector<std::vector<double>> all(sample.questions.size());
  std::vector<std::vector<Bits>> results;
  for (const Question& q : sample.questions) {
    if (invalid(q)) return std::nullopt;
    const Execution run = execute(worker, kernel.index, {q, base_layout(kernel, f, q), {}, 0, {}});
    if (!run.finished() || !run.unwritten.empty()) return std::nullopt;
    results.push_back(run.output.values);
  }
  for (std::size_t k = 0; k < sample.questions.size(); ++k) all[k].resize(results[k].size());
  struct Task {
    std::size_t question, unit;
  };
  std::vector<Task> tasks;
  for (std::size_t k = 0; k < sample.questions.size(); ++k)
    for (std::size_t u = 0; u < unit_count(sample.questions[k]); ++u) tasks.push_back({k, u});
  parallel_ranges(0, tasks.size(), 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Unit part = unit(sample.questions[tasks[i].question], tasks[i].unit);
      const auto t = shares(part, results[tasks[i].question], level);
      for (std::size_t e = 0; e < t.size(); ++e) all[tasks[i].question][part.outputs[e]] = t[e];
    }
  });
  std::vector<double> means;
  for (const auto& t : all) {
    const std::size_t n = sample.length > 0 ? static_cast<std::size_t>(sample.length) : t.size();
    for (std::size_t from = 0; n > 0 && from + n <= t.size(); from += n) add_mean(means, t, from, n);
  }
  if (means.size() < 31) return std::nullopt;
  return lean_of(means);
}

}  // namespace karat::properties
