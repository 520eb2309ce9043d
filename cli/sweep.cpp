// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "cli/command.hpp"
#include "cli/temporary.hpp"
#include "plugins/karat_plugin.h"
#include "properties/nearest.hpp"
#include "properties/record.hpp"
#include "properties/sweep/ranks.hpp"
#include "properties/sweep/sweep.hpp"
#include "reference/fast/compare.hpp"
#include "reports/report.hpp"

namespace karat::cli {
namespace {

using properties::KernelVerdict;
using properties::SweepRun;
using properties::SweepSubject;
using properties::SweepVerdict;

struct Options {
  std::vector<std::string> plugins, isa, merge;
  Narrowing narrowing;
  LevelFlags level;
  std::string record, report, state, vary;
  bool hash = false, quiet = false;
};

struct Tally {
  int passed = 0, failed = 0, skipped = 0, errors = 0, parts = 0;
};

std::string progress_text(const SweepSubject& subject, const properties::SweepProgress& p) {
  const double left = p.inputs_per_second > 0 ? static_cast<double>(p.all - p.done) * static_cast<double>(std::uint64_t{1} << subject.plan.chunk_bits()) / p.inputs_per_second : 0;
  char text[320];
  std::snprintf(text, sizeof text, "sweep  %s/%s %s  %.1f %%  %.0f M inputs/s  worst %.3g ulp%s  %.0f s left", subject.plugin.c_str(), subject.plan.op->name.c_str(),
                std::string(subject.plan.format->name).c_str(), 100.0 * static_cast<double>(p.done) / static_cast<double>(std::max<std::uint64_t>(1, p.all)), p.inputs_per_second / 1e6,
                std::max(0.0, p.worst.ulps), p.failing ? ("  " + std::to_string(p.failing) + " failing").c_str() : "", left);
  return text;
}

// KARAT_ISA for the workers that are started from here on.
void choose_instruction_set(const std::string& isa) {
  if (isa.empty()) unsetenv("KARAT_ISA");
  else setenv("KARAT_ISA", isa.c_str(), 1);
}

// One hash a kernel, dtype and instruction set; differing ones are said of kernels that claim to be deterministic.
class Hashes {
 public:
  void add(const SweepSubject& subject, std::uint64_t hash) {
    all_[subject.plugin + "/" + subject.plan.op->name + " " + subject.kernel.kernel + " " + std::string(subject.plan.format->name)].push_back(
        {subject.isa.empty() ? "the kernel's choice" : subject.isa, hash, subject.kernel.has(KARAT_DETERMINISTIC)});
  }
  void print() const {
    for (const auto& [kernel, hashes] : all_) {
      bool same = true;
      for (const Hash& h : hashes) {
        std::printf("%016llx  %s  %s\n", static_cast<unsigned long long>(h.hash), kernel.c_str(), h.isa.c_str());
        same = same && h.hash == hashes[0].hash;
      }
      if (hashes.size() > 1)
        std::printf("  %s\n", same ? "the same bits everywhere" : hashes[0].deterministic ? "the bits differ between instruction sets, and the kernel claims to be deterministic" : "the bits differ");
    }
  }
  bool empty() const { return all_.empty(); }

 private:
  struct Hash {
    std::string isa;
    std::uint64_t hash;
    bool deterministic;
  };
  std::map<std::string, std::vector<Hash>> all_;
};

class SweepCommand {
 public:
  SweepCommand(const Options& options, const std::vector<std::string>& command)
      : options_(options), ranks_(properties::mpi_module()), record_(options.record.empty() || !ranks_.first() ? temporary_.path() : std::filesystem::path(options.record)), recorder_(record_, {command, options.narrowing.seed, options.level.get()}) {}

  int run() {
    catch_interrupts();
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& isa : options_.isa.empty() ? std::vector<std::string>{""} : options_.isa) {
      choose_instruction_set(isa);
      for (const PluginArgument& argument : resolve(options_.plugins)) {
        if (interrupted()) break;
        plugin(argument, isa);
      }
    }
    progress_.clear();
    if (!ranks_.first()) return conforms;
    const int code = exit_code(tally_.failed > 0, tally_.errors > 0 || interrupted(), tally_.passed + tally_.failed + tally_.parts > 0 || !hashes_.empty());
    if (!interrupted()) recorder_.end(tally_.passed, tally_.failed, tally_.skipped, tally_.errors + tally_.parts, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), code);
    finish(code);
    return code;
  }

