// SPDX-License-Identifier: MIT
// The shortest time that a call could take on this machine: S. Williams, A. Waterman, D. Patterson,
// "Roofline", CACM 52, 2009, with reading and writing at speeds of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace karat::bench {

// Of the threads together, on as many bytes as the call's, as warm or cold as it.  1 GB is 10^9 bytes, of a copy
// those that are read and those that are written.
struct MachineFigures {
  double copy_gb_per_s = 0, copy_nontemporal_gb_per_s = 0, read_gb_per_s = 0;
  double gflop_per_s = 0;  // of multiply-adds in the dtype's usual arithmetic, two operations each
  bool known() const { return copy_gb_per_s > 0 && copy_nontemporal_gb_per_s > 0 && read_gb_per_s > 0 && gflop_per_s > 0; }
};

struct Limit {
  double seconds = 0;
  std::string binds;  // "memory" or "arithmetic"
};

// A read byte takes what it takes a reader, a written one what is left of the better copy; arithmetic goes on
// beside.  nullopt: the figures are not known.
std::optional<Limit> limit_of(std::uint64_t read, std::uint64_t written, std::optional<double> flops, const MachineFigures& machine);

}  // namespace karat::bench
