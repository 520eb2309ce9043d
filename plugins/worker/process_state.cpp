// SPDX-License-Identifier: MIT
#include "plugins/worker/process_state.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>

namespace karat::worker {
namespace {

constexpr int kRestorer = 0x04000000;  // SA_RESTORER: the C library adds it to what it installs

void add(std::string& text, const std::string& part) { text += (text.empty() ? "" : "; ") + part; }

std::string name_of(int signal_number) {
  const char* name = sigabbrev_np(signal_number);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal_number);
}

std::string list_of(const cpu_set_t& cpus) {
  std::string text;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &cpus)) continue;
    std::size_t last = cpu;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &cpus)) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(cpu) + (last > cpu ? "-" + std::to_string(last) : "");
    cpu = last;
  }
  return text;
}

// 0: unknown.
std::size_t count_threads() {
  // A directory has a link from each directory in it, "." and its parent's entry; here one a thread.
  struct stat info {};
  if (stat("/proc/self/task", &info) != 0 || info.st_nlink < 3) return 0;
  return info.st_nlink - 2;
}

std::int64_t nanoseconds(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

}  // namespace

ProcessState read_process_state() {
  ProcessState state;
  for (int s = 1; s < static_cast<int>(state.handlers.size()); ++s) {
    struct sigaction action {};
    if (sigaction(s, nullptr, &action) != 0) continue;  // the C library keeps some to itself
    const bool takes_info = (action.sa_flags & SA_SIGINFO) != 0;
    state.handlers[static_cast<std::size_t>(s)] = {
        takes_info ? reinterpret_cast<std::uintptr_t>(action.sa_sigaction) : reinterpret_cast<std::uintptr_t>(action.sa_handler),
        action.sa_flags & ~kRestorer};
  }
  if (sched_getaffinity(0, sizeof state.cpus, &state.cpus) != 0) CPU_ZERO(&state.cpus);
  return state;
}

std::string describe_process_change(const ProcessState& before, const ProcessState& after) {
  std::string text, names;
  for (std::size_t s = 1; s < before.handlers.size(); ++s)
    if (!(before.handlers[s] == after.handlers[s])) names += (names.empty() ? "" : ", ") + name_of(static_cast<int>(s));
  if (!names.empty()) add(text, "changes the handling of " + names + " and leaves it so: restore what sigaction() returned before run() returns");
  if (!CPU_EQUAL(&before.cpus, &after.cpus))
    add(text, "changes the CPUs that the calling thread may run on from " + list_of(before.cpus) + " to " + list_of(after.cpus) +
                  " and leaves it so: everything that follows runs there; bind threads of your own, or restore what sched_getaffinity() returned");
  return text;
}

std::string ThreadWatch::after_call(int kernel, int threads) {
  const std::size_t now = count_threads();
  if (now == 0) return {};
  if (kernel != kernel_) {
    kernel_ = kernel;
    first_ = most_ = now;  // what its first call starts is a pool
    rises_ = 0;
    largest_ = threads;
    return {};
  }
  largest_ = std::max(largest_, threads);
  if (now <= most_) return {};
  most_ = now;
  ++rises_;
  // Two pools (OpenMP's and another) that start their threads one by one.
  const int pools = 2 * std::max(static_cast<int>(std::thread::hardware_concurrency()), largest_) + 8;
  if (rises_ <= pools) return {};
  return "leaves threads behind: " + std::to_string(rises_) + " calls each ended with more threads than any call before, " +
         std::to_string(now) + " now, " + std::to_string(first_) + " after its first call; join or park them before run() returns";
}

std::string clock_fault() {
  // The kernel's own time must lie between two readings; a preemption in between does no harm.
  timespec first, own, last;
  clock_gettime(CLOCK_MONOTONIC, &first);
  if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &own) != 0) return {};
  clock_gettime(CLOCK_MONOTONIC, &last);
  constexpr std::int64_t slack = 1'000'000;
  const std::int64_t early = nanoseconds(own) - nanoseconds(last), late = nanoseconds(first) - nanoseconds(own);
  if (early <= slack && late <= slack) return {};
  return "changes the clock: clock_gettime(CLOCK_MONOTONIC) is " + std::to_string(std::max(early, late) / 1000) + " µs " +
         (early > late ? "behind" : "ahead of") + " the kernel's time; leave the C library as it is";
}

}  // namespace karat::worker
