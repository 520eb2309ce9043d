// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/paint.hpp"
#include "reports/report.hpp"
#include "reports/text.hpp"
#include "reports/timings.hpp"
#include "reports/view.hpp"

namespace karat::reports {
namespace {

constexpr int least_width = 60;  // narrower terminals get lines of this width
constexpr int widest_name = 36;  // of an operator or a back end; longer ones are shortened
constexpr int widest_cell = 28;
constexpr std::string_view gap = "  ";

std::string cell(const Kernel& k) {
  std::string text = std::string(mark(k.verdict)) + " " + cell_figure(k);
  if (k.verdict == Verdict::pass && k.exhaustive) text += "*";
  if (k.verdict == Verdict::fail) text += " FAIL";
  return shorten(text, widest_cell);
}

class Console {
 public:
  Console(bool colour, int width)
      : paint_{colour},
        width_(width),
        name_limit_(width > 0 ? std::min(widest_name, width / 2 - 4) : widest_name) {}

  std::string name(const std::string& text) const { return shorten(text, name_limit_); }

  void line(const std::string& text = "") { out_ += text + '\n'; }

  // Wrapped, with later lines indented below the text.
  void paragraph(std::string_view code, const std::string& head, const std::string& text) {
    const int margin = columns(head);
    bool first = true;
    for (const std::string& part : wrap(text, width_ == 0 ? 0 : std::max(20, width_ - margin))) {
      line((first ? paint_(code, head) : std::string(margin, ' ')) + part);
      first = false;
    }
  }

  // Columns that do not fit beside each other come in further blocks of the same rows.
  void matrix(const BackEnd& b) {
    if (b.rows.empty()) return;
    int names = columns("operator");
    for (const Row& row : b.rows) names = std::max(names, std::min(columns(row.label), name_limit_));
    std::vector<int> widths;
    for (const std::string& dtype : b.dtypes) {
      int widest = std::min(columns(printable(dtype)), widest_cell);
      for (const Row& row : b.rows)
        if (const auto k = row.by_dtype.find(dtype); k != row.by_dtype.end())
          widest = std::max(widest, columns(cell(*k->second)));
      widths.push_back(widest);
    }
    for (std::size_t begin = 0; begin < b.dtypes.size();) {
      std::size_t end = begin;
      int used = 2 + names;
      do used += static_cast<int>(gap.size()) + widths[end++];
      while (end < b.dtypes.size() && (width_ == 0 || used + 2 + widths[end] <= width_));
      block(b, begin, end, names, widths);
      begin = end;
    }
  }

  void timings(const std::vector<Timing>& all) {
    if (all.empty()) return;
    const bool wide = width_ == 0 || width_ >= 84;  // else without the spread and GFLOP/s
    const int numbers = wide ? 68 : 50;             // columns behind the name
    int names = columns("kernel");
    for (const Timing& t : all) names = std::max(names, columns(timing_kernel(t)) + 2);
    if (width_ > 0) names = std::min(names, width_ - numbers);
    const auto right = [](const std::string& text, int width) { return std::string(static_cast<std::size_t>(std::max(0, width - columns(text))), ' ') + text; };
    const auto row = [&](const std::string& name, const std::array<std::string, 6>& cells) {
      std::string text = pad(name, names) + right(cells[0], 12) + (wide ? right(cells[1], 9) : "") + right(cells[2], 12) + right(cells[3], 9) + (wide ? right(cells[4], 9) : "") + "  " + cells[5];
      text.erase(text.find_last_not_of(' ') + 1);
      return text;
    };
    for (const auto& group : timing_groups(all)) {
      line();
      paragraph(Paint::strong, shorten(printable(group[0]->op + " " + group[0]->dtype), widest_name) + "  ", timing_place(*group[0]));
      line(paint_(Paint::skip, row("kernel", {"a call", "spread", "ns/element", "GB/s", "GFLOP/s", "of limit"})));
      for (const Timing* t : group) {
        std::string who = "  " + timing_kernel(*t);
        if (columns(who) > names) {  // on a line of its own
          paragraph(Paint::skip, "  ", timing_kernel(*t));
          who.clear();
        }
        const auto number = [](std::optional<double> v) { return v ? figure(*v) : std::string("-"); };
        if (t->verified && t->median_seconds) {
          line(row(who, {duration(*t->median_seconds), t->spread ? fmt::format("± {:.0f} %", *t->spread * 100) : "-", number(t->ns_per_element), number(t->gb_per_s), number(flop_rate(*t)), limit_text(*t)}));
        } else {
          line(pad(who, names) + "  not timed");
          if (!t->reason.empty()) paragraph(Paint::skip, "    ", printable(t->reason));
        }
      }
      if (const std::string machine = machine_text(group); !machine.empty()) paragraph(Paint::skip, "  beside: ", machine);
      for (const Timing* t : group)
        if (const std::string faster = faster_text(*t); !faster.empty()) paragraph(Paint::skip, "  ", timing_kernel(*t) + " is faster " + faster);
    }
  }

  void not_judged(const BackEnd& b, Verdict verdict, const char* word) {
    for (const Reason& r : reasons(b, verdict)) {
      const std::string who =
          printable(b.name) + ": " + printable(r.first->reason) + " (" + join(shown(r.names), ", ") + ")";
      paragraph(Paint::of(verdict), pad(word, 6), who);
    }
  }

  std::string take() { return std::move(out_); }
  const Paint& paint() const { return paint_; }

