// SPDX-License-Identifier: MIT
#include "properties/quality/measure.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>

#include "properties/acceptance.hpp"
#include "properties/parallel.hpp"
#include "properties/profile.hpp"
#include "properties/quality/kernels.hpp"
#include "reference/numbers/precision.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::properties::quality {

std::vector<Subject>& subjects() {
  static std::vector<Subject> all;
  return all;
}
std::vector<Mutant>& mutants() {
  static std::vector<Mutant> all;
  return all;
}

std::string source_hash() { return KARAT_QUALITY_HASH; }

namespace {

constexpr std::size_t lengths[] = {2, 3, 7, 33, 129, 300};
constexpr int sorts = 5;
constexpr int precision = 256;

// One call: inputs, and everything that judging its results needs, computed once.
class Call {
 public:
  Call(const Subject& s, const Format& f, std::uint64_t seed, std::size_t n, int sort) {
    Random random(seed * 1000003 + n * 31 + static_cast<std::uint64_t>(sort));
    question_ = {find_operator(s.op), &f, {}, standard_attributes(*find_operator(s.op))};
    for (const auto& [name, value] : s.attributes) question_.attributes.values[name] = value;
    for (const auto& [shape, values] : s.inputs(random, n, sort)) {
      Tensor<Bits> t(shape);
      Floats stored = values;
      for (std::size_t i = 0; i < values.size(); ++i) {
        t.values[i] = round_nearest(f, truncated(static_cast<double>(values[i])));
        stored[i] = static_cast<float>(to_double(f, t.values[i]));
      }
      question_.inputs.push_back(std::move(t));
      inputs.push_back(std::move(stored));
    }
    if (const auto wrong = invalid(question_)) throw std::logic_error(std::string(s.op) + ": " + *wrong);
    const PrecisionScope scope(precision);
    for (std::size_t u = 0; u < unit_count(question_); ++u) {
      Part part{unit(question_, u), {}, {}, nullptr, {}};
      part.by_row = specials(part.unit.question);
      part.exact = answers(part.unit.question);
      parts_.push_back(std::move(part));
    }
  }

  std::vector<Floats> inputs;

  // nullopt: the rule has nothing for this operator.
  std::optional<bool> accepted(const Level& asked, const Floats& got) {
    const auto own_level = level_for(asked, *question_.op, *question_.format);
    if (!own_level) return std::nullopt;
    const Level& level = *own_level;
    const Format& f = *question_.format;
    std::vector<Bits> bits;
    for (const float v : got) bits.push_back(std::isnan(v) ? f.quiet_nan() : round_nearest(f, truncated(static_cast<double>(v))));  // stored with one rounding
    if (bits.size() != question_.output_count()) throw std::logic_error(question_.op->name + ": a kernel gave " + std::to_string(bits.size()) + " results");
    for (Part& part : parts_) {
      std::vector<Bits> own;
      for (const std::size_t i : part.unit.outputs) own.push_back(bits[i]);
      if (level == default_level ? !within_budgets(part, own) : !all_ok(judge_unit(part.unit, own, level))) return false;
    }
    return true;
  }

 private:
  struct Part {
    Unit unit;
    std::vector<Specials> by_row;
    std::vector<Answer> exact;
    std::unique_ptr<Budgets> budgets;
    std::map<std::size_t, Budget> known;
  };
  static bool all_ok(const std::vector<Judgement>& judgements) {
    return std::all_of(judgements.begin(), judgements.end(), [](const Judgement& j) { return j.ok && !j.error; });
  }
  // As judge_unit does, from answers that are there already.
  bool within_budgets(Part& part, const std::vector<Bits>& got) {
    const PrecisionScope scope(precision);
    const Format& f = *question_.format;
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (!part.by_row[i].empty()) return all_ok(judge_unit(part.unit, got, default_level));
      if (!part.budgets) part.budgets = std::make_unique<Budgets>(part.unit.question, care_of(default_level));
      const auto budget = [&](bool quick) {
        if (quick) return part.budgets->at_least(i);
        const auto [entry, fresh] = part.known.try_emplace(i);
        if (fresh) entry->second = part.budgets->at(i);
        return entry->second;
      };
      const auto j = judge(default_level, f, got[i], part.exact[i], false, budget);
      if (!j) return all_ok(judge_unit(part.unit, got, default_level));
      if (!j->ok || j->error) return false;
    }
    return true;
  }

  Question question_;
  std::vector<Part> parts_;
};

