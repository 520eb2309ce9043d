// SPDX-License-Identifier: MIT
// One chunk of a sweep: a kernel's results at consecutive positions, compared and judged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "properties/level.hpp"
#include "properties/sweep/partial.hpp"
#include "properties/sweep/plan.hpp"

namespace karat::properties {

class ChunkJudge {
 public:
  // `level` as level_for() gives it.  Its memory is its own: one a thread.  The comparison runs on
  // `instruction_set` if that is one of fast::instruction_sets(), else on the best.
  ChunkJudge(const SweepPlan& plan, const Level& level, const std::string& instruction_set = "");
  ~ChunkJudge();

  // Results at the chunk's positions, in order.
  Partial operator()(std::uint64_t chunk, std::span<const std::byte> got);
  // Of the chunk judged last: some result is NaN.
  bool saw_nan() const;
  // Their hash alone.
  Partial hash(std::uint64_t chunk, std::span<const std::byte> got) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace karat::properties
