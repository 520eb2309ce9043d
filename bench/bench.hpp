// SPDX-License-Identifier: MIT
// How fast a kernel is, and that what was timed is right: each time stands beside a copy of
// the same bytes measured in the same run, and a kernel whose timed outputs do not conform
// has no time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "properties/level.hpp"

namespace karat::bench {

struct BenchOptions {
  std::string op = "*", kernel = "*";  // patterns, as --op and --kernel
  std::vector<std::string> dtypes;     // none: all
  std::vector<std::string> sizes;      // of size_names(); none: all
  std::string call;                    // of operators on tensors of any shapes: call_from() of workload.hpp
  std::vector<int> threads;            // 0: as many as the machine has; none: {1, 0}
  // Asked of each row that the above let through.
  std::function<bool(const host::KernelRow&)> takes = [](const host::KernelRow&) { return true; };
  std::optional<properties::Level> level;  // nullopt: default_level; a claim may ask for more
  double min_seconds = 0.1;                // of the kernel's calls in one benchmark, all repetitions together
  int repetitions = 5;                     // at least 5
  std::uint64_t seed = 1;
  // Asked between benchmarks and between repetitions; true ends the run with what it has.
  std::function<bool()> stop = [] { return false; };
  // Called before each benchmark: what, done, all.
  std::function<void(const std::string&, std::size_t, std::size_t)> progress =
      [](const std::string&, std::size_t, std::size_t) {};
};

// One benchmark, as docs/records.md has it.  Times are those of one call: each repetition
// gives the mean of its calls, and these are the repetitions' least, median and greatest.
struct Timing {
  std::string plugin, op, kernel, dtype;
  std::string size;                 // "L1", "L2", "DRAM", or "call"
  std::string call;                 // its text
  std::vector<std::int64_t> shape;  // of the first input
  std::uint64_t bytes = 0;          // read and written by one call
  int threads = 1, repetitions = 0;
  bool verified = false;  // every output that was timed conforms; otherwise there is no time
  std::string reason;     // why not
  double min_seconds = 0, median_seconds = 0, max_seconds = 0;
  double ns_per_element = 0, gb_per_s = 0;  // from the median; 1 GB is 10^9 bytes
  double copy_seconds = 0, ratio_to_copy = 0;
  double max_ulp = 0;  // of the timed outputs
};

// "L1", "L2", "DRAM"
std::span<const std::string> size_names();

// What a reader of the figures should know of this machine's sizes, or empty: that DRAM's
// tensors are smaller than four times the last-level cache.
std::string size_warning();

// Benchmarks the rows that the options take, at each size and thread count.  `plugin` is the
// name used in records.  Each timing goes to `sink` as soon as it is there.  Throws
// std::invalid_argument for an unknown size, dtype or a negative thread count.
// Google Benchmark keeps its state in globals: not for two threads at once.
std::vector<Timing> run(host::Worker& worker, const std::string& plugin, const BenchOptions& options,
                        const std::function<void(const Timing&)>& sink = {});

// One line of a record, without the line feed.
std::string timing_json(const Timing& timing);

// For the console: a line a kernel and thread count, sorted by operator so that back ends stand
// side by side, sizes across (one table a size where `width` columns do not suffice).  Kernels
// without a time say why below.
std::string table(const std::vector<Timing>& timings, int width);

}  // namespace karat::bench
