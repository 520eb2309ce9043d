// SPDX-License-Identifier: MIT
#include "properties/budget.hpp"

#include <algorithm>
#include <cmath>

namespace karat::properties {

struct Budgets::Trace {
  PriceTape tape;
  std::vector<Priced> outputs;
  bool moved;

  Trace(const Question& q, const Evaluate<Priced>& algorithm, const Care& care, std::uint64_t seed)
      : tape(format(q.format->compute), q.format->compute == q.format->dtype, care, seed), moved(seed != 0) {
    Tensors<Priced> inputs;
    for (std::size_t t = 0; t < q.inputs.size(); ++t) {
      const bool index = q.op->inputs[t].index;
      inputs.emplace_back();
      inputs.back().shape = q.inputs[t].shape;
      for (const Bits b : q.inputs[t].values)
        inputs.back().values.push_back(tape.input(index ? static_cast<double>(static_cast<std::int64_t>(b)) : to_double(*q.format, b)));
    }
    for (Tensor<Priced>& y : algorithm(inputs, q.attributes)) outputs.insert(outputs.end(), y.values.begin(), y.values.end());
  }
};

Care care_of(const Level& level) { return level.rule == Level::Rule::permissive ? Care{4, true} : Care{}; }

Budgets::Budgets(const Question& question, const Care& care) {
  // Directions are the same for every question: a verdict replays.
  for (const Evaluate<Priced>& algorithm : question.op->algorithms)
    for (const std::uint64_t seed : {0, 1, 2, 3}) traces_.push_back(std::make_unique<Trace>(question, algorithm, care, seed));
}
Budgets::~Budgets() = default;

Budget Budgets::at(std::size_t element) {
  Budget b;
  bool judged = false, beyond = false;
  b.moved_data = true;
  for (const auto& trace : traces_) {
    const Priced& y = trace->outputs.at(element);
    b.moved_data = b.moved_data && y.node < 0;
    if (y.beyond) {
      beyond = beyond || !trace->moved;
      continue;
    }
    const long double bound = trace->tape.budget(y);
    if (std::isnan(bound) || std::isnan(y.value)) continue;
    judged = judged || !trace->moved;
    b.bound = std::max(b.bound, bound);
  }
  b.out_of_range = !judged && beyond;
  b.undefined = !judged && !beyond;
  return b;
}

std::vector<Budgets::Algorithm> Budgets::make_up(std::size_t element) {
  std::vector<Algorithm> all;
  for (const auto& trace : traces_) {
    if (trace->moved) continue;
    const Priced& y = trace->outputs.at(element);
    Algorithm a{trace->tape.budget(y), y.beyond, y.value, trace->tape.shares(y)};
    std::stable_sort(a.shares.begin(), a.shares.end(), [](const auto& s, const auto& t) { return s.cost > t.cost; });
    all.push_back(std::move(a));
  }
  return all;
}

}  // namespace karat::properties
