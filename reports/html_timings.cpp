// SPDX-License-Identifier: MIT
// The page's table of timings: kernels that took turns stand together, with the machine's own figures above.
#include <fmt/format.h>

#include <algorithm>

#include "reports/html_parts.hpp"
#include "reports/text.hpp"
#include "reports/timings.hpp"

namespace karat::reports {
namespace {

std::string number_cell(const std::string& text) { return "<td class=\"number\">" + escape_html(text) + "</td>"; }
std::string number_cell(std::optional<double> v) { return number_cell(v ? figure(*v) : std::string()); }

std::string spread_cell(const Timing& t) {
  std::string text = t.spread ? fmt::format("± {:.0f} %", *t.spread * 100) : "";
  if (t.min_seconds && t.max_seconds) text += "<small>" + escape_html(duration(*t.min_seconds) + " – " + duration(*t.max_seconds)) + "</small>";
  return "<td class=\"number\">" + text + "</td>";
}

// A bar of what the machine could do at most.
std::string limit_cell(const Timing& t) {
  if (!t.limit || !t.limit->share) return "<td></td>";
  return fmt::format("<td><div class=\"speed\"><span aria-hidden=\"true\"><i style=\"width:{:.1f}%\"></i></span>{}</div></td>", std::clamp(*t.limit->share, 0.0, 1.0) * 100,
                     escape_html(limit_text(t)));
}

std::string row(const Timing& t) {
  std::string text = fmt::format("<tr class=\"item\"{}><th scope=\"row\">{}</th>", html_data(t.plugin, t.op, t.dtype), escape_html(timing_kernel(t)));
  if (!t.verified || !t.median_seconds)
    return text + "<td colspan=\"8\">not timed: " + escape_html(t.reason.empty() ? "its outputs were not verified" : t.reason) + "</td></tr>\n";
  text += number_cell(duration(*t.median_seconds)) + spread_cell(t) + number_cell(t.ns_per_element) + number_cell(t.gb_per_s) + number_cell(flop_rate(t)) +
          number_cell(t.ratio_to_copy) + limit_cell(t);
  std::string slower;
  for (const Timing::Slower& s : t.faster_than)
    slower += "<div>" + escape_html(slower_kernel(t, s)) + " <span class=\"quiet\">" + escape_html(slower_by(s)) + "</span></div>";
  return text + "<td class=\"than\">" + slower + "</td></tr>\n";
}

}  // namespace

std::string html_timings(const Records& records) {
  if (records.timings.empty()) return "";
  std::string rows =
      "<thead><tr><th scope=\"col\">back end, kernel</th><th class=\"number\" scope=\"col\">a call</th><th class=\"number\" scope=\"col\">spread<small>least – most</small></th>"
      "<th class=\"number\" scope=\"col\">ns/element</th><th class=\"number\" scope=\"col\">GB/s</th><th class=\"number\" scope=\"col\">GFLOP/s</th>"
      "<th class=\"number\" scope=\"col\">time ÷ copy</th><th scope=\"col\">of the limit</th><th scope=\"col\">faster than</th></tr></thead>\n";
  for (const auto& group : timing_groups(records.timings)) {
    const Timing& first = *group[0];
    const std::string machine = machine_text(group);
    rows += fmt::format("<tbody class=\"auto\">\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"9\">{} {} <span class=\"quiet\">{}{}</span></th></tr>\n", escape_html(first.op),
                        escape_html(first.dtype), escape_html(timing_place(first)), machine.empty() ? "" : "; beside: " + escape_html(machine));
    for (const Timing* t : group) rows += row(*t);
    rows += "</tbody>\n";
  }
  return html_section("timings", "Timings",
                      "<p class=\"quiet\">Of kernels whose timed outputs were verified; what stands together took turns in one run. A call: the median of the repetitions. The limit: what "
                      "the machine takes for the bytes that are read and written, or for the operations, whichever is longer, by what was measured beside. Faster: where p &lt; 0.01 by "
                      "Mann and Whitney's test.</p>\n" +
                          html_table("timings", "timings", rows),
                      true);
}

}  // namespace karat::reports
