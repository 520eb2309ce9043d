// SPDX-License-Identifier: MIT
#include "cli/two_sided.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/command.hpp"
#include "plugins/host/host.hpp"
#include "properties/check.hpp"
#include "properties/profile.hpp"
#include "properties/quality/measure.hpp"

namespace karat::cli {
namespace {

using properties::KernelVerdict;
using properties::quality::Rule;
using Clock = std::chrono::steady_clock;

struct PluginSide {
  std::int64_t kernels = 0, judged = 0, refused = 0, no_rule = 0;
  std::vector<std::string> wrong;  // survivors of mutants, alarms of right kernels
  std::map<std::string, std::int64_t> kinds;
};

// Every kernel of a plugin on each seed, to its first failure.  Of a right one other dtypes than f32 are tried on
// one seed, and only if asked for.
PluginSide try_all(const std::string& plugin, std::uint64_t seeds, const Rule& rule, bool must_fail, bool every_dtype, Progress& progress) {
  PluginSide side;
  const std::filesystem::path file = host::find_plugin(plugin);
  host::Worker worker(file, {.call_time = std::chrono::milliseconds(5000), .memory_bytes = std::size_t{1} << 28});
  for (const host::KernelRow& row : worker.info().kernels) {
    const bool f32 = row.dtype == static_cast<std::int32_t>(Dtype::f32);
    if (!must_fail && !f32 && !every_dtype) continue;
    ++side.kernels;
    for (std::uint64_t seed = 1; seed <= (must_fail || f32 ? seeds : std::min<std::uint64_t>(1, seeds)); ++seed) {
      if (interrupted()) throw std::runtime_error("interrupted");
      progress.show("self-check: " + rule.name + "  " + plugin.substr(plugin.find('/') + 1) + "  " + row.op + " " + row.kernel + "  seed " + std::to_string(seed) + " of " + std::to_string(seeds));
      properties::CheckOptions options;
      options.level = rule.level;
      options.seed = seed;
      options.stop = interrupted;
      options.first_failure_only = true;
      const KernelVerdict v = properties::check(worker, plugin, row, options);
      if (v.result == KernelVerdict::Result::skip && !properties::level_for(rule.level, *find_operator(row.op), format(static_cast<Dtype>(row.dtype)))) {
        ++side.no_rule;
        break;
      }
      ++side.judged;
      const bool failed_it = v.result == KernelVerdict::Result::fail;
      side.refused += failed_it ? 1 : 0;
      if (failed_it) ++side.kinds[std::string(properties::to_text(v.failures[0].kind))];
      // What could not be judged is neither caught nor right.
      if (v.result != (must_fail ? KernelVerdict::Result::fail : KernelVerdict::Result::pass))
        side.wrong.push_back(row.op + " " + row.kernel + " seed " + std::to_string(seed) + (v.failures.empty() ? "" : ": " + v.failures[0].message + "; replay: karat replay '" + v.failures[0].replay + "'") +
                             (v.reason.empty() ? "" : ": " + v.reason));
    }
  }
  return side;
}

std::string share(std::int64_t part, std::int64_t whole) {
  char text[64];
  std::snprintf(text, sizeof text, "%lld of %lld", static_cast<long long>(part), static_cast<long long>(whole));
  return whole > 0 ? text : "no rule";
}

std::vector<Rule> rules() {
  std::vector<Rule> all{{"stable", properties::default_level}};
  for (const std::string& name : properties::built_in_profiles()) {
    properties::Level level = properties::level_of_profile(name);
    if (level.profile->refuses("nan_equal")) {  // NaN would refuse nearly every kernel, right or wrong, and show nothing
      auto equal = std::make_shared<properties::Profile>(*level.profile);
      equal->policies.erase("nan_equal");
      level.profile = std::move(equal);
    }
    all.push_back({name, level});
  }
  return all;
}

std::string list_of(const char* title, const std::vector<std::string>& all) {
  std::string text = std::string(title) + ": ";
  if (all.empty()) return text + "none.\n";
  for (const std::string& one : all) text += "\n- " + one;
  return text + "\n";
}

// Replaces what lies between the two markers.
void write_between(const std::string& path, const std::string& text) {
  const std::string begin = "<!-- measured: begin -->\n", end = "<!-- measured: end -->";
  std::ifstream in(path);
  if (!in) throw UsageError("cannot read " + path + ": --write needs a document with the markers " + begin.substr(0, begin.size() - 1) + " and " + end);
  std::stringstream buffer;
  buffer << in.rdbuf();
  const std::string old = buffer.str();
  const std::size_t from = old.find(begin), to = old.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) throw UsageError(path + " has no markers " + begin.substr(0, begin.size() - 1) + " and " + end);
  const std::string temporary = path + ".new";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << old.substr(0, from + begin.size()) << text << old.substr(to);
    if (!out.flush()) throw std::runtime_error("cannot write " + temporary);
  }
  std::filesystem::rename(temporary, path);
}

}  // namespace

