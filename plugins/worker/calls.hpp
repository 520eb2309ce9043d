// SPDX-License-Identifier: MIT
// What a worker does with a mapped call: ask, run, time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/karat_plugin.h"
#include "plugins/worker/mapped_call.hpp"
#include "plugins/worker/wire.hpp"

namespace karat::worker {

struct Result {
  wire::Answer answer = wire::Answer::ok;
  std::string detail;
  std::string fp_change;
  std::string process_change;  // what else the call left changed in its process
  std::vector<double> seconds;  // one a repetition
};

// Asks supports() alone: ok or declined.
Result ask(const karat_kernel& kernel, MappedCall& call, wire::StatusPage& page);

struct Repeats {
  int count = 1;
  bool cold = false;  // the tensors are in no cache when a call begins
};

// supports, scratch_bytes, and so many times run; in-out storage is restored before each
// repetition but the first.  The clock's own time is taken off.  Never throws.
Result run(const karat_kernel& kernel, MappedCall& call, const Repeats& repeats, std::size_t memory_limit,
           wire::StatusPage& page);

}  // namespace karat::worker