 private:
  static std::vector<std::string> shown(std::vector<std::string> names) {
    constexpr std::size_t most = 6;
    if (names.size() > most) {
      const std::string rest = "and " + thousands(names.size() - most) + " more";
      names.resize(most);
      names.push_back(rest);
    }
    return names;
  }

  void block(const BackEnd& b, std::size_t begin, std::size_t end, int names,
             const std::vector<int>& widths) {
    const auto trimmed = [](std::string text) {
      text.erase(text.find_last_not_of(' ') + 1);
      return text;
    };
    std::string head = "  " + pad("operator", names);
    for (std::size_t d = begin; d < end; ++d)
      head += std::string(gap) + pad(shorten(printable(b.dtypes[d]), widest_cell), widths[d]);
    line(paint_(Paint::skip, trimmed(head)));
    for (const Row& row : b.rows) {
      std::string text = "  " + pad(name(row.label), names);
      std::string spaces;  // put off, so that no line ends in them
      bool any = false;
      for (std::size_t d = begin; d < end; ++d) {
        spaces += gap;
        const auto k = row.by_dtype.find(b.dtypes[d]);
        if (k == row.by_dtype.end()) {
          spaces.append(widths[d], ' ');
          continue;
        }
        const std::string shown_cell = cell(*k->second);
        text += spaces + paint_(Paint::of(k->second->verdict), shown_cell);
        spaces = std::string(widths[d] - columns(shown_cell), ' ');
        any = true;
      }
      if (any) line(text);
    }
  }

  Paint paint_;
  int width_, name_limit_;
  std::string out_;
};

}  // namespace

std::string totals_line(const Totals& t) {
  return fmt::format("{} passed, {} failed, {} skipped, {}", thousands(t.passed), thousands(t.failed),
                     thousands(t.skipped), plural(t.errors, "error", "errors"));
}

std::string console_table(const Records& records, bool colour, int width, bool failures) {
  if (width > 0) width = std::max(width, least_width);
  Console out(colour, width);
  const auto all = back_ends(records);
  bool exhaustive = false;
  for (const Kernel& k : records.kernels) exhaustive |= k.exhaustive && k.verdict == Verdict::pass;
  for (const BackEnd& b : all) {
    const bool clean =
        b.totals.all() > 0 && b.totals.failed + b.totals.errors == 0 && (!b.plugin || b.plugin->loaded);
    std::string name = printable(b.name);
    if (b.plugin && !b.plugin->version.empty()) name += " " + printable(b.plugin->version);
    out.paragraph(clean ? Paint::pass : Paint::strong, out.name(name) + "  ", headline(b));
    out.matrix(b);
    if (b.plugin)
      for (const std::string& warning : b.plugin->warnings)
        out.paragraph(Paint::error, "  warning: ", printable(warning));
    out.line();
  }
  if (!records.kernels.empty())
    out.paragraph(
        Paint::skip, "",
        std::string(
            "Figures: the largest error in ulp. ✓ conforms, ✗ fails, – skipped, ! could not be judged") +
            (exhaustive ? ", * every input tried." : "."));
  for (const std::string& level : levels(records)) out.paragraph(Paint::skip, "", level_sentence(level));
  if (failures) {
    for (const BackEnd& b : all)
      for (const Kernel* k : b.kernels) {
        for (const Failure& f : k->failures) {
          out.line();
          const std::string block = failure_block(*k, f, colour, width);
          out.line(block.substr(0, block.size() - 1));
        }
        if (k->verdict == Verdict::fail && k->failures.empty()) {
          out.line();
          out.paragraph(Paint::fail, "FAIL  ",
                        label(*k) + "   " + printable(k->kind) + " (the record holds no detail)");
        }
      }
    if (!all.empty()) out.line();
    for (const BackEnd& b : all) out.not_judged(b, Verdict::skip, "SKIP");
    for (const BackEnd& b : all) {
      if (b.plugin && !b.plugin->loaded)
        out.paragraph(Paint::error, "ERROR ", printable(b.name) + ": " + printable(b.plugin->error));
      out.not_judged(b, Verdict::error, "ERROR");
    }
  }
  out.timings(records.timings);
  out.line();
  if (const auto n = vacuous(records); n > 0)
    out.paragraph(Paint::skip, "note: ", plural(n, "case", "cases") + " could show nothing: answers that are constant, or that no input moves");
  if (const auto n = undecided(records); n > 0)
    out.paragraph(Paint::error,
                  "note: ", plural(n, "result was", "results were") + " left undecided at the precision cap");
  for (const auto& [policy, count] : policies(records))
    out.paragraph(Paint::skip,
                  "note: ", plural(count, "result was", "results were") + " accepted by policy " + policy);
  for (const Kernel& k : records.kernels)
    for (const std::string& warning : k.warnings) out.paragraph(Paint::error, "warning: ", label(k) + ": " + printable(warning));
  for (const std::string& note : records.notes) out.paragraph(Paint::error, "note: ", printable(note));
  const std::string timed = timing_sentence(timing_totals(records.timings));
  if (!timed.empty()) out.line(out.paint()(Paint::strong, timed));
  if (records.totals().all() == 0 && timed.empty()) out.line("Nothing was judged.");
  if (records.totals().all() > 0 || timed.empty()) out.line(out.paint()(Paint::strong, totals_line(records.totals())));
  return out.take();
}

}  // namespace karat::reports
