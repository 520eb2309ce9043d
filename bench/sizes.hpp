// SPDX-License-Identifier: MIT
// How large the tensors of a benchmark are.
#pragma once

#include <cstddef>
#include <string>

#include "reference/numbers/format.hpp"
#include "reference/operator.hpp"

namespace karat::bench {

struct Caches {
  std::size_t l1 = 0, l2 = 0, l3 = 0;  // bytes of one core's data caches and the last level; 0: unknown
  std::size_t available = 0;           // memory that a process can still get; 0: unknown
};
Caches machine_caches();

// Bytes of all tensors of a call together: half of L1, half of L2, or four times the last-level
// cache, at most 256 MiB and a quarter of the memory that is available.
std::size_t bytes_for(const std::string& size, const Caches& caches);

// The largest usual shape whose tensors fill at most `bytes`: 1-D with one element more than a
// whole number of vectors, so that the tail is run and verified as well; (rows, 1024) for
// operators along an axis, (rows, 128) where that would leave few rows.
Shape shape_for(const Operator& op, const Format& f, std::size_t bytes);

// See size_warning().
std::string warning_for(const Caches& caches);

}  // namespace karat::bench
