// SPDX-License-Identifier: MIT
#include <tbb/global_control.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/temporary.hpp"
#include "properties/describe.hpp"
#include "properties/hunt/hunt.hpp"
#include "properties/nearest.hpp"
#include "properties/record.hpp"
#include "properties/replay.hpp"
#include "properties/sweep/partial.hpp"
#include "reports/report.hpp"

namespace karat::cli {
namespace {

using properties::KernelVerdict;
using Result = KernelVerdict::Result;

struct Options {
  std::vector<std::string> plugins;
  Narrowing narrowing;
  LevelFlags level;
  std::string record, folder = "hunted";
};

int hunt(const Options& options, const std::vector<std::string>& command) {
  options.narrowing.validate();
  catch_interrupts();
  std::optional<tbb::global_control> threads;
  if (options.narrowing.threads > 0) threads.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(options.narrowing.threads));
  const TemporaryFile temporary;
  const std::filesystem::path record = options.record.empty() ? temporary.path() : std::filesystem::path(options.record);
  properties::Recorder recorder(record, {command, options.narrowing.seed, options.level.get()});
  struct Target {
    PluginArgument plugin;
    host::KernelRow row;
  };
  std::vector<Target> targets;
  int errors = 0;
  for (const PluginArgument& argument : resolve(options.plugins)) {
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      host::Worker worker(argument.file);
      recorder.plugin(argument.name, worker.info(), std::filesystem::absolute(argument.file));
      for (const host::KernelRow& row : worker.info().kernels)
        if (options.narrowing.takes(row) && options.narrowing.in_shard(static_cast<std::size_t>(row.index))) targets.push_back({argument, row});
    } catch (const host::LoadError& e) {
      std::fprintf(stderr, "karat: %s\n", e.what());
      recorder.plugin_error(argument.name, argument.file, e.what());
      ++errors;
    }
  }
  const double seconds = options.narrowing.seconds() > 0 ? options.narrowing.seconds() : 10 * static_cast<double>(targets.size());
  int passed = 0, failed_count = 0, skipped = 0;
  Progress progress;
  const auto begin = std::chrono::steady_clock::now();
  for (const Target& target : targets) {
    if (interrupted()) break;
    host::Worker worker(target.plugin.file);
    properties::HuntOptions o;
    o.level = options.level.get();
    o.seed = options.narrowing.seed;
    o.seconds = seconds / static_cast<double>(targets.size());
    o.folder = options.folder;
    o.stop = interrupted;
    o.progress = [&](const properties::HuntProgress& p) {
      char text[240];
      std::snprintf(text, sizeof text, "hunt  %s/%s  %.1f of %.0f s  %llu tried  worst %.4g", target.plugin.name.c_str(), target.row.op.c_str(), p.seconds, o.seconds,
                    static_cast<unsigned long long>(p.tried), p.worst);
      progress.show(text);
    };
    properties::Hunt h;
    try {
      h = properties::hunt(worker, target.plugin.name, target.row, o);
    } catch (const properties::SweepError& e) {
      progress.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      ++errors;
      continue;
    }
    progress.clear();
    KernelVerdict& v = h.verdict;
    for (properties::Failure& f : v.failures) f.replay = properties::with_plugin(f.replay, target.plugin.typed);
    if (!h.prey.empty()) {
      std::printf("%s/%s %s %s: %llu tried%s, worst %s %s\n", v.plugin.c_str(), v.op.c_str(), v.kernel.c_str(), v.dtype.c_str(), static_cast<unsigned long long>(h.tried),
                  h.taken_up ? (", " + std::to_string(h.taken_up) + " taken up").c_str() : "", properties::ulps_text(h.prey[0].score).c_str(), h.by_ulps ? "ulp" : "of what is allowed");
      std::printf("  %s\n", h.prey[0].line.c_str());
      std::fflush(stdout);
    }
    passed += v.result == Result::pass;
    failed_count += v.result == Result::fail;
    skipped += v.result == Result::skip;
    errors += v.result == Result::error;
    recorder.verdict(v);
  }
  const int code = exit_code(failed_count > 0, errors > 0 || interrupted(), passed + failed_count > 0);
  if (!interrupted()) recorder.end(passed, failed_count, skipped, errors, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), code);
  if (!targets.empty()) {
    std::printf("\n");
    const std::filesystem::path files[] = {record};
    std::fputs(reports::console_table(reports::read(files), stdout_is_terminal(), terminal_width()).c_str(), stdout);
    std::printf("what was hunted is kept in %s/, and `karat check` tries it there\n", options.folder.c_str());
  } else if (errors == 0) {
    std::fprintf(stderr, "karat: nothing ran: no kernel of these back ends matches --op, --dtype, --kernel and --shard\n");
  }
  if (interrupted()) std::fprintf(stderr, "karat: interrupted; the same command goes on\n");
  return code;
}

}  // namespace

Command hunt_command() {
  return {"hunt", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Searches for the inputs at which kernels are worst: f64, and operators of several values");
            app.footer(
                "Examples:\n"
                "  karat hunt libm --op exp --dtype f64 --time 60s\n"
                "  karat hunt ./mylib.so --op 'softmax*' --time 10m --hunted worst/\n"
                "Without --time 10 s a kernel. What is found is kept; the next hunt goes on from it.");
            app.add_option("plugins", options->plugins, "Back ends: a path or a bundled name; none: all bundled ones")->type_name("PLUGIN");
            options->narrowing.add_to(app);
            options->level.add_to(app);
            app.add_option("--hunted", options->folder, "Where populations are kept (default: hunted)")->type_name("DIR");
            app.add_option("--record", options->record, "Write records, one JSON object a line, to FILE")->type_name("FILE.jsonl");
            run = [options, &app] { return hunt(*options, command_line("hunt", options->plugins, app)); };
          }};
}

}  // namespace karat::cli
