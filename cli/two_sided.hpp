// SPDX-License-Identifier: MIT
// `karat self-check --full`: how good verdicts are, on both sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace karat::cli {

struct TwoSided {
  std::uint64_t seeds = 200;        // of the kernels that are judged without a plugin
  std::uint64_t plugin_seeds = 20;  // of the mutant plugin, and of `plain` as its control
  std::string write;                // a document whose part between markers is made anew; empty: none
  std::size_t broken = 0;           // plugins of one defect each that were caught
};

// Prints the measurement; exit code.
int two_sided(const TwoSided& options);

}  // namespace karat::cli
