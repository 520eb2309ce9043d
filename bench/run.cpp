// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "bench/bench.hpp"
#include "bench/measure.hpp"
#include "bench/sizes.hpp"
#include "bench/verify.hpp"
#include "bench/workload.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"

namespace karat::bench {
namespace {

using Status = host::Outcome::Status;

constexpr std::int64_t calls_at_once = 65'536;  // asked of the worker in one request

// Seconds.  A call this long is not faster for what it finds in the caches.
constexpr double long_call = 0.05;

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

// Takes long to fail: not tried at every size.
bool costly(Status status) { return status == Status::hung || status == Status::out_of_memory; }

// A quiet NaN with a payload that no computation gives by itself.
Bits poison(const Format& f) { return (f.quiet_nan() | f.fraction_mask() / 3 | 1) & f.mask(); }

struct Means {
  double seconds = 0;
  host::Outcome outcome;
};

// The mean of `calls` calls.  The first of a request finds what the host's work left in the
// caches, and is not counted: `cold` is 1, or 0 where that cannot matter.
template <class Time>
Means mean_of(std::int64_t calls, int cold, Time time) {
  Means means;
  double sum = 0;
  for (std::int64_t done = 0; done < calls;) {
    const std::int64_t now = std::min(calls - done, calls_at_once);
    host::Worker::Timing timing = time(static_cast<int>(now) + cold);
    means.outcome = std::move(timing.outcome);
    if (!fault(means.outcome).empty()) return means;
    for (std::size_t i = static_cast<std::size_t>(cold); i < timing.seconds.size(); ++i)
      sum += timing.seconds[i];
    done += now;
  }
  means.seconds = sum / static_cast<double>(calls);
  return means;
}

struct Stopped {};

class Run {
 public:
  Run(host::Worker& worker, const std::string& plugin, const BenchOptions& options,
      const std::function<void(const Timing&)>& sink)
      : worker_(worker), plugin_(plugin), options_(options), sink_(sink), sizes_(options.sizes) {
    if (!options.call.empty()) sizes_ = {"call"};
    else if (sizes_.empty()) sizes_.assign(size_names().begin(), size_names().end());
    if (options.call.empty())
      for (const std::string& size : sizes_) bytes_for(size, machine_caches());  // throws if unknown
    for (const std::string& name : options.dtypes)
      if (!find_format(name))
        throw std::invalid_argument(properties::unknown("dtype", name, properties::dtype_names()));
    const int all = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (const int wanted : options.threads.empty() ? std::vector<int>{1, 0} : options.threads) {
      if (wanted < 0)
        throw std::invalid_argument("threads: expected 0 (all) or more, got " + std::to_string(wanted));
      const int n = wanted == 0 ? all : wanted;
      if (std::find(threads_.begin(), threads_.end(), n) == threads_.end()) threads_.push_back(n);
    }
  }

  std::vector<Timing> operator()() {
    std::vector<const host::KernelRow*> rows;
    for (const host::KernelRow& row : worker_.info().kernels)
      if (takes(row)) rows.push_back(&row);
    all_ = rows.size() * sizes_.size() * threads_.size();
    try {
      for (const host::KernelRow* row : rows) kernel(*row);
    } catch (const Stopped&) {
    }
    return std::move(timings_);
  }

 private:
  static const Format* format_of(const host::KernelRow& row) {
    for (const Format& f : formats())
      if (static_cast<std::int32_t>(f.dtype) == row.dtype) return &f;
    return nullptr;
  }

  bool takes(const host::KernelRow& row) const {
    const Format* f = format_of(row);
    return properties::matches(options_.op, row.op) && properties::matches(options_.kernel, row.kernel) &&
           (options_.dtypes.empty() || (f && std::find(options_.dtypes.begin(), options_.dtypes.end(),
                                                       f->name) != options_.dtypes.end())) &&
           options_.takes(row);
  }

  void kernel(const host::KernelRow& row) {
    const Operator* op = find_operator(row.op);
    const Format* f = format_of(row);
    const auto claim = row.claim.empty() ? std::nullopt : properties::parse_level(row.claim);
    std::string hopeless;
    if (!op)
      hopeless = properties::unknown("operator", row.op, properties::operator_names());
    else if (op->independence == Independence::whole && options_.call.empty())
      hopeless = "not timed: its tensors differ in shape: --call 'NAME=SHAPE …' says which";
    else if (op->independence != Independence::whole && !options_.call.empty())
      hopeless = "not timed: --call is for operators whose tensors differ in shape";
    else if (!f)
      hopeless = "unknown dtype code " + std::to_string(row.dtype);
    else if (!row.claim.empty() && !claim)
      hopeless = "unknown claim '" + row.claim + "': expected exact, faithful or max-ulp N";
    properties::Level level = options_.level.value_or(properties::default_level);
    if (op && f) {
      if (const auto own = properties::level_for(level, *op, *f))
        level = claim ? properties::both(*own, *claim) : *own;
      else if (hopeless.empty())
        hopeless = "not judged: " + properties::to_text(level) + " has no rule for " + row.op + " in " + std::string(f->name);
    }
    properties::Judge judge(level);
    std::optional<Workload> call;
    if (hopeless.empty() && !options_.call.empty()) {
      try {
        call.emplace(call_from(*op, *f, options_.call, options_.seed));
        if (const auto why = not_verifiable(*call, level)) hopeless = "not timed: " + *why;
      } catch (const properties::ReplayError& e) {
        hopeless = std::string("not timed: --call: ") + e.what();
      }
    }
    for (const std::string& size : sizes_)
      for (const int threads : threads_) {
        Timing t;
        t.plugin = plugin_;
        t.op = row.op;
        t.kernel = row.kernel;
        t.dtype = f ? std::string(f->name) : std::to_string(row.dtype);
        t.size = size;
        t.call = options_.call;
        t.threads = threads;
        if (options_.stop()) throw Stopped{};
        options_.progress(plugin_ + "/" + row.op + " " + t.dtype + " " + size + ", " +
                              std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                          timings_.size(), all_);
        if (!hopeless.empty())
          t.reason = hopeless;
        else
          benchmark(t, row, call ? *call : Workload(*op, *f, shape_for(*op, *f, bytes_for(size, machine_caches())), options_.seed), judge, level, hopeless);
        if (sink_) sink_(t);
        timings_.push_back(std::move(t));
      }
  }

