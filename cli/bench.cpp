// SPDX-License-Identifier: MIT
#include "bench/bench.hpp"
#include "bench/check_suite.hpp"
#include "bench/sweep_suite.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <thread>

#include "cli/command.hpp"
#include "properties/nearest.hpp"
#include "properties/record.hpp"
#include "properties/replay.hpp"

namespace karat::cli {
namespace {

constexpr char interrupted_text[] = "karat: interrupted; what was timed until then is recorded if --record was given\n";

struct Options {
  std::vector<std::string> plugins, sizes, calls, caches;
  std::vector<int> bench_threads;
  Narrowing narrowing;
  LevelFlags level;
  std::string record, suite, isa;
  double min_time = 0.1;
  int runs = 3, part = 1, repetitions = 7;
  std::vector<std::string> words;  // of the command line, for the record
};

// `karat check` itself, timed.
int benchmark_check(const Options& options) {
  catch_interrupts();
  properties::Recorder recorder;
  if (!options.record.empty()) recorder = properties::Recorder(options.record, {options.words, options.narrowing.seed, std::nullopt});
  std::vector<bench::CheckTiming> timings;
  bool failed_some = false, not_judged_some = false, ran = false;
  Progress progress;
  for (const PluginArgument& argument : resolve(options.plugins)) {
    if (interrupted()) break;
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      bench::CheckTiming t = bench::time_check(
          argument.file, argument.name, options.runs, options.narrowing.seed,
          [&](const host::KernelRow& row) { return options.narrowing.takes(row) && options.narrowing.in_shard(static_cast<std::size_t>(row.index)); }, interrupted,
          [&](const std::string& what) { progress.show("check  " + what); });
      if (t.kernels == 0) continue;
      recorder.line(bench::check_timing_json(t));
      failed_some = failed_some || t.failed > 0;
      not_judged_some = not_judged_some || t.errors > 0;
      ran = true;
      timings.push_back(std::move(t));
    } catch (const host::LoadError& e) {
      progress.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      not_judged_some = true;
    }
  }
  progress.clear();
  std::fputs(bench::check_table(timings).c_str(), stdout);
  if (interrupted())
    std::fputs(interrupted_text, stderr);
  else if (!ran)
    std::fprintf(stderr, "karat: nothing ran: no kernel of these back ends matches --op, --dtype, --kernel and --shard\n");
  return exit_code(failed_some, not_judged_some || interrupted(), ran);
}

// Whole sweeps, beside what else could be done with the same inputs.
int benchmark_sweeps(const Options& options) {
  catch_interrupts();
  if (!options.isa.empty()) setenv("KARAT_ISA", options.isa.c_str(), 1);
  properties::Recorder recorder;
  if (!options.record.empty()) recorder = properties::Recorder(options.record, {options.words, options.narrowing.seed, std::nullopt});
  bool failed_some = false, not_judged_some = false, ran = false;
  Progress progress;
  for (const PluginArgument& argument : resolve(options.plugins.empty() ? std::vector<std::string>{"native"} : options.plugins)) {
    if (interrupted()) break;
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      bench::SweepSuiteOptions o;
      o.threads = options.narrowing.threads > 0 ? options.narrowing.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
      o.runs = options.runs;
      o.isa = options.isa;
      o.part = static_cast<std::uint64_t>(options.part);
      o.stop = interrupted;
      o.progress = [&](const std::string& what) { progress.show(argument.name + "  " + what); };
      const bench::SweepSuite s = bench::time_sweeps(argument.file, argument.name, o);
      progress.clear();
      recorder.line(bench::sweep_suite_json(s));
      std::fputs(bench::sweep_suite_table(s).c_str(), stdout);
      failed_some = failed_some || !s.all_pass;
      ran = ran || !s.figures.empty();
    } catch (const host::LoadError& e) {
      progress.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      not_judged_some = true;
    }
  }
  if (interrupted())
    std::fputs(interrupted_text, stderr);
  else if (!ran)
    std::fprintf(stderr, "karat: nothing ran: no f32 kernel of sigmoid, tanh, softplus, relu or leaky_relu\n");
  return exit_code(failed_some, not_judged_some || interrupted(), ran);
}

