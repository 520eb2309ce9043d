// SPDX-License-Identifier: MIT
#include <tbb/global_control.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/command.hpp"
#include "cli/run_check.hpp"
#include "cli/temporary.hpp"
#include "properties/profile.hpp"
#include "reports/report.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::vector<std::string> plugins;
  Narrowing narrowing;
  LevelFlags level;
  std::string record, report, failures, hunted = "hunted";
  std::optional<std::string> waivers;
  bool quiet = false;
};

int check(const Options& options, const std::vector<std::string>& command) {
  options.narrowing.validate();
  const TemporaryFile temporary;
  CheckRun run;
  run.plugins = resolve(options.plugins);
  run.narrowing = options.narrowing;
  run.level = options.level.get();
  run.record = options.record.empty() ? temporary.path() : std::filesystem::path(options.record);
  run.failures = options.failures.empty() && !options.record.empty() ? options.record + ".cases" : options.failures;
  run.hunted = options.hunted;
  run.command = command;
  if (options.waivers && options.waivers->empty()) throw UsageError("--waivers: expected a file of waivers, got an empty name");
  if (options.waivers) try {
      run.waivers = properties::Waivers::read(*options.waivers);
    } catch (const properties::ProfileError& e) {
      throw UsageError(e.what());
    }
  const CheckResult result = run_check(run);
  const std::filesystem::path files[] = {run.record};
  const reports::Records records = reports::read(files);
  if (!options.quiet)
    std::fputs(reports::console_table(records, stdout_is_terminal(), terminal_width()).c_str(), stdout);
  if (!options.report.empty()) {
    reports::write_all(records, options.report);
    std::printf("report: %s\n", (std::filesystem::path(options.report) / "index.html").c_str());
  }
  if (result.waived > 0) std::printf("%d of %d kernels that fail are waived\n", result.waived, result.failed);
  if (result.incomplete > 0) std::printf("%d of these could not be judged to the end, and may fail elsewhere:\n", result.incomplete);
  for (const properties::KernelVerdict& v : result.verdicts)
    if (v.waived() && !v.incomplete.empty()) std::printf("  %s/%s %s %s: %s\n", v.plugin.c_str(), v.op.c_str(), v.kernel.c_str(), v.dtype.c_str(), v.incomplete.c_str());
  for (const auto& problem : result.problems) std::fprintf(stderr, "karat: %s waiver: %s\n", problem.status.c_str(), problem.message.c_str());
  if (result.interrupted) std::fprintf(stderr, "karat: interrupted; what was judged until then is recorded\n");
  if (result.ran == 0 && result.code == nothing_ran)
    std::fprintf(stderr, result.skipped > 0 ? "karat: nothing ran: the kernels that match were skipped, each for its reason\n"
                                            : "karat: nothing ran: no kernel of these back ends matches --op, --dtype, --kernel and --shard\n");
  return result.code;
}

}  // namespace

Command check_command() {
  return {"check", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Judges kernels: every case of every operator that a back end offers");
            app.footer(
                "Examples:\n"
                "  karat check                                  all bundled back ends\n"
                "  karat check onednn eigen --dtype f32,bf16\n"
                "  karat check ./mylib.so --op 'softmax*' --level faithful --record run.jsonl");
            app.add_option("plugins", options->plugins, "Back ends: a path or a bundled name; none: all bundled ones")->type_name("PLUGIN");
            options->narrowing.add_to(app);
            options->level.add_to(app);
            app.add_option("--record", options->record, "Write records, one JSON object a line, to FILE")->type_name("FILE.jsonl");
            app.add_option("--waivers", options->waivers, "Failures that are borne until a date: FILE.toml (docs/profiles.md)")->type_name("FILE.toml");
            app.add_option("--failures", options->failures, "Put failing cases that are too large for a line into folders in DIR (default with --record: FILE.jsonl.cases)")->type_name("DIR");
            app.add_option("--hunted", options->hunted, "Try what `karat hunt` kept in DIR as well (default: hunted, if it is there)")->type_name("DIR");
            app.add_option("--report", options->report, "Write HTML, Markdown, JUnit and JSON into DIR")->type_name("DIR");
            app.add_flag("--quiet", options->quiet, "No table: the exit code says it");
            run = [options, &app] {
              return check(*options, command_line("check", options->plugins, app));
            };
          }};
}

}  // namespace karat::cli
