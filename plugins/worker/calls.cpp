// SPDX-License-Identifier: MIT
#include "plugins/worker/calls.hpp"

#include <cxxabi.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include "plugins/worker/faults.hpp"
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

 private:
  timespec start_;
};

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

void run_kernel(const karat_kernel& kernel, MappedCall& call, int repeats, std::size_t memory_limit,
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
  if (repeats > 1) snapshot = std::make_unique<Snapshot>(call);
  result.seconds.reserve(static_cast<std::size_t>(repeats));
  for (int i = 0; i < repeats; ++i) {
    if (i > 0) snapshot->restore();
    const FpControl before = reset_fp_control();
    set_phase(page, wire::Phase::run);
    const Stopwatch watch;
    const std::int32_t code = kernel.run(&kernel, call.with_data());
    const double seconds = std::max(0.0, watch.seconds());  // whether the clock can be trusted is asked later
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

// One thread's share of the copy: it owns the outputs' bytes [begin, end), and writes every
// input byte that falls there when the inputs are laid over the outputs round after round.
struct Share {
  struct Piece {
    std::byte* to;
    const std::byte* from;
    std::size_t bytes;
  };
  std::vector<Piece> pieces;
  void copy() const {
    for (const Piece& piece : pieces) std::memcpy(piece.to, piece.from, piece.bytes);
  }
};

struct Run {
  std::byte* data;
  std::size_t bytes;
};

// The part of `runs`, taken as one sequence, that begins at `offset`.
Run part_at(const std::vector<Run>& runs, std::size_t offset) {
  for (const Run& run : runs) {
    if (offset < run.bytes) return {run.data + offset, run.bytes - offset};
    offset -= run.bytes;
  }
  return {nullptr, 0};
}

std::size_t total(const std::vector<Run>& runs) {
  std::size_t sum = 0;
  for (const Run& run : runs) sum += run.bytes;
  return sum;
}

std::vector<Share> split(const std::vector<Run>& inputs, const std::vector<Run>& outputs,
                         std::size_t threads) {
  constexpr std::size_t line = 64;
  const std::size_t in = total(inputs), out = total(outputs);
  std::vector<Share> shares(threads);
  if (in == 0 || out == 0) return shares;
  const std::size_t width = std::min(in, out);
  const std::size_t step = (width / threads + line) / line * line;
  for (std::size_t t = 0; t < threads; ++t) {
    const std::size_t first = std::min(t * step, width), last = std::min(first + step, width);
    for (std::size_t round = 0; round < in; round += out)
      for (std::size_t at = first; at < last && round + at < in;) {
        const Run from = part_at(inputs, round + at), to = part_at(outputs, at);
        const std::size_t bytes = std::min({from.bytes, to.bytes, last - at});
        shares[t].pieces.push_back({to.data, from.data, bytes});
        at += bytes;
      }
  }
  return shares;
}

}  // namespace

Result ask(const karat_kernel& kernel, MappedCall& call, wire::StatusPage& page) {
  return guarded(call, page, [&](Result& result) { ask_kernel(kernel, call, page, result); });
}

Result run(const karat_kernel& kernel, MappedCall& call, int repeats, std::size_t memory_limit,
           wire::StatusPage& page) {
  return guarded(call, page, [&](Result& result) { run_kernel(kernel, call, repeats, memory_limit, page, result); });
}

Result copy(MappedCall& call, int repeats, wire::StatusPage& page) {
  Result result;
  set_phase(page, wire::Phase::copy);
  std::vector<Run> inputs, outputs;
  std::vector<std::vector<std::byte>> sources;  // of in-out storage: a copy onto itself would cost nothing
  for (const auto& tensor : call.tensors()) {
    if (tensor.role == KARAT_OUTPUT || tensor.role == KARAT_INOUT)
      outputs.push_back({tensor.data, tensor.bytes});
    if (tensor.restored) {
      auto& source = sources.emplace_back(tensor.data, tensor.data + tensor.bytes);
      inputs.push_back({source.data(), source.size()});
    } else if (tensor.role == KARAT_INPUT) {
      inputs.push_back({tensor.data, tensor.bytes});
    }
  }

  const auto threads = static_cast<std::size_t>(std::clamp(call.threads(), 1, 1024));
  const std::vector<Share> shares = split(inputs, outputs, threads);
  std::barrier start(static_cast<std::ptrdiff_t>(threads)), stop(static_cast<std::ptrdiff_t>(threads));
  std::vector<std::jthread> helpers;
  try {
    for (std::size_t t = 1; t < threads; ++t)
      helpers.emplace_back([&, t] {
        for (int i = 0; i < repeats; ++i) {
          start.arrive_and_wait();
          shares[t].copy();
          stop.arrive_and_wait();
        }
      });
  } catch (const std::system_error& error) {
    for (std::size_t missing = helpers.size(); missing < threads; ++missing) {
      start.arrive_and_drop();
      stop.arrive_and_drop();
    }
    helpers.clear();
    result.answer = wire::Answer::host_error;
    result.detail = "cannot start " + std::to_string(threads) + " threads for the copy: " + error.what();
    return result;
  }
  result.seconds.reserve(static_cast<std::size_t>(repeats));
  for (int i = 0; i < repeats; ++i) {
    // The watch starts before the others are let go, so that it covers all of their work.
    const Stopwatch watch;
    if (threads > 1) start.arrive_and_wait();
    shares[0].copy();
    if (threads > 1) stop.arrive_and_wait();
    result.seconds.push_back(watch.seconds());
    page.progress.fetch_add(1, std::memory_order_relaxed);
  }
  helpers.clear();
  set_phase(page, wire::Phase::idle);
  return result;
}

}  // namespace karat::worker
