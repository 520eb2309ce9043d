// SPDX-License-Identifier: MIT
#include "bench/flops.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <tuple>

#include "bench/draw.hpp"

namespace karat::bench {
namespace {

constexpr std::int64_t most_elements = 1 << 15;  // of a call that is counted
constexpr std::size_t sampled = 16;               // results whose part of the tape is looked at
constexpr std::int64_t few = 4;                  // extents up to this are counted as they are
constexpr std::size_t most_variables = 7;

// Steps in which sizes that are rounded down, by strides and kernels, grow evenly; and how far they are looked for.
constexpr std::int64_t steps[] = {1, 2, 3, 4, 6, 8, 12};
constexpr int most_shifts = 10;

// A division by a power of two only scales, and is no operation.
bool scales(std::int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

}  // namespace

std::optional<Tally> tally(const Operator& op, const Shapes& inputs, const Attributes& attributes) {
  if (op.algorithms.empty()) return std::nullopt;
  std::int64_t elements = 0;
  for (const Shape& shape : inputs) elements += element_count(shape);
  if (elements > most_elements) return std::nullopt;
  try {
    const Format& f = format(Dtype::f64);  // so long that no two different results are equal by chance
    const Question q = drawn(op, f, inputs, attributes, 1);
    PriceTape tape(f, true);
    Tensors<Priced> x;
    for (std::size_t t = 0; t < q.inputs.size(); ++t) {
      Tensor<Priced>& tensor = x.emplace_back();
      tensor.shape = inputs[t];
      for (const Bits b : q.inputs[t].values)
        tensor.values.push_back(tape.input(op.inputs[t].index ? static_cast<double>(static_cast<std::int64_t>(b)) : to_double(f, b)));
    }
    // One sum over all results reaches every operation once; each result by another power of two, so that
    // none cancels on the way.
    std::mt19937_64 random(1);
    std::vector<Priced> results;
    for (const Tensor<Priced>& y : op.algorithms[0](x, attributes))
      for (const Priced& v : y.values)
        if (v.node >= 0) results.push_back(v * Priced(static_cast<double>(std::uint64_t{1} << random() % 16)));
    Tally t;
    if (results.empty()) return t;
    std::set<std::tuple<std::string_view, double, std::size_t>> seen;
    for (const PriceTape::Share& share : tape.shares(sum(results))) {
      const std::string_view what = share.what;
      const bool usual = share.value != 0 && share.value != 1;  // 0 and 1 come of many things: of the largest less itself
      if (what == "constant" || (usual && !seen.emplace(what, share.value, share.terms).second)) continue;
      t.flops += what == "sum" ? static_cast<std::int64_t>(share.terms) - 1 : 1;
      if (what == "sum") t.sums.insert(share.terms);
      if (what.starts_with("exp") || what.starts_with("log")) ++t.elementary;
    }
    t.flops -= static_cast<std::int64_t>(results.size()) - 1;
    const std::size_t samples = std::min(results.size(), sampled);
    for (std::size_t i = 0; i < samples; ++i) t.behind += static_cast<double>(tape.shares(results[i * results.size() / samples]).size()) / static_cast<double>(samples);
    return t;
  } catch (const Refused&) {
    return std::nullopt;
  }
}

Flops::Flops(const Extents& extents) {
  std::vector<std::int64_t> values = extents.smallest(3);
  fixed_ = extents.values();
  for (std::size_t g = 0; g < values.size(); ++g)
    if (fixed_[g] <= few) values[g] = fixed_[g];
  if (!extents.with(values)) values = extents.values();  // what was small needs the others as they are
  for (std::size_t g = 0; g < values.size(); ++g) {
    if (fixed_[g] <= few) continue;
    const auto v = variable(extents, values, g);
    if (!v || variables_.size() == most_variables) return;
    values[g] = v->base;
    variables_.push_back(*v);
  }
  // Mixed differences: the polynomial's coefficients.
  differences_.assign(std::size_t{1} << variables_.size(), 0);
  for (std::size_t corner = 0; corner < differences_.size(); ++corner) {
    std::vector<std::int64_t> at = values;
    for (std::size_t k = 0; k < variables_.size(); ++k)
      if ((corner >> k & 1) != 0) at[variables_[k].group] += variables_[k].step;
    const auto shapes = extents.with(at);
    const auto count = shapes ? tally(extents.op(), *shapes, extents.attributes()) : std::nullopt;
    if (!count) return;
    differences_[corner] = static_cast<double>(count->flops);
  }
  for (std::size_t k = 0; k < variables_.size(); ++k)
    for (std::size_t corner = 0; corner < differences_.size(); ++corner)
      if ((corner >> k & 1) != 0) differences_[corner] -= differences_[corner ^ (std::size_t{1} << k)];
  known_ = true;
}

// Where, and in which steps, the count grows evenly with this extent.
std::optional<Flops::Variable> Flops::variable(const Extents& extents, std::vector<std::int64_t> values, std::size_t group) const {
  const std::int64_t now = extents.groups()[group].extent, least = values[group];
  std::map<std::int64_t, std::optional<std::int64_t>> known;
  const auto count_at = [&](std::int64_t value) {
    const auto [entry, fresh] = known.try_emplace(value);
    if (fresh) {
      values[group] = value;
      const auto shapes = extents.with(values);
      if (const auto t = shapes ? tally(extents.op(), *shapes, extents.attributes()) : std::nullopt) entry->second = t->flops;
    }
    return entry->second;
  };
  for (const std::int64_t step : steps) {
    std::int64_t base = least + ((now - least) % step + step) % step;
    for (int shift = 0; shift < most_shifts; ++shift, base += step) {
      if (scales(base) || scales(base + step)) continue;
      std::optional<std::int64_t> c[4];
      bool even = true;
      for (int i = 0; i < 4 && even; ++i) {
        c[i] = count_at(base + i * step);
        even = c[i].has_value() && (i < 2 || *c[i] - *c[i - 1] == *c[1] - *c[0]);
      }
      if (even) return Variable{group, base, step};
    }
  }
  return std::nullopt;
}

std::optional<double> Flops::at(const std::vector<std::int64_t>& values) const {
  if (!known_) return std::nullopt;
  for (std::size_t g = 0; g < values.size(); ++g) {
    const bool varies = std::any_of(variables_.begin(), variables_.end(), [&](const Variable& v) { return v.group == g; });
    if (!varies && values[g] != fixed_[g]) return std::nullopt;
  }
  double total = 0;
  for (std::size_t corner = 0; corner < differences_.size(); ++corner) {
    double term = differences_[corner];
    for (std::size_t k = 0; k < variables_.size(); ++k)
      if ((corner >> k & 1) != 0) term *= static_cast<double>(values[variables_[k].group] - variables_[k].base) / static_cast<double>(variables_[k].step);
    total += term;
  }
  return total;
}

}  // namespace karat::bench