// A name of a list, or a usage error with the nearest one.
void expect_known(const char* what, const std::vector<std::string>& names, std::vector<std::string> known) {
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end()) throw UsageError(properties::unknown(what, name, known));
}

std::vector<bench::Call> calls_of(const Options& options) {
  std::vector<std::string> texts = options.calls;
  if (options.suite == "kernels" && texts.empty()) texts.assign(bench::suite_calls().begin(), bench::suite_calls().end());
  std::vector<bench::Call> calls;
  for (const std::string& text : texts) try {
      calls.push_back(bench::call_from(text));
    } catch (const properties::ReplayError& e) {
      throw UsageError("--call: " + std::string(e.what()));
    }
  return calls;
}

int benchmark_kernels(const Options& options) {
  const auto known = bench::size_names();
  expect_known("size", options.sizes, {known.begin(), known.end()});
  expect_known("state of the caches", options.caches, {"warm", "cold"});
  for (const int threads : options.bench_threads)
    if (threads < 1 || threads > 4096) throw UsageError("--bench-threads: expected 1 to 4096, got " + std::to_string(threads));
  bench::BenchOptions b;
  b.calls = calls_of(options);
  if (!b.calls.empty() && !options.sizes.empty()) throw UsageError("--call and --suite kernels say the shapes; --size does elsewhere");
  if (!(options.min_time > 0 && options.min_time <= 3600)) throw UsageError("--min-time: expected seconds, more than 0");
  if (options.repetitions < 5 || options.repetitions > 1000) throw UsageError("--repetitions: expected 5 to 1000, got " + std::to_string(options.repetitions));
  catch_interrupts();
  properties::Recorder recorder;
  if (!options.record.empty()) recorder = properties::Recorder(options.record, {options.words, options.narrowing.seed, options.level.get()});
  b.op = options.narrowing.op;
  b.kernel = options.narrowing.kernel;
  b.dtypes = options.narrowing.dtypes;
  b.sizes = options.sizes;
  b.threads = options.bench_threads;
  b.caches = options.caches;
  b.takes = [&](const host::KernelRow& row) { return options.narrowing.in_shard(static_cast<std::size_t>(row.index)); };
  b.level = options.level.get();
  b.min_seconds = options.min_time;
  b.repetitions = options.repetitions;
  b.seed = options.narrowing.seed;
  b.stop = interrupted;
  Progress progress;
  b.progress = [&](const std::string& what, std::size_t done, std::size_t all) { progress.show(what + "  " + std::to_string(done) + " of " + std::to_string(all)); };
  const auto begin = std::chrono::steady_clock::now();
  std::list<host::Worker> workers;
  std::vector<bench::BackEnd> back_ends;
  bool not_loaded = false;
  for (const PluginArgument& argument : resolve(options.plugins)) try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      host::Worker& worker = workers.emplace_back(argument.file);
      recorder.plugin(argument.name, worker.info(), std::filesystem::absolute(argument.file));
      back_ends.push_back({&worker, argument.name});
    } catch (const host::LoadError& e) {
      std::fprintf(stderr, "karat: %s\n", e.what());
      recorder.plugin_error(argument.name, argument.file, e.what());
      not_loaded = true;
    }
  const std::vector<bench::Timing> timings = bench::run(back_ends, b, [&](const bench::Timing& t) { recorder.line(bench::timing_json(t)); });
  progress.clear();
  std::fputs(bench::table(timings, terminal_width()).c_str(), stdout);
  if (const std::string warning = bench::size_warning(); !warning.empty() && b.calls.empty() && !timings.empty()) std::printf("%s\n", warning.c_str());
  if (interrupted())
    std::fputs(interrupted_text, stderr);
  else if (timings.empty())
    std::fprintf(stderr, "karat: nothing ran: no kernel of these back ends matches --op, --dtype, --kernel, --shard and --call\n");
  const bool wrong = std::any_of(timings.begin(), timings.end(), [](const bench::Timing& t) { return !t.verified; });
  const int code = exit_code(wrong, not_loaded || interrupted(), !timings.empty());
  if (!interrupted()) recorder.end(0, 0, 0, 0, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), code);
  return code;
}

