// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "cli/budgets.hpp"
#include "cli/command.hpp"
#include "properties/acceptance.hpp"
#include "properties/describe.hpp"
#include "properties/kind.hpp"
#include "properties/laws/law.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::string what, dtype = "f32";
  std::vector<std::string> at, beside;
  std::string op = "*";
  bool dtype_given = false;
};

int explain_verdicts(const std::string& what) {
  bool any = false;
  for (const auto& row : properties::kinds)
    if (what == "verdicts" || row.name == what) {
      std::printf("%-20s %s\n", std::string(row.name).c_str(), std::string(row.meaning).c_str());
      any = true;
    }
  if (what == "verdicts")
    std::printf(
        "\nA kernel passes, fails with one of these kinds, is skipped (it declines every case), or is an\n"
        "error (the suite could not judge it; never a pass).\n");
  return any ? conforms : usage;
}

std::string standard_text(const AttributeRow& row) {
  if (row.kind == AttributeRow::Kind::text) return row.choices.front();
  if (row.kind == AttributeRow::Kind::list) {
    std::string text;
    for (const std::int64_t i : row.standard_list) text += (text.empty() ? "[" : ",") + std::to_string(i);
    return text.empty() ? "[]" : text + "]";
  }
  if (row.standard != row.standard) return "none";
  char text[40];
  std::snprintf(text, sizeof text, "%g", row.standard);
  return text;
}

void explain_row(const Operator& op) {
  std::printf("%s: %s\n  source   %s\n  %s\n", op.name.c_str(), op.formula.c_str(), op.source.c_str(), op.notes.c_str());
  for (const InputRow& row : op.inputs)
    std::printf("  input    %-10s random values dense in [%g, %g]%s\n", row.name.c_str(), row.typical.low, row.typical.high,
                row.infinities ? "" : ", never infinite");
  for (const std::string& name : op.outputs) std::printf("  output   %s\n", name.c_str());
  for (const AttributeRow& row : op.attributes)
    std::printf("  attribute %-9s standard %s, domain %s\n", row.name.c_str(), standard_text(row).c_str(), row.domain.c_str());
  const Catalogue& c = op.catalogue;
  for (const auto& [what, said] : {std::pair{"variants", &c.variants}, {"printed", &c.printed}, {"special", &c.special}, {"gradient", &c.gradient}})
    if (!said->empty()) std::printf("  %-9s %s\n", what, said->c_str());
  std::printf("  %s\n", op.independence == Independence::whole ? "tensors of any shapes that fit; all outputs are one question"
                        : op.independence == Independence::elementwise ? "elementwise: all tensors have one shape"
                                                                     : "along an axis: slices are independent, all tensors have one shape");
}

// How far `accepted` holds from `middle` on, towards `end`.
template <class Accepted>
std::int64_t reach(std::int64_t middle, std::int64_t end, Accepted accepted) {
  const std::int64_t direction = end < middle ? -1 : 1, limit = (end - middle) * direction;
  std::int64_t good = 0, bad = 1;
  while (bad <= limit && accepted(middle + direction * bad)) {
    good = bad;
    bad *= 2;
  }
  bad = std::min(bad, limit + 1);
  while (bad - good > 1) {
    const std::int64_t half = good + (bad - good) / 2;
    (accepted(middle + direction * half) ? good : bad) = half;
  }
  return middle + direction * good;
}

// Every result that a level accepts, as a range of neighbours around the correctly rounded one.
void explain_accepted(const Question& question, std::size_t element, const Format& f) {
  const auto [part, place] = properties::unit_of(question, element);
  const std::size_t at = place;
  const Unit& the_unit = part;
  const auto bits = decide([&](int) { return round_nearest(f, answers(the_unit.question)[at].value); });
  if (!bits) {
    std::printf("  the rounding is below every quantum, or undecided\n");
    return;
  }
  for (const char* name : {"exact", "faithful", "stable", "permissive", "max-ulp 4"}) {
    const properties::Level level = *properties::parse_level(name);
    properties::Budgets budgets(the_unit.question, properties::care_of(level));
    const properties::Budget budget = budgets.at(at);
    if (properties::by_budget(level) && budget.out_of_range) {
      std::printf("  %-10s not judged: every accepted algorithm overflows here\n", name);
      continue;
    }
    const auto accepted = [&](std::int64_t n) {
      const auto j = decide([&](int precision) {
        return properties::judge(level, f, from_ordinal(f, n), answers(the_unit.question)[at], precision == precision_cap, [&](bool) { return budget; });
      });
      return j && j->ok;
    };
    const std::int64_t middle = ordinal(f, *bits), top = ordinal(f, f.infinity());
    const std::int64_t low = reach(middle, -top, accepted), high = reach(middle, top, accepted);
    std::printf("  %-10s accepts %s … %s (%lld values)\n", name, to_text(f, from_ordinal(f, low)).c_str(), to_text(f, from_ordinal(f, high)).c_str(),
                static_cast<long long>(high - low + 1));
  }
}

