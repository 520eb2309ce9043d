// SPDX-License-Identifier: MIT
// What is swept, and what the result of a sweep says.
#include "properties/sweep/sweep.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "properties/describe.hpp"
#include "properties/error_in_ulps.hpp"
#include "properties/nearest.hpp"
#include "properties/profile.hpp"
#include "properties/record_json.hpp"
#include "properties/replay.hpp"

#ifndef KARAT_VERSION
#error "KARAT_VERSION comes from the build"
#endif

namespace karat::properties {
namespace {

std::string hex64(std::uint64_t n) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(n));
  return text;
}

std::string digest_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return hex64(XXH3_64bits(bytes.data(), bytes.size()));
}

std::string text_of(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes.values) {
    text += (text.empty() ? "" : " ") + name + "=";
    if (const double* number = std::get_if<double>(&value)) text += to_text(format(Dtype::f64), *exact_bits(format(Dtype::f64), *number));
    else if (const auto* integer = std::get_if<std::int64_t>(&value)) text += std::to_string(*integer);
    else if (const auto* word = std::get_if<std::string>(&value)) text += *word;
  }
  return text;
}

// Texts of the inputs at a position: [{"name": "x", "value": "0x1p+0"}, …].
std::vector<NamedValue> values_at(const SweepPlan& plan, std::uint64_t position) {
  std::vector<NamedValue> values;
  const std::vector<Bits> bits = plan.inputs_at(position);
  for (std::size_t t = 0; t < bits.size(); ++t) values.push_back({plan.op->inputs[t].name, to_text(*plan.format, bits[t])});
  if (!plan.attribute.empty()) values.push_back({plan.attribute, to_text(*plan.format, plan.line_of(position))});
  return values;
}
std::string text_at(const SweepPlan& plan, std::uint64_t position) {
  std::string text;
  for (const NamedValue& v : values_at(plan, position)) text += (text.empty() ? "" : ", ") + v.name + " = " + v.value;
  return text;
}

// Results at neighbours that fall, at the ends of chunks too.
Offences falls(const SweepPlan& plan, const Partial& partial) {
  Offences all = partial.not_monotone;
  const Format& f = *plan.format;
  for (const auto& [chunk, bits] : partial.last) {
    const auto next = partial.first.find(chunk + 1);
    if (next == partial.first.end()) continue;
    const std::uint64_t position = ((chunk + 1) << plan.chunk_bits()) - 1;
    if (is_negative(f, plan.pattern_of(position)) != is_negative(f, plan.pattern_of(position + 1)) || is_nan(f, plan.pattern_of(position + 1))) continue;
    const double a = to_double(f, bits), b = to_double(f, next->second);
    if (is_negative(f, plan.pattern_of(position)) ? a < b : a > b) {
      Offences one{.count = 1};
      one.runs[chunk].push_back({position, position, bits});
      all.merge(one);
    }
  }
  return all;
}

bool judged_by_neighbours(const Level& level) {
  for (const Level* l = &level; l; l = l->also.get())
    if (l->rule == Level::Rule::exact || l->rule == Level::Rule::faithful) return true;
  return false;
}

// The largest error at each input again, by the enclosure: what is printed is exact.
double exact_ulps(const SweepSubject& subject, const Worst& worst) {
  return error_in_ulps(subject.plan.question_at(worst.at), worst.got).value_or(worst.ulps);
}

Json ranges_of(const SweepPlan& plan, const Offences& offences) {
  Json list = Json::array();
  const std::vector<Offences::Run> runs = offences.joined();
  for (const Offences::Run& run : runs) {
    if (list.size() == 32) break;
    list.push_back({{"from", pairs(values_at(plan, run.from))}, {"to", pairs(values_at(plan, run.to))}, {"inputs", run.to - run.from + 1}, {"got", to_text(*plan.format, run.got)}});
  }
  return {{"count", offences.count}, {"ranges", list}, {"more_ranges", offences.cut || runs.size() > list.size()}};
}

