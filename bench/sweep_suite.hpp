// SPDX-License-Identifier: MIT
// How long a sweep takes, beside what else could be done with the same inputs in the same run: the
// C library's exp on each, a copy through memory, MPFR.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace karat::bench {

struct SweepFigure {
  std::string what, against;
  std::vector<double> seconds, baseline;  // of each run: of all inputs; of MPFR, of one, in seconds of one core
  std::vector<double> ratios() const;     // seconds ÷ baseline, run by run
};

struct SweepSuite {
  std::string plugin, isa;
  int threads = 1;
  std::uint64_t inputs = 0;      // of one sweep
  std::vector<SweepFigure> figures;
  double escalated = 0;          // largest share of inputs that one of the sweeps gave to the enclosure
  double peak_mib = 0;           // of this process and its workers
  bool all_pass = true, stopped = false;
  std::vector<std::string> missing;  // operators that the back end has not
};

struct SweepSuiteOptions {
  int threads = 1, runs = 3;
  std::uint64_t part = 1;  // one part in so many of the inputs
  std::string isa;
  std::function<bool()> stop = [] { return false; };
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

// The f32 kernels of sigmoid, tanh, softplus, relu and leaky_relu.  Throws host::LoadError.
SweepSuite time_sweeps(const std::filesystem::path& file, const std::string& plugin, const SweepSuiteOptions& options);

// One line of a record, without the line feed.
std::string sweep_suite_json(const SweepSuite& suite);
std::string sweep_suite_table(const SweepSuite& suite);

}  // namespace karat::bench
