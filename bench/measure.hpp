// SPDX-License-Identifier: MIT
// The only door to Google Benchmark: it chooses how many calls a repetition makes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace karat::bench {

// One repetition of a subject's: `calls` calls.
struct Repetition {
  double seconds = 0;  // of one call
  std::string error;   // if it has none
};

struct Subject {
  std::string name;
  std::function<Repetition(std::int64_t calls)> repeat;
};

struct Measurement {
  std::vector<double> seconds;  // by repetition
  std::string error;            // then there are none
};

// The subjects take turns, A B C A B C …, a repetition a turn: in the first round each is asked until its
// calls take `min_seconds`, in the others for as many calls.  One that fails is not asked again.
// `before_round(r)` is called before each, r from 0.  An exception passes through.
std::vector<Measurement> measure(const std::vector<Subject>& subjects, int rounds, double min_seconds,
                                 const std::function<void(int round)>& before_round = [](int) {});

}  // namespace karat::bench
