// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "reports/report.hpp"
#include "reports/sweeps.hpp"
#include "reports/text.hpp"
#include "reports/timings.hpp"
#include "reports/view.hpp"

namespace karat::reports {
namespace {

// A summary page takes about a megabyte; index.html has them all.
constexpr std::size_t most_failures = 200;

// Text that Markdown and the HTML within it leave as it is.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '|':
      case '#':
      case '~':
      case '!':
      case '$':
      case '@':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out;
}

// A fence longer than any run of backticks inside.
std::string fenced(const std::string& text) {
  std::size_t longest = 2, run = 0;
  for (const char c : text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  const std::string fence(longest + 1, '`');
  return fence + "text\n" + text + fence + "\n";
}

std::string row(const std::vector<std::string>& cells) { return "| " + join(cells, " | ") + " |\n"; }

std::string cell(const Kernel& k) {
  std::string text = std::string(mark(k.verdict)) + " " + plain(cell_figure(k));
  if (k.verdict == Verdict::fail) text = "**" + text + " FAIL**";
  if (k.verdict == Verdict::pass && k.exhaustive) text += "\\*";
  return text;
}

std::string matrix(const BackEnd& b) {
  if (b.rows.empty()) return "";
  std::vector<std::string> head{"operator"}, rule{"---"};
  for (const std::string& dtype : b.dtypes) head.push_back(plain(dtype)), rule.emplace_back("---");
  std::string out = row(head) + row(rule);
  for (const Row& r : b.rows) {
    std::vector<std::string> cells{plain(r.label)};
    for (const std::string& dtype : b.dtypes) {
      const auto k = r.by_dtype.find(dtype);
      cells.push_back(k == r.by_dtype.end() ? "" : cell(*k->second));
    }
    out += row(cells);
  }
  return out + "\n";
}

std::string failures(const std::vector<BackEnd>& all) {
  std::string out;
  std::size_t count = 0;
  for (const BackEnd& b : all)
    for (const Kernel* k : b.kernels) {
      for (const Failure& f : k->failures)
        if (++count <= most_failures) out += fenced(failure_block(*k, f, false, 0)) + "\n";
      if (k->verdict == Verdict::fail && k->failures.empty() && ++count <= most_failures)
        out += fenced("FAIL  " + label(*k) + "   " + printable(k->kind) + " (the record holds no detail)\n") +
               "\n";
    }
  if (count == 0) return "";
  if (count > most_failures)
    out += "and " + thousands(count - most_failures) + " more: see index.html or report.json.\n\n";
  return "## Failures\n\n" + out;
}

std::string reasons_list(const std::vector<BackEnd>& all, Verdict verdict, const char* title) {
  std::string out;
  for (const BackEnd& b : all) {
    if (verdict == Verdict::error && b.plugin && !b.plugin->loaded)
      out += "- **" + plain(b.name) + "**: " + plain(b.plugin->error) + "\n";
    for (const Reason& r : reasons(b, verdict))
      out +=
          "- **" + plain(b.name) + "** " + plain(join(r.names, ", ")) + ": " + plain(r.first->reason) + "\n";
  }
  return out.empty() ? "" : fmt::format("## {}\n\n{}\n", title, out);
}

std::string sweeps(const std::vector<Sweep>& all) {
  if (all.empty()) return "";
  std::vector<std::string> head{""}, rule{"---"};
  for (std::size_t c = 0; c < sweep_columns().size(); ++c) {
    head.push_back(plain(sweep_columns()[c]));
    rule.push_back(c < 2 || c == 3 ? "---" : "---:");
  }
  const auto line = [](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& cell : cells) text += " " + cell + " |";
    return text + "\n";
  };
  std::string out = "## Sweeps: every input\n\n" + line(head) + line(rule), remarks;
  for (const Sweep& s : all) {
    std::vector<std::string> cells{mark(s.kernel.verdict)};
    for (const std::string& cell : sweep_cells(s)) cells.push_back(plain(cell));
    out += line(cells);
    if (const std::string remark = sweep_remark(s); !remark.empty()) remarks += "- " + plain(label(s.kernel)) + ": " + plain(remark) + "\n";
  }
  out += "\n" + (remarks.empty() ? "" : remarks + "\n");
  std::size_t count = 0;
  for (const Sweep& s : all)
    for (const Failure& f : s.kernel.failures)
      if (++count <= most_failures) out += fenced(failure_block(s.kernel, f, false, 0)) + "\n";
  return out;
}

std::string timings(const std::vector<Timing>& all) {
  if (all.empty()) return "";
  std::string out = "## Timings\n\n";
  const auto number = [](std::optional<double> v) { return v ? figure(*v) : std::string(); };
  for (const auto& group : timing_groups(all)) {
    out += "**" + plain(group[0]->op + " " + group[0]->dtype) + "** " + plain(timing_place(*group[0])) + "\n\n" + row({"kernel", "a call", "spread", "ns/element", "GB/s", "GFLOP/s", "time ÷ copy", "of the limit", "faster"}) +
           row({"---", "---:", "---:", "---:", "---:", "---:", "---:", "---:", "---"});
    for (const Timing* t : group) {
      if (!t->verified || !t->median_seconds) {
        out += row({plain(timing_kernel(*t)), "not timed: " + plain(t->reason), "", "", "", "", "", "", ""});
        continue;
      }
      out += row({plain(timing_kernel(*t)), duration(*t->median_seconds), t->spread ? fmt::format("± {:.0f} %", *t->spread * 100) : "", number(t->ns_per_element), number(t->gb_per_s),
                  number(flop_rate(*t)), number(t->ratio_to_copy), plain(limit_text(*t)), plain(faster_text(*t))});
    }
    if (const std::string machine = machine_text(group); !machine.empty()) out += "\nBeside: " + machine + ".\n";
    out += "\n";
  }
  return out;
}

}  // namespace

