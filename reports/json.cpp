// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include <cmath>

#include "reports/report.hpp"

namespace karat::reports {
namespace {

using Json = nlohmann::ordered_json;

Json number(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  return v;
}

// Absent stays absent.
void set(Json& object, const char* field, const std::optional<double>& v) {
  if (v) object[field] = number(*v);
}
void set(Json& object, const char* field, const std::string& text) {
  if (!text.empty()) object[field] = text;
}

Json values(const std::vector<Value>& list) {
  Json out = Json::array();
  for (const Value& v : list) out.push_back({{"name", v.name}, {"value", v.value}});
  return out;
}

Json run(const Run& r) {
  const Environment& e = r.environment;
  Json out{{"file", r.file}, {"line", r.line}, {"complete", r.end.has_value()}};
  out["environment"] = {{"schema", schema},       {"karat", e.karat},   {"command", e.command},
                        {"time", e.time},         {"cpu", e.cpu},       {"cores", e.cores},
                        {"isa", e.isa},           {"kernel", e.kernel}, {"libc", e.libc},
                        {"compiler", e.compiler}, {"flags", e.flags},   {"seed", e.seed},
                        {"level", e.level}};
  out["environment"]["caches"] = {{"l1", e.caches[0]}, {"l2", e.caches[1]}, {"l3", e.caches[2]}};
  if (r.end)
    out["end"] = {{"passed", r.end->passed},           {"failed", r.end->failed},
                  {"skipped", r.end->skipped},         {"errors", r.end->errors},
                  {"seconds", number(r.end->seconds)}, {"exit_code", r.end->exit_code}};
  return out;
}

Json plugin(const Plugin& p) {
  Json out{{"plugin", p.plugin},
           {"run", p.run},
           {"path", p.path},
           {"version", p.version},
           {"description", p.description},
           {"abi", p.abi},
           {"kernels", p.kernels},
           {"status", p.loaded ? "loaded" : "error"}};
  set(out, "error", p.error);
  out["warnings"] = p.warnings;
  return out;
}

Json failure(const Failure& f) {
  Json out{{"kind", f.kind}, {"count", f.count}, {"message", f.message}, {"at", values(f.at)}};
  set(out, "got", f.got);
  set(out, "exact", f.exact);
  set(out, "exact_decimal", f.exact_decimal);
  set(out, "ulp", f.ulp);
  set(out, "allowed", f.allowed);
  set(out, "level", f.level);
  set(out, "from", f.from);
  set(out, "to", f.to);
  set(out, "replay", f.replay);
  set(out, "simplest", f.simplest);
  set(out, "waived", f.waived);
  return out;
}

Json kernel(const Kernel& k) {
  Json out{{"plugin", k.plugin}, {"op", k.op}, {"kernel", k.kernel}, {"dtype", k.dtype}, {"run", k.run}};
  set(out, "level", k.level);
  set(out, "claim", k.claim);
  out["verdict"] = std::string(name(k.verdict));
  set(out, "kind", k.kind);
  set(out, "reason", k.reason);
  out["calls"] = k.calls;
  out["elements"] = k.elements;
  out["exhaustive"] = k.exhaustive;
  set(out, "max_ulp", k.max_ulp);
  out["max_ulp_at"] = values(k.max_ulp_at);
  set(out, "correctly_rounded", k.correctly_rounded);
  out["undecided"] = k.undecided;
  out["meaningful"] = k.meaningful;
  out["vacuous"] = k.vacuous;
  Json policies = Json::object();
  for (const auto& [policy, count] : k.policies) policies[policy] = count;
  out["policies"] = policies;
  Json failures = Json::array();
  for (const Failure& f : k.failures) failures.push_back(failure(f));
  if (!k.laws.empty()) {
    Json laws = Json::object();
    for (const auto& [law, count] : k.laws) laws[law] = count;
    out["laws"] = laws;
  }
  set(out, "compute", k.compute);
  if (!k.notes.empty()) out["notes"] = k.notes;
  if (!k.warnings.empty()) out["warnings"] = k.warnings;
  out["failures"] = failures;
  out["seconds"] = number(k.seconds);
  return out;
}

Json sweep(const Sweep& s) {
  Json out = kernel(s.kernel);
  set(out, "version", s.version);
  set(out, "isa", s.isa);
  out["sweeps"] = s.sweeps;
  out["complete"] = s.complete;
  out["failing"] = s.failing;
  Json over = Json::object();
  for (const auto& [bound, count] : s.over) over[bound] = count;
  out["result"] = {{"inputs", s.inputs}, {"outside", s.outside}, {"special", s.special}, {"finite", s.finite}, {"rounded", s.rounded}, {"escalated", s.escalated},
                   {"by_budget", s.by_budget}, {"not_monotone", s.not_monotone}, {"over", over}, {"hash", s.hash}};
  Json worst = Json::array();
  for (const Sweep::Worst& w : s.worst) {
    Json one{{"input", w.input}, {"result", w.result}, {"at", values(w.at)}, {"got", w.got}};
    set(one, "ulp", w.ulp);
    worst.push_back(one);
  }
  out["worst"] = worst;
  Json binades = Json::array();
  for (const Sweep::Binade& b : s.binades) binades.push_back({b.from, b.results, b.over_half, b.over_one, number(b.max_ulp)});
  out["by_binade"] = binades;
  out["seconds"] = number(s.seconds);
  out["inputs_per_second"] = number(s.inputs_per_second);
  return out;
}

Json timing(const Timing& t) {
  Json out{{"plugin", t.plugin}, {"op", t.op}, {"kernel", t.kernel}, {"dtype", t.dtype}, {"run", t.run}, {"size", t.size}};
  set(out, "call", t.call);
  set(out, "cache", t.cache);
  out["shape"] = t.shape;
  if (t.elements > 0) out["elements"] = t.elements;
  out["bytes"] = t.bytes;
  if (t.read + t.written > 0) {
    out["read"] = t.read;
    out["written"] = t.written;
  }
  set(out, "flops", t.flops);
  out["threads"] = t.threads;
  out["repetitions"] = t.repetitions;
  out["verified"] = t.verified;
  set(out, "reason", t.reason);
  if (t.min_seconds || t.median_seconds || t.max_seconds) {
    Json& seconds = out["seconds"] = Json::object();
    set(seconds, "min", t.min_seconds);
    set(seconds, "median", t.median_seconds);
    set(seconds, "max", t.max_seconds);
  }
  set(out, "spread", t.spread);
  if (!t.by_repetition.empty()) out["by_repetition"] = t.by_repetition;
  set(out, "ns_per_element", t.ns_per_element);
  set(out, "gb_per_s", t.gb_per_s);
  set(out, "gflop_per_s", t.gflop_per_s);
  set(out, "copy_seconds", t.copy_seconds);
  set(out, "ratio_to_copy", t.ratio_to_copy);
  if (const auto& m = t.machine)
    out["machine"] = {{"copy_gb_per_s", number(m->copy_gb_per_s)}, {"copy_nontemporal_gb_per_s", number(m->copy_nontemporal_gb_per_s)},
                      {"read_gb_per_s", number(m->read_gb_per_s)}, {"gflop_per_s", number(m->gflop_per_s)}};
  if (const auto& l = t.limit) {
    Json& limit = out["limit"] = {{"by", l->by}};
    set(limit, "seconds", l->seconds);
    set(limit, "share", l->share);
  }
  for (const Timing::Slower& s : t.faster_than) {
    Json slower{{"plugin", s.plugin}, {"kernel", s.kernel}};
    set(slower, "times", s.times);
    set(slower, "p", s.p);
    out["faster_than"].push_back(slower);
  }
  set(out, "max_ulp", t.max_ulp);
  return out;
}

}  // namespace

std::string json(const Records& records) {
  const Totals totals = records.totals();
  Json out{{"schema", schema}};
  out["totals"] = {{"passed", totals.passed},
                   {"failed", totals.failed},
                   {"skipped", totals.skipped},
                   {"errors", totals.errors}};
  const auto list = [&](const char* field, const auto& items, auto one) {
    Json& array = out[field] = Json::array();
    for (const auto& item : items) array.push_back(one(item));
  };
  list("notes", records.notes, [](const std::string& note) { return Json(note); });
  list("runs", records.runs, run);
  list("plugins", records.plugins, plugin);
  list("kernels", records.kernels, kernel);
  if (!records.sweeps.empty()) list("sweeps", records.sweeps, sweep);
  list("timings", records.timings, timing);
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace karat::reports
