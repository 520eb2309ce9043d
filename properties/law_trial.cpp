// SPDX-License-Identifier: MIT
#include "properties/law_trial.hpp"

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "plugins/karat_plugin.h"
#include "properties/describe.hpp"
#include "properties/generate.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

using Must = Relation::Must;
constexpr int precision = 300;

// Half the spacing of the format at a number: what rounding to it may have cost.
double half_ulp(const Format& f, double v) {
  int exponent = f.e_min + 1;
  if (v != 0) std::frexp(v, &exponent);
  return std::ldexp(1.0, std::max(exponent - 1, f.e_min) - f.fraction_bits() - 1);
}

// One call of a law: what came of it, what its row decides, and how far each result may be off.
class Answered {
 public:
  Answered(const Question& q, std::vector<Bits> results, const Level& level) : question_(q), results_(std::move(results)), level_(level) {}

  Bits bits(std::size_t i) const { return results_.at(i); }
  double value(std::size_t i) const { return to_double(*question_.format, bits(i)); }

  bool decided_by_row(std::size_t i) {
    const Part& part = part_of(i);
    return !part.specials[part.place.at(i)].empty();
  }

  // nullopt: this level says nothing of it (out of range, or a published rule).
  std::optional<double> allowed(std::size_t i) {
    const Format& f = *question_.format;
    const double half = half_ulp(f, value(i));
    switch (level_.rule) {
      case Level::Rule::exact: return half;
      case Level::Rule::faithful: return 2 * half;
      case Level::Rule::max_ulp: return 2 * (level_.ulps + 1) * half_ulp(f, std::abs(value(i)) + 2 * level_.ulps * half);  // of the exact value, which may lie a binade higher
      case Level::Rule::stable:
      case Level::Rule::permissive: break;
      default: return std::nullopt;
    }
    Part& part = part_of(i);
    if (!part.budgets) part.budgets = std::make_unique<Budgets>(part.unit.question, care_of(level_), level_.compute);
    const Budget budget = part.budgets->at(part.place.at(i));
    if (budget.out_of_range || budget.undefined) return std::nullopt;
    const double least = std::ldexp(1.0, f.e_min);
    return static_cast<double>(budget.bound) + half + (std::abs(value(i)) <= 4 * least ? least : 0);
  }

 private:
  struct Part {
    Unit unit;
    std::map<std::size_t, std::size_t> place;
    std::vector<Specials> specials;
    std::unique_ptr<Budgets> budgets;
  };
  Part& part_of(std::size_t i) {
    if (const auto found = parts_.find(i); found != parts_.end()) return *found->second;
    auto part = std::make_shared<Part>();
    part->unit = unit_of(question_, i).first;
    part->specials = specials(part->unit.question);
    for (std::size_t k = 0; k < part->unit.outputs.size(); ++k) part->place[part->unit.outputs[k]] = k;
    for (const std::size_t e : part->unit.outputs) parts_[e] = part;
    return *part;
  }

  const Question& question_;
  std::vector<Bits> results_;
  Level level_;
  std::map<std::size_t, std::shared_ptr<Part>> parts_;
};

std::string number(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

std::string sentence(const LawUse& use) { return "law " + use.text() + ": " + use.law->sentence; }

struct Breach {
  std::size_t element;  // of the first call of the relation's terms
  std::string text;
  double badness = 0;
  bool fact = false;  // for kernels that claim no determinism a fact, and no failure
};

// What is wrong with a relation, or nothing.  `compared`: whether it was looked at.
std::optional<Breach> breach(const LawUse& use, const Relation& relation, std::vector<Answered>& answered, const Format& f, bool deterministic, bool& compared) {
  compared = false;
  const auto& terms = relation.terms;
  if (terms.empty()) return std::nullopt;
  const auto first = terms.front().call == 0 ? terms.front().element : 0;
  if (relation.must == Must::same_bits) {
    compared = true;
    const Bits a = answered[terms[0].call].bits(terms[0].element), b = answered[terms[1].call].bits(terms[1].element);
    if (a == b || (is_nan(f, a) && is_nan(f, b))) return std::nullopt;
    return Breach{first, sentence(use) + ": " + to_text(f, a) + " became " + to_text(f, b), 1, !deterministic};
  }
  Real total = 0;
  double allowed = 0, above = 0, below = static_cast<double>(relation.value);
  for (const Relation::Term& t : terms) {
    Answered& call = answered[t.call];
    if (call.decided_by_row(t.element)) return std::nullopt;
    const double v = call.value(t.element);
    if (std::isnan(v)) {
      compared = true;
      return Breach{first, sentence(use) + ": a result is NaN", 1e300};
    }
    (t.factor > 0 ? above : below) += std::abs(t.factor) * v;
    if (std::isinf(v)) {
      if (relation.must == Must::equal) return std::nullopt;  // it overflowed, rightly or not: nothing adds up
      continue;
    }
    total += Real(t.factor) * Real(v);
    if (relation.must != Must::equal) continue;
    const auto own = call.allowed(t.element);
    if (!own) return std::nullopt;
    allowed += std::abs(t.factor) * *own;
  }
  compared = true;
  const auto sum = static_cast<double>(total), off = static_cast<double>(Real(total - relation.value));
  if (std::isinf(above) || std::isinf(below)) {
    if (relation.must == Must::at_least ? above >= below : above <= below) return std::nullopt;
    return Breach{first, sentence(use) + ": " + number(above) + " against " + number(below), 1e300};
  }
  const bool holds = relation.must == Must::equal ? std::abs(off) <= allowed * (1 + 1e-9) : relation.must == Must::at_least ? off >= 0 : off <= 0;
  if (holds) return std::nullopt;
  const auto expected = static_cast<double>(relation.value);
  std::string text = sentence(use) + ": ";
  if (relation.must == Must::equal)
    text += number(sum) + " instead of " + number(expected) + ", off by " + number(std::abs(off)) + " where all budgets together allow " + number(allowed);
  else
    text += number(sum) + (relation.must == Must::at_least ? " is below " : " is above ") + number(expected) + " by " + number(std::abs(off));
  return Breach{first, text, allowed > 0 ? std::abs(off) / allowed : std::abs(off)};
}

}  // namespace

