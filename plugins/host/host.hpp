// SPDX-License-Identifier: MIT
// The host side of a plugin: a worker process that loads it, and calls into it.
//
// A Worker owns one process.  Tensors live in shared memory: the host fills the storage
// that `prepare` hands out and reads the outputs where the kernel wrote them; nothing is
// copied.  Whatever the plugin does to its process, the host goes on: `run` says what
// happened, and the next `run` starts a fresh worker if the old one died.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace karat::host {

struct Limits {
  std::chrono::milliseconds call_time{10'000};      // a call that takes longer is `hung`
  std::chrono::milliseconds load_time{30'000};      // loading the plugin and listing its rows
  std::size_t memory_bytes = std::size_t{4} << 30;  // growth of the worker beyond its tensors
};

struct KernelRow {
  int index = 0;
  std::string op, kernel, claim;  // claim: empty if none
  std::int32_t dtype = 0, compute_dtype = 0;
  std::uint32_t capabilities = 0;
  std::int32_t min_alignment = 0, over_read = 0;
  bool has(std::uint32_t capability) const { return (capabilities & capability) == capability; }
};

struct PluginInfo {
  std::string name;  // as the plugin calls itself
  std::string version, description;
  std::int32_t abi_major = 0, abi_minor = 0;
  std::vector<KernelRow> kernels;
  std::string expected_verdict;       // extension karat.expected_verdict/1, or empty
  std::string interposed;             // names of the C library that it exports: "malloc, free", or empty
  std::vector<std::string> warnings;  // "prints to standard output while loading: …", fp env, …
};

// A plugin that cannot be used: what, where, expected, got, what to do.  `where` is the file.
struct LoadError : std::exception {
  std::string text;
  explicit LoadError(std::string t) : text(std::move(t)) {}
  const char* what() const noexcept override { return text.c_str(); }
};

// Where a tensor lies between its guard pages.
struct Placement {
  enum class Flush { start, end } flush = Flush::end;
  // Bytes that the kernel's row declares it over-reads lie between the data and the guard page
  // of an end-flush input as well, rounded up to the row's alignment.
  // Start-flush: the data begins `offset` bytes behind the guard page (0: exactly there).
  // End-flush: the data's last byte lies `offset` bytes before the guard page.
  std::size_t offset = 0;
};

struct TensorSpec {
  std::string name;
  std::int32_t role = 0, dtype = 0;          // KARAT_INPUT …, KARAT_F32 …
  std::vector<std::int64_t> shape, strides;  // strides in elements
  Placement placement;
};

struct AttributeSpec {
  std::string name;
  std::int32_t kind = 0;  // KARAT_NUMBER …
  double number = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<std::int64_t> list;
};

struct CallSpec {
  int kernel = 0;  // KernelRow::index
  std::vector<TensorSpec> tensors;
  std::vector<AttributeSpec> attributes;
  int threads = 1;
  // Output tensor index → input tensor index whose storage it shares; -1: its own.
  // An output that shares storage is not poisoned and its input is mapped writable.
  std::vector<int> in_place;
  // Inputs are mapped read-only; that they are hashed beside may be left out of calls by the million.
  bool hash_inputs = true;
};

// What happened to a call.  `ok` says only that it returned; `findings` may still be there.
struct Outcome {
  enum class Status {
    ok,              // run() returned KARAT_OK
    declined,        // supports() said no; detail: its reason
    failed,          // run() returned an error; detail says which
    out_of_bounds,   // touched a guard page; detail: "read 4 bytes behind the end of x"
    input_modified,  // wrote to a read-only input
    crashed,         // died of a signal elsewhere
    hung,            // did not return within Limits::call_time
    out_of_memory,   // grew beyond Limits::memory_bytes, threw bad_alloc or returned KARAT_OUT_OF_MEMORY
    exited,          // left the process: exit(), closed descriptors, garbage on the control channel
    host_error       // the host could not carry out the call (no worker program, no memory …)
  } status = Status::ok;
  std::string detail;
  std::string fp_env_changed;  // empty, or which control bits changed: "FTZ off→on"
  // Empty, or what else the call left changed in its process: handlers, CPUs, threads, the clock;
  // and, for every call, names of the C library that the plugin exports.  The next call gets a
  // fresh process after a change.
  std::string process_changed;
  std::string wrote_outside;   // empty, or where canary bytes around an output changed
  std::string input_changed;   // empty, or which input's bytes differ afterwards
  std::string printed;         // what the plugin wrote to stdout/stderr during the call (cut at 4 KiB)
  double seconds = 0;          // of run() alone, by the worker's clock; the last repetition
};

class Worker {
 public:
  // Starts a worker and loads the plugin.  Throws LoadError.
  Worker(std::filesystem::path plugin, Limits limits = {});
  ~Worker();
  Worker(Worker&&) noexcept;
  Worker& operator=(Worker&&) noexcept;

  const PluginInfo& info() const;
  const std::filesystem::path& path() const;

  // Lays the call's tensors out in shared memory.  Spans, one a tensor, cover the storage
  // from the first to the last element, gaps of strided tensors included; they stay valid
  // until the next prepare.  Fill inputs (and in-outs) before run.
  // An input whose storage an output shares has a span of its own, copied there before each
  // run: it still holds the input afterwards.  An in-out is restored before a rerun if its
  // bytes are those that the last run left; otherwise it counts as filled anew.
  // Throws std::invalid_argument if the call contradicts itself, std::system_error if there is
  // no memory for it.
  std::vector<std::span<std::byte>> prepare(const CallSpec& call);

  // Runs the prepared call: outputs (and their gaps, and the slack around them) are filled
  // with `poison` repeated (a bit pattern of the element's size), inputs are hashed before
  // and after.  May be called again on the same layout.
  Outcome run(std::uint64_t poison);

  // Asks supports() alone: nullopt if the kernel takes the prepared call, else its reason.
  // nullopt as well if it crashed there: run() meets the same, and reports it.
  std::optional<std::string> declines();

  // Times the prepared call: `repeats` runs, each one's seconds by the worker's clock, whose own
  // time is taken off.  Outputs are poisoned once, before the first.  `cold`: every tensor is
  // flushed from the caches before each run.  Status as in run.
  struct Timing {
    Outcome outcome;
    std::vector<double> seconds;
  };
  Timing time(std::uint64_t poison, int repeats, bool cold = false);

  int restarts() const;  // how many workers died so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Where the worker program and the bundled plugins are: $KARAT_WORKER and $KARAT_PLUGIN_PATH
// first, then beside the running program, then where `cmake --install` puts them.
std::filesystem::path worker_program();
std::vector<std::filesystem::path> bundled_plugins();  // sorted by name
// PLUGIN argument of the command line → file: a path, or a bundled name.  Throws LoadError
// with the bundled names and the nearest one if there is none.
std::filesystem::path find_plugin(const std::string& argument);

}  // namespace karat::host
