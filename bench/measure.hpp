// SPDX-License-Identifier: MIT
// The only door to Google Benchmark: it chooses how many calls a repetition makes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace karat::bench {

// One repetition: `calls` calls of the kernel, then a number of copies.
struct Repetition {
  double seconds = 0;       // mean of one call
  double copy_seconds = 0;  // mean of one copy
  std::string error;        // if it has none
};

struct Measurement {
  std::vector<double> seconds, copy_seconds;  // by repetition
  std::string error;                          // then the above are empty
};

// `repeat(calls)` is asked until its calls take `min_seconds` in sum, and then for
// `repetitions - 1` more of as many calls.  An exception that it throws passes through.
Measurement measure(const std::string& name, int repetitions, double min_seconds,
                    const std::function<Repetition(std::int64_t calls)>& repeat);

double median(std::vector<double> values);  // NaN of none

}  // namespace karat::bench
