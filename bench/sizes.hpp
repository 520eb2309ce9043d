// SPDX-License-Identifier: MIT
// How large the tensors of a benchmark are.
#pragma once

#include <cstddef>
#include <string>

#include "bench/call.hpp"
#include "reference/numbers/format.hpp"
#include "reference/operator.hpp"

namespace karat::bench {

struct Caches {
  std::size_t l1 = 0, l2 = 0, l3 = 0;  // bytes of one core's data caches and the last level; 0: unknown
  std::size_t available = 0;           // memory that a process can still get; 0: unknown
};
Caches machine_caches();

// Bytes of all tensors of a call together: none asked for (the smallest call), half of L1, half of L2, or four
// times the last-level cache, at most 256 MiB and a quarter of the memory that is available.
std::size_t bytes_for(const std::string& size, const Caches& caches);

// The largest usual shapes whose tensors fill at most `bytes`: 1-D with one element more than a
// whole number of vectors, so that the tail is run and verified as well; (rows, 1024) along an axis,
// (rows, 128) where that would leave few rows; for operators on tensors of any shapes the row's first example
// that has elements, grown evenly in every extent that makes no output smaller, so that kernels and windows
// stay as they are.  No bytes: 16 elements, a row of 16, the example as it stands.  Throws Refused if there is no
// example to grow.
CallShapes shapes_for(const Operator& op, const Format& f, std::size_t bytes);

// See size_warning().
std::string warning_for(const Caches& caches);

}  // namespace karat::bench