const Subject& subject_of(const Mutant& m) {
  for (const Subject& s : subjects())
    if (std::string(s.op) == m.op) return s;
  throw std::logic_error(std::string("no right kernel of ") + m.op);
}

}  // namespace

Figures measure(std::uint64_t seeds, const std::vector<Rule>& rules, const std::function<bool(double)>& progress) {
  const auto& all = subjects();
  Figures figures;
  figures.mutants = static_cast<std::int64_t>(mutants().size());
  figures.right.resize(rules.size());
  figures.wrong.resize(rules.size());
  const std::vector<Way> all_ways = ways();
  std::vector<std::set<std::size_t>> variants(all.size());  // ways that gave results of their own
  std::mutex writing;
  std::atomic<std::size_t> done{0};
  std::atomic<bool> stopped{false};
  const std::size_t tasks = all.size() * seeds;
  parallel_ranges(0, tasks, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t task = begin; task < end && !stopped; ++task) {
      const std::size_t index = task % all.size();
      const std::uint64_t seed = task / all.size() + 1;
      const Subject& s = all[index];
      const std::size_t asked = seed <= seeds_of_other_rules ? rules.size() : std::min<std::size_t>(1, rules.size());
      std::vector<const Mutant*> own;
      for (const Mutant& m : mutants())
        if (&subject_of(m) == &s) own.push_back(&m);
      std::vector<Side> right(rules.size());
      std::vector<std::vector<bool>> caught(own.size(), std::vector<bool>(rules.size(), false));
      std::vector<bool> has_rule(rules.size(), false);
      std::set<std::size_t> seen_ways;
      std::vector<std::string> alarms;
      for (const std::size_t n : lengths)
        for (int sort = 0; sort < sorts; ++sort) {
          for (const Dtype dtype : {Dtype::f32, Dtype::bf16, Dtype::f16}) {
            Call call(s, format(dtype), seed, n, sort);
            std::vector<Floats> seen;
            for (std::size_t k = 0; k < all_ways.size(); ++k) {
              Floats got = s.kernel(call.inputs, all_ways[k]);
              if (std::find(seen.begin(), seen.end(), got) != seen.end()) continue;
              if (dtype == Dtype::f32) seen_ways.insert(k);
              for (std::size_t r = 0; r < asked; ++r) {
                const auto ok = call.accepted(rules[r].level, got);
                right[r].judged += ok ? 1 : 0;
                if (ok.value_or(true)) continue;
                ++right[r].refused;
                if (r == 0)
                  alarms.push_back(std::string(s.op) + " " + std::string(format(dtype).name) + ", " + all_ways[k].name + ", seed " + std::to_string(seed) + ", length " + std::to_string(n) + ", sort " + std::to_string(sort));
              }
              seen.push_back(std::move(got));
            }
            if (dtype != Dtype::f32) continue;  // a small defect may hide below the rounding of 16 bits, rightly
            for (std::size_t m = 0; m < own.size(); ++m) {
              const Floats got = own[m]->kernel(call.inputs);
              for (std::size_t r = 0; r < asked; ++r)
                if (!caught[m][r]) {
                  const auto ok = call.accepted(rules[r].level, got);
                  has_rule[r] = has_rule[r] || ok.has_value();
                  caught[m][r] = !ok.value_or(true);
                }
            }
          }
        }
      const std::lock_guard lock(writing);
      variants[index].insert(seen_ways.begin(), seen_ways.end());
      figures.alarms.insert(figures.alarms.end(), alarms.begin(), alarms.end());
      for (std::size_t r = 0; r < rules.size(); ++r) {
        figures.right[r].judged += right[r].judged;
        figures.right[r].refused += right[r].refused;
        for (std::size_t m = 0; m < own.size(); ++m) {
          if (!has_rule[r]) continue;
          ++figures.wrong[r].judged;
          figures.wrong[r].refused += caught[m][r] ? 1 : 0;
          if (r == 0 && !caught[m][r]) figures.survivors.push_back(std::string(own[m]->op) + ": " + own[m]->what + ", seed " + std::to_string(seed));
        }
      }
      if (!progress(static_cast<double>(++done) / static_cast<double>(tasks))) stopped = true;
    }
  });
  if (stopped) throw std::runtime_error("interrupted");
  for (const auto& ways_of_one : variants) figures.variants += static_cast<std::int64_t>(ways_of_one.size());
  return figures;
}

}  // namespace karat::properties::quality
