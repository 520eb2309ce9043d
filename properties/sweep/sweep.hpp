// SPDX-License-Identifier: MIT
// A kernel at all its inputs: the run, in chunks that are dealt out, kept and merged.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "properties/check.hpp"
#include "properties/sweep/partial.hpp"
#include "properties/sweep/plan.hpp"
#include "properties/sweep/state_file.hpp"

namespace karat::properties {

// What is swept, and by which rule: the same sweep everywhere.
struct SweepSubject {
  std::string plugin, version, digest;  // digest: of the plugin's file
  host::KernelRow kernel;
  SweepPlan plan;
  Level level;
  std::string claim, isa;  // isa: what was forced, or empty
  std::uint64_t seed = 1;
  bool hash_only = false;    // results are hashed and not judged: never a pass
  Identity identity() const;
  std::string name() const;  // of its state files
};

// `vary`: as of sweep_plan().  nullopt, and `why`: this kernel is not swept.  `error`: the row is wrong, and it should have been.
std::optional<SweepSubject> sweep_subject(const host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel, const Attributes& attributes, const std::string& vary,
                                          const std::optional<Level>& level, const std::string& isa, std::uint64_t seed, std::string& why, bool& error);

struct SweepProgress {
  std::uint64_t done = 0, all = 0;  // chunks, of this shard
  double seconds = 0, inputs_per_second = 0;
  Worst worst;
  std::uint64_t failing = 0;
};

// Deals out chunks: to the threads of this process, or to many processes.
struct Dealer {
  virtual ~Dealer() = default;
  virtual std::uint64_t next() = 0;  // 0, 1, 2, …; beyond the last one: nothing is left
};
struct LocalDealer : Dealer {
  std::atomic<std::uint64_t> n{0};
  std::uint64_t next() override { return n++; }
};

struct SweepOptions {
  int threads = 1;
  std::uint64_t shard = 0, shards = 1;  // consecutive chunks; this one of so many
  std::filesystem::path state;          // folder; empty: nothing is kept
  std::vector<std::filesystem::path> merged;  // folders whose states are put together; then nothing is run
  Dealer* dealer = nullptr;             // nullptr: all chunks are this process's
  bool first = true;                    // of several processes: takes what the state holds into its result
  std::function<void()> loaded = [] {};  // called once the states are read, before any is written
  std::function<bool()> stop = [] { return false; };
  std::function<void(const SweepProgress&)> progress = [](const SweepProgress&) {};
  host::Limits limits;
};

struct SweepRun {
  Partial partial;  // of this shard; what a state held is in it
  std::optional<std::string> declined, host_error;
  struct Fault {
    Kind kind;
    std::string text;
    std::uint64_t chunk;
  };
  std::optional<Fault> fault;  // the run ended there
  double seconds = 0;          // of this run
  double judging = 0;          // in it, summed over threads: comparing and judging, without the kernel
  std::uint64_t inputs = 0;    // in it
};

// Throws SweepError for a state that does not fit; host::LoadError.
SweepRun run_sweep(const SweepSubject& subject, const std::filesystem::path& plugin, const SweepOptions& options);

// What a complete or partial result says.
struct SweepVerdict {
  KernelVerdict::Result result = KernelVerdict::Result::error;
  bool complete = false;
  std::string reason;             // of skip and error, and of what is missing
  std::vector<Failure> failures;  // the kinds, each with its worst input
  std::uint64_t failing = 0;
  double escalation_share = 0;
};
SweepVerdict judge_sweep(const SweepSubject& subject, const SweepRun& run);

// One line for records.  `result` holds nothing that depends on how the work was split.
std::string sweep_json(const SweepSubject& subject, const SweepRun& run, const SweepVerdict& verdict);

}  // namespace karat::properties
