// SPDX-License-Identifier: MIT
#include "properties/check.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

#include "plugins/karat_plugin.h"
#include "properties/describe.hpp"
#include "properties/generate.hpp"
#include "properties/nearest.hpp"
#include "properties/rapid.hpp"
#include "properties/trial.hpp"
#include "properties/vacuity.hpp"

namespace karat::properties {
namespace {

using Clock = std::chrono::steady_clock;

// A kernel that takes its process down is costly: few more looks at it.
bool costly(Kind kind) { return kind == Kind::hung || kind == Kind::out_of_memory; }
bool fatal(Kind kind) {
  return costly(kind) || kind == Kind::crashed || kind == Kind::out_of_bounds ||
         kind == Kind::input_modified || kind == Kind::protocol_violation;
}

bool shows(const Trial& trial, Kind kind) {
  return std::any_of(trial.findings.begin(), trial.findings.end(),
                     [&](const Finding& f) { return f.kind == kind; });
}

// The first of a kind, and the worst of it.
struct Seen {
  std::int64_t count = 0;
  Case worst;  // the case that holds the worst finding, focused on it
  Finding finding;
  double badness = -1;
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
};

double badness_of(const Finding& f) {
  // Differences in class carry no figure; among inaccurate ones the largest error is the worst.
  return std::isfinite(f.ulps) ? f.ulps : 0;
}

// An output element has one element of the last input that it belongs to.
bool op_is_local(const Case& c) { return c.question.op->independence != Independence::whole; }

class Check {
 public:
  Check(host::Worker& worker, KernelVerdict& verdict, const host::KernelRow& kernel,
        const CheckOptions& options)
      : worker_(worker), verdict_(verdict), kernel_(kernel), options_(options), judge_(verdict.level) {}

  void run(const Operator& op, const Format& f) {
    const auto begin = Clock::now();
    const Plan the_plan = plan(op, f, kernel_, options_.seed);
    const std::size_t all = the_plan.cases.size() + static_cast<std::size_t>(options_.random_cases);
    std::size_t done = 0;
    bool complete = true;
    const auto next = [&](const Case& c) {
      options_.progress(done++, all);
      if (options_.stop()) {
        verdict_.reason = "interrupted";
        return complete = false;
      }
      if (finished_) return complete = false;
      one(c);
      return true;
    };
    for (const Case& c : the_plan.cases)
      if (!next(c)) break;
    for (int i = 0; complete && i < options_.random_cases; ++i)
      if (!next(random_case(op, f, kernel_, options_.seed, i))) break;
    const auto deadline = begin + std::chrono::duration<double>(options_.more_seconds);
    for (int i = options_.random_cases; complete && Clock::now() < deadline; ++i)
      if (!next(random_case(op, f, kernel_, options_.seed, i))) break;
    verdict_.exhaustive = the_plan.exhaustive && complete && judged_ > 0 && !declined_values_;
    for (auto& [kind, seen] : seen_) report(kind, seen);
    verdict_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    conclude();
  }

  // One case, with its own words, for replay.
  void replay(const Case& c) {
    replaying_ = true;
    one(c, true);
    for (auto& [kind, seen] : seen_)
      verdict_.failures.push_back(failure_of(kind, seen, seen.worst, seen.finding));
    conclude();
  }

