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

std::string limit_text(const Timing& t) { return t.limit && t.limit->share ? fmt::format("{:.0f} % {}", *t.limit->share * 100, printable(t.limit->by)) : ""; }

std::string faster_text(const Timing& t) {
  std::vector<std::string> slower;
  for (const Timing::Slower& s : t.faster_than)
    slower.push_back((s.times ? figure(*s.times) + " times than " : "than ") + printable(s.plugin) + (s.kernel == t.op ? "" : " " + printable(s.kernel)) + (s.p ? fmt::format(" (p = {:.2g})", *s.p) : ""));
  return join(slower, ", ");
}

}  // namespace karat::reports
