// SPDX-License-Identifier: MIT
// How long a check takes: a whole back end judged at default settings, as `karat check` does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"

namespace karat::bench {

struct CheckTiming {
  std::string plugin;
  std::int64_t kernels = 0, passed = 0, failed = 0, skipped = 0, errors = 0;  // of one run
  std::int64_t calls = 0, elements = 0;                                        // cases and results judged in one run
  std::vector<double> seconds;                                                 // by run
  bool stopped = false;                                                        // before its end: then there are no seconds
};

// Judges the rows that `takes` lets through, `runs` times over, each time in a worker of its own.  Throws
// host::LoadError.
CheckTiming time_check(const std::filesystem::path& file, const std::string& plugin, int runs, std::uint64_t seed,
                       const std::function<bool(const host::KernelRow&)>& takes, const std::function<bool()>& stop,
                       const std::function<void(const std::string&)>& progress);

// One line of a record, without the line feed.
std::string check_timing_json(const CheckTiming& timing);

// For the console: a line a back end.
std::string check_table(const std::vector<CheckTiming>& timings);

}  // namespace karat::bench
