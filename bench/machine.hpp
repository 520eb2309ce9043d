// SPDX-License-Identifier: MIT
// What the machine itself can do, measured beside the kernels: copies, reads and multiply-adds on the best
// instruction set that it has, in this process and not in a plugin's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace karat::bench {

enum class Transfer { copy, copy_nontemporal, read };

// So many threads that work at the same time, each on its share of so many bytes.
class Machine {
 public:
  // Throws std::system_error without the memory or the threads.
  Machine(std::size_t bytes, int threads);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Seconds of one of `repeats` transfers of all bytes: of a copy half of them are read and half written,
  // non-temporally or as usual.  `cold`: each finds nothing in the caches.  Each thread repeats its share by
  // itself; the slowest thread's middle mean counts.
  double seconds_of(Transfer transfer, std::int64_t repeats, bool cold);
  // Whether the last copy wrote what it read.
  bool copied() const;

  // Seconds of `repeats` times multiply_adds() multiply-adds on all threads together.
  double seconds_of_multiply_adds(bool f64, std::int64_t repeats);
  double multiply_adds(bool f64) const;

 private:
  struct Team;
  std::unique_ptr<Team> team_;
};

}  // namespace karat::bench