 private:
  void one(const Case& c, bool decoy = false) {
    const Trial trial = attempt(worker_, kernel_, c, judge_, decoy);
    ++verdict_.calls;
    if (trial.error) {
      error_ = trial.error;
      if (trial.findings.empty()) return;
    }
    if (trial.declined) {
      ++declined_;
      reasons_.insert(*trial.declined);
      declined_values_ = declined_values_ || c.question.inputs[0].values.size() == 65536;
      return;
    }
    ++judged_;
    if (const auto meaning = meaning_of(c.question)) {
      meaning->any() ? ++verdict_.meaningful : ++verdict_.vacuous;
      if (meaning->any())
        for (std::size_t t = 0; t < meaning->moves.size(); ++t)
          if (meaning->moves[t]) moved_by_.insert(t);
    }
    for (const std::string& note : trial.notes)
      if (verdict_.notes.size() < 3) verdict_.notes.push_back(note);
    count(c, trial);
    for (const Finding& f : trial.findings) {
      Seen& seen = seen_[f.kind];
      ++seen.count;
      if (f.element && op_is_local(c) && !c.question.inputs[0].values.empty()) {
        const auto [part, place] = unit_of(c.question, *f.element);
        const double x = to_double(*c.question.format, part.question.inputs.back().values[place]);
        if (!std::isnan(x)) {
          seen.low = std::min(seen.low, x);
          seen.high = std::max(seen.high, x);
        }
      }
      if (badness_of(f) > seen.badness) {
        seen.badness = badness_of(f);
        seen.worst = c;
        seen.worst.focus = f.element.value_or(0);
        seen.finding = f;
      }
      if (fatal(f.kind) && (costly(f.kind) || seen.count >= 8)) finished_ = true;
    }
  }

  void count(const Case& c, const Trial& trial) {
    for (std::size_t i = 0; i < trial.judgements.size(); ++i) {
      const Judgement& j = trial.judgements[i];
      ++verdict_.elements;
      verdict_.undecided += j.undecided ? 1 : 0;
      if (j.policy) ++verdict_.policies[j.policy];
      if (!std::isfinite(j.ulps) || is_nan(*c.question.format, trial.output.values[i])) continue;
      ++verdict_.finite;
      verdict_.rounded += j.rounded ? 1 : 0;
      if (j.ulps > verdict_.max_ulp) {
        verdict_.max_ulp = j.ulps;
        verdict_.max_ulp_at = inputs_at(c.question, i);
      }
    }
  }

  // Cuts the worst case down, and looks for the simplest one that fails in the same way.
  void report(Kind kind, Seen& seen) {
    const int budget = costly(kind) ? 1 : fatal(kind) ? 30 : 400;
    const auto fails = [&](const Case& c) {
      if (options_.stop()) return false;
      Judge judge(verdict_.level);
      return shows(attempt(worker_, kernel_, c, judge, true), kind);
    };
    Case worst = seen.worst;
    Finding finding = seen.finding;
    origin_ = seen.worst.origin;
    worst = shrink_shape(seen.worst, kernel_, budget, fails);
    if (!costly(kind)) finding = refreshed(worst, kind, finding);
    Failure failure = failure_of(kind, seen, worst, finding);
    if (!costly(kind)) {
      const Case simplest = shrink(worst, kernel_, budget, fails);
      const std::string line = line_of(simplest);
      if (line != failure.replay) {
        if (finding.element && (kind == Kind::inaccurate || kind == Kind::special_value)) {
          failure.simplest = line;
        } else {  // nothing about the values was the worst: the simplest is the one to show
          failure = failure_of(kind, seen, simplest, refreshed(simplest, kind, finding));
        }
      }
    }
    verdict_.failures.push_back(std::move(failure));
  }

  // The finding of this kind as the smaller case shows it.
  Finding refreshed(Case& c, Kind kind, const Finding& before) {
    Judge judge(verdict_.level);
    const Trial trial = attempt(worker_, kernel_, c, judge, true);
    const Finding* best = nullptr;
    for (const Finding& f : trial.findings)
      if (f.kind == kind && (!best || badness_of(f) > badness_of(*best))) best = &f;
    if (!best) return before;
    c.focus = best->element.value_or(0);
    return *best;
  }
  Finding refreshed(const Case& c, Kind kind, const Finding& before) {
    Case copy = c;
    return refreshed(copy, kind, before);
  }

  std::string line_of(const Case& c) const {
    Replay line{verdict_.plugin, verdict_.kernel, c, verdict_.level, {}, options_.seed};
    std::string text = properties::to_text(line);
    line.generated = c.origin.empty() ? origin_ : c.origin;
    if (text.size() <= longest_replay || line.generated.empty()) return text;
    return properties::to_text(line);
  }

