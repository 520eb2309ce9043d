// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "plugins/host/host.hpp"
#include "plugins/karat_plugin.h"
#include "properties/profile.hpp"
#include "reference/agreement.hpp"
#include "reference/catalogue.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::string what = "ops";
  bool all = false, speed = false;
  std::vector<std::string> plugins;
};

int list_operators() {
  for (const Operator& op : operators()) {
    std::string signature;
    for (const InputRow& row : op.inputs) signature += (signature.empty() ? "" : ", ") + row.name;
    std::string attributes;
    for (const AttributeRow& row : op.attributes) attributes += (attributes.empty() ? "  (" : ", ") + row.name;
    if (!attributes.empty()) attributes += ")";
    std::printf("%-34s %s → %s%s\n", op.name.c_str(), signature.c_str(), op.outputs[0].c_str(), attributes.c_str());
    std::printf("    %s    [%s]\n", op.formula.c_str(), op.source.c_str());
  }
  std::printf("%zu operators in f64, f32, f16, bf16; `karat explain NAME` says more of one.\n", operators().size());
  return operators().empty() ? nothing_ran : conforms;
}

int list_profiles() {
  for (const std::string& name : properties::built_in_profiles()) {
    const auto p = properties::find_profile(name);
    std::printf("%s\n    %s\n    source: %s\n    rules for", name.c_str(), p->description.c_str(), p->source.c_str());
    std::map<std::string, std::string> dtypes;
    for (const properties::PublishedRule& rule : p->rules)
      for (const std::string& op : rule.ops)
        for (const Dtype d : rule.dtypes) dtypes[op] += (dtypes[op].empty() ? "" : " ") + std::string(format(d).name);
    if (dtypes.size() > 30)
      std::printf(" every operator");
    else
      for (const auto& [op, list] : dtypes) std::printf(" %s (%s)", op.c_str(), list.c_str());
    std::printf("\n");
  }
  std::printf("policies that a profile can accept or refuse:\n");
  for (const auto& [name, meaning] : properties::known_policies()) std::printf("    %-24s %s\n", name.c_str(), meaning.c_str());
  return conforms;
}

bool has_gradient(const Operator& op) { return op.differentiable(); }

// One line a row, then the seed's equations and where each is.
int list_all() {
  std::printf("%-45s %-15s %-8s %-30s %s\n", "operator", "family", "gradient", "seed", "forms");
  std::size_t gradients = 0;
  for (const Operator& op : operators()) {
    std::string equations;
    for (const int n : equations_of(op)) equations += (equations.empty() ? "(" : ", (") + std::to_string(n) + ")";
    if (equations.empty()) equations = op.source.substr(0, op.source.find(';'));
    std::printf("%-45s %-15s %-8s %-30s %s\n", op.name.c_str(), op.family.c_str(), has_gradient(op) ? "yes" : "no", equations.c_str(), forms_of(op).c_str());
    gradients += has_gradient(op) ? 1 : 0;
  }
  std::printf("%zu operators, %zu of them differentiable\n\n", operators().size(), gradients);
  for (const SeedItem& item : seed_items()) {
    std::string where = item.elsewhere;
    for (const std::string& name : item.operators) where += (where.empty() ? "" : ", ") + name;
    std::printf("%-12s %s\n", item.name.c_str(), where.c_str());
  }
  return conforms;
}

// How many results a second the reference gives at 50 digits, the slowest operators first.
int list_speed() {
  using Clock = std::chrono::steady_clock;
  struct Line {
    std::string name;
    double per_second;
    std::size_t results;
  };
  std::vector<Line> lines;
  const PrecisionScope scope(174);
  for (const Operator& op : operators()) {
    const std::vector<Point> points = points_of(op, 1);
    if (points.empty()) continue;
    const Point& p = points.front();
    std::size_t results = 0;
    for (const auto& y : op.real(p.inputs, p.attributes)) results += y.values.size();
    int calls = 0;
    const auto begin = Clock::now();
    double seconds = 0;
    while (seconds < 0.05) {
      op.real(p.inputs, p.attributes);
      ++calls;
      seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    lines.push_back({op.name, static_cast<double>(results) * calls / seconds, results});
  }
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.per_second < b.per_second; });
  std::printf("results a second at 50 digits, on each operator's first example\n");
  for (const Line& line : lines) std::printf("%12.3g  %s (%zu results a call)\n", line.per_second, line.name.c_str(), line.results);
  return lines.empty() ? nothing_ran : conforms;
}

std::string dtype_name(std::int32_t code) {
  for (const Format& f : formats())
    if (static_cast<std::int32_t>(f.dtype) == code) return std::string(f.name);
  return "dtype " + std::to_string(code) + "?";
}

int list_plugins(const std::vector<std::string>& names, bool kernels) {
  bool any = false, wrong = false;
  for (const PluginArgument& argument : resolve(names)) {
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      const host::Worker worker(argument.file);
      const host::PluginInfo& info = worker.info();
      std::printf("%-10s %-12s %3zu kernels  %s\n", argument.name.c_str(), info.version.c_str(), info.kernels.size(), info.description.c_str());
      for (const std::string& warning : info.warnings) std::printf("    warning: %s\n", warning.c_str());
      if (kernels)
        for (const host::KernelRow& row : info.kernels) {
          std::string can;
          if (row.has(KARAT_STRIDED)) can += " strided";
          if (row.has(KARAT_IN_PLACE)) can += " in-place";
          if (row.has(KARAT_THREAD_SAFE)) can += " thread-safe";
          if (row.has(KARAT_DETERMINISTIC)) can += " deterministic";
          if (!row.claim.empty()) can += "  claims " + row.claim;
          std::printf("    %-34s %-5s %-14s%s\n", row.op.c_str(), dtype_name(row.dtype).c_str(), row.kernel.c_str(), can.c_str());
        }
      any = true;
    } catch (const host::LoadError& e) {
      std::printf("%-10s cannot be loaded: %s\n", argument.name.c_str(), e.what());
      wrong = true;
    }
  }
  return exit_code(false, wrong, any);
}

}  // namespace

Command list_command() {
  return {"list", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Lists operators, back ends, or kernels");
            app.footer("Example: karat list kernels onednn");
            app.add_option("what", options->what, "ops (default), plugins, kernels, profiles, or formulas: the catalogue in Markdown")->check(CLI::IsMember({"ops", "plugins", "kernels", "profiles", "formulas"}));
            app.add_flag("--speed", options->speed, "Of ops: results a second that the reference gives at 50 digits, the slowest first");
            app.add_flag("--all", options->all, "Of ops: one line each with family, gradient, equation and forms; then where each equation is");
            app.add_option("plugins", options->plugins, "Back ends: a path or a bundled name; none: all bundled ones")->type_name("PLUGIN");
            run = [options]() -> int {
              if (options->what == "ops" && options->speed) return list_speed();
              if (options->what == "profiles") return list_profiles();
              if (options->what == "ops") return options->all ? list_all() : list_operators();
              if (options->what == "formulas") {
                std::fputs(catalogue_markdown().c_str(), stdout);
                return static_cast<int>(conforms);
              }
              return list_plugins(options->plugins, options->what == "kernels");
            };
          }};
}

}  // namespace karat::cli
