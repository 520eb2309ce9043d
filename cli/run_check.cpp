// SPDX-License-Identifier: MIT
#include "cli/run_check.hpp"

#include <tbb/global_control.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cli/temporary.hpp"
#include "properties/hunt/hunt.hpp"
#include "properties/record.hpp"
#include "properties/replay.hpp"
#include "properties/sweep/partial.hpp"

namespace karat::cli {
namespace {

using properties::KernelVerdict;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

void tally(CheckResult& result, const KernelVerdict& v) {
  using Result = KernelVerdict::Result;
  switch (v.result) {
    case Result::pass: ++result.passed; break;
    case Result::fail: ++result.failed; break;
    case Result::skip: ++result.skipped; break;
    case Result::error: ++result.errors; break;
  }
  if (v.result == Result::pass || v.result == Result::fail) ++result.ran;
}

}  // namespace

TemporaryFile::TemporaryFile() {
  std::string pattern = (std::filesystem::temp_directory_path() / "karat-XXXXXX").string();
  const int fd = mkstemp(pattern.data());
  if (fd < 0) throw std::runtime_error("cannot create a temporary file in " + std::filesystem::temp_directory_path().string());
  close(fd);
  path_ = pattern;
}
TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

CheckResult run_check(const CheckRun& run) {
  catch_interrupts();
  std::optional<tbb::global_control> threads;
  if (run.narrowing.threads > 0)
    threads.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(run.narrowing.threads));
  const auto begin = Clock::now();
  const auto now = properties::today();
  properties::Waivers waivers = run.waivers;
  CheckResult result;
  Progress progress;
  properties::Recorder recorder(run.record, {run.command, run.narrowing.seed, run.level});
  for (const PluginArgument& argument : run.plugins) {
    if (interrupted()) break;
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      host::Worker worker(argument.file);
      recorder.plugin(argument.name, worker.info(), std::filesystem::absolute(argument.file));
      std::vector<host::KernelRow> rows;
      for (const host::KernelRow& row : worker.info().kernels) {
        // What the reference does not know is reported unless flags narrow it away.
        if (run.narrowing.takes(row) && run.narrowing.in_shard(static_cast<std::size_t>(row.index))) rows.push_back(row);
      }
      for (std::size_t i = 0; i < rows.size() && !interrupted(); ++i) {
        properties::CheckOptions options;
        options.level = run.level;
        options.seed = run.narrowing.seed;
        options.stop = interrupted;
        if (!run.failures.empty()) options.folder = run.failures;
        options.more_seconds = run.narrowing.seconds() / static_cast<double>(std::max<std::size_t>(1, rows.size() * run.plugins.size()));
        options.progress = [&](std::size_t done, std::size_t all) {
          char text[200];
          std::snprintf(text, sizeof text, "%s  kernel %zu of %zu  %s  case %zu of %zu  %.0f s", argument.name.c_str(), i + 1, rows.size(),
                        rows[i].op.c_str(), done, all, since(begin));
          progress.show(text);
        };
        KernelVerdict v = properties::check(worker, argument.name, rows[i], options);
        try {
          properties::include_hunted(worker, v, properties::hunted(run.hunted, argument.name, rows[i]), options.seed);
        } catch (const properties::SweepError& e) {
          v.result = KernelVerdict::Result::error;
          v.reason = e.what();
        }
        for (properties::Failure& f : v.failures) {  // lines that replay from here, whatever name is shown
          f.replay = properties::with_plugin(f.replay, argument.typed);
          if (!f.simplest.empty()) f.simplest = properties::with_plugin(f.simplest, argument.typed);
        }
        waivers.apply(v, now);
        tally(result, v);
        result.waived += v.waived() ? 1 : 0;
        result.incomplete += v.waived() && !v.incomplete.empty() ? 1 : 0;
        recorder.verdict(v);
        result.verdicts.push_back(std::move(v));
      }
    } catch (const host::LoadError& e) {
      progress.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      recorder.plugin_error(argument.name, argument.file, e.what());
      ++result.errors;
    }
  }
  progress.clear();
  result.interrupted = interrupted();
  if (!result.interrupted) result.problems = waivers.problems(now);
  for (const auto& problem : result.problems) recorder.waiver(problem.status, problem.message);
  result.code = exit_code(result.failed > result.waived || !result.problems.empty(), result.errors > 0 || result.incomplete > 0 || result.interrupted, result.ran > 0);
  if (!result.interrupted) recorder.end(result.passed, result.failed, result.skipped, result.errors, since(begin), result.code);
  return result;
}

}  // namespace karat::cli