  Failure failure_of(Kind kind, const Seen& seen, const Case& c, const Finding& finding) {
    Failure failure;
    failure.kind = kind;
    failure.count = seen.count;
    failure.ulp = finding.ulps;
    // A budget is charged before the last rounding, which adds half an ulp.
    failure.allowed = by_budget(verdict_.level) ? finding.budget + 0.5 : allowed_ulps(verdict_.level);
    failure.replay = line_of(c);
    const Format& f = *c.question.format;
    if (seen.low <= seen.high) {
      failure.from = to_text(f, *exact_bits(f, seen.low));
      failure.to = to_text(f, *exact_bits(f, seen.high));
    }
    failure.message = finding.text.empty() ? std::string() : finding.text;
    if (finding.element && *finding.element < c.question.output_count()) {
      failure.at = inputs_at(c.question, *finding.element);
      const Execution again = execute(worker_, kernel_.index, c, true);
      if (again.finished() && *finding.element < again.output.values.size())
        failure.got = to_text(f, again.output.values[*finding.element]);
      const ExactText exact = exact_text(c.question, *finding.element);
      failure.exact = exact.hex;
      failure.exact_decimal = exact.decimal;
      if (failure.message.empty()) {
        std::string arguments;
        for (const NamedValue& v : failure.at)
          arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
        failure.message = verdict_.op + "(" + arguments + ") gave " + failure.got +
                          " where the exact value is " + failure.exact;
      }
    }
    return failure;
  }

  void conclude() {
    using Result = KernelVerdict::Result;
    if (!verdict_.failures.empty()) {
      verdict_.result = Result::fail;
    } else if (error_) {
      verdict_.result = Result::error;
      verdict_.reason = *error_;
    } else if (!verdict_.reason.empty()) {
      verdict_.result = Result::error;
    } else if (judged_ == 0) {
      verdict_.result = Result::skip;
      for (const std::string& r : reasons_)
        verdict_.reason += (verdict_.reason.empty() ? "declines every case: " : "; ") + r;
    } else if (verdict_.meaningful == 0 && replaying_ == false && !find_operator(verdict_.op)->constant) {
      verdict_.result = Result::error;
      verdict_.reason = "none of its " + std::to_string(judged_) + " cases could show anything: expected outputs are constant, not moved by any input, or too large to be looked at";
    } else {
      verdict_.result = Result::pass;
    }
    if (verdict_.meaningful > 0 && !replaying_) {
      std::string without;
      const auto& inputs = find_operator(verdict_.op)->inputs;
      for (std::size_t t = 0; t < inputs.size(); ++t)
        if (!moved_by_.contains(t)) without += (without.empty() ? "" : ", ") + inputs[t].name;
      if (!without.empty()) verdict_.notes.push_back("no case's expected output is moved by " + without);
    }
    if (declined_ > 0 && judged_ > 0) {
      std::string note =
          "declined " + std::to_string(declined_) + " of " + std::to_string(declined_ + judged_) + " cases:";
      std::size_t shown = 0;
      for (const std::string& r : reasons_)
        if (shown++ < 3) note += " " + r + ";";
      note.pop_back();
      verdict_.notes.push_back(note);
    }
  }

