// SPDX-License-Identifier: MIT
#include "bench/check_suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "bench/measure.hpp"
#include "bench/statistics.hpp"
#include "properties/check.hpp"

namespace karat::bench {
namespace {

using Result = properties::KernelVerdict::Result;

// One run over all rows; false if it was stopped.
bool run_once(const std::filesystem::path& file, CheckTiming& t, std::uint64_t seed, const std::function<bool(const host::KernelRow&)>& takes,
              const std::function<bool()>& stop, const std::function<void(const std::string&)>& progress) {
  t.kernels = t.passed = t.failed = t.skipped = t.errors = t.calls = t.elements = 0;
  host::Worker worker(file);
  for (const host::KernelRow& row : worker.info().kernels) {
    if (!takes(row)) continue;
    if (stop()) return false;
    progress(t.plugin + "  " + row.op);
    properties::CheckOptions options;
    options.seed = seed;
    options.stop = stop;
    const properties::KernelVerdict v = properties::check(worker, t.plugin, row, options);
    ++t.kernels;
    ++(v.result == Result::pass ? t.passed : v.result == Result::fail ? t.failed : v.result == Result::skip ? t.skipped : t.errors);
    t.calls += v.calls;
    t.elements += v.elements;
  }
  return !stop();
}

}  // namespace

CheckTiming time_check(const std::filesystem::path& file, const std::string& plugin, int runs, std::uint64_t seed,
                       const std::function<bool(const host::KernelRow&)>& takes, const std::function<bool()>& stop,
                       const std::function<void(const std::string&)>& progress) {
  using Clock = std::chrono::steady_clock;
  CheckTiming t;
  t.plugin = plugin;
  constexpr double one_call_suffices = 1e-9;
  const Subject check{"check " + plugin, [&](std::int64_t) {
                        const auto begin = Clock::now();
                        Repetition r;
                        if (!run_once(file, t, seed, takes, stop, progress)) r.error = "stopped";
                        r.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
                        return r;
                      }};
  const Measurement m = measure({check}, runs, one_call_suffices)[0];
  t.seconds = m.seconds;
  t.stopped = m.seconds.empty();
  return t;
}

std::string check_timing_json(const CheckTiming& t) {
  nlohmann::ordered_json json{{"type", "check_timing"}, {"plugin", t.plugin}, {"kernels", t.kernels}, {"passed", t.passed}, {"failed", t.failed}, {"skipped", t.skipped},
                              {"errors", t.errors},     {"calls", t.calls},   {"elements", t.elements}, {"seconds", t.seconds}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string check_table(const std::vector<CheckTiming>& timings) {
  std::string text = fmt::format("{:<12} {:>8} {:>8} {:>10} {:>12}   {}\n", "back end", "kernels", "pass", "cases", "results", "seconds: median (least to most) of runs");
  for (const CheckTiming& t : timings) {
    text += fmt::format("{:<12} {:>8} {:>8} {:>10} {:>12}   ", t.plugin, t.kernels, t.passed, t.calls, t.elements);
    if (t.stopped)
      text += "stopped\n";
    else
      text += fmt::format("{:.1f} ({:.1f} to {:.1f}) of {}\n", median(t.seconds), *std::min_element(t.seconds.begin(), t.seconds.end()),
                          *std::max_element(t.seconds.begin(), t.seconds.end()), t.seconds.size());
  }
  return text;
}

}  // namespace karat::bench