bool applies_at(const Law& law, const Level& level) {
  return !law.claim || level.rule == Level::Rule::exact || level.rule == Level::Rule::faithful;
}

Trial attempt_law(host::Worker& worker, const host::KernelRow& kernel, const Case& c, const Level& level) {
  Trial trial;
  const auto use = parse_law(c.law);
  const PrecisionScope scope(precision);
  const std::optional<Related> related = use ? use->law->relate(c.question, use->argument) : std::nullopt;
  if (!related) {
    trial.declined = "the law " + c.law + " says nothing about this input";
    return trial;
  }
  const Format& f = *c.question.format;
  std::vector<Answered> answered;
  answered.reserve(related->calls.size());
  for (std::size_t k = 0; k < related->calls.size(); ++k) {
    Case call{related->calls[k], c.layout, {}, 0, {}};
    if (k > 0 || c.layout.placement.flush == host::Placement::Flush::end) call.layout.placement = base_layout(kernel, f, call.question).placement;
    Execution run = execute(worker, kernel.index, call);
    trial.declined = run.declined;
    trial.error = run.host_error;
    if (trial.declined || trial.error) return trial;
    if (run.fault) trial.findings.push_back({run.fault->kind, {}, run.fault->text, 0});
    if (!run.finished()) return trial;
    if (!run.unwritten.empty()) {
      trial.findings.push_back({Kind::unwritten, {}, "element " + std::to_string(run.unwritten[0]) + " of " + std::to_string(run.output.values.size()) + " is left as it was", 0});
      return trial;
    }
    if (k == 0) trial.output = run.output;
    answered.emplace_back(related->calls[k], std::move(run.output.values), level);
  }
  std::optional<Breach> worst;
  bool any = false;
  for (const Relation& relation : related->relations) {
    bool compared = false;
    auto broken = breach(*use, relation, answered, f, kernel.has(KARAT_DETERMINISTIC), compared);
    any = any || compared;
    if (broken && (!worst || broken->badness > worst->badness)) worst = std::move(broken);
  }
  if (!any && trial.findings.empty()) trial.declined = "the law " + c.law + " says nothing about these results at this level";
  if (worst && worst->fact)
    trial.notes.push_back(worst->text);
  else if (worst)
    trial.findings.push_back({Kind::law_broken, worst->element, worst->text, std::min(worst->badness, 1e300)});
  return trial;
}

namespace {

// A number of several doubles as an exact enclosure.
Enclosure enclosed(Real v) {
  Enclosure sum(0);
  for (int part = 0; part < 8 && v != 0; ++part) {
    const auto d = static_cast<double>(v);
    sum = sum + Enclosure(d);
    v -= Real(d);
  }
  return sum;
}
double size_of(const Enclosure& x) { return abs(x).midpoint(); }

}  // namespace

std::optional<double> broken_by_reference(const Related& related) {
  const PrecisionScope scope(precision);
  std::vector<std::vector<Answer>> exact;
  std::vector<std::vector<Specials>> by_row;
  for (const Question& q : related.calls) {
    try {
      exact.push_back(answers(q));
    } catch (const Undecided&) {
      return std::nullopt;
    }
    by_row.emplace_back(exact.back().size());
    for (std::size_t u = 0; u < unit_count(q); ++u) {
      const Unit part = unit(q, u);
      auto own = specials(part.question);
      for (std::size_t k = 0; k < part.outputs.size(); ++k) by_row.back()[part.outputs[k]] = std::move(own[k]);
    }
  }
  std::optional<double> worst;
  for (const Relation& relation : related.relations) {
    Enclosure total = -enclosed(relation.value);
    double scale = 1e-30 + size_of(total);
    bool looked_at = true;
    for (std::size_t k = 0; k < relation.terms.size(); ++k) {
      const auto& [call, element, factor] = relation.terms[k];
      const Enclosure& y = exact[call].at(element).value;
      looked_at = looked_at && by_row[call].at(element).empty() && y.is_bounded();
      const Enclosure part = Enclosure(relation.must == Must::same_bits ? (k == 0 ? 1.0 : -1.0) : factor) * y;
      scale += size_of(part);
      total = total + part;
    }
    // An enclosure that is not narrow shows nothing.
    if (!looked_at || !(size_of(total.upper_end() - total.lower_end()) <= 1e-40 * scale)) continue;
    const Enclosure slack(1e-40 * scale);  // `value` is a rounded number
    const bool above = slack.certainly_below(total), below = total.certainly_below(-slack);
    const bool broken = relation.must == Must::at_least ? below : relation.must == Must::at_most ? above : above || below;
    const double ratio = broken ? size_of(total) / scale : 0;
    if (!worst || !(ratio <= *worst)) worst = ratio;
  }
  return worst;
}

}  // namespace karat::properties
