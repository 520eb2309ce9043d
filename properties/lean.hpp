// SPDX-License-Identifier: MIT
// Whether errors lean to one side over a whole tensor, where each of them is within its budget: what no
// single element shows (results cut off instead of rounded, a scale of 1 + 10⁻⁶, an ε in the wrong place).
// A warning, never a verdict.  Rows are the sample: within a row errors share sums.
//
//   t_j = mean over row j of (got − y)·sign(y)/allowed;   S = Σ t / √Σ t²
//
// For right kernels with symmetric and independent rows, P(|S| > 5.5) ≤ 2·exp(−5.5²/2) = 5.4·10⁻⁷ (Hoeffding).
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "properties/level.hpp"
#include "reference/operator.hpp"

namespace karat::properties {

struct Lean {
  std::size_t rows = 0;
  double s = 0, mean = 0;  // of t
  bool alarming() const { return rows >= 31 && !(std::abs(s) <= 5.5) && !(std::abs(mean) <= 0.1); }
  std::string text() const;
};

// Of the rows' means.
Lean lean_of(const std::vector<double>& t);

// Runs the kernel on rows of distinct usual values.  nullopt where there is nothing to look at: the kernel
// declines or fails, nothing rounds, or the level goes by no budget.
std::optional<Lean> lean_of(host::Worker& worker, const host::KernelRow& kernel, const Operator& op, const Format& f, const Level& level,
                            std::uint64_t seed);

}  // namespace karat::properties
