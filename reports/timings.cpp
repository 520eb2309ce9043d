// SPDX-License-Identifier: MIT
#include "reports/timings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "reports/text.hpp"
#include "reports/view.hpp"

namespace karat::reports {

std::vector<std::vector<const Timing*>> timing_groups(const std::vector<Timing>& all) {
  // Operators, sizes and calls in the order of the records.
  std::map<std::string, std::size_t> operators;
  std::map<std::tuple<std::string, std::string, std::vector<std::int64_t>>, std::size_t> sizes;
  std::vector<std::string> dtypes;
  for (const Timing& t : all) {
    operators.emplace(t.op, operators.size());
    sizes.emplace(std::tuple(t.size, t.call, t.shape), sizes.size());
    if (std::find(dtypes.begin(), dtypes.end(), t.dtype) == dtypes.end()) dtypes.push_back(t.dtype);
  }
  sort_dtypes(dtypes);
  const auto rank = [&](const Timing* t) {
    return std::make_tuple(operators[t->op], std::find(dtypes.begin(), dtypes.end(), t->dtype) - dtypes.begin(), sizes[{t->size, t->call, t->shape}], t->cache == "cold", t->threads);
  };
  std::vector<const Timing*> sorted;
  for (const Timing& t : all) sorted.push_back(&t);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Timing* a, const Timing* b) { return rank(a) < rank(b); });
  std::vector<std::vector<const Timing*>> groups;
  for (const Timing* t : sorted) {
    if (groups.empty() || rank(groups.back()[0]) != rank(t)) groups.emplace_back();
    groups.back().push_back(t);
  }
  return groups;
}

std::string timing_kernel(const Timing& t) { return printable(t.plugin) + (t.kernel == t.op ? "" : " " + printable(t.kernel)); }

std::string timing_place(const Timing& t) {
  std::vector<std::string> shape, parts{t.call.empty() ? printable(t.size) : printable(t.call)};
  for (const std::int64_t extent : t.shape) shape.push_back(std::to_string(extent));
  if (t.call.empty() && !shape.empty()) parts.push_back(join(shape, "×"));
  parts.push_back(bytes_text(t.bytes));
  if (!t.cache.empty()) parts.push_back(printable(t.cache));
  parts.push_back(plural(t.threads, "thread", "threads"));
  return join(parts, ", ");
}

std::string machine_text(const std::vector<const Timing*>& group) {
  for (const Timing* t : group)
    if (const auto& m = t->machine)
      return fmt::format("copy {} GB/s, non-temporal {}, read {}, multiply-adds {} GFLOP/s", figure(m->copy_gb_per_s), figure(m->copy_nontemporal_gb_per_s), figure(m->read_gb_per_s),
                         figure(m->gflop_per_s));
  return "";
}

std::optional<double> flop_rate(const Timing& t) { return t.flops == 0 ? std::nullopt : t.gflop_per_s; }

std::string limit_text(const Timing& t) { return t.limit && t.limit->share ? fmt::format("{:.0f} % {}", *t.limit->share * 100, printable(t.limit->by)) : ""; }

std::string faster_text(const Timing& t) {
  std::vector<std::string> slower;
  for (const Timing::Slower& s : t.faster_than)
    slower.push_back("than " + slower_kernel(t, s) + (s.times || s.p ? " (" + slower_by(s) + ")" : ""));
  return join(slower, ", ");
}

std::string slower_kernel(const Timing& t, const Timing::Slower& s) { return printable(s.plugin) + (s.kernel == t.op ? "" : " " + printable(s.kernel)); }

std::string slower_by(const Timing::Slower& s) {
  std::vector<std::string> parts;
  if (s.times) parts.push_back(figure(*s.times) + " times");
  if (s.p) parts.push_back(fmt::format("p = {:.2g}", *s.p));
  return join(parts, ", ");
}

namespace {

bool timed(const Timing& t) { return t.verified && t.median_seconds.has_value(); }

// Whether it is significantly faster than every kernel of other back ends in its benchmark.
bool beats_others(const Timing& t, const std::vector<const Timing*>& group) {
  return timed(t) && std::all_of(group.begin(), group.end(), [&](const Timing* other) {
    return other->plugin == t.plugin || !timed(*other) ||
           std::any_of(t.faster_than.begin(), t.faster_than.end(), [&](const Timing::Slower& s) { return s.plugin == other->plugin && s.kernel == other->kernel; });
  });
}

TimingTotals totals_of(const std::vector<Timing>& all, const std::string* plugin) {
  TimingTotals totals;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, bool> kernels;  // → whether it has a time
  for (const auto& group : timing_groups(all)) {
    bool own = false, others = false, fastest = false;
    for (const Timing* t : group) {
      if (plugin && t->plugin != *plugin) {
        others |= timed(*t);
        continue;
      }
      kernels[{t->plugin, t->op, t->kernel, t->dtype}] |= timed(*t);
      own |= timed(*t);
      fastest |= plugin && beats_others(*t, group);
    }
    totals.benchmarks += own;
    totals.shared += own && others;
    totals.fastest += own && others && fastest;
  }
  for (const auto& [kernel, has_time] : kernels) ++(has_time ? totals.kernels : totals.untimed);
  return totals;
}

}  // namespace

TimingTotals timing_totals(const std::vector<Timing>& all) { return totals_of(all, nullptr); }
TimingTotals timing_totals(const std::vector<Timing>& all, const std::string& plugin) { return totals_of(all, &plugin); }

std::string timing_sentence(const TimingTotals& t) {
  if (t.kernels + t.untimed == 0) return "";
  if (t.kernels == 0) return plural(t.untimed, "kernel", "kernels") + " not timed";
  std::string text = plural(t.kernels, "kernel", "kernels") + " timed in " + plural(t.benchmarks, "benchmark", "benchmarks");
  if (t.shared > 0) text += fmt::format(", faster than every other back end in {} of {}", thousands(t.fastest), thousands(t.shared));
  if (t.untimed > 0) text += "; " + thousands(t.untimed) + " not timed";
  return text;
}

}  // namespace karat::reports
