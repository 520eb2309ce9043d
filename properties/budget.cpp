// SPDX-License-Identifier: MIT
#include "properties/budget.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "properties/profile.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {

struct Budgets::Trace {
  PriceTape tape;
  std::vector<Priced> outputs;
  bool moved;

  Trace(const Question& q, const Evaluate<Priced>& algorithm, const Care& care, Dtype compute, std::uint64_t seed)
      : tape(format(compute), compute == q.format->dtype, care, seed), moved(seed != 0) {
    // Storage that the arithmetic cannot hold is rounded to it first: a product with what is nearly 1 costs that.
    const bool rounds = format(compute).precision < q.format->precision;
    const Priced one(std::nextafter(1.0, 2.0));
    Tensors<Priced> inputs;
    for (std::size_t t = 0; t < q.inputs.size(); ++t) {
      const bool index = q.op->inputs[t].index;
      inputs.emplace_back();
      inputs.back().shape = q.inputs[t].shape;
      for (const Bits b : q.inputs[t].values) {
        const Priced x = tape.input(index ? static_cast<double>(static_cast<std::int64_t>(b)) : to_double(*q.format, b));
        inputs.back().values.push_back(rounds && !index && !exact_bits(format(compute), x.value) ? x * one : x);
      }
    }
    for (Tensor<Priced>& y : algorithm(inputs, q.attributes)) outputs.insert(outputs.end(), y.values.begin(), y.values.end());
  }
};

Care care_of(const Level& level) {
  Care care = level.rule == Level::Rule::permissive ? Care{4, true} : Care{};
  if (!level.profile) return care;
  if (level.profile->composed_ulps && !level.published && level.ulps > 0) care.primitive_ulps = level.ulps;
  care.sequential_sums = care.sequential_sums || level.profile->sequential_sums;
  return care;
}

Budgets::Budgets(const Question& question, const Care& care, std::optional<Dtype> compute)
    : question_(question), care_(care), compute_(compute.value_or(question.format->compute)), traces_(4 * question.op->algorithms.size()) {}
Budgets::~Budgets() = default;

Budgets::Trace& Budgets::trace(std::size_t k) {
  // Directions are the same for every question: a verdict replays.
  if (!traces_[k]) traces_[k] = std::make_unique<Trace>(question_, question_.op->algorithms[k / 4], care_, compute_, k % 4);
  return *traces_[k];
}

Budget Budgets::at_least(std::size_t element) {
  Trace& first = trace(0);
  const Priced& y = first.outputs.at(element);
  Budget b;
  b.bound = y.beyond || first.tape.exact(y) ? 0 : first.tape.budget(y);
  if (!(b.bound >= 0)) b.bound = 0;
  return b;
}

double Budgets::center(std::size_t element) {
  if (compute_ != Dtype::f64) return trace(0).outputs.at(element).value;
  if (exact_.empty()) {
    const PrecisionScope scope(256);
    for (const Real& y : witness(question_)) exact_.push_back(static_cast<double>(y));
  }
  return exact_.at(element);
}

Budget Budgets::at(std::size_t element) {
  Budget b;
  b.moved_data = true;
  bool judged = false, beyond = false, exact = true;
  for (std::size_t k = 0; k < traces_.size(); ++k) {
    Trace& t = trace(k);
    const Priced& y = t.outputs.at(element);
    b.moved_data = b.moved_data && y.node < 0;
    if (y.beyond) {
      beyond = true;
      continue;
    }
    const long double bound = t.tape.budget(y);
    if (std::isnan(bound) || std::isnan(y.value)) continue;
    judged = judged || !t.moved;
    b.bound = std::max(b.bound, bound);
    const double off = std::abs(y.value - center(element));
    const bool differs = std::isfinite(off) && off != 0;
    exact = exact && (t.moved || (t.tape.exact(y) && !differs));
    b.moved_data = b.moved_data && !differs;  // a constant that is not the exact value: it underflowed on the way
    if (differs) b.bound = std::max(b.bound, static_cast<long double>(off) - t.tape.last_rounding(y));
  }
  b.out_of_range = beyond;
  b.undefined = !judged && !beyond;
  if (judged && !beyond && exact) b.bound = 0;
  return b;
}

bool Budgets::singular(std::size_t element) {
  for (std::size_t k = 0; k < traces_.size(); ++k)
    if (!std::isnan(trace(k).outputs.at(element).value)) return true;
  return false;
}

long double Budgets::constants_share(std::size_t element) {
  Trace& first = trace(0);
  long double all = 0, constants = 0;
  for (const PriceTape::Share& share : first.tape.shares(first.outputs.at(element))) {
    all += share.cost;
    if (std::string_view(share.what) == "constant") constants += share.cost;
  }
  return all > 0 ? constants / all : 0;
}

std::vector<Budgets::Algorithm> Budgets::make_up(std::size_t element) {
  std::vector<Algorithm> all;
  for (std::size_t k = 0; k < traces_.size(); k += 4) {
    Trace& t = trace(k);
    const Priced& y = t.outputs.at(element);
    Algorithm a{t.tape.budget(y), y.beyond, y.value, t.tape.shares(y)};
    std::stable_sort(a.shares.begin(), a.shares.end(), [](const auto& s, const auto& u) { return s.cost > u.cost; });
    all.push_back(std::move(a));
  }
  return all;
}

}  // namespace karat::properties
