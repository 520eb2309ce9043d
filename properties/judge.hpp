// SPDX-License-Identifier: MIT
// Judges whole outputs, in parallel, each distinct (inputs, result) once.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "properties/acceptance.hpp"

namespace karat::properties {

class Judge {
 public:
  explicit Judge(Level level);
  ~Judge();
  Judge(Judge&&) noexcept;

  const Level& level() const { return level_; }

  // One judgement an output element.
  std::vector<Judgement> operator()(const Question& question, std::span<const Bits> got);

 private:
  struct Memory;
  Level level_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace karat::properties
