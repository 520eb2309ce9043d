// SPDX-License-Identifier: MIT
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <exception>
#include <limits>

namespace karat::bench {
namespace {

constexpr const char* copy_counter = "copy";

// Keeps what the console reporter would print, and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  explicit Collector(Measurement& m) : measurement_(m) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        measurement_.error = run.error_message;
      } else if (run.run_type == Run::RT_Iteration && run.iterations > 0) {
        measurement_.seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
        measurement_.copy_seconds.push_back(run.counters.at(copy_counter).value);
      }
    }
  }

 private:
  Measurement& measurement_;
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

Measurement measure(const std::string& name, int repetitions, double min_seconds,
                    const std::function<Repetition(std::int64_t calls)>& repeat) {
  initialize_once();
  Measurement measurement;
  std::exception_ptr thrown;
  std::string failure;  // of a repetition: the others are not tried
  const auto one = [&](benchmark::State& state) {
    Repetition repetition;
    if (failure.empty()) {
      try {
        repetition = repeat(state.max_iterations);
        failure = repetition.error;
      } catch (...) {
        thrown = std::current_exception();
        failure = "exception";
      }
    }
    if (!failure.empty()) state.SkipWithError(failure.c_str());
    // Entered in any case, and left at once after SkipWithError: a repetition that never began
    // has no iterations, and the library's statistics abort where their numbers differ.
    for (auto _ : state) state.SetIterationTime(repetition.seconds);
    state.counters[copy_counter] = repetition.copy_seconds;
  };
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark(name.c_str(), one)
      ->UseManualTime()
      ->MinTime(min_seconds)
      ->Repetitions(repetitions);
  Collector collector(measurement);
  benchmark::RunSpecifiedBenchmarks(&collector, ".");
  benchmark::ClearRegisteredBenchmarks();
  if (thrown) std::rethrow_exception(thrown);
  if (!measurement.error.empty()) {
    measurement.seconds.clear();
    measurement.copy_seconds.clear();
  } else if (measurement.seconds.empty()) {
    measurement.error = "Google Benchmark did not run " + name;
  }
  return measurement;
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace karat::bench
