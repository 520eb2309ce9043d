// SPDX-License-Identifier: MIT
#include "bench/plan.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "bench/draw.hpp"
#include "bench/flops.hpp"
#include "properties/whole_tensor.hpp"

namespace karat::bench {
namespace {

// An elementwise pool of 4096 fits into L1 beside the tensors' own traffic when outputs are compared, and is
// more than a branch predictor learns.  Along an axis: results times what each depends on.
constexpr std::int64_t elementwise_pool = 4096;
constexpr double most_along_axis = 0x1p24;
// Of a call that is judged by tapes, in operations that are passed for a budget: about a second.  Several tapes may be
// asked for one, and an exact value at the bits that tell infinities from large numbers costs more.
constexpr double most_taped = 0x1p27, tapes = 4, exact_operation = 200, exact_elementary = 10'000;
// Of one that is judged as whole tensors.
constexpr double most_compensated = 0x1p26;
constexpr std::int64_t most_compensated_elements = 1 << 20;
// A sum's budget grows with its terms up to so many, and then hardly (priced.cpp): it shall not be much smaller for
// samples that are left out.  Where no tape says which extents a sum goes over, their product is to be larger.
constexpr std::size_t enough_terms = 128;
constexpr std::int64_t enough_samples = 4096;
constexpr std::int64_t largest_share = 64;  // that is looked for

std::int64_t elements_of(const Shapes& shapes) {
  std::int64_t n = 0;
  for (const Shape& s : shapes) n += element_count(s);
  return n;
}

class Pooling {
 public:
  Pooling(const Extents& extents, std::vector<std::optional<Repeat>> repeats) : extents_(&extents), repeats_(std::move(repeats)), values_(extents.values()) {}

  const std::vector<std::int64_t>& values() const { return values_; }
  const std::optional<Repeat>& repeat(std::size_t group) const { return repeats_[group]; }
  Shapes shapes() const { return *extents_->with(values_); }

  // Takes samples away until `enough` says so: such that no harm is done; or the least harmful first.  False: it never did.
  using Enough = std::function<bool()>;
  bool shrink_well(const Enough& enough) { return shrink(enough, true, 4) || shrink(enough, false, 2); }
  bool shrink_far(const Enough& enough) { return shrink_well(enough) || shrink(enough, true, 2) || shrink(enough, false, 2, true); }

  // Whether tapes judge the call soon.
  bool soon_judged() {
    const Operator& op = extents_->op();
    const Shapes inputs = shapes();
    const auto results = static_cast<double>(elements_of(op.output_shapes(inputs, extents_->attributes())));
    if (op.independence == Independence::elementwise) return results <= static_cast<double>(elementwise_pool);
    if (op.independence == Independence::along_axis)
      return results * static_cast<double>(inputs[0][static_cast<std::size_t>(extents_->attributes().integer("axis"))]) <= most_along_axis;
    const auto& t = tally_at(values_);
    return t && results * t->behind * tapes + static_cast<double>(t->flops) * exact_operation + static_cast<double>(t->elementary) * exact_elementary <= most_taped;
  }

