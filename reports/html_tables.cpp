// SPDX-License-Identifier: MIT
// The page's tables: sweeps, every kernel, how it was judged, environments.
#include <fmt/format.h>

#include <algorithm>

#include "reports/html_parts.hpp"
#include "reports/sweeps.hpp"
#include "reports/text.hpp"

namespace karat::reports {
namespace {

std::string number_cell(const std::string& text) {
  return "<td class=\"number\">" + escape_html(text) + "</td>";
}

// Bars by binade of the varied input, from the most negative to the most positive: the largest error, in
// steps of the square root, and how much of a bar's results are not correctly rounded by its colour.
std::string binade_chart(const Sweep& s) {
  if (s.binades.size() < 2) return "";
  std::vector<const Sweep::Binade*> order;
  for (auto b = s.binades.rbegin(); b != s.binades.rend(); ++b)
    if (b->from.starts_with("-")) order.push_back(&*b);
  for (const Sweep::Binade& b : s.binades)
    if (!b.from.starts_with("-")) order.push_back(&b);
  double most = 1;
  for (const auto* b : order) most = std::max(most, std::min(b->max_ulp, 1e6));
  constexpr double height = 60;
  const auto y = [&](double ulps) { return height - height * std::sqrt(std::clamp(ulps, 0.0, most) / most); };
  std::string bars;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Sweep::Binade& b = *order[i];
    const char* kind = b.over_one > 0 ? "over" : b.over_half > 0 ? "half" : "gold";
    bars += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{:.2f}\" width=\"1\" height=\"{:.2f}\"><title>{}: up to {} ulp, {} of {} not correctly rounded</title></rect>", kind, i, y(b.max_ulp),
                        std::max(0.6, height - y(b.max_ulp)), escape_html(b.from), figure(b.max_ulp), thousands(b.over_half), thousands(b.results));
  }
  const std::string line = fmt::format("<line x1=\"0\" x2=\"{0}\" y1=\"{1:.2f}\" y2=\"{1:.2f}\"/>", order.size(), y(0.5));
  return fmt::format("<figure class=\"binades\"><svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"largest error by binade of the input\">{}{}</svg>"
                     "<figcaption><span>{}</span><span>largest error by binade of the input; the line is half an ulp, the top {} ulp</span><span>{}</span></figcaption></figure>",
                     order.size(), height, bars, line, escape_html(order.front()->from), figure(most), escape_html(order.back()->from));
}

}  // namespace

std::string html_sweeps(const Records& records) {
  if (records.sweeps.empty()) return "";
  const auto numeric = [](std::size_t column) { return column >= 2 && column != 3; };
  std::string rows = "<thead><tr>";
  for (std::size_t c = 0; c < sweep_columns().size(); ++c)
    rows += fmt::format("<th{} scope=\"col\">{}</th>", numeric(c) ? " class=\"number\"" : "", escape_html(sweep_columns()[c]));
  rows += "</tr></thead>\n<tbody>\n";
  for (const Sweep& s : records.sweeps) {
    const std::vector<std::string> cells = sweep_cells(s);
    rows += fmt::format("<tr class=\"item\"{}><th scope=\"row\">{} {}</th>", html_data(s.kernel), html_tag(s.kernel.verdict), escape_html(cells[0]));
    for (std::size_t c = 1; c < cells.size(); ++c) rows += fmt::format("<td{}>{}</td>", numeric(c) ? " class=\"number\"" : "", escape_html(cells[c]));
    rows += "</tr>\n";
    std::string detail = sweep_remark(s).empty() ? "" : "<p>" + escape_html(sweep_remark(s)) + "</p>";
    std::string worst;
    for (const Sweep::Worst& w : s.worst)
      worst += fmt::format("<li>{} inputs, {} results: {} ulp at {}, got {}</li>", escape_html(w.input), escape_html(w.result), w.ulp ? fmt::format("{:.7g}", *w.ulp) : "–",
                           escape_html(arguments(w.at)), escape_html(w.got));
    detail += fmt::format("<details><summary>{}; level {}; hash {}</summary>{}<ul>{}</ul></details>", escape_html(s.sweeps), escape_html(s.kernel.level), escape_html(s.hash), binade_chart(s), worst);
    rows += fmt::format("<tr class=\"item detail\"{}><td colspan=\"{}\">{}</td></tr>\n", html_data(s.kernel), sweep_columns().size(), detail);
  }
  return html_section("sweeps", "Sweeps: every input",
                      "<p class=\"quiet\">Errors in ulp of the exact value. > 0.5, > 1, > 2: how many results are off by more; falls: neighbours whose results run against the "
                      "operator's direction; escalated: the share that polynomials left to the enclosure; M/s: millions of inputs a second, the kernel included.</p>\n" +
                          html_table("sweeps", "sweeps", rows + "</tbody>\n"),
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
