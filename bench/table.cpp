// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t figures_width = 65;  // columns behind a kernel's name

// Three significant digits, no exponent.
std::string figure(double d) {
  if (!std::isfinite(d) || d <= 0) return fmt::format("{}", d);
  const int decimals = 2 - static_cast<int>(std::floor(std::log10(d)));
  return fmt::format("{:.{}f}", d, std::clamp(decimals, 0, 4));
}

std::string time_text(double seconds) {
  for (const auto& [unit, name] : {std::pair{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}})
    if (seconds < 999.5 * unit) return figure(seconds / unit) + " " + name;
  return figure(seconds) + " s";
}

std::string bytes_text(std::uint64_t bytes) {
  for (const auto& [unit, name] : {std::pair{1 << 20, "MiB"}, {1 << 10, "KiB"}})
    if (bytes >= static_cast<std::uint64_t>(unit)) return figure(static_cast<double>(bytes) / unit) + " " + name;
  return std::to_string(bytes) + " bytes";
}

// Columns on a terminal: code points.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}
std::string right(const std::string& text, std::size_t width) { return std::string(width - std::min(width, columns(text)), ' ') + text; }
std::string left(const std::string& text, std::size_t width) { return text + std::string(width - std::min(width, columns(text)), ' '); }

std::string name_of(const Timing& t) { return t.plugin + " " + t.kernel; }
std::string thread_text(int threads) { return std::to_string(threads) + (threads == 1 ? " thread" : " threads"); }

// What stands together: one operator, dtype and size or call; then what takes turns.
auto block_key(const Timing& t) { return std::tie(t.op, t.dtype, t.size, t.call); }
auto turn_key(const Timing& t) { return std::tie(t.op, t.dtype, t.size, t.call, t.cache, t.threads); }

std::string columns_of(const Timing& t) {
  std::string text = right(time_text(t.median_seconds), 10) + right(fmt::format("± {:.0f} %", t.spread * 100), 9);
  if (t.size == "small") return text;  // all of it is the call's own cost
  text += right(figure(t.ns_per_element), 10) + right(figure(t.gb_per_s), 8) + right(t.gflop_per_s && *t.gflop_per_s > 0 ? figure(*t.gflop_per_s) : "–", 10);
  if (t.limit) text += right(fmt::format("{:.0f} %", t.share_of_limit * 100), 7) + " " + t.limit->binds;
  return text;
}

void wrapped(std::string& out, const std::string& first, const std::vector<std::string>& parts, std::size_t width) {
  std::string line = first;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part = parts[i] + (i + 1 < parts.size() ? "," : "");
    if (columns(line) + 1 + columns(part) > width && columns(line) > 5) {
      out += line + "\n";
      line = "     ";
    }
    line += " " + part;
  }
  out += line + "\n";
}

// What took turns: a line a kernel, the machine, who is faster.
void turn(std::string& out, const std::vector<const Timing*>& timings, std::size_t name_width, std::size_t width) {
  const Timing& first = *timings[0];
  out += fmt::format(" {}, {}\n", first.cache, thread_text(first.threads));
  for (const Timing* t : timings) {
    std::string name = "  " + name_of(*t);
    if (columns(name) > name_width) {
      out += name + "\n";
      name.clear();
    }
    out += left(name, name_width) + (t->verified ? columns_of(*t) : right("no time", 10)) + "\n";
  }
  const auto measured = std::find_if(timings.begin(), timings.end(), [](const Timing* t) { return t->verified && t->machine.known(); });
  if (measured != timings.end()) {
    const MachineFigures& m = (*measured)->machine;
    wrapped(out, "  beside:", {"copy " + figure(m.copy_gb_per_s) + " GB/s", "non-temporal " + figure(m.copy_nontemporal_gb_per_s), "read " + figure(m.read_gb_per_s),
                              "multiply-adds " + figure(m.gflop_per_s) + " GFLOP/s"}, width);
  }
  for (const Timing* t : timings) {
    if (t->faster_than.empty()) continue;
    std::vector<std::string> slower;
    for (const Slower& s : t->faster_than)
      slower.push_back(fmt::format("{} {} {} ({} times, p = {:.2g})", slower.empty() ? "is faster than" : "than", s.plugin, s.kernel, figure(s.times), s.p));
    wrapped(out, "  " + name_of(*t), slower, width);
  }
}

// What a reason begins with: "inaccurate", "crashed".
std::string kind_of(const std::string& reason) { return reason.substr(0, reason.find(':')); }

// The first reason of each kind that a kernel has, with the benchmarks that it holds for.
std::string without_time(const std::vector<const Timing*>& timings) {
  std::vector<std::tuple<std::string, std::string, std::string>> reasons;  // name, reason, where
  for (const Timing* t : timings) {
    if (t->verified) continue;
    const std::string name = t->plugin + "/" + t->op + " " + t->dtype + " " + t->kernel;
    const std::string where = t->size + " " + t->cache + " " + thread_text(t->threads);
    const auto same = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) { return std::get<0>(r) == name && kind_of(std::get<1>(r)) == kind_of(t->reason); });
    if (same != reasons.end())
      std::get<2>(*same) += ", " + where;
    else
      reasons.emplace_back(name, t->reason, where);
  }
  if (reasons.empty()) return {};
  std::string text = "\nWithout a time:\n";
  for (const auto& [name, reason, where] : reasons) text += fmt::format("  {} ({})\n      {}\n", name, where, reason);
  return text;
}

}  // namespace

std::string table(const std::vector<Timing>& timings, int width) {
  if (timings.empty()) return {};
  const auto most = static_cast<std::size_t>(std::max(width, 80));
  std::size_t name_width = 8;
  std::vector<const Timing*> all;
  for (const Timing& t : timings) {
    name_width = std::max(name_width, columns(name_of(t)) + 3);
    all.push_back(&t);
  }
  name_width = std::min(name_width, most - figures_width);
  std::string out;
  for (std::size_t i = 0; i < all.size();) {
    const Timing& head = *all[i];
    if (i == 0 || block_key(head) != block_key(*all[i - 1])) {
      const std::string what = head.op + " " + head.dtype + ", " + (head.call.empty() ? head.size : head.call);
      out += fmt::format("{}{} ({})\n", i == 0 ? "" : "\n", what, bytes_text(head.bytes()));
      out += left("", name_width) + right("a call", 10) + right("spread", 9);
      if (head.size != "small") out += right("ns/elem", 10) + right("GB/s", 8) + right("GFLOP/s", 10) + right("of limit", 9);
      out += "\n";
    }
    std::vector<const Timing*> together;
    for (; i < all.size() && turn_key(*all[i]) == turn_key(head); ++i) together.push_back(all[i]);
    turn(out, together, name_width, most);
  }
  return out + without_time(all);
}

}  // namespace karat::bench
