// SPDX-License-Identifier: MIT
// Work in parallel, with the hand-over and the join said in our own code: a tool that does not
// see into libtbb (ThreadSanitizer with a distribution's build) sees both.
#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <cstddef>

namespace karat::properties {

// body(begin, end) for pieces of [first, last) of about `grain` each.
template <class Body>
void parallel_ranges(std::size_t first, std::size_t last, std::size_t grain, const Body& body) {
  std::atomic<int> begun{0}, finished{0};
  begun.store(1, std::memory_order_release);
  tbb::parallel_for(tbb::blocked_range<std::size_t>(first, last, grain), [&](const auto& range) {
    begun.load(std::memory_order_acquire);
    body(range.begin(), range.end());
    finished.fetch_add(1, std::memory_order_release);
  });
  finished.load(std::memory_order_acquire);
}

}  // namespace karat::properties
