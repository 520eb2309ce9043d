// SPDX-License-Identifier: MIT
#include "kernels/blocks.hpp"

#include <tbb/blocked_range.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>

namespace karat::kernels {

void for_each_part(std::int64_t count, std::int64_t grain, int threads,
                   const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  const std::int64_t parts = (count - 1) / grain + 1;
  const auto part = [&](std::int64_t i) { body(i * grain, std::min(count, (i + 1) * grain)); };
  // TBB has no more threads than this, and writes a warning to stderr when asked for more.
  threads = std::min(threads, tbb::info::default_concurrency());
  if (threads <= 1 || parts == 1) {
    for (std::int64_t i = 0; i < parts; ++i) part(i);
    return;
  }
  // Says in our own code what libtbb's hand-over and join say already.  A tool that does not see
  // into libtbb needs it; it costs one increment a part.
  std::atomic<std::int64_t> begun{0}, finished{0};
  begun.store(1, std::memory_order_release);
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::int64_t>(0, parts, 1),
        [&](const tbb::blocked_range<std::int64_t>& range) {
          begun.load(std::memory_order_acquire);
          for (std::int64_t i = range.begin(); i < range.end(); ++i) part(i);
          finished.fetch_add(1, std::memory_order_release);
        },
        tbb::simple_partitioner());
  });
  finished.load(std::memory_order_acquire);
}

}  // namespace karat::kernels
