// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "reports/html_parts.hpp"
#include "reports/page_text.hpp"
#include "reports/report.hpp"
#include "reports/text.hpp"
#include "reports/timings.hpp"

namespace karat::reports {
namespace {

// {{name}} → its text, in one pass: what is put in is not looked at again.
std::string fill(std::string_view page, const std::map<std::string, std::string, std::less<>>& parts) {
  std::string out;
  while (true) {
    const auto open = page.find("{{");
    out += page.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = page.find("}}", open);
    if (close == std::string_view::npos) throw std::logic_error("page.html: {{ without }}");
    const auto part = parts.find(page.substr(open + 2, close - open - 2));
    if (part == parts.end())
      throw std::logic_error("page.html: unknown " + std::string(page.substr(open, close + 2 - open)));
    out += part->second;
    page.remove_prefix(close + 2);
  }
}

std::string title(const std::vector<BackEnd>& all) {
  std::vector<std::string> parts;
  for (const BackEnd& b : all)
    parts.push_back(b.totals.all() == 0 && !b.timings.empty() ? b.name : fmt::format("{} {}/{}", b.name, b.totals.passed, b.totals.all() - b.totals.skipped));
  return escape_html("Karat" + (parts.empty() ? "" : ": " + join(parts, ", ")));
}

std::string summary(const Records& records, const std::vector<BackEnd>& all) {
  const Totals t = records.totals();
  std::uint64_t unloaded = 0, offering = 0;
  for (const BackEnd& b : all) {
    unloaded += b.plugin && !b.plugin->loaded;
    offering += b.totals.all() > 0;
  }
  const std::string lost =
      unloaded == 0 ? "" : " " + plural(unloaded, "back end", "back ends") + " could not be loaded.";
  const std::string timed = timing_sentence(timing_totals(records.timings));
  if (t.all() == 0) return (timed.empty() ? "Nothing was judged" : timed) + "." + lost;
  const std::uint64_t judged = t.all() - t.skipped;
  std::string text =
      fmt::format("{} of {} from {} {}", thousands(t.passed), plural(judged, "kernel", "kernels"),
                  plural(offering, "back end", "back ends"), t.passed == 1 ? "conforms" : "conform");
  std::vector<std::string> rest;
  if (t.failed > 0) rest.push_back(thousands(t.failed) + (t.failed == 1 ? " fails" : " fail"));
  if (t.errors > 0) rest.push_back(thousands(t.errors) + " could not be judged");
  if (t.skipped > 0)
    rest.push_back(thousands(t.skipped) + (t.skipped == 1 ? " was skipped" : " were skipped"));
  for (std::size_t i = 0; i < rest.size(); ++i) text += (i == 0 ? "; " : ", ") + rest[i];
  return text + "." + (timed.empty() ? "" : " " + timed + ".") + lost;
}

std::string back_end_list(const std::vector<BackEnd>& all) {
  std::string out;
  for (const BackEnd& b : all) {
    out += "<li><p><strong>" + escape_html(b.name) + "</strong>";
    if (b.plugin && !b.plugin->version.empty())
      out += " <span class=\"quiet\">" + escape_html(b.plugin->version) + "</span>";
    out += ": " + escape_html(headline(b));
    if (b.plugin && !b.plugin->description.empty())
      out += "<br><span class=\"quiet\">" + escape_html(b.plugin->description) + "</span>";
    if (b.plugin)
      for (const std::string& warning : b.plugin->warnings) out += "<br>Warning: " + escape_html(warning);
    out += "</p>";
    if (b.totals.all() > 0) {
      out += "<div class=\"bar\" aria-hidden=\"true\">";
      const auto part = [&](const char* kind, std::uint64_t n) {
        if (n > 0) out += fmt::format("<i class=\"{}\" style=\"flex:{}\"></i>", kind, n);
      };
      part("pass", b.totals.passed);
      part("fail", b.totals.failed);
      part("error", b.totals.errors);
      part("skip", b.totals.skipped);
      out += "</div>";
    }
    out += "</li>\n";
  }
  return out;
}

std::string options(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& v : values)
    out += "<option value=\"" + escape_html(v) + "\">" + escape_html(v) + "</option>";
  return out;
}

}  // namespace

std::string html(const Records& records) {
  const auto all = back_ends(records);
  std::vector<std::string> names, operators, dtypes, verdicts;
  const auto add = [](std::vector<std::string>& to, const std::string& value) {
    if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
  };
  for (const BackEnd& b : all)
    if (!b.kernels.empty()) add(names, b.name);
  for (const Kernel& k : records.kernels) {
    add(operators, k.op);
    add(dtypes, k.dtype);
    add(verdicts, std::string(name(k.verdict)));
  }
  for (const Sweep& s : records.sweeps) {
    add(names, s.kernel.plugin);
    add(operators, s.kernel.op);
    add(dtypes, s.kernel.dtype);
    add(verdicts, std::string(name(s.kernel.verdict)));
  }
  for (const Timing& t : records.timings) {
    add(names, t.plugin);
    add(operators, t.op);
    add(dtypes, t.dtype);
  }
  sort_dtypes(dtypes);
  std::string notes;
  for (const std::string& note : records.notes)
    notes += "<p class=\"note\" role=\"note\">" + escape_html(note) + "</p>\n";
  return fill(page_html, {{"title", title(all)},
                          {"style", std::string(page_css)},
                          {"script", std::string(page_js)},
                          {"summary", summary(records, all)},
                          {"back_ends", back_end_list(all)},
                          {"notes", notes},
                          {"back_end_options", options(names)},
                          {"operator_options", options(operators)},
                          {"dtype_options", options(dtypes)},
                          {"verdict_options", options(verdicts)},
                          {"matrix", html_matrix(all)},
                          {"sweeps", html_sweeps(records)},
                          {"failures", html_failures(records, all)},
                          {"not_judged", html_not_judged(all)},
                          {"timings", html_timings(records)},
                          {"kernels", html_kernels(records, all)},
                          {"judged", html_judged(records)},
                          {"environments", html_environments(records)}});
}

}  // namespace karat::reports
