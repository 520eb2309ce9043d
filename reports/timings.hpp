// SPDX-License-Identifier: MIT
// What the formats share of timings: what stands together, and a few sentences.
#pragma once

#include <string>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

// What took turns: operator, dtype, size or call, state of the caches and threads; back ends within.
std::vector<std::vector<const Timing*>> timing_groups(const std::vector<Timing>& all);

std::string timing_kernel(const Timing&);  // "native exact"
std::string timing_place(const Timing&);   // "L1, 2048, 16 KiB, warm, 1 thread"
// "copy 98.1 GB/s, non-temporal 20.1, read 180, multiply-adds 61.2 GFLOP/s"; empty if nothing was measured.
std::string machine_text(const std::vector<const Timing*>& group);
std::optional<double> flop_rate(const Timing&);  // in GFLOP/s; nothing where there are only comparisons
std::string limit_text(const Timing&);   // "91 % memory"
std::string faster_text(const Timing&);  // "than libm scalar (3.10 times, p = 0.0006), than …"
std::string slower_kernel(const Timing&, const Timing::Slower&);  // "libm scalar"
std::string slower_by(const Timing::Slower&);                     // "3.10 times, p = 0.0006"

// What timings say in all: of everything, or of one back end.
struct TimingTotals {
  std::uint64_t kernels = 0;     // that have a time
  std::uint64_t benchmarks = 0;  // what took turns counts once
  std::uint64_t untimed = 0;     // kernels without any time: their outputs did not conform, or they declined
  std::uint64_t shared = 0;      // of one back end: benchmarks in which another one has a time too
  std::uint64_t fastest = 0;     // of those: its best kernel is significantly faster than all of the others
};
TimingTotals timing_totals(const std::vector<Timing>&);
TimingTotals timing_totals(const std::vector<Timing>&, const std::string& plugin);
// "12 kernels timed in 30 benchmarks, faster than every other back end in 7 of 9; 2 not timed"
std::string timing_sentence(const TimingTotals&);

}  // namespace karat::reports
