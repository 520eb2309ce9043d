// SPDX-License-Identifier: MIT
// The page's tables: timings, every kernel, how it was judged, environments.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "reports/html_parts.hpp"
#include "reports/text.hpp"

namespace karat::reports {
namespace {

std::string number_cell(const std::string& text) {
  return "<td class=\"number\">" + escape_html(text) + "</td>";
}

std::string number_cell(std::optional<double> v) { return number_cell(v ? figure(*v) : std::string()); }

// What is compared stands together: operator, dtype, size and threads, then back ends.
std::vector<const Timing*> grouped(const std::vector<Timing>& all) {
  std::map<std::string, std::size_t> operators, sizes;
  std::vector<std::string> dtypes;
  for (const Timing& t : all) {
    operators.emplace(t.op, operators.size());
    sizes.emplace(t.size, sizes.size());
    if (std::find(dtypes.begin(), dtypes.end(), t.dtype) == dtypes.end()) dtypes.push_back(t.dtype);
  }
  sort_dtypes(dtypes);
  const auto rank = [&](const Timing* t) {
    return std::make_tuple(operators[t->op],
                           std::find(dtypes.begin(), dtypes.end(), t->dtype) - dtypes.begin(), sizes[t->size],
                           t->threads);
  };
  std::vector<const Timing*> out;
  for (const Timing& t : all) out.push_back(&t);
  std::stable_sort(out.begin(), out.end(),
                   [&](const Timing* a, const Timing* b) { return rank(a) < rank(b); });
  return out;
}

// How fast beside a plain copy of the same bytes: 100 % is as fast as copying.
std::string speed_cell(std::optional<double> ratio) {
  if (!ratio || !(*ratio > 0)) return "<td></td>";
  const double share = 1 / *ratio;
  return fmt::format(
      "<td><div class=\"speed\"><span aria-hidden=\"true\"><i style=\"width:{:.1f}%\"></i></span>{:.0f} "
      "%</div></td>",
      std::min(share, 1.0) * 100, share * 100);
}

}  // namespace

std::string html_timings(const Records& records) {
  if (records.timings.empty()) return "";
  std::string rows =
      "<thead><tr><th scope=\"col\">operator</th><th scope=\"col\">type</th><th scope=\"col\">size</th>"
      "<th class=\"number\" scope=\"col\">threads</th><th scope=\"col\">back end</th><th class=\"number\" "
      "scope=\"col\">median</th>"
      "<th class=\"number\" scope=\"col\">min – max</th><th class=\"number\" scope=\"col\">ns/element</th>"
      "<th class=\"number\" scope=\"col\">GB/s</th><th class=\"number\" scope=\"col\">time ÷ copy</th>"
      "<th scope=\"col\">speed, copy = 100 %</th></tr></thead>\n<tbody>\n";
  const Timing* before = nullptr;
  for (const Timing* t : grouped(records.timings)) {
    const bool begins = before && std::tie(before->op, before->dtype, before->size, before->threads) !=
                                      std::tie(t->op, t->dtype, t->size, t->threads);
    before = t;
    std::vector<std::string> shape;
    for (const std::int64_t extent : t->shape) shape.push_back(std::to_string(extent));
    rows += fmt::format(
        "<tr class=\"item{}\"{}><th scope=\"row\">{}</th><td>{}</td><td>{} <span class=\"quiet\">{}, "
        "{}</span></td>",
        begins ? " begins" : "", html_data(t->plugin, t->op, t->dtype), escape_html(t->op),
        escape_html(t->dtype), escape_html(t->size), escape_html(join(shape, "×")), bytes_text(t->bytes));
    rows += number_cell(thousands(t->threads)) + "<td>" +
            escape_html(t->plugin + (t->kernel == t->op ? "" : " " + t->kernel)) + "</td>";
    if (t->verified && t->median_seconds) {
      rows += number_cell(duration(*t->median_seconds));
      rows += number_cell(t->min_seconds && t->max_seconds
                              ? duration(*t->min_seconds) + " – " + duration(*t->max_seconds)
                              : "");
      rows += number_cell(t->ns_per_element) + number_cell(t->gb_per_s) + number_cell(t->ratio_to_copy) +
              speed_cell(t->ratio_to_copy);
    } else {
      rows += "<td colspan=\"6\">not timed: " +
              escape_html(t->reason.empty() ? "its outputs were not verified" : t->reason) + "</td>";
    }
    rows += "</tr>\n";
  }
  return html_section("timings", "Timings",
                      "<p class=\"quiet\">Of kernels whose timed outputs were verified; beside a copy of the "
                      "same bytes in the same "
                      "run.</p>\n" +
                          html_table("timings", "", rows + "</tbody>\n"),
                      true);
}

std::string html_kernels(const Records& records, const std::vector<BackEnd>& all) {
  if (records.kernels.empty()) return "";
  const KernelIds ids(all);
  std::string rows =
      "<thead><tr><th scope=\"col\">back end</th><th scope=\"col\">operator, kernel</th><th "
      "scope=\"col\">type</th>"
      "<th scope=\"col\">verdict</th><th class=\"number\" scope=\"col\">max ulp</th><th scope=\"col\">at</th>"
      "<th class=\"number\" scope=\"col\">correctly rounded</th><th class=\"number\" "
      "scope=\"col\">results</th>"
      "<th class=\"number\" scope=\"col\">calls</th><th scope=\"col\">level, claim</th><th "
      "scope=\"col\">undecided, policies</th>"
      "<th class=\"number\" scope=\"col\">time</th></tr></thead>\n<tbody>\n";
  for (const BackEnd& b : all)
    for (const Kernel* k : b.kernels) {
      rows += fmt::format(
          "<tr class=\"item\" id=\"{}\"{}><td>{}</td><th scope=\"row\">{} <span "
          "class=\"quiet\">{}</span></th><td>{}</td>",
          ids.row(*k), html_data(*k), escape_html(k->plugin), escape_html(k->op), escape_html(k->kernel),
          escape_html(k->dtype));
      rows += "<td class=\"wrap\">" + html_tag(k->verdict, k->kind);
      if (!k->reason.empty()) rows += " " + escape_html(k->reason);
      rows += "</td>" + number_cell(k->max_ulp ? figure(*k->max_ulp, boundary(k->level)) : "");
      rows += "<td class=\"mono\">" + escape_html(arguments(k->max_ulp_at)) + "</td>";
      rows += number_cell(k->correctly_rounded ? percent(*k->correctly_rounded) : "");
      rows += number_cell((k->exhaustive ? "all " : "") + thousands(k->elements)) +
              number_cell(thousands(k->calls));
      rows += "<td>" + escape_html(k->level) + (k->claim.empty() ? "" : ", claims " + escape_html(k->claim)) +
              "</td><td>";
      std::vector<std::string> extra;
      if (k->undecided > 0) extra.push_back(thousands(k->undecided) + " undecided");
      for (const auto& [policy, count] : k->policies) extra.push_back(policy + ": " + thousands(count));
      rows += escape_html(join(extra, ", ")) + "</td>" + number_cell(duration(k->seconds)) + "</tr>\n";
    }
  return html_section("kernels", "Every kernel", html_table("every kernel", "", rows + "</tbody>\n"), true);
}

std::string html_judged(const Records& records) {
  if (records.kernels.empty()) return "";
  std::string body =
      "<p>Every result was compared with a proven enclosure of the exact answer, at as many digits as the "
      "question needed. An error of "
      "1 ulp is the distance between neighbouring representable numbers at the exact answer. Infinities, NaN "
      "and signed zeros are "
      "compared by kind.</p>\n";
  for (const std::string& level : levels(records))
    body += "<p>" + escape_html(level_sentence(level)) + "</p>\n";
  const std::uint64_t open = undecided(records);
  body += "<p>" +
          (open == 0 ? "No result was left undecided."
                     : plural(open, "result was", "results were") + " left undecided at the precision cap.") +
          "</p>\n";
  for (const Kernel& k : records.kernels)
    for (const std::string& warning : k.warnings)
      body += "<p>Warning, <strong>" + escape_html(label(k)) + "</strong>: " + escape_html(printable(warning)) + ".</p>\n";
  for (const auto& [policy, count] : policies(records))
    body += "<p>" + plural(count, "result was", "results were") + " accepted by the policy <strong>" +
            escape_html(policy) + "</strong>.</p>\n";
  return html_section("judged", "How it was judged", body, false);
}

std::string html_environments(const Records& records) {
  if (records.runs.empty()) return "";
  std::string body;
  for (const Run& run : records.runs) {
    std::string rows = "<tbody>\n";
    for (const Value& v : environment_rows(run))
      rows += "<tr><th scope=\"row\">" + escape_html(v.name) + "</th><td>" + escape_html(v.value) +
              "</td></tr>\n";
    body += html_table("environment", "environment", rows + "</tbody>\n");
  }
  return html_section("environment", records.runs.size() == 1 ? "Environment" : "Environments", body, false);
}

}  // namespace karat::reports
