// SPDX-License-Identifier: MIT
#include "bench/turn.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <system_error>

#include "bench/statistics.hpp"
#include "properties/case.hpp"

namespace karat::bench {
namespace {

using Status = host::Outcome::Status;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t calls_at_once = 65'536;  // asked of the worker in one request

// Seconds.  A call this long is not faster for what it finds in the caches.
constexpr double long_call = 0.05;

constexpr double restored_bytes_per_s = 1e9;  // at the least, where inputs are outputs

// What is wrong with a call that was timed; empty: nothing.
std::string fault(const host::Outcome& outcome) {
  switch (outcome.status) {
    case Status::ok:
      break;
    case Status::declined:
      return "declined: " + outcome.detail;
    case Status::failed:
      return "protocol_violation: reported an error for a call that it had accepted: " + outcome.detail;
    case Status::out_of_bounds:
      return "out_of_bounds: " + outcome.detail;
    case Status::input_modified:
      return "input_modified: " + outcome.detail;
    case Status::crashed:
      return "crashed: " + outcome.detail;
    case Status::hung:
      return "hung: " + outcome.detail;
    case Status::out_of_memory:
      return "out_of_memory: " + outcome.detail;
    case Status::exited:
      return "protocol_violation: " + outcome.detail;
    case Status::host_error:
      return "not judged: " + outcome.detail;
  }
  if (!outcome.wrote_outside.empty()) return "out_of_bounds: " + outcome.wrote_outside;
  if (!outcome.input_changed.empty()) return "input_modified: " + outcome.input_changed;
  if (!outcome.process_changed.empty()) return "protocol_violation: " + outcome.process_changed;
  if (!outcome.fp_env_changed.empty()) return "fp_env_changed: " + outcome.fp_env_changed;
  return {};
}

}  // namespace

Bits poison(const Format& f) { return (f.quiet_nan() | f.fraction_mask() / 3 | 1) & f.mask(); }

// The first call of a request finds what the host's work left in the caches, and is not counted; where
// all of them are to find nothing, all are.
double Entrant::seconds_of(std::int64_t calls, double apart, std::string& error) {
  const int uncounted = cold_ || last_ >= long_call ? 0 : 1;
  std::vector<double> seconds;
  for (std::int64_t done = 0; done < calls;) {
    const std::int64_t now = std::min(calls - done, calls_at_once);
    const auto begin = Clock::now();
    const host::Worker::Timing timing = worker_.time(poison_, static_cast<int>(now) + uncounted, cold_);
    const double waited = std::chrono::duration<double>(Clock::now() - begin).count();
    error = fault(timing.outcome);
    costly_ = timing.outcome.status == Status::hung || timing.outcome.status == Status::out_of_memory;
    if (!error.empty()) return 0;
    // Flushing goes on the host's clock alone: of cold calls a sum can only be too long.
    clock_.add(cold_ ? 1 : now, std::accumulate(timing.seconds.begin(), timing.seconds.end(), 0.0), waited, apart);
    seconds.insert(seconds.end(), timing.seconds.begin() + uncounted, timing.seconds.end());
    done += now;
  }
  return middle_mean(std::move(seconds));
}

Repetition Entrant::turn(const Workload& workload, Verifier& verifier, std::int64_t calls, std::uint64_t seed) {
  Repetition r;
  const Plan& plan = workload.plan();
  std::vector<std::span<std::byte>> storage;
  try {
    storage = worker_.prepare(workload.call(row_, threads_, seed));
  } catch (const std::system_error& error) {
    r.error = std::string("not judged: no memory for the tensors: ") + error.what();
    return r;
  }
  workload.fill(storage);
  std::vector<std::span<const std::byte>> outputs;
  double restored = 0;
  for (std::size_t j = 0; j < plan.outputs.size(); ++j) {
    const std::size_t t = properties::output_tensor(*plan.op, j);
    outputs.push_back(storage[t]);
    if (t < plan.inputs.size()) restored += static_cast<double>(storage[t].size());
  }
  poison_ = poison(*plan.format);
  r.seconds = last_ = seconds_of(calls, restored / restored_bytes_per_s, r.error);
  if (r.error.empty()) r.error = verifier.check(workload, outputs).value_or("");
  return r;
}

}  // namespace karat::bench