  host::Worker& worker_;
  KernelVerdict& verdict_;
  const host::KernelRow& kernel_;
  const CheckOptions& options_;
  Judge judge_;
  std::map<Kind, Seen> seen_;
  std::set<std::string> reasons_;
  std::optional<std::string> error_;
  std::string origin_;  // of the failure being reported: names it where it is too long to write
  std::int64_t declined_ = 0, judged_ = 0;
  bool declined_values_ = false;
  bool finished_ = false, replaying_ = false;
  std::set<std::size_t> moved_by_;  // inputs
};

// The case that a line writes out, or names.
Case case_of(const Replay& line, const host::KernelRow& kernel) {
  if (line.generated.empty()) return line.c;
  const Question& q = line.c.question;
  const std::size_t colon = line.generated.find(':');
  const auto index = static_cast<std::size_t>(std::stoll(line.generated.substr(colon + 1)));
  if (line.generated.starts_with("random"))
    return random_case(*q.op, *q.format, kernel, line.seed, static_cast<int>(std::min<std::size_t>(index, 1u << 30)));
  Plan all = plan(*q.op, *q.format, kernel, line.seed);
  if (index >= all.cases.size())
    throw ReplayError("case=" + line.generated + ": this kernel's plan has " + std::to_string(all.cases.size()) + " cases");
  return std::move(all.cases[index]);
}

const Format* format_of_code(std::int32_t code) {
  for (const Format& f : formats())
    if (static_cast<std::int32_t>(f.dtype) == code) return &f;
  return nullptr;
}

}  // namespace

std::string_view to_text(KernelVerdict::Result result) {
  switch (result) {
    case KernelVerdict::Result::pass:
      return "pass";
    case KernelVerdict::Result::fail:
      return "fail";
    case KernelVerdict::Result::skip:
      return "skip";
    case KernelVerdict::Result::error:
      break;
  }
  return "error";
}

KernelVerdict check(host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel,
                    const CheckOptions& options) {
  KernelVerdict v;
  v.plugin = plugin;
  v.op = kernel.op;
  v.kernel = kernel.kernel;
  v.claim = kernel.claim;
  const Operator* op = find_operator(kernel.op);
  const Format* f = format_of_code(kernel.dtype);
  v.dtype = f ? std::string(f->name) : std::to_string(kernel.dtype);
  v.level = options.level.value_or(default_level);
  const std::optional<Level> claim = kernel.claim.empty() ? std::nullopt : parse_level(kernel.claim);
  if (claim) v.level = stricter(*claim, v.level);
  v.result = KernelVerdict::Result::error;
  if (!op)
    v.reason = unknown("operator", kernel.op, operator_names());
  else if (!f)
    v.reason = "unknown dtype code " + std::to_string(kernel.dtype) +
               "; this version knows 1 f64, 2 f32, 3 f16, 4 bf16";
  else if (!kernel.claim.empty() && !claim)
    v.reason = "unknown claim '" + kernel.claim + "': expected exact, faithful, stable, permissive or max-ulp N";
  else
    Check(worker, v, kernel, options).run(*op, *f);
  return v;
}

KernelVerdict replay(host::Worker& worker, const Replay& line) {
  const host::KernelRow& kernel = find_kernel(worker.info(), line);
  KernelVerdict v;
  v.plugin = line.plugin;
  v.op = kernel.op;
  v.kernel = line.kernel;
  v.dtype = line.c.question.format->name;
  v.level = line.level;
  CheckOptions options;
  options.seed = line.seed;
  Check(worker, v, kernel, options).replay(case_of(line, kernel));
  v.kernel = kernel.kernel;
  return v;
}

const host::KernelRow& find_kernel(const host::PluginInfo& plugin, const Replay& line) {
  const Question& q = line.c.question;
  const host::KernelRow* found = nullptr;
  std::string variants;
  int count = 0;
  for (const host::KernelRow& row : plugin.kernels) {
    if (row.op != q.op->name || row.dtype != static_cast<std::int32_t>(q.format->dtype)) continue;
    variants += " " + row.kernel;
    ++count;
    if (line.kernel.empty() || line.kernel == row.kernel) found = &row;
  }
  if (count == 0)
    throw ReplayError(line.plugin + " has no kernel for " + q.op->name + " in " +
                      std::string(q.format->name));
  if (!found)
    throw ReplayError("unknown kernel '" + line.kernel + "' of " + line.plugin + ". It has:" + variants);
  if (line.kernel.empty() && count > 1)
    throw ReplayError(line.plugin + " has " + std::to_string(count) +
                      " kernels for this; add kernel=NAME, one of:" + variants);
  return *found;
}

}  // namespace karat::properties
