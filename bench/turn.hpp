// SPDX-License-Identifier: MIT
// One kernel's turn: fresh tensors, calls that are timed, outputs that are verified.
#pragma once

#include <cstdint>
#include <string>

#include "bench/clock.hpp"
#include "bench/measure.hpp"
#include "bench/verify.hpp"

namespace karat::bench {

// An element's bits before a call: a quiet NaN with a payload that no computation gives by itself.
Bits poison(const Format& f);

class Entrant {
 public:
  Entrant(host::Worker& worker, const host::KernelRow& row, int threads, bool cold) : worker_(worker), row_(row), threads_(threads), cold_(cold) {}

  // `calls` calls on the workload's values, at addresses that `seed` chooses.
  Repetition turn(const Workload& workload, Verifier& verifier, std::int64_t calls, std::uint64_t seed);

  bool costly() const { return costly_; }  // it took long to fail: not to be tried again
  const ClockCheck& clock() const { return clock_; }

 private:
  // The middle mean of so many calls; sets `error`.
  double seconds_of(std::int64_t calls, double apart, std::string& error);

  host::Worker& worker_;
  const host::KernelRow& row_;
  int threads_;
  bool cold_, costly_ = false;
  double last_ = 0;  // seconds of a call
  Bits poison_ = 0;
  ClockCheck clock_;
};

}  // namespace karat::bench
