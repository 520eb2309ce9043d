// SPDX-License-Identifier: MIT
#include "plugins/worker/calls.hpp"

#include <cxxabi.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>

#include "plugins/worker/faults.hpp"
#include "plugins/worker/flush.hpp"
#include "plugins/worker/fp_environment.hpp"
#include "plugins/worker/loaded_plugin.hpp"
#include "plugins/worker/process_state.hpp"

namespace karat::worker {
namespace {

constexpr std::size_t kTextBytes = 1024;

void set_phase(wire::StatusPage& page, wire::Phase phase) {
  page.phase.store(static_cast<std::uint32_t>(phase), std::memory_order_relaxed);
}

class Stopwatch {
 public:
  Stopwatch() { clock_gettime(CLOCK_MONOTONIC, &start_); }
  double seconds() const {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec - start_.tv_sec) +
           static_cast<double>(now.tv_nsec - start_.tv_nsec) * 1e-9;
  }
  // What an empty measurement says, at least.
  static double own_seconds() {
    static const double least = [] {
      double seconds = 1;
      for (int i = 0; i < 1000; ++i) seconds = std::min(seconds, std::max(0.0, Stopwatch().seconds()));
      return seconds;
    }();
    return least;
  }

 private:
  timespec start_;
};

// Every tensor of the call, as it lies in memory.
void flush_tensors(const MappedCall& call) {
  for (const auto& tensor : call.tensors()) flush_from_caches(tensor.data, tensor.bytes);
}

// In-out storage as it was before the first repetition.
class Snapshot {
 public:
  explicit Snapshot(const MappedCall& call) {
    for (const auto& tensor : call.tensors())
      if (tensor.restored) parts_.push_back({tensor.data, {tensor.data, tensor.data + tensor.bytes}});
  }
  void restore() const {
    for (const auto& part : parts_)
      if (!part.bytes.empty()) std::memcpy(part.data, part.bytes.data(), part.bytes.size());
  }

 private:
  struct Part {
    std::byte* data;
    std::vector<std::byte> bytes;
  };
  std::vector<Part> parts_;
};

void ask_kernel(const karat_kernel& kernel, MappedCall& call, wire::StatusPage& page, Result& result) {
  if (kernel.supports == nullptr) return;
  reset_fp_control();
  set_phase(page, wire::Phase::supports);
  const char* reason = nullptr;
  if (kernel.supports(&kernel, call.without_data(), &reason) == 0) {
    result.answer = wire::Answer::declined;
    result.detail = reason == nullptr ? "supports() gives no reason" : bounded(reason, kTextBytes);
  }
}

void run_kernel(const karat_kernel& kernel, MappedCall& call, const Repeats& repeats, std::size_t memory_limit,
                wire::StatusPage& page, Result& result) {
  ask_kernel(kernel, call, page, result);
  if (result.answer != wire::Answer::ok) return;

  std::size_t scratch = 0;
  call.set_scratch(0);
  if (kernel.scratch_bytes != nullptr) {
    set_phase(page, wire::Phase::scratch);
    scratch = kernel.scratch_bytes(&kernel, call.with_data());
  }
  if (scratch > memory_limit) {
    result.answer = wire::Answer::out_of_memory;
    result.detail = "asks for " + std::to_string(scratch) + " bytes of scratch, the limit is " +
                    std::to_string(memory_limit);
    return;
  }
  try {
    call.set_scratch(scratch);
  } catch (const std::system_error& error) {
    result.answer = wire::Answer::out_of_memory;
    result.detail = error.what();
    return;
  }

  std::unique_ptr<Snapshot> snapshot;
  if (repeats.count > 1) snapshot = std::make_unique<Snapshot>(call);
  result.seconds.reserve(static_cast<std::size_t>(repeats.count));
  const double own = Stopwatch::own_seconds();
  for (int i = 0; i < repeats.count; ++i) {
    if (i > 0) snapshot->restore();
    if (repeats.cold) flush_tensors(call);
    const FpControl before = reset_fp_control();
    set_phase(page, wire::Phase::run);
    const Stopwatch watch;
    const std::int32_t code = kernel.run(&kernel, call.with_data());
    const double seconds = std::max(0.0, watch.seconds() - own);  // whether the clock can be trusted is asked later
    const FpControl after = read_fp_control();
    if (!(after == before)) {
      reset_fp_control();
      if (result.fp_change.empty()) result.fp_change = describe_fp_change(before, after);
    }
    if (code == KARAT_OUT_OF_MEMORY) {
      result.answer = wire::Answer::out_of_memory;
      result.detail = "run() returned KARAT_OUT_OF_MEMORY";
      return;
    }
    if (code != KARAT_OK) {
      result.answer = wire::Answer::failed;
      result.detail = code == KARAT_FAILED
                          ? "run() returned KARAT_FAILED"
                          : "run() returned " + std::to_string(code) + ", expected KARAT_OK (0)";
      return;
    }
    result.seconds.push_back(seconds);
    page.progress.fetch_add(1, std::memory_order_relaxed);
  }
}

// Runs `work` with the plugin's exceptions turned into results.
template <typename F>
Result guarded(const MappedCall& call, wire::StatusPage& page, F&& work) {
  static ThreadWatch threads;
  Result result;
  reinstate_fault_handlers();
  const ProcessState before = read_process_state();
  const auto fail = [&](wire::Answer answer, std::string detail) {
    result.answer = answer;
    result.detail = std::move(detail);
  };
  try {
    work(result);
  } catch (const std::bad_alloc&) {
    fail(wire::Answer::out_of_memory, "threw std::bad_alloc");
  } catch (const std::exception& error) {
    fail(wire::Answer::failed, "threw an exception: " + bounded(error.what(), kTextBytes));
  } catch (const abi::__forced_unwind&) {
    throw;  // pthread_exit: whoever swallows it is aborted
  } catch (...) {
    fail(wire::Answer::failed, "threw something that is no std::exception");
  }
  reset_fp_control();
  set_phase(page, wire::Phase::idle);
  result.process_change = describe_process_change(before, read_process_state());
  for (const std::string& part : {threads.after_call(call.kernel(), call.threads()), clock_fault()})
    if (!part.empty()) result.process_change += (result.process_change.empty() ? "" : "; ") + part;
  return result;
}

}  // namespace

Result ask(const karat_kernel& kernel, MappedCall& call, wire::StatusPage& page) {
  return guarded(call, page, [&](Result& result) { ask_kernel(kernel, call, page, result); });
}

Result run(const karat_kernel& kernel, MappedCall& call, const Repeats& repeats, std::size_t memory_limit,
           wire::StatusPage& page) {
  return guarded(call, page, [&](Result& result) { run_kernel(kernel, call, repeats, memory_limit, page, result); });
}

}  // namespace karat::worker
