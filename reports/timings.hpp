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
std::string limit_text(const Timing&);   // "91 % memory"
std::string faster_text(const Timing&);  // "3.10 times than libm scalar (p = 0.0006)"

}  // namespace karat::reports