Json result_of(const SweepSubject& subject, const Partial& p) {
  const SweepPlan& plan = subject.plan;
  const Format& f = *plan.format;
  Json r;
  r["inputs"] = p.inputs;
  r["outside"] = p.outside;
  r["special"] = p.special;
  r["finite"] = p.finite;
  r["rounded"] = p.rounded;
  r["correctly_rounded"] = p.finite > 0 ? static_cast<double>(p.rounded) / static_cast<double>(p.finite) : 0.0;
  r["escalated"] = p.escalated;
  r["undecided"] = p.undecided;
  r["errors"] = p.errors;
  r["by_budget"] = p.by_budget;
  r["other_zero"] = p.other_zero;
  if (p.all.worst.ulps >= 0) {
    r["max_ulp"] = figure(exact_ulps(subject, p.all.worst));
    r["max_ulp_at"] = pairs(values_at(plan, p.all.worst.at));
    r["max_ulp_got"] = to_text(f, p.all.worst.got);
  }
  r["worst"] = Json::array();
  for (std::size_t i = 0; i < p.worst.size(); ++i)
    if (const Worst& w = p.worst[i]; w.ulps >= 0)
      r["worst"].push_back({{"input", i / 2 ? "negative" : "positive"}, {"result", i % 2 ? "subnormal" : "normal"}, {"ulp", figure(exact_ulps(subject, w))}, {"at", pairs(values_at(plan, w.at))}, {"got", to_text(f, w.got)}});
  // More than 0.5, 1, 2, 4, … ulps.
  r["over"] = Json::object();
  for (std::size_t bin = 0; bin + 1 < error_bins; ++bin) {
    const std::uint64_t n = p.all.over(bin);
    if (n == 0) break;
    char name[32];
    std::snprintf(name, sizeof name, "%.15g", bin == 0 ? 0.5 : std::ldexp(1.0, static_cast<int>(bin) - 1));
    r["over"][name] = n;
  }
  // Binades of the varied input: [from, results, over 0.5, 1, 2, 4, largest error].
  r["by_binade"] = Json::array();
  for (const auto& [key, errors] : p.by_binade) {
    const Bits pattern = ((key & 32768) ? f.sign_mask() : 0) | (static_cast<Bits>(key & 32767) << f.fraction_bits());
    if (errors.count() == 0) continue;
    r["by_binade"].push_back({to_text(f, pattern), errors.count(), errors.over(0), errors.over(1), errors.over(2), errors.over(3), std::round(errors.worst.ulps * 1e6) / 1e6});
  }
  const Offences monotone = falls(plan, p);
  r["not_monotone"] = ranges_of(plan, monotone);
  r["failures"] = Json::object();
  for (const auto& [kind, offences] : p.offences) r["failures"][std::string(to_text(kind))] = ranges_of(plan, offences);
  r["policies"] = p.policies;
  r["hash"] = hex64(p.hash);
  return r;
}

}  // namespace

Identity SweepSubject::identity() const {
  return {{"work", hash_only ? "hashes" : "sweep"}, {"karat", KARAT_VERSION}, {"plugin", plugin}, {"version", version}, {"file", digest}, {"op", plan.op->name}, {"kernel", kernel.kernel},
          {"dtype", std::string(plan.format->name)}, {"attributes", text_of(plan.attributes)}, {"inputs", plan.describe()}, {"level", to_text(level) + (level.also ? " and " + to_text(*level.also) : "")},
          {"instruction set", isa.empty() ? "the kernel's choice" : isa}, {"seed", std::to_string(seed)}};
}
std::string SweepSubject::name() const {
  return file_name((hash_only ? "hash-" : "sweep-") + plugin + "-" + plan.op->name + "-" + kernel.kernel + "-" + std::string(plan.format->name) + (plan.attribute.empty() ? "" : "-" + plan.attribute) + (isa.empty() ? "" : "-" + isa));
}

