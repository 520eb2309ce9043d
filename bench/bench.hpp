// SPDX-License-Identifier: MIT
// How fast a kernel is, and that what was timed is right: kernels of the same operator, dtype and shapes take turns,
// copies and the machine's arithmetic among them, and a kernel whose timed outputs do not conform has no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/call.hpp"
#include "bench/roofline.hpp"
#include "plugins/host/host.hpp"
#include "properties/level.hpp"

namespace karat::bench {

struct BackEnd {
  host::Worker* worker = nullptr;
  std::string name;  // used in records
};

struct BenchOptions {
  std::string op = "*", kernel = "*";  // patterns, as --op and --kernel
  std::vector<std::string> dtypes;     // none: all
  std::vector<std::string> sizes;      // of size_names(); none: all
  std::vector<Call> calls;             // instead of sizes
  std::vector<int> threads;            // 0: as many as the machine has; none: {1, 0}
  std::vector<std::string> caches;     // "warm", "cold"; none: both
  // Asked of each row that the above let through.
  std::function<bool(const host::KernelRow&)> takes = [](const host::KernelRow&) { return true; };
  std::optional<properties::Level> level;  // nullopt: default_level; a claim may ask for more
  double min_seconds = 0.1;                // of a kernel's calls in one benchmark, all repetitions together
  int repetitions = 7;                     // at least 5
  std::uint64_t seed = 1;
  // Asked between benchmarks and between repetitions; true ends the run with what it has.
  std::function<bool()> stop = [] { return false; };
  // Called before each benchmark of kernels that take turns: what, done, all.
  std::function<void(const std::string&, std::size_t, std::size_t)> progress =
      [](const std::string&, std::size_t, std::size_t) {};
};

// Another kernel of the same benchmark that takes significantly longer.
struct Slower {
  std::string plugin, kernel;
  double times = 0;  // its median over this one's
  double p = 1;      // of the test by Mann and Whitney; below `significant`
};
inline constexpr double significant = 0.01;

// One kernel in one benchmark, as docs/records.md has it.  Times are those of one call: each repetition
// gives the mean of the middle half of its calls.
struct Timing {
  std::string plugin, op, kernel, dtype;
  std::string size;                 // "small", "L1", "L2", "DRAM", or "call"
  std::string call;                 // its text
  std::string cache = "warm";       // "cold": the tensors are in no cache when a call begins
  std::vector<std::int64_t> shape;  // of the first input
  std::int64_t elements = 0;        // of the largest tensor
  std::uint64_t read = 0, written = 0;  // bytes of one call
  std::optional<double> flops;          // of one call
  int threads = 1, repetitions = 0;
  bool verified = false;  // every output that was timed conforms; otherwise there is no time
  std::string reason;     // why not
  std::vector<double> seconds;  // by repetition
  double min_seconds = 0, median_seconds = 0, max_seconds = 0;
  double spread = 0;  // half the distance of the quartiles, of the median
  double ns_per_element = 0, gb_per_s = 0;  // from the median; 1 GB is 10^9 bytes
  std::optional<double> gflop_per_s;
  // Beside it in the same run; absent for calls too small to be measured by their bytes.
  MachineFigures machine;
  std::optional<Limit> limit;
  double share_of_limit = 0;
  double copy_seconds = 0, ratio_to_copy = 0;
  double max_ulp = 0;  // of the timed outputs
  std::vector<Slower> faster_than;

  std::uint64_t bytes() const { return read + written; }
};

// "small", "L1", "L2", "DRAM"
std::span<const std::string> size_names();

// What a reader of the figures should know of this machine's sizes, or empty: that DRAM's
// tensors are smaller than four times the last-level cache.
std::string size_warning();

// Benchmarks the rows that the options take, at each size or call, thread count and state of the caches; the
// kernels of all back ends that share these take turns.  Each timing goes to `sink` as soon as it is there.
// Throws std::invalid_argument for an unknown size, dtype or cache, or a negative thread count.
// Google Benchmark keeps its state in globals: not for two threads at once.
std::vector<Timing> run(const std::vector<BackEnd>& back_ends, const BenchOptions& options,
                        const std::function<void(const Timing&)>& sink = {});

// What the times say, once they are there: figures of each by itself, and who is faster than whom.
// Machine figures that are not known are 0.
void conclude(Timing& timing, std::vector<double> seconds, const MachineFigures& machine);
void compare(std::span<Timing> of_one_benchmark);

// One line of a record, without the line feed.
std::string timing_json(const Timing& timing);

// For the console: a table an operator, dtype and call, a line a kernel, back ends side by side, and what the machine
// can do below each benchmark.  Kernels without a time say why at the end.
std::string table(const std::vector<Timing>& timings, int width);

}  // namespace karat::bench