int benchmark(const Options& options) {
  options.narrowing.validate();
  if (options.runs < 1 || options.runs > 1000) throw UsageError("--runs: expected 1 to 1000, got " + std::to_string(options.runs));
  if (options.part < 1 || options.part > 1024) throw UsageError("--part: expected 1 to 1024, got " + std::to_string(options.part));
  if (options.suite != "check" && options.suite != "sweep") return benchmark_kernels(options);
  if (!options.sizes.empty() || !options.bench_threads.empty() || !options.calls.empty() || !options.caches.empty())
    throw UsageError("--size, --call, --cache and --bench-threads are of kernels, not of --suite " + options.suite);
  return options.suite == "check" ? benchmark_check(options) : benchmark_sweeps(options);
}

}  // namespace

Command bench_command() {
  return {"bench", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Times kernels beside what the machine can do, and verifies the very outputs that were timed");
            app.footer(
                "Examples:\n"
                "  karat bench native eigen --op 'sig*' --dtype f32 --size L1,DRAM\n"
                "  karat bench native onednn --call 'softmax x=4096x1024' --call 'conv2d x=8x16x28x28 w=32x16x3x3'   on your shapes\n"
                "  karat bench --suite kernels --dtype f32                          layers of usual networks, back ends side by side\n"
                "  karat bench plain --suite check --dtype f32                      how long a check takes\n"
                "  karat bench native --suite sweep                                 and a sweep, beside exp(), a copy and MPFR\n"
                "Kernels of the same operator, dtype and shapes take turns; faster is said where p < 0.01 by Mann and Whitney.\n"
                "A kernel whose timed outputs do not conform has no time, and the exit code is 1.");
            app.add_option("plugins", options->plugins, "Back ends: a path or a bundled name; none: all bundled ones")->type_name("PLUGIN");
            options->narrowing.add_to(app);
            options->level.add_to(app);
            app.add_option("--size", options->sizes, "Only these sizes: small, L1, L2, DRAM (comma-separated)")->delimiter(',')->type_name("LIST");
            app.add_option("--call", options->calls, "Instead of sizes, as often as wanted: an operator, or none for all that --op takes, shapes of inputs, and attributes")
                ->type_name("TEXT")
                ->take_all()
                ->expected(1)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
            app.add_option("--bench-threads", options->bench_threads, "Thread counts to time with (default: 1 and all)")->delimiter(',')->type_name("LIST");
            app.add_option("--cache", options->caches, "warm: the tensors as the call before left them; cold: in no cache (default: both)")->delimiter(',')->type_name("LIST");
            app.add_option("--min-time", options->min_time, "Seconds of a kernel's calls in each benchmark (default 0.1)");
            app.add_option("--repetitions", options->repetitions, "How often each kernel takes its turn, on fresh values and addresses (default 7)");
            app.add_option("--suite", options->suite, "kernels: layers of usual networks; check: `karat check` at default settings, a whole back end; sweep: whole f32 sweeps")->check(CLI::IsMember({"kernels", "check", "sweep"}));
            app.add_option("--runs", options->runs, "With --suite check and sweep: how often (default 3)");
            app.add_option("--part", options->part, "With --suite sweep: only one part in N of the inputs")->type_name("N");
            app.add_option("--isa", options->isa, "With --suite sweep: force the instruction set: AVX3, AVX2, SSE4, …");
            app.add_option("--record", options->record, "Write records to FILE")->type_name("FILE.jsonl");
            run = [options, &app] {
              options->words = command_line("bench", options->plugins, app);
              return benchmark(*options);
            };
          }};
}

}  // namespace karat::cli
