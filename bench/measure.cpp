// SPDX-License-Identifier: MIT
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

namespace karat::bench {
namespace {

// Keeps what the console reporter would print, and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  struct Result {
    double seconds = 0;
    std::int64_t calls = 0;
    std::string error;
  };
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred)
        results_[run.run_name.function_name].error = run.error_message;
      else if (run.run_type == Run::RT_Iteration && run.iterations > 0)
        results_[run.run_name.function_name] = {run.real_accumulated_time / static_cast<double>(run.iterations), run.iterations, {}};
    }
  }
  std::map<std::string, Result> results_;
};

// Whatever BENCHMARK_… variables are set: nothing is printed, listed or written to a file.
void initialize_once() {
  static const bool done = [] {
    char program[] = "karat", out[] = "--benchmark_out=", list[] = "--benchmark_list_tests=false",
         interleaving[] = "--benchmark_enable_random_interleaving=false";
    char* arguments[] = {program, out, list, interleaving, nullptr};
    int count = 4;
    benchmark::Initialize(&count, arguments);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

std::vector<Measurement> measure(const std::vector<Subject>& subjects, int rounds, double min_seconds, const std::function<void(int round)>& before_round) {
  initialize_once();
  std::vector<Measurement> measured(subjects.size());
  std::vector<std::int64_t> calls(subjects.size(), 0);
  std::exception_ptr thrown;
  for (int round = 0; round < rounds; ++round) {
    before_round(round);
    std::vector<std::string> failures(subjects.size());  // Google Benchmark would ask once more
    const auto one = [&](std::size_t s, benchmark::State& state) {
      Repetition repetition;
      if (thrown) repetition.error = "exception";
      if (!failures[s].empty()) repetition.error = failures[s];
      if (repetition.error.empty()) {
        try {
          repetition = subjects[s].repeat(state.max_iterations);
        } catch (...) {
          thrown = std::current_exception();
          repetition.error = "exception";
        }
      }
      failures[s] = repetition.error;
      if (!repetition.error.empty()) state.SkipWithError(repetition.error.c_str());
      // Entered in any case, and left at once after SkipWithError: a repetition that never began
      // has no iterations, and the library's statistics abort where their numbers differ.
      for (auto _ : state) state.SetIterationTime(repetition.seconds);
    };
    if (std::all_of(measured.begin(), measured.end(), [](const Measurement& m) { return !m.error.empty(); })) break;
    benchmark::ClearRegisteredBenchmarks();
    for (std::size_t s = 0; s < subjects.size(); ++s) {
      if (!measured[s].error.empty()) continue;
      auto* const benchmark = benchmark::RegisterBenchmark(std::to_string(s).c_str(), [&one, s](benchmark::State& state) { one(s, state); });
      benchmark->UseManualTime()->Repetitions(1);
      if (calls[s] > 0)
        benchmark->Iterations(calls[s]);
      else
        benchmark->MinTime(min_seconds);
    }
    Collector collector;
    benchmark::RunSpecifiedBenchmarks(&collector, ".");
    benchmark::ClearRegisteredBenchmarks();
    if (thrown) std::rethrow_exception(thrown);
    for (std::size_t s = 0; s < subjects.size(); ++s) {
      Measurement& m = measured[s];
      if (!m.error.empty()) continue;
      const auto result = collector.results_.find(std::to_string(s));
      if (result == collector.results_.end())
        m.error = "Google Benchmark did not run " + subjects[s].name;
      else if (!result->second.error.empty())
        m.error = result->second.error;
      else
        m.seconds.push_back(result->second.seconds), calls[s] = result->second.calls;
      if (!m.error.empty()) m.seconds.clear();
    }
  }
  return measured;
}

}  // namespace karat::bench