int two_sided(const TwoSided& options) {
  const auto start = Clock::now();
  Progress progress;
  const std::vector<Rule> all = rules();
  const auto figures = properties::quality::measure(options.seeds, all, [&](double done) {
    char text[80];
    std::snprintf(text, sizeof text, "self-check: right and wrong kernels, %.1f %%", 100 * done);
    progress.show(text);
    return !interrupted();
  });
  std::vector<PluginSide> mutants, control;
  for (const Rule& rule : all) {
    const bool first = &rule == &all[0];
    // Other rules are for comparison: a few seeds show them.
    mutants.push_back(options.plugin_seeds > 0 ? try_all("mutants/mutants", first ? options.plugin_seeds : 1, rule, true, true, progress) : PluginSide{});
    control.push_back(options.plugin_seeds > 0 ? try_all("plain", first ? std::min<std::uint64_t>(10, options.plugin_seeds) : 1, rule, false, first, progress) : PluginSide{});
  }
  progress.clear();

  std::string text = "Sources `" + properties::quality::source_hash() + "`, " + std::to_string(options.seeds) + " seeds of right and wrong float kernels, " +
                     std::to_string(options.plugin_seeds) + " seeds of the mutant plugin, " + std::to_string(std::min<std::uint64_t>(10, options.plugin_seeds)) + " of `plain` in f32 and 1 in its other dtypes (other rules than `stable`: " +
                     std::to_string(properties::quality::seeds_of_other_rules) + " seeds of float kernels, 1 of plugins, f32), ";
  const double minutes = std::chrono::duration<double>(Clock::now() - start).count() / 60;
  char number[40];
  std::snprintf(number, sizeof number, "%.0f minutes.\n\n", minutes);
  text += number;
  text += "| rule | alarms: right float kernels (" + std::to_string(figures.variants) + " variants) | caught: wrong float kernels (" + std::to_string(figures.mutants) +
          ") × seeds | alarms: kernels of `plain` × seeds | caught: mutants of the plugin × seeds |\n|---|---|---|---|---|\n";
  for (std::size_t r = 0; r < all.size(); ++r)
    text += "| `" + all[r].name + "` | " + share(figures.right[r].refused, figures.right[r].judged) + " | " + share(figures.wrong[r].refused, figures.wrong[r].judged) + " | " +
            share(control[r].refused, control[r].judged) + (control[r].no_rule > 0 ? ", " + std::to_string(control[r].no_rule) + " without a rule" : "") + " | " +
            share(mutants[r].refused, mutants[r].judged) + (mutants[r].no_rule > 0 ? ", " + std::to_string(mutants[r].no_rule) + " without a rule" : "") + " |\n";
  text += "\nThe mutant plugin has " + std::to_string(mutants[0].kernels) + " kernels. By `stable` its mutants were caught first by ";
  std::string kinds;
  for (const auto& [kind, count] : mutants[0].kinds) kinds += (kinds.empty() ? "" : ", ") + kind + " (" + std::to_string(count) + ")";
  text += kinds + ". Plugins of one defect each that were caught by the verdict that they name: " + std::to_string(options.broken) + ".\n\n";
  std::vector<std::string> alarms = figures.alarms, survivors = figures.survivors;
  alarms.insert(alarms.end(), control[0].wrong.begin(), control[0].wrong.end());
  survivors.insert(survivors.end(), mutants[0].wrong.begin(), mutants[0].wrong.end());
  text += list_of("False alarms of `stable`", alarms) + "\n" + list_of("Mutants that `stable` did not catch", survivors);
  std::fputs(text.c_str(), stdout);
  if (!options.write.empty()) write_between(options.write, text);
  return alarms.empty() && survivors.empty() ? conforms : failed;
}

}  // namespace karat::cli