  // `hopeless`: set if the kernel is not to be tried again.
  void benchmark(Timing& t, const host::KernelRow& row, const Workload& workload, properties::Judge& judge,
                 const properties::Level& level, std::string& hopeless) {
    t.shape = workload.shape();
    t.bytes = workload.call_bytes();
    std::vector<std::span<std::byte>> storage;
    try {
      storage = worker_.prepare(workload.call(row.index, t.threads));
    } catch (const std::system_error& error) {
      t.reason = std::string("not judged: no memory for the tensors: ") + error.what();
      return;
    }
    workload.fill(storage);
    // Tensors of one shape lie one behind the other, the output last.
    const auto source = storage[storage.size() - 2], output = storage.back();
    std::vector<std::byte> outputs;

    const Bits before = poison(*workload.pool().format);
    Verifier verifier(workload, judge, level, before);
    const int repetitions = std::max(5, options_.repetitions);
    const double min_seconds = options_.min_seconds / repetitions;
    double one_call = 0, one_copy = 0;  // seconds, as the last repetition had them
    const auto repeat = [&](std::int64_t calls) {
      if (options_.stop()) throw Stopped{};
      Repetition r;
      if (workload.whole()) workload.fill(storage);  // a copy has been where a tensor is input and output
      const Means kernel = mean_of(calls, one_call < long_call ? 1 : 0,
                                   [&](int repeats) { return worker_.time(before, repeats); });
      r.error = fault(kernel.outcome);
      if (costly(kernel.outcome.status)) hopeless = r.error + " (at " + t.size + "; not tried again)";
      if (r.error.empty() && workload.whole()) outputs = workload.outputs(storage);
      if (r.error.empty()) r.error = verifier.check(workload.whole() ? std::span<const std::byte>(outputs) : output).value_or("");
      if (!r.error.empty()) return r;
      one_call = r.seconds = kernel.seconds;
      // As long as the kernel, or as many: whichever is more.
      const auto copies = std::max<std::int64_t>(
          calls, one_copy > 0 ? static_cast<std::int64_t>(std::min(min_seconds / one_copy, 1e6)) : 0);
      const Means copy = mean_of(copies, 1, [&](int repeats) { return worker_.time_copy(repeats); });
      r.error = fault(copy.outcome);
      if (r.error.empty() && !workload.whole() &&
          (output.size() != source.size() || std::memcmp(output.data(), source.data(), source.size()) != 0))
        r.error = "not judged: the copy's result is not what was copied";
      one_copy = r.copy_seconds = copy.seconds;
      return r;
    };
    const Measurement m = measure(plugin_ + "/" + t.op, repetitions, min_seconds, repeat);
    if (m.error.empty())
      conclude(t, m, workload, verifier);
    else
      t.reason = m.error;
  }

  static void conclude(Timing& t, const Measurement& m, const Workload& workload, const Verifier& verifier) {
    const double seconds = median(m.seconds), copy = median(m.copy_seconds) * workload.copy_share();
    if (!(seconds > 0 && copy > 0 && std::isfinite(seconds) && std::isfinite(copy))) {
      t.reason = "not judged: the clock is too coarse for a call this short";
      return;
    }
    t.verified = true;
    t.max_ulp = verifier.max_ulp();
    t.repetitions = static_cast<int>(m.seconds.size());
    const auto [least, greatest] = std::minmax_element(m.seconds.begin(), m.seconds.end());
    t.min_seconds = *least;
    t.median_seconds = seconds;
    t.max_seconds = *greatest;
    t.ns_per_element = seconds * 1e9 / static_cast<double>(workload.elements());
    t.gb_per_s = static_cast<double>(t.bytes) / seconds * 1e-9;
    t.copy_seconds = copy;
    t.ratio_to_copy = seconds / copy;
  }

  host::Worker& worker_;
  const std::string& plugin_;
  const BenchOptions& options_;
  const std::function<void(const Timing&)>& sink_;
  std::vector<std::string> sizes_;
  std::vector<int> threads_;
  std::vector<Timing> timings_;
  std::size_t all_ = 0;
};

}  // namespace

std::vector<Timing> run(host::Worker& worker, const std::string& plugin, const BenchOptions& options,
                        const std::function<void(const Timing&)>& sink) {
  return Run(worker, plugin, options, sink)();
}

}  // namespace karat::bench