 private:
  void plugin(const PluginArgument& argument, const std::string& isa) {
    try {
      if (!argument.error.empty()) throw host::LoadError(argument.error);
      host::Worker worker(argument.file);
      recorder_.plugin(argument.name, worker.info(), std::filesystem::absolute(argument.file));
      for (const host::KernelRow& row : worker.info().kernels) {
        if (interrupted()) break;
        if (!options_.narrowing.takes(row)) continue;
        std::string why;
        bool error = false;
        auto subject = properties::sweep_subject(worker, argument.name, row, {}, options_.vary, options_.level.get(), isa, options_.narrowing.seed, why, error);
        if (subject) {
          subject->hash_only = options_.hash;
          kernel(*subject, argument);
        }
        if (!subject && error) {
          progress_.clear();
          std::fprintf(stderr, "karat: %s/%s: %s\n", argument.name.c_str(), row.op.c_str(), why.c_str());
          ++tally_.errors;
        } else if (!subject) {
          ++not_swept_[why];
        }
      }
    } catch (const host::LoadError& e) {
      progress_.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      recorder_.plugin_error(argument.name, argument.file, e.what());
      ++tally_.errors;
    }
  }

  void kernel(const SweepSubject& subject, const PluginArgument& argument) {
    properties::SweepOptions o;
    const int all = ranks_.size() > 1 ? 1 : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    o.threads = options_.narrowing.threads > 0 ? options_.narrowing.threads : all;
    const auto [i, n] = options_.narrowing.shard_numbers();
    o.shard = i - 1;
    o.shards = n;
    o.state = options_.state;
    o.merged.assign(options_.merge.begin(), options_.merge.end());
    const auto dealer = ranks_.dealer();
    o.dealer = dealer.get();
    o.first = ranks_.first();
    o.loaded = [&] { ranks_.wait(); };
    o.stop = interrupted;
    o.progress = [&](const properties::SweepProgress& p) { progress_.show(progress_text(subject, p)); };
    SweepRun run;
    try {
      run = properties::run_sweep(subject, argument.file, o);
      run = ranks_.together(std::move(run));
    } catch (const properties::SweepError& e) {
      progress_.clear();
      std::fprintf(stderr, "karat: %s\n", e.what());
      ranks_.abort(not_judged);
      ++tally_.errors;
      return;
    } catch (const std::exception& e) {
      // The other ranks would wait for this one for ever.
      if (ranks_.size() > 1) std::fprintf(stderr, "karat: rank %d: %s\n", ranks_.rank(), e.what());
      ranks_.abort(not_judged);
      throw;
    }
    if (!ranks_.first()) return;
    SweepVerdict v = properties::judge_sweep(subject, run);
    for (properties::Failure& f : v.failures) f.replay = properties::with_plugin(f.replay, argument.typed);
    const bool part_is_done = n > 1 && o.merged.empty() && !run.fault && !run.host_error && !interrupted();
    if (v.result == KernelVerdict::Result::pass) ++tally_.passed;
    else if (v.result == KernelVerdict::Result::fail) ++tally_.failed;
    else if (v.result == KernelVerdict::Result::skip) ++tally_.skipped;
    else if (part_is_done && run.partial.errors == 0) ++tally_.parts;
    else ++tally_.errors;
    if (options_.hash && v.complete && !run.declined) hashes_.add(subject, run.partial.hash);
    recorder_.line(properties::sweep_json(subject, run, v));
  }