std::string markdown(const Records& records) {
  const auto all = back_ends(records);
  const std::string timed = timing_sentence(timing_totals(records.timings));
  std::string out = "# Karat: how much of each kernel is gold\n\n";
  if (records.totals().all() > 0 || timed.empty()) out += "**" + totals_line(records.totals()) + "**\n\n";
  if (!timed.empty()) out += "**" + plain(timed) + "**\n\n";
  for (const BackEnd& b : all) out += "- **" + plain(b.name) + "**: " + plain(headline(b)) + "\n";
  if (all.empty()) out += "Nothing was judged.\n";
  for (const std::string& note : records.notes) out += "\n> " + plain(note) + "\n";
  out += "\n";
  bool exhaustive = false;
  for (const Kernel& k : records.kernels) exhaustive |= k.exhaustive && k.verdict == Verdict::pass;
  for (const BackEnd& b : all) {
    if (b.rows.empty()) continue;
    out += "## " + plain(b.name) +
           (b.plugin && !b.plugin->version.empty() ? " " + plain(b.plugin->version) : "") + "\n\n";
    if (b.plugin)
      for (const std::string& warning : b.plugin->warnings) out += "> Warning: " + plain(warning) + "\n\n";
    out += matrix(b);
  }
  if (!records.kernels.empty()) {
    out += std::string(
               "Figures: the largest error in ulp. ✓ conforms, ✗ fails, – skipped, ! could not be judged") +
           (exhaustive ? ", \\* every input tried" : "") + ".\n\n";
    for (const std::string& level : levels(records)) out += plain(level_sentence(level)) + "\n\n";
  }
  out += sweeps(records.sweeps);
  out += failures(all);
  out += reasons_list(all, Verdict::error, "Could not be judged");
  out += reasons_list(all, Verdict::skip, "Skipped");
  if (const auto n = undecided(records); n > 0)
    out += plural(n, "result was", "results were") + " left undecided at the precision cap.\n\n";
  for (const Kernel& k : records.kernels)
    for (const std::string& warning : k.warnings) out += "Warning, " + plain(label(k)) + ": " + plain(warning) + ".\n\n";
  for (const auto& [policy, count] : policies(records))
    out += plural(count, "result was", "results were") + " accepted by policy " + plain(policy) + ".\n\n";
  out += timings(records.timings);
  for (const Run& run : records.runs) {
    out += "## Environment\n\n" + row({"", ""}) + row({"---", "---"});
    for (const Value& v : environment_rows(run)) out += row({v.name, plain(v.value)});
    out += "\n";
  }
  out.pop_back();
  return out;
}

}  // namespace karat::reports