std::optional<SweepSubject> sweep_subject(const host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel, const Attributes& attributes, const std::string& vary,
                                          const std::optional<Level>& level, const std::string& isa, std::uint64_t seed, std::string& why, bool& error) {
  error = true;
  const Operator* op = find_operator(kernel.op);
  const auto known = std::find_if(formats().begin(), formats().end(), [&](const Format& f) { return static_cast<std::int32_t>(f.dtype) == kernel.dtype; });
  if (!op) why = unknown("operator", kernel.op, operator_names());
  else if (known == formats().end()) why = "unknown dtype code " + std::to_string(kernel.dtype);
  if (!op || known == formats().end()) return std::nullopt;
  const std::optional<Level> claim = kernel.claim.empty() ? std::nullopt : parse_level(kernel.claim);
  if (!kernel.claim.empty() && !claim) {
    why = "unknown claim '" + kernel.claim + "': expected exact, faithful, stable, permissive or max-ulp N";
    return std::nullopt;
  }
  error = false;
  SweepSubject subject{.plugin = plugin, .version = worker.info().version, .digest = digest_of(worker.path()), .kernel = kernel, .claim = kernel.claim, .isa = isa, .seed = seed};
  Attributes all = standard_attributes(*op);
  for (const auto& [name, value] : attributes.values)
    if (all.values.contains(name)) all.values[name] = value;
  const auto plan = sweep_plan(*op, *known, all, vary, seed, why);
  if (!plan) return std::nullopt;
  subject.plan = *plan;
  const auto own = level_for(level.value_or(default_level), *op, *known);
  if (!own) {
    why = to_text(*level) + " has no rule for " + op->name + " in " + std::string(known->name);
    return std::nullopt;
  }
  subject.level = with_compute_type(claim ? both(*own, *claim) : *own, *known, kernel.compute_dtype);
  return subject;
}

