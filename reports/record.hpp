// SPDX-License-Identifier: MIT
// Record files (docs/records.md), read into plain structs.
//
// read() takes any number of files and merges them: every environment is kept; of two
// records for the same kernel or timing the later one stays, and a note says so.  Nothing
// here judges: a verdict is what the record says it is.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace karat::reports {

// A record file that cannot be read: where, what was expected, what is there, what to do.
struct RecordError : std::runtime_error {
  RecordError(std::string file_, std::size_t line_, std::string expected_, std::string got_,
              std::string advice);
  std::string file;      // as given; "-" for standard input
  std::size_t line = 0;  // from 1; 0: the file as a whole
  std::string expected, got, what_to_do;
};

inline constexpr int schema = 1;                        // the newest that is understood
inline constexpr std::size_t longest_line = 64 * 1024;  // bytes, without the newline
inline constexpr int deepest_nesting = 32;

struct Value {
  std::string name, value;
};

struct Environment {
  std::string karat;
  std::vector<std::string> command;
  std::string time, cpu, kernel, libc, compiler, flags, seed, level;
  std::uint64_t cores = 0;
  std::vector<std::string> isa;
  std::array<std::uint64_t, 3> caches{};  // L1, L2, L3 in bytes; 0: unknown
};

struct End {
  std::uint64_t passed = 0, failed = 0, skipped = 0, errors = 0;
  double seconds = 0;
  std::int64_t exit_code = 0;
};

// One environment line and what follows it.  Without `end` the run was cut off.
struct Run {
  std::string file;
  std::size_t line = 0;
  Environment environment;
  std::optional<End> end;
};

struct Plugin {
  std::string plugin, path, version, description, abi;
  std::uint64_t kernels = 0;
  bool loaded = false;
  std::string error;  // why not
  std::vector<std::string> warnings;
  std::size_t run = 0;  // index into Records::runs
};

enum class Verdict { pass, fail, skip, error };
std::string_view name(Verdict);

struct Failure {
  std::string kind;
  std::uint64_t count = 0;
  std::string message;
  std::vector<Value> at;
  std::string got, exact, exact_decimal;
  std::optional<double> ulp, allowed;
  std::string level;  // that refuses it, where that is not the kernel's first
  std::string from, to, replay;
  std::string waived;    // why, by whom and until when it is borne
  std::string simplest;  // replay line of the simplest inputs that fail so; empty: the same
};

struct Kernel {
  std::string plugin, op, kernel, dtype;
  std::string level, claim;
  Verdict verdict = Verdict::error;
  std::string kind, reason;
  std::uint64_t calls = 0, elements = 0;
  bool exhaustive = false;
  std::optional<double> max_ulp;
  std::vector<Value> max_ulp_at;
  std::optional<double> correctly_rounded;
  std::uint64_t undecided = 0, meaningful = 0, vacuous = 0;
  std::vector<std::pair<std::string, std::uint64_t>> policies;
  std::vector<std::pair<std::string, std::uint64_t>> laws;  // law → cases that it was tried on
  std::string compute;                                      // the narrower type that it declares to compute in
  std::vector<std::string> notes, warnings;
  std::vector<Failure> failures;
  double seconds = 0;
  std::size_t run = 0;
};

// A kernel at every input.
struct Sweep {
  struct Worst {
    std::string input, result;  // "negative", "subnormal"
    std::optional<double> ulp;
    std::vector<Value> at;
    std::string got;
  };
  struct Binade {
    std::string from;
    std::uint64_t results = 0, over_half = 0, over_one = 0;
    double max_ulp = 0;
  };
  Kernel kernel;  // as one that was checked: verdict, failures, largest error
  std::string version, isa, sweeps, hash;  // sweeps: "all 2^32 inputs"
  bool complete = false;
  std::uint64_t failing = 0, inputs = 0, finite = 0, rounded = 0, special = 0, outside = 0, escalated = 0, by_budget = 0, not_monotone = 0;
  std::vector<std::pair<std::string, std::uint64_t>> over;  // "0.5" → results with a larger error
  std::vector<Worst> worst;
  std::vector<Binade> binades;
  double seconds = 0, inputs_per_second = 0;
  std::size_t run = 0;
};

// A kernel in one benchmark.  What it holds is absent where nothing was timed, or an older karat wrote it.
struct Timing {
  struct Machine {  // what was measured beside it
    double copy_gb_per_s = 0, copy_nontemporal_gb_per_s = 0, read_gb_per_s = 0, gflop_per_s = 0;
    bool operator==(const Machine&) const = default;
  };
  struct Limit {
    std::string by;  // "memory", "arithmetic"
    std::optional<double> seconds, share;
  };
  struct Slower {  // a kernel that took significantly longer in the same benchmark
    std::string plugin, kernel;
    std::optional<double> times, p;
  };
  std::string plugin, op, kernel, dtype;
  std::string size, call, cache;  // call: where the size is "call"; cache: "warm", "cold", or empty
  std::vector<std::int64_t> shape;
  std::uint64_t elements = 0, bytes = 0, read = 0, written = 0, threads = 0, repetitions = 0;
  bool verified = false;
  std::string reason;  // why there is no time
  std::optional<double> min_seconds, median_seconds, max_seconds, spread;
  std::vector<double> by_repetition;
  std::optional<double> ns_per_element, gb_per_s, gflop_per_s, flops, copy_seconds, ratio_to_copy;
  std::optional<double> max_ulp;
  std::optional<Machine> machine;
  std::optional<Limit> limit;
  std::vector<Slower> faster_than;
  std::size_t run = 0;
};

struct Totals {
  std::uint64_t passed = 0, failed = 0, skipped = 0, errors = 0;
  std::uint64_t all() const { return passed + failed + skipped + errors; }
  void add(Verdict);
};

struct Records {
  std::vector<Run> runs;
  std::vector<Plugin> plugins;
  std::vector<Kernel> kernels;
  std::vector<Sweep> sweeps;
  std::vector<Timing> timings;
  std::uint64_t unknown_types = 0, unknown_fields = 0;  // left out
  std::vector<std::string> notes;  // what a reader should know: replaced records, runs cut off …
  Totals totals() const;  // of kernels and sweeps
};

// Reads and merges the files in this order; "-" is standard input.  Throws RecordError.
Records read(std::span<const std::filesystem::path> files);

// The same for text in memory, called `name` in messages and notes.
Records parse(std::string_view text, const std::string& name);

// One `kernel` line alone, as a check prints it.  Throws RecordError with line 1.
Kernel parse_kernel(std::string_view line, const std::string& name = "record");

}  // namespace karat::reports
