// SPDX-License-Identifier: MIT
// What a call must leave in its process as it was: signal handlers, the CPUs that the thread may
// run on, the number of threads, the clock.
#pragma once

#include <sched.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace karat::worker {

struct Handler {
  std::uintptr_t function = 0;
  int flags = 0;
  bool operator==(const Handler&) const = default;
};

struct ProcessState {
  std::array<Handler, 65> handlers{};  // by signal number
  cpu_set_t cpus{};                    // of the calling thread; empty if the system does not tell
};

// One system call a signal and one for the CPUs.
ProcessState read_process_state();

// "leaves a handler for SIGUSR1 behind; …"; empty if nothing differs.
std::string describe_process_change(const ProcessState& before, const ProcessState& after);

// Sees threads that pile up call after call.  A pool grows to its size and stays there; so calls
// count that end with more threads than any before, and there may be as many of them as a pool
// has threads.
class ThreadWatch {
 public:
  // After each call: its kernel, and how many threads it may use.  The sentence once it is too much, else empty.
  std::string after_call(int kernel, int threads);

 private:
  std::size_t most_ = 0;
  std::size_t first_ = 0;  // threads before the kernel's first call
  int kernel_ = -1, rises_ = 0, largest_ = 0;
};

// Whether the clock that calls are timed with still tells the kernel's time.  Empty, or how far it is off.
std::string clock_fault();

}  // namespace karat::worker
