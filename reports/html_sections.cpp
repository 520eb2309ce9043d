// SPDX-License-Identifier: MIT
// The matrix, the failures, and what was not judged.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/html_parts.hpp"
#include "reports/text.hpp"

namespace karat::reports {
namespace {

// A long name may break behind its underscores.
std::string breakable(const std::string& escaped) {
  std::string out;
  for (const char c : escaped) {
    out += c;
    if (c == '_') out += "<wbr>";
  }
  return out;
}

std::string cell(const Kernel& k, const KernelIds& ids, bool variants) {
  const std::string target = k.failures.empty() ? ids.row(k) : ids.failure(k, 0);
  const bool judged = k.verdict == Verdict::pass || k.verdict == Verdict::fail;
  std::string out = fmt::format("<a class=\"item cell {0}\" href=\"#{1}\"{2}><b aria-hidden=\"true\">{3}</b>",
                                name(k.verdict), target, html_data(k), mark(k.verdict));
  if (judged) {
    out += fmt::format("<span class=\"sr\">{} </span>{}", name(k.verdict), escape_html(cell_figure(k)));
  } else {
    out += name(k.verdict);
  }
  if (k.verdict == Verdict::pass && k.exhaustive) out += "<span title=\"every input tried\">*</span>";
  if (variants) out += "<small>" + escape_html(k.kernel) + "</small>";
  return out + "</a>";
}

}  // namespace

std::string html_matrix(const std::vector<BackEnd>& all) {
  const KernelIds ids(all);
  std::vector<std::string> operators;
  std::map<std::string, std::map<std::string, std::vector<const Kernel*>>>
      cells;  // operator → back end and dtype
  const auto key = [](const std::string& b, const std::string& d) {
    return std::to_string(b.size()) + ":" + b + d;
  };
  std::string top, second;
  for (const BackEnd& b : all) {
    for (const Row& row : b.rows)
      if (std::find(operators.begin(), operators.end(), row.op) == operators.end())
        operators.push_back(row.op);
    for (const Kernel* k : b.kernels) cells[k->op][key(b.name, k->dtype)].push_back(k);
    if (b.dtypes.empty()) continue;
    const std::string back_end = escape_html(b.name);
    top +=
        fmt::format("<th class=\"first\" scope=\"colgroup\" colspan=\"{}\" data-group data-b=\"{}\">{}</th>",
                    b.dtypes.size(), back_end, back_end);
    for (std::size_t d = 0; d < b.dtypes.size(); ++d)
      second += fmt::format("<th{} scope=\"col\" data-b=\"{}\" data-d=\"{}\">{}</th>",
                            d == 0 ? " class=\"first\"" : "", back_end, escape_html(b.dtypes[d]),
                            escape_html(b.dtypes[d]));
  }
  if (operators.empty()) return "";
  std::string rows = "<thead><tr><th class=\"corner\" scope=\"col\" rowspan=\"2\">operator</th>" + top +
                     "</tr>\n<tr>" + second + "</tr></thead>\n<tbody>\n";
  for (const std::string& op : operators) {
    rows += "<tr class=\"auto\"><th scope=\"row\">" + breakable(escape_html(op)) + "</th>";
    for (const BackEnd& b : all) {
      const auto variants =
          std::count_if(b.rows.begin(), b.rows.end(), [&](const Row& r) { return r.op == op; });
      for (std::size_t d = 0; d < b.dtypes.size(); ++d) {
        rows += fmt::format("<td{} data-b=\"{}\" data-d=\"{}\">", d == 0 ? " class=\"first\"" : "",
                            escape_html(b.name), escape_html(b.dtypes[d]));
        for (const Kernel* k : cells[op][key(b.name, b.dtypes[d])]) rows += cell(*k, ids, variants > 1);
        rows += "</td>";
      }
    }
    rows += "</tr>\n";
  }
  const std::string legend =
      "<p class=\"legend\">Figures: the largest error in ulp, or the kind of failure. ✓ conforms, ✗ fails, – "
      "skipped, ! could not "
      "be judged, * every input tried, empty: not offered. Each cell leads to its detail.</p>\n";
  return html_section("matrix", "Back ends × operators × types",
                      legend + html_table("matrix of verdicts", "matrix", rows + "</tbody>\n"), true);
}

namespace {

std::string measure(const Kernel& k, const Failure& f) {
  if (f.kind != "inaccurate" || !f.ulp) return f.kind;
  std::string text = figure(*f.ulp, f.allowed ? *f.allowed : boundary(refusing(k, f))) + " ulp";
  return f.allowed ? text + ", " + allowed_text(refusing(k, f), *f.allowed) : text;
}

// `text` with what differs from `other` marked.
std::string differing(const std::string& text, const std::string& other) {
  const std::string a = printable(text), b = printable(other);
  std::size_t same = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  while (same > 0 && same < a.size() && (static_cast<unsigned char>(a[same]) & 0xC0) == 0x80) --same;
  if (b.empty() || same == 0 || same == a.size()) return escape_html(a);
  return escape_html(a.substr(0, same)) + "<mark>" + escape_html(a.substr(same)) + "</mark>";
}

std::string failure_card(const Kernel& k, const Failure& f, const std::string& id) {
  std::string out = fmt::format(
      "<article class=\"item failure\" id=\"{}\"{}>\n<header><h3>{}</h3> <span class=\"measure\">✗ {}</span>",
      id, html_data(k), escape_html(label(k)), escape_html(measure(k, f)));
  if (const std::string range = extent(f); !range.empty())
    out += " <span class=\"quiet\">" + escape_html(range) + "</span>";
  out += "</header>\n";
  if (!f.message.empty()) out += "<p>" + escape_html(f.message) + "</p>\n";
  std::string values;
  const auto add = [&](const char* term, const std::string& content) {
    values += fmt::format("<dt>{}</dt><dd>{}</dd>\n", term, content);
  };
  if (!f.at.empty()) add("at", escape_html(printable(k.op) + "(" + arguments(f.at) + ")"));
  if (!f.got.empty()) add("got", differing(f.got, f.exact));
  if (!f.exact.empty()) add("exact", differing(f.exact, f.got));
  if (!f.exact_decimal.empty()) add("", "<span class=\"quiet\">" + escape_html(f.exact_decimal) + "</span>");
  if (!values.empty()) out += "<dl class=\"values\">\n" + values + "</dl>\n";
  const auto line = [&](const std::string& text, const char* label) {
    if (text.empty()) return;
    out += fmt::format("<div class=\"replay\"><pre tabindex=\"0\" aria-label=\"{}\">", label) + escape_html(text) +
           "</pre><button type=\"button\" class=\"copy\" hidden>Copy</button></div>\n";
  };
  line(f.replay, "replay line");
  line(f.simplest, "replay line of the simplest input");
  line(f.waived, "why it is waived");
  return out + "</article>\n";
}

}  // namespace

std::string html_failures(const Records& records, const std::vector<BackEnd>& all) {
  const KernelIds ids(all);
  std::string body;
  for (const BackEnd& b : all)
    for (const Kernel* k : b.kernels)
      for (std::size_t i = 0; i < k->failures.size(); ++i)
        body += failure_card(*k, k->failures[i], ids.failure(*k, i));
  for (std::size_t i = 0; i < records.sweeps.size(); ++i)
    for (std::size_t f = 0; f < records.sweeps[i].kernel.failures.size(); ++f)
      body += failure_card(records.sweeps[i].kernel, records.sweeps[i].kernel.failures[f], fmt::format("s{}-{}", i, f));
  if (body.empty()) return "";
  return html_section("failures", "Failures",
                      "<p class=\"quiet\">The first failure of each kind, a kernel. What differs from the "
                      "exact value is marked; the last line "
                      "replays it.</p>\n" +
                          body,
                      true);
}

std::string html_not_judged(const std::vector<BackEnd>& all) {
  const auto paragraph = [](const BackEnd& b, Verdict v) {
    return fmt::format("<p class=\"item\" data-b=\"{}\" data-v=\"{}\">{}", escape_html(b.name), name(v),
                       html_tag(v));
  };
  std::string body;
  for (const BackEnd& b : all) {
    if (b.plugin && !b.plugin->loaded)
      body += paragraph(b, Verdict::error) + " <strong>" + escape_html(b.name) +
              "</strong>: " + escape_html(b.plugin->error) + "</p>\n";
    for (const Verdict v : {Verdict::error, Verdict::skip})
      for (const Reason& r : reasons(b, v))
        body += paragraph(b, v) + " <strong>" + escape_html(b.name) + "</strong> " +
                escape_html(join(r.names, ", ")) + ": " + escape_html(r.first->reason) + "</p>\n";
  }
  return body.empty() ? "" : html_section("not-judged", "Not judged", body, true);
}

}  // namespace karat::reports