SweepVerdict judge_sweep(const SweepSubject& subject, const SweepRun& run) {
  using Result = KernelVerdict::Result;
  const SweepPlan& plan = subject.plan;
  const Format& f = *plan.format;
  const Partial& p = run.partial;
  SweepVerdict v;
  v.complete = p.chunks.count() == plan.chunks();
  v.escalation_share = p.finite > 0 ? static_cast<double>(p.escalated) / static_cast<double>(p.finite) : 0;
  if (run.declined) {
    v.result = Result::skip;
    v.reason = *run.declined;
    return v;
  }
  const auto replay_of = [&](const Question& question, const Level& level, const std::string& law = {}) {
    Case c{.question = question};
    c.law = law;
    c.question.op = find_operator(plan.op->name);  // not as it is seen here: its own shapes and standard attributes
    return to_text(Replay{.plugin = subject.plugin, .kernel = subject.kernel.kernel, .c = c, .level = level, .seed = subject.seed});
  };
  const auto range_of = [&](Failure& failure, const Offences& offences) {
    // The least and the greatest number; of NaNs the first and the last.
    const auto before = [&](Bits a, Bits b) { return is_nan(f, a) || is_nan(f, b) ? !is_nan(f, a) && is_nan(f, b) : ordinal(f, a) < ordinal(f, b); };
    std::optional<Bits> least, greatest;
    for (const Offences::Run& r : offences.joined())
      for (const std::uint64_t position : {r.from, r.to}) {
        const Bits b = plan.pattern_of(position);
        if (!least || before(b, *least)) least = b;
        // NaNs come after all numbers in `before`, and are an end only of ranges without numbers.
        if (!greatest || is_nan(f, *greatest) || (!is_nan(f, b) && before(*greatest, b))) greatest = b;
      }
    if (!least) return;
    failure.from = to_text(f, *least);
    failure.to = to_text(f, *greatest);
  };
  if (run.fault) {
    Failure failure{.kind = run.fault->kind, .count = 1, .message = plan.op->name + ", chunk " + std::to_string(run.fault->chunk) + " of the sweep: " + run.fault->text};
    failure.ulp = failure.allowed = std::numeric_limits<double>::quiet_NaN();
    failure.level = to_text(subject.level);
    failure.replay = replay_of(plan.question_at(run.fault->chunk << plan.chunk_bits()), subject.level);
    v.failures.push_back(std::move(failure));
    v.failing += 1;
  }
  for (const auto& [kind, offences] : p.offences) {
    if (offences.count == 0 || offences.runs.empty()) continue;
    const Offences::Run first = offences.joined().front();
    const bool measured = offences.worst.ulps >= 0;
    const std::uint64_t at = measured ? offences.worst.at : first.from;
    const Bits got = measured ? offences.worst.got : first.got;
    const Question question = plan.question_at(at);
    Failure failure{.kind = kind, .count = static_cast<std::int64_t>(offences.count), .at = values_at(plan, at), .got = to_text(f, got)};
    const Judgement j = judge_unit({question, {0}}, std::span(&got, 1), subject.level)[0];
    const Level& refusing = j.by_other && subject.level.also ? *subject.level.also : subject.level;
    failure.level = to_text(refusing);
    failure.ulp = j.ulps;
    failure.allowed = by_budget(refusing) ? j.budget + 0.5 : allowed_ulps(refusing);
    const ExactText exact = exact_text(question, 0);
    failure.exact = exact.hex;
    failure.exact_decimal = exact.decimal;
    failure.message = plan.op->name + "(" + text_at(plan, at) + ") gave " + failure.got + " where the exact value is " + failure.exact;
    failure.replay = replay_of(question, refusing);
    if (kind == Kind::law_broken) {
      failure.message = plan.op->name + "(" + text_at(plan, at) + ") = " + failure.got + " lies outside of the operator's range";
      failure.replay = replay_of(question, subject.level, "range");
      failure.ulp = std::numeric_limits<double>::quiet_NaN();
    }
    range_of(failure, offences);
    v.failing += offences.count;
    v.failures.push_back(std::move(failure));
  }
  if (const Offences monotone = falls(plan, p); monotone.count > 0 && judged_by_neighbours(subject.level)) {
    const Offences::Run first = monotone.joined().front();
    Question question = plan.question_at(first.from);
    const Bits next = plan.pattern_of(first.from + 1);
    question.inputs[0] = Tensor<Bits>(Shape{2}, {plan.pattern_of(first.from), next});
    Failure failure{.kind = Kind::law_broken, .count = static_cast<std::int64_t>(monotone.count), .at = values_at(plan, first.from), .got = to_text(f, first.got)};
    failure.message = plan.op->name + "(" + text_at(plan, first.from) + ") and at the next input, " + to_text(f, next) + ": the results run against the operator's direction, which no result of this level does";
    failure.level = to_text(subject.level);
    failure.ulp = failure.allowed = std::numeric_limits<double>::quiet_NaN();
    failure.replay = replay_of(question, subject.level, "monotone");
    range_of(failure, monotone);
    v.failing += monotone.count;
    v.failures.push_back(std::move(failure));
  }
  if (subject.hash_only && v.failures.empty()) {
    v.result = Result::skip;
    v.reason = "only hashed, nothing was judged";
  }
  if (!v.complete) v.reason = std::to_string(p.chunks.count()) + " of " + std::to_string(plan.chunks()) + " chunks";
  if (run.host_error) v.reason = *run.host_error;
  if (p.errors > 0) v.reason += (v.reason.empty() ? "" : "; ") + std::to_string(p.errors) + " results could not be judged";
  if (!v.failures.empty()) v.result = Result::fail;
  else if (subject.hash_only && v.complete && !run.host_error) v.result = Result::skip;
  else if (subject.hash_only) v.result = Result::error;
  else if (v.complete && !run.host_error && p.errors == 0) v.result = Result::pass;
  return v;
}

std::string sweep_json(const SweepSubject& subject, const SweepRun& run, const SweepVerdict& v) {
  Json json{{"type", "sweep"}, {"plugin", subject.plugin}, {"version", subject.version}, {"op", subject.plan.op->name}, {"kernel", subject.kernel.kernel}, {"dtype", subject.plan.format->name}};
  if (!subject.isa.empty()) json["isa"] = subject.isa;
  json["sweeps"] = subject.plan.describe();
  json["level"] = to_text(subject.level);
  if (!subject.claim.empty()) json["claim"] = subject.claim;
  json["verdict"] = to_text(v.result);
  if (!v.failures.empty()) json["kind"] = to_text(v.failures[0].kind);
  json["complete"] = v.complete;
  if (!v.reason.empty()) json["reason"] = v.reason;
  json["failing"] = v.failing;
  json["failures"] = failures_of(v.failures, to_text(subject.level));
  json["result"] = result_of(subject, run.partial);
  json["seconds"] = run.seconds;
  json["inputs_per_second"] = run.seconds > 0 ? static_cast<double>(run.inputs) / run.seconds : 0.0;
  return dump(json);
}

}  // namespace karat::properties
