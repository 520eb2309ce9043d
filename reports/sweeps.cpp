// SPDX-License-Identifier: MIT
#include "reports/sweeps.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/paint.hpp"
#include "reports/report.hpp"
#include "reports/text.hpp"
#include "reports/view.hpp"

namespace karat::reports {
namespace {

constexpr std::string_view none = "–";

std::string over(const Sweep& s, const std::string& bound) {
  for (const auto& [name, count] : s.over)
    if (name == bound) return thousands(count);
  return s.finite > 0 ? "0" : std::string(none);
}

// A small share: "3.1e-07".
std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::string(none);
  return part == 0 ? "0" : fmt::format("{:.1e}", static_cast<double>(part) / static_cast<double>(whole));
}

bool is_text(std::size_t column) { return column < 2 || column == 3; }

}  // namespace

std::vector<std::string> sweep_cells(const Sweep& s) {
  const Kernel& k = s.kernel;
  std::string who = printable(k.plugin + "/" + k.op);
  if (!k.kernel.empty()) who += " " + printable(k.kernel);
  if (!s.isa.empty()) who += " [" + printable(s.isa) + "]";
  return {who,
          printable(k.dtype),
          k.max_ulp ? fmt::format("{:.7g}", *k.max_ulp) : std::string(none),
          k.max_ulp_at.empty() ? std::string(none) : arguments(k.max_ulp_at),
          s.finite > 0 && k.correctly_rounded ? percent(*k.correctly_rounded) : std::string(none),
          over(s, "0.5"),
          over(s, "1"),
          over(s, "2"),
          s.not_monotone > 0 ? thousands(s.not_monotone) : "0",
          share(s.escalated, s.finite),
          s.seconds > 0 ? fmt::format("{:.1f}", s.seconds) : std::string(none),
          s.inputs_per_second > 0 ? fmt::format("{:.0f}", s.inputs_per_second / 1e6) : std::string(none)};
}

std::string sweep_remark(const Sweep& s) {
  if (s.kernel.verdict == Verdict::skip) return "skipped: " + printable(s.kernel.reason);
  if (!s.complete) return "not complete: " + printable(s.kernel.reason);
  if (s.kernel.verdict == Verdict::error) return "could not be judged: " + printable(s.kernel.reason);
  if (s.failing == 0) return "";
  const std::string count = plural(s.failing, "input fails", "inputs fail");
  return s.by_budget > 0 ? "at least " + count + ": the worst of each chunk was judged by its budget" : count;
}

std::string sweep_table(const Records& records, bool colour, int width) {
  const Paint paint{colour};
  std::string out;
  if (records.sweeps.empty()) return "Nothing was swept.\n";
  std::vector<int> widths;
  for (const std::string& name : sweep_columns()) widths.push_back(columns(name));
  std::vector<std::vector<std::string>> rows;
  for (const Sweep& s : records.sweeps) {
    rows.push_back(sweep_cells(s));
    for (std::size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], columns(rows.back()[c]));
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string gap(static_cast<std::size_t>(widths[c] - columns(cells[c])), ' ');
      text += (c ? "  " : "") + (is_text(c) ? cells[c] + gap : gap + cells[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  };
  out += paint(Paint::strong, "  " + line(sweep_columns())) + "\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Sweep& s = records.sweeps[i];
    out += paint(Paint::of(s.kernel.verdict), mark(s.kernel.verdict)) + " " + line(rows[i]) + "\n";
    if (const std::string remark = sweep_remark(s); !remark.empty()) out += "    " + remark + "\n";
  }
  for (const Sweep& s : records.sweeps)
    for (const Failure& f : s.kernel.failures) out += "\n" + failure_block(s.kernel, f, colour, width);
  out += "\n";
  for (const std::string& note : records.notes) out += "note: " + printable(note) + "\n";
  out += paint(Paint::strong, totals_line(records.totals())) + "\n";
  return out;
}

}  // namespace karat::reports
