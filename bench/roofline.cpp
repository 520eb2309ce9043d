// SPDX-License-Identifier: MIT
#include "bench/roofline.hpp"

#include <algorithm>

namespace karat::bench {

std::optional<Limit> limit_of(std::uint64_t read, std::uint64_t written, std::optional<double> flops, const MachineFigures& machine) {
  if (!machine.known()) return std::nullopt;
  const double read_cost = 1e-9 / machine.read_gb_per_s;
  const double copy_cost = 2e-9 / std::max(machine.copy_gb_per_s, machine.copy_nontemporal_gb_per_s);  // of a byte there and back
  const double write_cost = std::max(0.0, copy_cost - read_cost);
  const double memory = static_cast<double>(read) * read_cost + static_cast<double>(written) * write_cost;
  const double arithmetic = flops.value_or(0) * 1e-9 / machine.gflop_per_s;
  return arithmetic > memory ? Limit{arithmetic, "arithmetic"} : Limit{memory, "memory"};
}

}  // namespace karat::bench