  void finish(int code) {
    const std::filesystem::path files[] = {record_};
    const reports::Records records = reports::read(files);
    if (!options_.quiet && !options_.hash) std::fputs(reports::sweep_table(records, stdout_is_terminal(), terminal_width()).c_str(), stdout);
    if (options_.hash) hashes_.print();
    if (!options_.report.empty()) {
      reports::write_all(records, options_.report);
      std::printf("report: %s\n", (std::filesystem::path(options_.report) / "index.html").c_str());
    }
    if (tally_.parts > 0 && !options_.quiet)
      std::printf("%d %s of a whole: the same command with --merge DIR,… instead of --shard and --resume puts the states together\n", tally_.parts, tally_.parts == 1 ? "sweep is a part" : "sweeps are parts");
    if (!options_.quiet && code != nothing_ran && !not_swept_.empty()) {
      int count = 0;
      for (const auto& [why, number] : not_swept_) count += number;
      std::printf("%d kernels of these back ends are not swept: tensors, or 2^64 inputs and more\n", count);
    }
    if (interrupted()) std::fprintf(stderr, "karat: interrupted; %s\n", options_.state.empty() ? "without --resume nothing is kept" : "the same command goes on");
    if (code == nothing_ran) {
      std::fprintf(stderr, "karat: nothing ran: no kernel of these back ends that is a function of one or two numbers matches --op, --dtype and --kernel\n");
      for (const auto& [why, number] : not_swept_) std::fprintf(stderr, "  %d %s: %s\n", number, number == 1 ? "kernel" : "kernels", why.c_str());
    }
  }

  const Options& options_;
  const TemporaryFile temporary_;
  properties::Ranks ranks_;
  std::filesystem::path record_;
  properties::Recorder recorder_;
  Progress progress_;
  Tally tally_;
  Hashes hashes_;
  std::map<std::string, int> not_swept_;
};

int sweep(const Options& options, const std::vector<std::string>& command) {
  options.narrowing.validate();
  if (!options.merge.empty() && (!options.narrowing.shard.empty() || !options.state.empty())) throw UsageError("--merge: takes what shards left, and goes with neither --shard nor --resume");
  if (!options.narrowing.time.empty()) throw UsageError("--time: a sweep ends when all inputs were tried; Ctrl-C and --resume divide it");
  return SweepCommand(options, command).run();
}

}  // namespace

Command sweep_command() {
  return {"sweep", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Tries every input: 2^32 of f32, 2^16 or all pairs of f16 and bf16");
            app.footer(
                "Examples:\n"
                "  karat sweep native --op sigmoid --dtype f32\n"
                "  karat sweep native --op leaky_relu --dtype bf16 --vary alpha  all pairs of x and slope\n"
                "  karat sweep libm --record libm.jsonl --report report/\n"
                "  karat sweep native --op 'tanh*' --resume state/               Ctrl-C, and the same command goes on\n"
                "  karat sweep native --op exp --shard 2/7 --resume state2/     one of seven parts\n"
                "  karat sweep native --op exp --merge state1,state2,…          put together\n"
                "  mpirun -n 64 karat sweep native --op exp --resume state/     on a cluster\n"
                "  karat sweep native --hash --isa AVX2,SSE4                    do instruction sets give the same bits?");
            app.add_option("plugins", options->plugins, "Back ends: a path or a bundled name; none: all bundled ones")->type_name("PLUGIN");
            options->narrowing.add_to(app);
            options->level.add_to(app);
            app.add_option("--vary", options->vary, "Every pair of an input and this attribute, in f16 and bf16")->type_name("ATTRIBUTE");
            app.add_option("--resume", options->state, "Keep what is done in DIR, and go on from it")->type_name("DIR");
            app.add_option("--merge", options->merge, "Put the states in these folders together; nothing is run")->delimiter(',')->type_name("DIR,…");
            app.add_option("--record", options->record, "Write records, one JSON object a line, to FILE")->type_name("FILE.jsonl");
            app.add_option("--report", options->report, "Write HTML, Markdown, JUnit and JSON into DIR")->type_name("DIR");
            app.add_option("--isa", options->isa, "Force the kernels' instruction set, one after another: AVX3, AVX2, SSE4, … (KARAT_ISA, which `native` follows)")->delimiter(',')->type_name("LIST");
            app.add_flag("--hash", options->hash, "Only a hash of all results; nothing is judged");
            app.add_flag("--quiet", options->quiet, "No table: the exit code says it");
            run = [options, &app] { return sweep(*options, command_line("sweep", options->plugins, app)); };
          }};
}

}  // namespace karat::cli
