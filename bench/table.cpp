// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "bench/bench.hpp"
#include "properties/nearest.hpp"

namespace karat::bench {
namespace {

constexpr int figure_width = 9;
const char* const headings[] = {"ns/elem", "GB/s", "x copy"};

// Three significant digits, no exponent.
std::string figure(double d) {
  if (!std::isfinite(d) || d <= 0) return fmt::format("{}", d);
  const int decimals = 2 - static_cast<int>(std::floor(std::log10(d)));
  return fmt::format("{:.{}f}", d, std::clamp(decimals, 0, 4));
}

std::size_t place_of(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

struct Line {
  std::string name;
  int threads = 0;
  std::map<std::string, const Timing*> by_size;
};

// Sorted so that the back ends' kernels for one operator and dtype follow each other.
std::vector<Line> lines_of(const std::vector<Timing>& timings) {
  const std::vector<std::string> dtypes = properties::dtype_names();
  std::map<std::tuple<std::string, std::size_t, std::string, std::string, int>, Line> lines;
  for (const Timing& t : timings) {
    Line& line = lines[{t.op, place_of(dtypes, t.dtype), t.plugin, t.kernel, t.threads}];
    line.name = t.plugin + "/" + t.op + " " + t.dtype + " " + t.kernel;
    line.threads = t.threads;
    line.by_size[t.size] = &t;
  }
  std::vector<Line> sorted;
  for (auto& [key, line] : lines) sorted.push_back(std::move(line));
  return sorted;
}

std::string grid(const std::vector<Line>& lines, const std::vector<std::string>& sizes,
                 std::size_t name_width) {
  std::string text = fmt::format("{:{}} {:>7}", "", name_width, "");
  for (const std::string& size : sizes) text += fmt::format("{:>{}}", size, 3 * figure_width + 1);
  text += fmt::format("\n{:{}} {:>7}", "kernel", name_width, "threads");
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    text += ' ';
    for (const char* heading : headings) text += fmt::format("{:>{}}", heading, figure_width);
  }
  text += '\n';
  const std::string* before = nullptr;
  for (const Line& line : lines) {
    if (std::none_of(sizes.begin(), sizes.end(), [&](const auto& s) { return line.by_size.contains(s); }))
      continue;
    text +=
        fmt::format("{:{}} {:>7}", before && *before == line.name ? "" : line.name, name_width, line.threads);
    before = &line.name;
    for (const std::string& size : sizes) {
      const auto found = line.by_size.find(size);
      const Timing* t = found == line.by_size.end() ? nullptr : found->second;
      text += ' ';
      if (t && t->verified)
        for (const double d : {t->ns_per_element, t->gb_per_s, t->ratio_to_copy})
          text += fmt::format("{:>{}}", figure(d), figure_width);
      else
        text += fmt::format("{:>{}}", t ? "no time" : "", 3 * figure_width);
    }
    while (text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text;
}

// What a reason begins with: "inaccurate", "crashed".
std::string kind_of(const std::string& reason) { return reason.substr(0, reason.find(':')); }

// The first reason of each kind that a kernel has, with the benchmarks that it holds for.
std::string without_time(const std::vector<Line>& lines, const std::vector<std::string>& sizes) {
  std::vector<std::tuple<std::string, std::string, std::string>> reasons;  // name, reason, where
  for (const Line& line : lines)
    for (const std::string& size : sizes) {
      const auto found = line.by_size.find(size);
      if (found == line.by_size.end() || found->second->verified) continue;
      const std::string where =
          size + " " + std::to_string(line.threads) + (line.threads == 1 ? " thread" : " threads");
      const auto same = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) {
        return std::get<0>(r) == line.name && kind_of(std::get<1>(r)) == kind_of(found->second->reason);
      });
      if (same != reasons.end())
        std::get<2>(*same) += ", " + where;
      else
        reasons.emplace_back(line.name, found->second->reason, where);
    }
  if (reasons.empty()) return {};
  std::string text = "\nWithout a time:\n";
  for (const auto& [name, reason, where] : reasons)
    text += fmt::format("  {} ({})\n      {}\n", name, where, reason);
  return text;
}

}  // namespace

std::string table(const std::vector<Timing>& timings, int width) {
  if (timings.empty()) return {};
  const std::vector<Line> lines = lines_of(timings);
  std::vector<std::string> sizes;
  std::vector<std::string> names(size_names().begin(), size_names().end());
  names.emplace_back("call");
  for (const std::string& size : names)
    if (std::any_of(timings.begin(), timings.end(), [&](const Timing& t) { return t.size == size; }))
      sizes.push_back(size);
  std::size_t name_width = 6;
  for (const Line& line : lines) name_width = std::max(name_width, line.name.size());
  const std::size_t one_size = 3 * figure_width + 1, beside = name_width + 8;
  std::string text;
  if (beside + sizes.size() * one_size <= static_cast<std::size_t>(std::max(width, 0))) {
    text = grid(lines, sizes, name_width);
  } else {
    for (const std::string& size : sizes)
      text += (text.empty() ? "" : "\n") + grid(lines, {size}, name_width);
  }
  return text + without_time(lines, sizes);
}

}  // namespace karat::bench
