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
#include "properties/golden/case_folder.hpp"
#include "properties/law_trial.hpp"
#include "properties/lean.hpp"
#include "properties/nearest.hpp"
#include "properties/profile.hpp"
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
      if (!next(i % 2 == 1 && closest_ > 0 ? near_case(nearest_, options_.seed, i) : random_case(op, f, kernel_, options_.seed, i))) break;
    if (complete) laws(op, f);
    if (options_.stop()) verdict_.reason = "interrupted";
    if (complete && !finished_ && judged_ > 0 && verdict_.reason.empty())
      if (const auto lean = lean_of(worker_, kernel_, op, f, verdict_.level, options_.seed); lean && lean->alarming()) verdict_.warnings.push_back(lean->text());
    if (finished_) stopped_ = "stopped after " + std::to_string(done) + " of " + std::to_string(all) + " cases, as more calls like these would be costly or show nothing new";
    verdict_.exhaustive = the_plan.exhaustive && complete && verdict_.reason.empty() && judged_ > 0 && !declined_values_;
    for (auto& [kind, seen] : seen_)
      if (options_.first_failure_only)
        verdict_.failures.push_back(failure_of(kind, seen, seen.worst, seen.finding));
      else
        report(kind, seen);
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
  // Every law of the operator on a few cases that it says something about.
  void laws(const Operator& op, const Format& f) {
    constexpr int wanted = 4, tries = 24;
    for (const LawUse& use : laws_of(op)) {
      if (!applies_at(*use.law, verdict_.level)) continue;
      std::int64_t& tried = verdict_.laws[use.text()];
      for (int i = 0; i < tries && tried < wanted && !finished_ && !options_.stop(); ++i) {
        const std::int64_t before = lawful_;
        one(law_case(op, f, kernel_, use.text(), options_.seed, i));
        tried += lawful_ - before;
      }
    }
  }

  void one(const Case& given, bool decoy = false) {
    const Case c = in_compute_type(given);
    const Trial trial = attempt(worker_, kernel_, c, judge_, decoy);
    ++verdict_.calls;
    if (trial.error) {
      error_ = trial.error;
      if (trial.findings.empty()) return;
    }
    if (!c.law.empty()) {
      --verdict_.calls;  // of cases
      if (trial.declined && !replaying_) return;  // the law, or the kernel, says nothing about it
      ++lawful_;
    }
    if (trial.declined) {
      ++declined_;
      reasons_.insert(*trial.declined);
      declined_values_ = declined_values_ || c.question.inputs[0].values.size() == 65536;
      return;
    }
    ++judged_;
    if (const auto meaning = c.law.empty() ? meaning_of(c.question) : std::nullopt) {
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
      if (options_.first_failure_only || (fatal(f.kind) && (costly(f.kind) || seen.count >= 8))) finished_ = true;
    }
  }

  // Attributes are exact in the compute type, which is the kernel's if it declares a narrower one.
  Case in_compute_type(Case c) const {
    if (!verdict_.level.compute) return c;
    const Format& compute = format(*verdict_.level.compute);
    for (const AttributeRow& row : c.question.op->attributes) {
      if (row.kind != AttributeRow::Kind::number) continue;
      auto& number = std::get<double>(c.question.attributes.values.at(row.name));
      if (const double rounded = to_double(compute, round_nearest(compute, truncated(number))); !row.valid || row.valid(rounded)) number = rounded;
    }
    return c;
  }

  void count(const Case& c, const Trial& trial) {
    for (std::size_t i = 0; i < trial.judgements.size(); ++i) {
      const Judgement& j = trial.judgements[i];
      ++verdict_.elements;
      verdict_.undecided += j.undecided ? 1 : 0;
      if (j.policy) ++verdict_.policies[j.policy];
      if (j.other_zero) ++verdict_.policies["sign_of_zero"];
      if (!std::isfinite(j.ulps) || is_nan(*c.question.format, trial.output.values[i])) continue;
      ++verdict_.finite;
      verdict_.rounded += j.rounded ? 1 : 0;
      // How close it came: the share of what is allowed that was used.
      const double share = j.ulps / (by_budget(verdict_.level) ? j.budget + 0.5 : allowed_ulps(verdict_.level));
      if (j.ok && j.ulps > 0.5 && share > closest_ && trial.output.values.size() <= 4096) {
        closest_ = share;
        nearest_ = c;
        nearest_.focus = i;
      }
      if (j.ulps > verdict_.max_ulp) {
        verdict_.max_ulp = j.ulps;
        verdict_.max_ulp_at = inputs_at(c.question, i);
      }
    }
  }

  // How many smaller cases are tried: fewer of those that take long to judge.
  static int tries(const Question& q) {
    std::size_t elements = q.output_count();
    for (const Tensor<Bits>& tensor : q.inputs) elements += tensor.values.size();
    return q.op->independence == Independence::whole ? static_cast<int>(std::clamp<std::size_t>(400 * 256 / std::max<std::size_t>(1, elements), 40, 400)) : 400;
  }

  // Cuts the worst case down, and looks for the simplest one that fails in the same way.
  void report(Kind kind, Seen& seen) {
    const auto budget = [&](const Case& c) { return costly(kind) ? 1 : fatal(kind) ? 30 : tries(c.question); };
    const auto fails = [&](const Case& c) {
      if (options_.stop()) return false;
      Judge judge(verdict_.level);
      return shows(attempt(worker_, kernel_, c, judge, true), kind);
    };
    Case worst = seen.worst;
    Finding finding = seen.finding;
    origin_ = seen.worst.origin;
    worst = shrink_shape(seen.worst, kernel_, budget(seen.worst), fails);
    if (!costly(kind)) finding = refreshed(worst, kind, finding);
    Failure failure = failure_of(kind, seen, worst, finding);
    if (!costly(kind)) {
      const Case simplest = shrink(worst, kernel_, budget(worst), fails);
      const std::string line = line_of(simplest, refusing_level(finding));
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

  const Level& refusing_level(const Finding& finding) const { return finding.by_other && verdict_.level.also ? *verdict_.level.also : verdict_.level; }

  std::string line_of(const Case& c, const Level& level) const {
    Replay line{verdict_.plugin, verdict_.kernel, c, level, {}, options_.seed};
    std::string text = properties::to_text(line);
    line.generated = c.origin.empty() ? origin_ : c.origin;
    if (text.size() <= longest_replay) return text;
    if (const auto folder = folder_of(c)) {
      line.generated = "folder:" + *folder;
      return properties::to_text(line);
    }
    return line.generated.empty() ? text : properties::to_text(line);
  }

  // The case as a folder, where the run keeps such; nothing if it could not be written.
  std::optional<std::string> folder_of(const Case& c) const {
    if (options_.folder.empty()) return std::nullopt;
    try {
      std::filesystem::create_directories(options_.folder);
      const std::string name = std::filesystem::path(verdict_.plugin).stem().string() + "-" + verdict_.op + "-" + verdict_.kernel + "-" + verdict_.dtype;
      std::filesystem::path folder = options_.folder / name;
      for (int i = 2; std::filesystem::exists(folder); ++i) folder = options_.folder / (name + "-" + std::to_string(i));
      write_case(folder, name, c.question);
      return folder.string();
    } catch (const std::exception&) {  // a full disk must not take the verdict along
      return std::nullopt;
    }
  }

  Failure failure_of(Kind kind, const Seen& seen, const Case& c, const Finding& finding) {
    Failure failure;
    failure.kind = kind;
    failure.count = seen.count;
    failure.ulp = finding.ulps;
    // A budget is charged before the last rounding, which adds half an ulp.
    const Level& refusing = refusing_level(finding);
    failure.allowed = by_budget(refusing) ? finding.budget + 0.5 : allowed_ulps(refusing);
    failure.level = properties::to_text(refusing);
    failure.replay = line_of(c, refusing);
    const Format& f = *c.question.format;
    if (seen.low <= seen.high) {
      failure.from = to_text(f, *exact_bits(f, seen.low));
      failure.to = to_text(f, *exact_bits(f, seen.high));
    }
    failure.message = finding.text.empty() ? std::string() : finding.text;
    if (kind == Kind::law_broken) {
      failure.ulp = std::numeric_limits<double>::quiet_NaN();
      if (finding.element && *finding.element < c.question.output_count()) failure.at = inputs_at(c.question, *finding.element);
    } else if (finding.element && *finding.element < c.question.output_count()) {
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
      verdict_.incomplete = error_ ? *error_ : !verdict_.reason.empty() ? verdict_.reason : stopped_;
      verdict_.reason.clear();
      if (!verdict_.incomplete.empty() && !options_.first_failure_only && !replaying_) verdict_.notes.push_back("not all was judged: " + verdict_.incomplete);
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
    std::string silent;
    for (const auto& [law, tried] : verdict_.laws)
      if (tried == 0) silent += (silent.empty() ? "" : ", ") + law;
    if (!silent.empty() && !finished_ && verdict_.reason.empty()) verdict_.notes.push_back("laws that say nothing of its cases at this level: " + silent);
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
  std::string stopped_;  // why not all cases were tried, or empty
  std::string origin_;  // of the failure being reported: names it where it is too long to write
  std::int64_t declined_ = 0, judged_ = 0, lawful_ = 0;
  bool declined_values_ = false;
  bool finished_ = false, replaying_ = false;
  std::set<std::size_t> moved_by_;  // inputs
  Case nearest_;                    // what passed and came closest to failing
  double closest_ = 0;
};

// The case that a line writes out, or names.
Case case_of(const Replay& line, const host::KernelRow& kernel) {
  if (line.generated.empty()) return line.c;
  const Question& q = line.c.question;
  if (line.generated.starts_with("folder:")) {
    Case c = line.c;
    try {
      c.question = read_case(line.generated.substr(7)).question;
    } catch (const FileError& e) {
      throw ReplayError(e.what());
    }
    if (c.question.op != q.op || c.question.format != q.format)
      throw ReplayError(line.generated.substr(7) + " holds a case of " + c.question.op->name + " " + std::string(c.question.format->name) + ", and the line says " +
                        q.op->name + " " + std::string(q.format->name));
    return c;
  }
  const std::size_t colon = line.generated.find(':');
  const auto index = static_cast<std::size_t>(std::stoll(line.generated.substr(colon + 1)));
  if (line.generated.starts_with("law"))
    return law_case(*q.op, *q.format, kernel, line.c.law, line.seed, static_cast<int>(std::min<std::size_t>(index, 1u << 30)));
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

// A kernel that computes in a narrower type than is usual is judged by that, and the verdict says so.
void set_compute_type(KernelVerdict& v, const Format& f, const host::KernelRow& kernel) {
  v.level = with_compute_type(v.level, f, kernel.compute_dtype);
  if (!v.level.compute) return;
  v.compute = format(*v.level.compute).name;
  v.notes.push_back("judged as computed in " + v.compute + ", which the kernel declares");
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
  v.result = KernelVerdict::Result::error;
  if (op && f) {
    const auto own = level_for(v.level, *op, *f);
    if (!own) {
      v.result = KernelVerdict::Result::skip;
      v.reason = to_text(v.level) + " has no rule for " + v.op + " in " + v.dtype;
      return v;
    }
    v.level = claim ? both(*own, *claim) : *own;
    set_compute_type(v, *f, kernel);
  }
  if (!op)
    v.reason = unknown("operator", kernel.op, operator_names());
  else if (!f)
    v.reason = "unknown dtype code " + std::to_string(kernel.dtype) +
               "; this version knows 1 f64, 2 f32, 3 f16, 4 bf16";
  else if (kernel.compute_dtype != 0 && !format_of_code(kernel.compute_dtype))
    v.reason = "unknown compute dtype code " + std::to_string(kernel.compute_dtype) + "; this version knows 0 usual, 1 f64, 2 f32, 3 f16, 4 bf16";
  else if (!kernel.claim.empty() && !claim)
    v.reason = "unknown claim '" + kernel.claim + "': expected exact, faithful, stable, permissive or max-ulp N";
  else try {
      Check(worker, v, kernel, options).run(*op, *f);
    } catch (const Refused& e) {  // the suite's own mistake, and one kernel's: the others are judged
      v.result = KernelVerdict::Result::error;
      v.reason = "the reference refuses a case of its own making: " + std::string(e.what());
    }
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
  const auto own = level_for(line.level, *line.c.question.op, *line.c.question.format);
  if (!own) throw ReplayError(to_text(line.level) + " has no rule for " + v.op + " in " + v.dtype);
  v.level = *own;
  set_compute_type(v, *line.c.question.format, kernel);
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
