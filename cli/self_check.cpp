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

int self_check(const std::string& pattern, std::uint64_t seed) {
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
    if (!properties::matches(pattern, name)) continue;
    progress.show("self-check: " + name);
    std::string expected = "pass";
    Caught caught;
    try {
      if (name.starts_with("broken/")) expected = host::Worker(file).info().expected_verdict;
      caught = try_plugin(file, name, seed);
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
  if (missed > 0) return failed;
  return caught_count + healthy > 0 ? conforms : nothing_ran;
}

}  // namespace

Command self_check_command() {
  return {"self-check", [](CLI::App& app, std::function<int()>& run) {
            auto pattern = std::make_shared<std::string>("*");
            auto seed = std::make_shared<std::uint64_t>(1);
            app.description("Tries Karat itself on plugins that are broken on purpose");
            app.footer("Example: karat self-check --only 'broken/softmax*'");
            app.add_option("--only", *pattern, "Only plugins that match GLOB")->type_name("GLOB");
            app.add_option("--seed", *seed, "Seed of the random cases (default 1)");
            run = [pattern, seed] { return self_check(*pattern, *seed); };
          }};
}

}  // namespace karat::cli