 private:
  bool shrink(const Enough& enough, bool independent, std::int64_t least, bool whatever_sums = false) {
    while (!enough()) {
      std::optional<std::size_t> largest;
      for (std::size_t g = 0; g < values_.size(); ++g)
        if (repeats_[g] && repeats_[g]->independent == independent && (!largest || values_[g] > values_[*largest])) {
          const auto next = smaller(g, least);
          if (next && (independent || whatever_sums || keeps_sums(g, *next))) largest = g;
        }
      if (!largest) return false;
      values_[*largest] = *smaller(*largest, least);
    }
    return true;
  }
  // Whether no sum becomes short.
  bool keeps_sums(std::size_t g, std::int64_t next) {
    std::vector<std::int64_t> changed = values_;
    changed[g] = next;
    const auto &now = tally_at(values_), &then = tally_at(changed);
    if (now && then) return std::all_of(then->sums.begin(), then->sums.end(), [&](std::size_t terms) { return terms >= enough_terms || now->sums.contains(terms); });
    std::int64_t samples = 1;
    for (std::size_t k = 0; k < changed.size(); ++k)
      if (repeats_[k] && !repeats_[k]->independent) samples *= changed[k];
    return samples >= enough_samples;
  }
  const std::optional<Tally>& tally_at(const std::vector<std::int64_t>& values) {
    const auto [entry, fresh] = tallies_.try_emplace(values);
    if (fresh) entry->second = tally(extents_->op(), *extents_->with(values), extents_->attributes());
    return entry->second;
  }
  // The next smaller number of samples: a share of the call's, and of a sum by a power of two.
  std::optional<std::int64_t> smaller(std::size_t g, std::int64_t least) const {
    const Repeat& repeat = *repeats_[g];
    std::optional<std::int64_t> next;
    if (repeat.independent) {
      next = (values_[g] + 1) / 2;
    } else {
      const bool sums = std::any_of(repeat.scale.begin(), repeat.scale.end(), [](int s) { return s != 0; });
      for (std::int64_t share = 2; share <= (sums ? 2 : largest_share) && !next; ++share)
        if (values_[g] % share == 0) next = values_[g] / share;
    }
    if (!next || *next < least || *next >= values_[g]) return std::nullopt;
    std::vector<std::int64_t> changed = values_;
    changed[g] = *next;
    return extents_->with(changed) ? next : std::nullopt;
  }

  const Extents* extents_;
  std::vector<std::optional<Repeat>> repeats_;
  std::vector<std::int64_t> values_;
  std::map<std::vector<std::int64_t>, std::optional<Tally>> tallies_;
};

}  // namespace

std::size_t width_of(const Operator& op, const Format& f, std::size_t input) {
  return op.inputs[input].index ? sizeof(std::int64_t) : static_cast<std::size_t>(f.bytes());
}

Plan plan_of(const Operator& op, const Format& f, const Shapes& inputs, const Attributes& attributes) {
  const Extents extents(op, inputs, attributes);
  const Flops flops(extents);
  const std::vector<std::optional<Repeat>> repeats = repeats_of(extents);
  Plan plan{&op, &f, attributes, inputs, op.output_shapes(inputs, attributes), {}, {}, {}, {}, 0, 0, 0, flops.at(extents.values()), false, false, {}};
  Pooling pooling(extents, repeats);
  const auto taped = [](Pooling& p) { return [&p] { return p.soon_judged(); }; };
  plan.costly = !pooling.shrink_well(taped(pooling));
  if (plan.costly && op.independence == Independence::whole) {
    const auto why = properties::not_compensated(op, attributes);
    pooling = Pooling(extents, repeats);
    if (!why) {
      plan.judged_whole = true;
      pooling.shrink_far([&] { return flops.at(pooling.values()).value_or(0) <= most_compensated && elements_of(pooling.shapes()) <= most_compensated_elements; });
    } else if (pooling.shrink_far(taped(pooling))) {
      plan.costly = false;
    } else {
      plan.hopeless = *why;
    }
  } else if (plan.costly) {
    pooling.shrink_far(taped(pooling));
  }
  plan.pool_inputs = pooling.shapes();
  plan.pool_outputs = op.output_shapes(plan.pool_inputs, attributes);
  plan.exponents.assign(plan.outputs.size(), 0);
  for (std::size_t g = 0; g < repeats.size(); ++g) {
    const std::int64_t all = extents.groups()[g].extent, pool = pooling.values()[g];
    if (all == pool) continue;
    plan.pooled.push_back({all, pool, *pooling.repeat(g)});
    for (std::size_t j = 0; j < plan.exponents.size(); ++j)
      if (const int scale = plan.pooled.back().repeat.scale[j]; scale != 0) plan.exponents[j] += scale * static_cast<int>(std::llround(std::log2(static_cast<double>(all / pool))));
  }
  for (std::size_t t = 0; t < inputs.size(); ++t) plan.read += static_cast<std::uint64_t>(element_count(inputs[t])) * width_of(op, f, t);
  drawn(op, f, plan.pool_inputs, attributes, 1);  // whether there are such values
  for (const Shape& y : plan.outputs) plan.written += static_cast<std::uint64_t>(element_count(y) * f.bytes());
  for (const Shapes* shapes : {&plan.inputs, &plan.outputs})
    for (const Shape& s : *shapes) plan.elements = std::max(plan.elements, element_count(s));
  return plan;
}

}  // namespace karat::bench
