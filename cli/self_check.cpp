// SPDX-License-Identifier: MIT
// Tries Karat itself: every plugin of plugins/broken/ must be caught by the verdict that it
// names, and the healthy ones must pass everything.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>

#include "cli/command.hpp"
#include "cli/two_sided.hpp"
#include "plugins/host/host.hpp"
#include "properties/check.hpp"
#include "properties/nearest.hpp"

namespace karat::cli {
namespace {

using properties::KernelVerdict;

// What a plugin was caught by: kinds of failure, "pass", or what kept it from being judged.
struct Caught {
  std::set<std::string> by;
  std::string first;  // the first failure's message
  int kernels = 0;
};

Caught try_plugin(const std::filesystem::path& file, const std::string& name, std::uint64_t seed) {
  // A hang or a leak on purpose need not take long.
  host::Worker worker(file, {.call_time = std::chrono::milliseconds(5000), .memory_bytes = std::size_t{1} << 28});
  Caught caught;
  for (const host::KernelRow& row : worker.info().kernels) {
    properties::CheckOptions options;
    options.seed = seed;
    options.stop = interrupted;
    const KernelVerdict v = properties::check(worker, name, row, options);
    ++caught.kernels;
    if (v.result == KernelVerdict::Result::pass) caught.by.insert("pass");
    if (v.result == KernelVerdict::Result::skip) caught.by.insert("skip: " + v.reason);
    if (v.result == KernelVerdict::Result::error) caught.by.insert("error: " + v.reason);
    for (const auto& failure : v.failures) {
      caught.by.insert(std::string(properties::to_text(failure.kind)));
      if (caught.first.empty()) caught.first = failure.message + "\n      replay: karat replay '" + failure.replay + "'";
    }
  }
  return caught;
}

// A defect must be caught by its verdict; what is healthy must pass and nothing else.
bool as_expected(const Caught& caught, const std::string& expected) {
  if (expected == "pass") return caught.by == std::set<std::string>{"pass"};
  return caught.by.contains(expected);
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : ", ") + w;
  return text.empty() ? "nothing" : text;
}

struct Options {
  std::string pattern = "*", write;
  std::uint64_t seed = 1, seeds = 200, plugin_seeds = 20;
  bool full = false;
};

int self_check(const Options& options) {
  catch_interrupts();
  std::vector<std::pair<std::string, std::filesystem::path>> plugins;
  const std::filesystem::path folder = host::find_plugin("broken/healthy").parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".so") plugins.emplace_back("broken/" + entry.path().stem().string(), entry.path());
  std::sort(plugins.begin(), plugins.end());
  plugins.emplace_back("template", host::find_plugin("template"));
  int caught_count = 0, missed = 0, healthy = 0;
  Progress progress;
  for (const auto& [name, file] : plugins) {
    if (interrupted()) return not_judged;
    if (!properties::matches(options.pattern, name)) continue;
    progress.show("self-check: " + name);
    std::string expected = "pass";
    Caught caught;
    try {
      if (name.starts_with("broken/")) expected = host::Worker(file).info().expected_verdict;
      caught = try_plugin(file, name, options.seed);
    } catch (const std::exception& e) {
      caught.by.insert(std::string("error: ") + e.what());
    }
    const bool ok = !expected.empty() && as_expected(caught, expected);
    progress.clear();
    std::printf("%-6s %-36s %s\n", ok ? "ok" : "MISSED", name.c_str(),
                ok && expected == "pass" ? ("passes everything (" + std::to_string(caught.kernels) + " kernels)").c_str()
                                         : ("caught by " + joined(caught.by) + (ok ? "" : "; must be caught by " + (expected.empty() ? "(it names no verdict)" : expected))).c_str());
    if (!ok && !caught.first.empty()) std::printf("      %s\n", caught.first.c_str());
    std::fflush(stdout);
    if (!ok)
      ++missed;
    else if (expected == "pass")
      ++healthy;
    else
      ++caught_count;
  }
  std::printf("%d defects caught by the verdict that they name, %d healthy plugins pass, %d missed\n", caught_count, healthy, missed);
  std::fflush(stdout);
  if (options.full) {
    const int code = two_sided({options.seeds, options.plugin_seeds, options.write, static_cast<std::size_t>(caught_count)});
    if (code != conforms) return code;
  }
  if (missed > 0) return failed;
  return caught_count + healthy > 0 ? conforms : nothing_ran;
}

}  // namespace

Command self_check_command() {
  return {"self-check", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Tries Karat itself on plugins that are broken on purpose");
            app.footer(
                "Examples:\n"
                "  karat self-check --only 'broken/softmax*'\n"
                "  karat self-check --full --write docs/verdict-quality.md");
            app.add_option("--only", options->pattern, "Only plugins that match GLOB")->type_name("GLOB");
            app.add_option("--seed", options->seed, "Seed of the random cases (default 1)");
            app.add_flag("--full", options->full, "The two-sided measurement as well: right kernels must raise no alarm, mutants must be caught on every seed (up to an hour)");
            app.add_option("--seeds", options->seeds, "With --full: seeds of the right kernels (default 200)")->check(CLI::Range(1, 100000));
            app.add_option("--plugin-seeds", options->plugin_seeds, "With --full: seeds of the mutant plugin (default 20)")->check(CLI::Range(0, 1000));
            app.add_option("--write", options->write, "With --full: put the result into this document, between its markers")->type_name("FILE.md");
            run = [options] {
              if (!options->write.empty() && !options->full) throw UsageError("--write belongs to --full");
              return self_check(*options);
            };
          }};
}

}  // namespace karat::cli
