// SPDX-License-Identifier: MIT
#include "bench/draw.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "reference/numbers/rounding.hpp"

namespace karat::bench {
namespace {

constexpr int tries = 4;
constexpr double widest_index = 1e6;

Interval usual(const InputRow& row) {
  const Interval clipped{std::max(row.typical.low, -8.0), std::min(row.typical.high, 8.0)};
  return clipped.low < clipped.high ? clipped : row.typical;
}

struct Integers {
  std::int64_t low = 0, high = 0;  // both included
};

// Those that the operator takes in every element: as far as its domain says, or up to an extent.
Integers integers_of(const Question& q, std::size_t input) {
  const InputRow& row = q.op->inputs[input];
  if (std::isfinite(row.domain.low) && std::isfinite(row.domain.high))
    return {static_cast<std::int64_t>(std::ceil(row.domain.low)), static_cast<std::int64_t>(std::floor(std::min(row.domain.high, row.domain.low + widest_index)))};
  std::set<std::int64_t> extents;
  for (std::size_t t = 0; t < q.inputs.size(); ++t)
    if (t != input) extents.insert(q.inputs[t].shape.begin(), q.inputs[t].shape.end());
  Question trial = q;
  for (auto extent = extents.rbegin(); extent != extents.rend(); ++extent) {
    if (*extent < 1) continue;
    std::fill(trial.inputs[input].values.begin(), trial.inputs[input].values.end(), static_cast<Bits>(*extent - 1));
    if (!invalid(trial)) return {0, *extent - 1};
  }
  return {};
}

}  // namespace

Question drawn(const Operator& op, const Format& f, const Shapes& inputs, const Attributes& attributes, std::uint64_t seed) {
  std::optional<std::string> wrong;
  for (int attempt = 0; attempt < tries; ++attempt) {
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(attempt) * 0x9e37'79b9'7f4a'7c15);
    Question q{&op, &f, {}, attributes};
    for (std::size_t t = 0; t < op.inputs.size(); ++t) {
      Tensor<Bits> tensor(inputs.at(t));
      const Interval range = usual(op.inputs[t]);
      if (!op.inputs[t].index)
        for (Bits& b : tensor.values)
          b = round_nearest(f, truncated(range.low + (range.high - range.low) * (static_cast<double>(random() >> 11) * 0x1p-53)));
      q.inputs.push_back(std::move(tensor));
    }
    for (std::size_t t = 0; t < op.inputs.size(); ++t) {
      if (!op.inputs[t].index) continue;
      const Integers range = integers_of(q, t);
      const auto choices = static_cast<std::uint64_t>(range.high - range.low + 1);
      for (Bits& b : q.inputs[t].values) b = static_cast<Bits>(range.low + static_cast<std::int64_t>(random() % choices));
    }
    wrong = invalid(q);
    if (!wrong) return q;
  }
  throw Refused(*wrong);
}

}  // namespace karat::bench
