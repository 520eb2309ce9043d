// SPDX-License-Identifier: MIT
#include "properties/trial.hpp"

#include "plugins/karat_plugin.h"
#include "properties/generate.hpp"
#include "properties/law_trial.hpp"

namespace karat::properties {
namespace {

std::string describe(const Layout& layout) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!layout.dense()) add("strided");
  if (layout.placement.flush == host::Placement::Flush::start)
    add("start of a page + " + std::to_string(layout.placement.offset) + " bytes");
  if (layout.threads != 1) add(std::to_string(layout.threads) + " threads");
  if (layout.in_place) add("in place");
  return text.empty() ? "the same layout" : text;
}

bool same(const Layout& a, const Layout& b) {
  return a.placement.flush == b.placement.flush && a.placement.offset == b.placement.offset &&
         a.input_gap == b.input_gap && a.output_gap == b.output_gap && a.column_major == b.column_major &&
         a.threads == b.threads && a.in_place == b.in_place;
}

}  // namespace

Trial attempt(host::Worker& worker, const host::KernelRow& kernel, const Case& c, Judge& judge, bool decoys) {
  if (!c.law.empty()) return attempt_law(worker, kernel, c, judge.level());
  Trial trial;
  const Format& f = *c.question.format;
  Execution run = execute(worker, kernel.index, c, decoys);
  trial.declined = run.declined;
  trial.error = run.host_error;
  if (trial.declined || trial.error) return trial;
  if (run.fault) trial.findings.push_back({run.fault->kind, {}, run.fault->text, 0});
  if (!run.finished()) return trial;

  const bool deterministic = kernel.has(KARAT_DETERMINISTIC);
  const auto difference = [&](std::size_t element, const std::string& text) {
    if (deterministic)
      trial.findings.push_back({Kind::nondeterministic, element, text, 0});
    else
      trial.notes.push_back(text);
  };
  if (!run.differing.empty())
    difference(run.differing[0], std::to_string(run.differing.size()) + " of " +
                                     std::to_string(run.output.values.size()) +
                                     " results differ when the same call is made again");
  std::vector<bool> written(run.output.values.size(), true);
  for (const std::size_t i : run.unwritten) {
    written[i] = false;
    trial.findings.push_back(
        {Kind::unwritten, i,
         "element " + std::to_string(i) + " of " + std::to_string(written.size()) + " is left as it was", 0});
  }

  const Layout base = base_layout(kernel, f, c.question);
  if (run.differing.empty() && run.unwritten.empty() && !same(base, c.layout)) {
    const Execution plain = execute(worker, kernel.index, {c.question, base, {}, 0, {}});
    if (plain.finished()) {
      std::size_t count = 0, first = 0;
      for (std::size_t i = run.output.values.size(); i-- > 0;)
        if (plain.output.values[i] != run.output.values[i] &&
            !(is_nan(f, plain.output.values[i]) && is_nan(f, run.output.values[i]))) {
          ++count;
          first = i;
        }
      if (count > 0)
        difference(first, std::to_string(count) + " of " + std::to_string(run.output.values.size()) +
                              " results depend on the layout: " + to_text(f, plain.output.values[first]) +
                              " in a dense tensor at the end of a page with one thread, " +
                              to_text(f, run.output.values[first]) + " with " + describe(c.layout));
    }
  }

  trial.judgements = judge(c.question, run.output.values);
  for (std::size_t i = 0; i < trial.judgements.size(); ++i) {
    const Judgement& j = trial.judgements[i];
    if (j.error)
      trial.error = "element " + std::to_string(i) + " could not be judged: the reference does not decide it";
    else if (!j.ok && written[i])
      trial.findings.push_back({j.kind, i, {}, j.ulps, j.budget, j.by_other});
  }
  if (!run.differing.empty()) {
    const std::vector<Judgement> first = judge(c.question, run.first.values);
    for (const std::size_t i : run.differing)
      if (const Judgement& j = first[i]; !j.ok && !j.error && trial.judgements[i].ok)
        trial.findings.push_back({j.kind, i,
                                  "element " + std::to_string(i) + " is wrong in the first of two equal calls, " + to_text(f, run.first.values[i]) +
                                      ", and right in the second, " + to_text(f, run.output.values[i]),
                                  j.ulps, j.budget, j.by_other});
  }
  trial.output = std::move(run.output);
  return trial;
}

}  // namespace karat::properties