// Which roundings of which accepted algorithm cost what.
void explain_budget(const Question& question, std::size_t element, const Format& f) {
  const auto [part, place] = properties::unit_of(question, element);
  properties::Budgets budgets(part.question, properties::care_of(properties::default_level));
  const properties::Budget budget = budgets.at(place);
  if (budget.out_of_range || budget.undefined) return;
  const auto known = decide([&, p = place, &unit = part](int bits) -> std::optional<double> {
    const Enclosure value = answers(unit.question)[p].value;
    return value.binade() || bits == precision_cap ? std::optional(value.midpoint()) : std::nullopt;
  });
  const double y = known.value_or(0);
  int exponent = 0;
  std::frexp(y, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 1, f.e_min) - f.fraction_bits());
  const auto ulps = [&](long double cost) { return static_cast<double>(cost / static_cast<long double>(ulp)); };
  const auto algorithms = budgets.make_up(place);
  std::printf("  budget     %.3g ulp before the last rounding: the largest over %zu accepted algorithm%s, each as it stands and\n"
              "             with its roundings moved in three random directions\n",
              ulps(budget.bound), algorithms.size(), algorithms.size() == 1 ? "" : "s");
  for (std::size_t k = 0; k < algorithms.size(); ++k) {
    std::printf("    algorithm %zu: %s\n", k + 1, algorithms[k].out_of_range ? "overflows here" : (std::to_string(ulps(algorithms[k].bound)) + " ulp").c_str());
    constexpr std::size_t shown = 8;
    for (std::size_t s = 0; s < std::min(shown, algorithms[k].shares.size()) && algorithms[k].shares[s].cost > 0; ++s) {
      const PriceTape::Share& share = algorithms[k].shares[s];
      const std::string what = share.terms > 0 ? "sum of " + std::to_string(share.terms) : share.what;
      std::printf("      %-10s = %-13.6g costs %.3g ulp, dy/dv = %.3g\n", what.c_str(), share.value, ulps(share.cost), static_cast<double>(share.moves));
    }
    if (algorithms[k].shares.size() > shown) std::printf("      and %zu roundings that cost less\n", algorithms[k].shares.size() - shown);
  }
}

int explain(const Options& options) {
  if (const int code = explain_verdicts(options.what); code == conforms) return code;
  if (options.what == "budgets") {
    if (options.dtype_given && !find_format(options.dtype)) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
    return print_budgets(options.op, options.dtype_given ? std::vector{options.dtype} : std::vector<std::string>(), options.beside);
  }
  if (options.what == "laws") {
    for (const properties::Law& law : properties::laws()) {
      std::string names;
      for (const Operator& op : operators()) {
        const auto uses = properties::laws_of(op);
        if (std::any_of(uses.begin(), uses.end(), [&](const properties::LawUse& use) { return use.law == &law; })) names += (names.empty() ? "" : ", ") + op.name;
      }
      std::printf("%s: %s%s\n    %s\n", law.name.c_str(), law.sentence.c_str(), law.claim ? " (kernels judged faithful or exact)" : "", names.c_str());
    }
    return conforms;
  }
  const Operator* op = find_operator(options.what);
  if (!op) {
    std::vector<std::string> names = properties::operator_names();
    names.insert(names.end(), {"verdicts", "laws", "budgets"});
    for (const auto& row : properties::kinds) names.emplace_back(row.name);
    throw UsageError(properties::unknown("operator, kind of failure or table", options.what, names));
  }
  const Format* f = find_format(options.dtype);
  if (!f) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
  explain_row(*op);
  if (options.at.empty()) return conforms;
  std::string text;
  for (const std::string& word : options.at) text += word + " ";
  Question question;
  try {
    question = properties::parse_question(*op, *f, text);
  } catch (const properties::ReplayError& e) {
    throw UsageError(e.what());
  }
  for (std::size_t i = 0; i < question.output_count(); ++i) {
    std::string arguments;
    for (const auto& v : properties::inputs_at(question, i)) arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
    const auto exact = properties::exact_text(question, i, 25);
    std::printf("\n%s(%s) in %s\n  value      %s  (%s)\n", op->name.c_str(), arguments.c_str(), std::string(f->name).c_str(), exact.hex.c_str(), exact.decimal.c_str());
    const auto [part, place] = properties::unit_of(question, i);
    if (specials(part.question)[place].empty()) {
      explain_accepted(question, i, *f);
      explain_budget(question, i, *f);
    } else {
      std::printf("  decided by the operator's row, at every level\n");
    }
  }
  return conforms;
}

}  // namespace

Command explain_command() {
  return {"explain", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Explains an operator, a verdict, or which results are accepted at an input, and what their budget is made of");
            app.footer(
                "Examples:\n"
                "  karat explain softmax\n"
                "  karat explain verdicts\n"
                "  karat explain laws\n"
                "  karat explain budgets --op 'softmax*' --beside run.jsonl\n"
                "  karat explain tanh --at 0x1p-3 --dtype bf16");
            app.add_option("what", options->what, "An operator, a kind of failure, or one of `verdicts`, `laws`, `budgets`")->required()->type_name("NAME");
            app.add_option("--at", options->at, "Inputs, as for karat eval")->type_name("INPUT");
            app.add_option("--dtype", options->dtype, "Type of inputs and result (default f32; of `budgets` all)");
            app.add_option("--op", options->op, "With `budgets`: only operators that match GLOB")->type_name("GLOB");
            app.add_option("--beside", options->beside, "With `budgets`: records whose largest errors stand beside")->type_name("FILE.jsonl");
            run = [options, &app] {
              options->dtype_given = app.count("--dtype") > 0;
              return explain(*options);
            };
          }};
}

}  // namespace karat::cli
