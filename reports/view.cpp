// SPDX-License-Identifier: MIT
#include "reports/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <tuple>

#include "reports/text.hpp"
#include "reports/timings.hpp"

namespace karat::reports {
namespace {

constexpr std::array<std::string_view, 4> dtype_order{"f32", "f64", "f16", "bf16"};

// A kernel's name adds nothing where it repeats its operator's.
std::string full_name(const std::string& plugin, const std::string& op, const std::string& kernel,
                      const std::string& dtype) {
  const std::string variant = kernel.empty() || kernel == op ? "" : " " + kernel;
  return printable(plugin + "/" + op + variant + " " + dtype);
}

}  // namespace

void sort_dtypes(std::vector<std::string>& dtypes) {
  const auto rank = [](const std::string& name) {
    return std::make_pair(std::find(dtype_order.begin(), dtype_order.end(), name) - dtype_order.begin(),
                          name);
  };
  std::sort(dtypes.begin(), dtypes.end(),
            [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
}

std::vector<BackEnd> back_ends(const Records& records) {
  std::vector<BackEnd> out;
  std::map<std::string, std::size_t> position;
  const auto at = [&](const std::string& name) -> BackEnd& {
    const auto [found, fresh] = position.try_emplace(name, out.size());
    if (fresh) out.push_back({name, nullptr, {}, {}, {}, {}, {}});
    return out[found->second];
  };
  for (const Plugin& p : records.plugins) at(p.plugin).plugin = &p;

  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> row_of;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> variants;
  std::map<std::string, std::set<std::string>> dtypes;
  std::map<std::string, std::vector<std::string>> operators;
  for (const Kernel& k : records.kernels) {
    BackEnd& b = at(k.plugin);
    b.totals.add(k.verdict);
    const auto [row, fresh] = row_of.try_emplace({k.plugin, k.op, k.kernel}, b.rows.size());
    if (fresh) b.rows.push_back({k.op, k.kernel, {}, {}});
    b.rows[row->second].by_dtype[k.dtype] = &k;
    variants[{k.plugin, k.op}].insert(k.kernel);
    dtypes[k.plugin].insert(k.dtype);
    auto& order = operators[k.plugin];
    if (std::find(order.begin(), order.end(), k.op) == order.end()) order.push_back(k.op);
  }
  for (const Sweep& s : records.sweeps) at(s.kernel.plugin).totals.add(s.kernel.verdict);
  for (const Timing& t : records.timings) at(t.plugin);
  for (BackEnd& b : out) {
    b.timings = timing_sentence(timing_totals(records.timings, b.name));
    b.dtypes.assign(dtypes[b.name].begin(), dtypes[b.name].end());
    sort_dtypes(b.dtypes);
    std::map<std::string, std::size_t> rank;
    for (const std::string& op : operators[b.name]) rank.emplace(op, rank.size());
    std::stable_sort(b.rows.begin(), b.rows.end(),
                     [&](const Row& x, const Row& y) { return rank[x.op] < rank[y.op]; });
    for (Row& row : b.rows) {
      row.label = printable(variants[{b.name, row.op}].size() > 1 ? row.op + " " + row.kernel : row.op);
      for (const std::string& dtype : b.dtypes)
        if (const auto k = row.by_dtype.find(dtype); k != row.by_dtype.end()) b.kernels.push_back(k->second);
    }
  }
  return out;
}

std::string headline(const BackEnd& b) {
  if (b.plugin && !b.plugin->loaded) return "could not be judged: " + printable(b.plugin->error);
  if (b.totals.all() == 0 && !b.timings.empty()) return b.timings;
  const std::uint64_t judged = b.totals.all() - b.totals.skipped;
  std::string text = judged == 0 ? "nothing was judged"
                                 : fmt::format("{} of {} {}", thousands(b.totals.passed),
                                               plural(judged, "kernel", "kernels"),
                                               b.totals.passed == 1 ? "conforms" : "conform");
  if (b.totals.skipped > 0) text += ", " + thousands(b.totals.skipped) + " skipped";
  if (b.totals.errors > 0) text += ", " + thousands(b.totals.errors) + " could not be judged";
  return b.timings.empty() ? text : text + "; " + b.timings;
}

std::string label(const Kernel& k) { return full_name(k.plugin, k.op, k.kernel, k.dtype); }
std::string label(const Timing& t) { return full_name(t.plugin, t.op, t.kernel, t.dtype); }

std::string cell_figure(const Kernel& k) {
  const double line = boundary(k.level);
  if (k.verdict == Verdict::skip) return "skip";
  if (k.verdict == Verdict::error) return "error";
  if (k.verdict == Verdict::fail) {
    if (k.kind != "inaccurate") return printable(k.kind);
    for (const Failure& f : k.failures)
      if (f.kind == k.kind && f.ulp) return figure(*f.ulp, line);
  }
  return k.max_ulp ? figure(*k.max_ulp, line) : k.verdict == Verdict::fail ? printable(k.kind) : "";
}

const char* mark(Verdict v) {
  switch (v) {
    case Verdict::pass:
      return "✓";
    case Verdict::fail:
      return "✗";
    case Verdict::skip:
      return "–";
    case Verdict::error:
      return "!";
  }
  return "!";
}

namespace {
constexpr std::string_view max_ulp_level = "max-ulp ";
}

double boundary(const std::string& level) {
  if (level == "faithful") return 1;
  if (level == "exact") return 0.5;
  if (level.starts_with(max_ulp_level)) return std::strtod(level.c_str() + max_ulp_level.size(), nullptr);
  return std::numeric_limits<double>::quiet_NaN();
}

const std::string& refusing(const Kernel& k, const Failure& f) { return f.level.empty() ? k.level : f.level; }

std::string allowed_text(const std::string& level, double allowed) {
  if (level == "stable" || level == "permissive") return fmt::format("budget {:.3g}", allowed);
  return fmt::format("allowed {} {}", level == "faithful" ? "<" : "≤",
                     std::isfinite(allowed) ? fmt::format("{:.6g}", allowed) : figure(allowed));
}

std::string level_sentence(const std::string& level) {
  if (level == "faithful")
    return "faithful: a result passes if it is the exact answer, or one of the two representable numbers on "
           "either "
           "side of it (an error below 1 ulp).";
  if (level == "exact")
    return "exact: a result passes only if it is the representable number nearest to the exact answer, ties "
           "to even "
           "(correctly rounded).";
  if (level == "stable")
    return "stable: a result passes if a careful kernel could have given it: it is within the error budget that "
           "is derived for this input, and rounded once.";
  if (level == "permissive")
    return "permissive: as stable, with sequential sums and primitives of 4 ulp.";
  if (level.starts_with(max_ulp_level))
    return printable(level) + ": a result passes if it is within " +
           printable(level.substr(max_ulp_level.size())) + " ulp of the exact answer.";
  return level.empty() ? "The records name no level." : printable(level) + ".";
}

std::vector<std::string> levels(const Records& records) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& level) {
    if (!level.empty() && std::find(out.begin(), out.end(), level) == out.end()) out.push_back(level);
  };
  for (const Kernel& k : records.kernels) add(k.level);
  if (out.empty())
    for (const Run& r : records.runs) add(r.environment.level);
  return out;
}

std::string extent(const Failure& f) {
  const std::string noun = f.at.empty() ? "failure" : "failing input";
  std::string text;
  if (f.count == 1) text = "the only " + noun + " seen";
  if (f.count > 1)
    text = (f.kind == "inaccurate" ? "worst of " : "first of ") + thousands(f.count) + " " + noun + "s";
  if (f.count != 1 && !f.from.empty() && !f.to.empty() && f.from != f.to)
    text += (text.empty() ? "inputs in [" : " in [") + printable(f.from) + ", " + printable(f.to) + "]";
  return text;
}

std::string arguments(const std::vector<Value>& values) {
  if (values.size() == 1) return printable(values[0].value);
  std::string out;
  for (const Value& v : values)
    out += (out.empty() ? "" : ", ") + printable(v.name) + "=" + printable(v.value);
  return out;
}

std::vector<Reason> reasons(const BackEnd& b, Verdict verdict) {
  std::vector<Reason> out;
  std::map<std::string, std::size_t> position;
  for (const Kernel* k : b.kernels) {
    if (k->verdict != verdict) continue;
    const auto [at, fresh] = position.try_emplace(k->reason, out.size());
    if (fresh) out.push_back({k, {}});
    out[at->second].names.push_back(label(*k).substr(printable(b.name).size() + 1));
  }
  return out;
}

std::map<std::string, std::uint64_t> policies(const Records& records) {
  std::map<std::string, std::uint64_t> out;
  for (const Kernel& k : records.kernels)
    for (const auto& [name, count] : k.policies) out[printable(name)] += count;
  return out;
}

std::uint64_t vacuous(const Records& records) {
  std::uint64_t sum = 0;
  for (const Kernel& k : records.kernels) sum += k.vacuous;
  return sum;
}

std::uint64_t undecided(const Records& records) {
  std::uint64_t sum = 0;
  for (const Kernel& k : records.kernels) sum += k.undecided;
  return sum;
}

std::vector<Value> environment_rows(const Run& run) {
  const Environment& e = run.environment;
  std::vector<Value> out;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.push_back({name, printable(value)});
  };
  add("records", run.file == "-" ? "standard input" : run.file);
  add("karat", e.karat);
  add("command", join(e.command, " "));
  add("started", e.time);
  add("level", e.level);
  add("seed", e.seed);
  add("CPU", e.cpu);
  add("cores", e.cores == 0 ? "" : thousands(e.cores));
  add("instruction sets", join(e.isa, " "));
  std::vector<std::string> caches;
  for (std::size_t i = 0; i < e.caches.size(); ++i)
    if (e.caches[i] != 0) caches.push_back(fmt::format("L{} {}", i + 1, bytes_text(e.caches[i])));
  add("caches", join(caches, ", "));
  add("kernel", e.kernel);
  add("C library", e.libc);
  add("compiler", e.compiler);
  add("flags", e.flags);
  add("ended", run.end ? fmt::format("after {}, exit code {}", duration(run.end->seconds), run.end->exit_code)
                       : "cut off: incomplete run");
  return out;
}

}  // namespace karat::reports
