// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "bench/bench.hpp"
#include "bench/machine.hpp"
#include "bench/sizes.hpp"
#include "bench/statistics.hpp"
#include "bench/turn.hpp"
#include "properties/nearest.hpp"
#include "properties/profile.hpp"
#include "properties/replay.hpp"

namespace karat::bench {
namespace {

constexpr std::uint64_t least_bytes = 4096;  // of a call that is measured by its bytes
constexpr int fewest_repetitions = 5;

struct Stopped {};

const Format* format_of(const host::KernelRow& row) {
  for (const Format& f : formats())
    if (static_cast<std::int32_t>(f.dtype) == row.dtype) return &f;
  return nullptr;
}

// A kernel of one of the back ends.
struct Kernel {
  const BackEnd* back_end = nullptr;
  const host::KernelRow* row = nullptr;
  properties::Level level;
  std::string hopeless;  // why it is not to be tried, or not again
};

// What is timed together: kernels of one operator and dtype.
struct Family {
  const Operator* op = nullptr;  // null: unknown here
  const Format* format = nullptr;
  std::vector<Kernel> kernels;
};

// They remember what they judged: the same values come again with other threads and caches.
class Judges {
 public:
  properties::Judge& of(const properties::Level& level) {
    for (auto& [known, judge] : judges_)
      if (known == level) return *judge;
    return *judges_.emplace_back(level, std::make_unique<properties::Judge>(level)).second;
  }
  void clear() { judges_.clear(); }

 private:
  std::vector<std::pair<properties::Level, std::unique_ptr<properties::Judge>>> judges_;
};

class Run {
 public:
  Run(const std::vector<BackEnd>& back_ends, const BenchOptions& options, const std::function<void(const Timing&)>& sink)
      : options_(options), sink_(sink), sizes_(options.sizes), caches_(options.caches) {
    if (sizes_.empty()) sizes_.assign(size_names().begin(), size_names().end());
    for (const std::string& size : sizes_) bytes_for(size, machine_caches());  // throws if unknown
    if (caches_.empty()) caches_ = {"warm", "cold"};
    for (const std::string& cache : caches_)
      if (cache != "warm" && cache != "cold") throw std::invalid_argument(properties::unknown("state of the caches", cache, {"warm", "cold"}));
    for (const std::string& name : options.dtypes)
      if (!find_format(name)) throw std::invalid_argument(properties::unknown("dtype", name, properties::dtype_names()));
    const int all = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (const int wanted : options.threads.empty() ? std::vector<int>{1, 0} : options.threads) {
      if (wanted < 0) throw std::invalid_argument("threads: expected 0 (all) or more, got " + std::to_string(wanted));
      const int n = wanted == 0 ? all : wanted;
      if (std::find(threads_.begin(), threads_.end(), n) == threads_.end()) threads_.push_back(n);
    }
    for (const BackEnd& b : back_ends)
      for (const host::KernelRow& row : b.worker->info().kernels)
        if (takes(row)) families_[{row.op, row.dtype}].kernels.push_back(kernel_of(b, row));
    for (auto& [key, family] : families_) {
      family.op = find_operator(key.first);
      family.format = format_of(*family.kernels[0].row);
    }
  }

  std::vector<Timing> operator()() {
    const std::size_t each = threads_.size() * caches_.size();
    if (options_.calls.empty()) {
      all_ = families_.size() * sizes_.size() * each;
    } else {
      for (const Call& call : options_.calls)
        for (const auto& [key, family] : families_) all_ += call.op.empty() || call.op == key.first ? each : 0;
    }
    try {
      if (options_.calls.empty()) {
        for (auto& [key, family] : families_)
          for (const std::string& size : sizes_) item(family, size, "");
      } else {
        for (const Call& call : options_.calls)
          for (auto& [key, family] : families_)
            if (call.op.empty() || call.op == key.first) item(family, "call", call.text);
      }
    } catch (const Stopped&) {
    }
    return std::move(timings_);
  }

 private:
  bool takes(const host::KernelRow& row) const {
    const Format* f = format_of(row);
    const auto wanted = [&](const std::string& name) { return f && f->name == name; };
    return properties::matches(options_.op, row.op) && properties::matches(options_.kernel, row.kernel) &&
           (options_.dtypes.empty() || std::any_of(options_.dtypes.begin(), options_.dtypes.end(), wanted)) && options_.takes(row);
  }

  Kernel kernel_of(const BackEnd& b, const host::KernelRow& row) const {
    Kernel k{&b, &row, options_.level.value_or(properties::default_level), {}};
    const Operator* op = find_operator(row.op);
    const Format* f = format_of(row);
    const auto claim = row.claim.empty() ? std::nullopt : properties::parse_level(row.claim);
    if (!op)
      k.hopeless = properties::unknown("operator", row.op, properties::operator_names());
    else if (!f)
      k.hopeless = "unknown dtype code " + std::to_string(row.dtype);
    else if (!row.claim.empty() && !claim)
      k.hopeless = "unknown claim '" + row.claim + "': expected exact, faithful or max-ulp N";
    else if (const auto own = properties::level_for(k.level, *op, *f))
      k.level = properties::with_compute_type(claim ? properties::both(*own, *claim) : *own, *f, row.compute_dtype);
    else
      k.hopeless = "not judged: " + properties::to_text(k.level) + " has no rule for " + row.op + " in " + std::string(f->name);
    return k;
  }

  // One size or call, with every thread count, warm and cold.
  void item(Family& family, const std::string& size, const std::string& call) {
    std::optional<Plan> plan;
    std::string why;
    if (options_.stop()) throw Stopped{};
    if (family.op && family.format) try {
        const CallShapes shapes = size == "call" ? shapes_of_call(*family.op, *family.format, call) : shapes_for(*family.op, *family.format, bytes_for(size, machine_caches()));
        plan = plan_of(*family.op, *family.format, shapes.inputs, shapes.attributes);
      } catch (const properties::ReplayError& e) {
        why = std::string("not timed: --call: ") + e.what();
      } catch (const Refused& e) {
        why = std::string("not timed: ") + e.what();
      }
    verifiers_.clear();
    judges_.clear();
    for (const int threads : threads_)
      for (const std::string& cache : caches_) {
        if (options_.stop()) throw Stopped{};
        options_.progress(family.kernels[0].row->op + " " + (family.format ? std::string(family.format->name) : "?") + " " + size + " " + cache + ", " + std::to_string(threads) +
                              (threads == 1 ? " thread" : " threads"),
                          done_++, all_);
        std::vector<Timing> timings;
        for (const Kernel& k : family.kernels) {
          Timing& t = timings.emplace_back();
          t.plugin = k.back_end->name;
          t.op = k.row->op;
          t.kernel = k.row->kernel;
          t.dtype = family.format ? std::string(family.format->name) : std::to_string(k.row->dtype);
          t.size = size;
          t.call = call;
          t.cache = cache;
          t.threads = threads;
          t.reason = k.hopeless.empty() ? why : k.hopeless;
          if (!plan) continue;
          t.shape = plan->inputs.empty() ? Shape{} : plan->inputs[0];
          t.elements = plan->elements;
          t.read = plan->read;
          t.written = plan->written;
          t.flops = plan->flops;
          if (t.reason.empty())
            if (const auto no = not_verifiable(*plan, k.level)) t.reason = "not timed: " + *no;
        }
        if (plan) benchmark(family, *plan, timings);
        for (Timing& t : timings) {
          if (sink_) sink_(t);
          timings_.push_back(std::move(t));
        }
      }
  }

  void benchmark(Family& family, const Plan& plan, std::vector<Timing>& timings) {
    const int threads = timings[0].threads;
    const bool cold = timings[0].cache == "cold";
    // Values whose judging takes long stay; where they stand and at which addresses is new.
    std::unique_ptr<Workload> workload;
    std::uint64_t addresses = options_.seed;
    int round = 0;
    struct Taking {
      std::size_t kernel;
      std::unique_ptr<Entrant> entrant;
      double max_ulp = 0;
      bool failed = false;
    };
    std::vector<Taking> taking;
    for (std::size_t k = 0; k < timings.size(); ++k)
      if (timings[k].reason.empty()) taking.push_back({k, std::make_unique<Entrant>(*family.kernels[k].back_end->worker, *family.kernels[k].row, threads, cold)});
    if (taking.empty()) return;

    std::vector<Subject> subjects;
    for (Taking& one : taking) {
      Kernel& k = family.kernels[one.kernel];
      subjects.push_back({k.back_end->name + "/" + k.row->op, [&](std::int64_t calls) {
                            if (options_.stop()) throw Stopped{};
                            Verifier& verifier = verifier_of(k, plan);
                            Repetition r = one.entrant->turn(*workload, verifier, calls, ++addresses);
                            one.max_ulp = std::max(one.max_ulp, verifier.max_ulp());
                            one.failed = !r.error.empty();
                            if (one.entrant->costly()) k.hopeless = r.error + " (at " + timings[one.kernel].size + "; not tried again)";
                            return r;
                          }});
    }
    const std::unique_ptr<Machine> machine = machine_for(plan, threads);
    const bool f64 = plan.format->dtype == Dtype::f64;
    const auto beside = [&](const char* name, auto seconds) {
      subjects.push_back({name, [&, seconds](std::int64_t repeats) {
                            if (options_.stop()) throw Stopped{};
                            Repetition r;
                            if (round > 0 && std::all_of(taking.begin(), taking.end(), [](const Taking& t) { return t.failed; }))
                              r.error = "nothing to compare it with";
                            else
                              r.seconds = seconds(repeats);
                            return r;
                          }});
    };
    if (machine) {
      beside("copy", [&](std::int64_t n) { return machine->seconds_of(Transfer::copy, n, cold); });
      beside("non-temporal copy", [&](std::int64_t n) { return machine->seconds_of(Transfer::copy_nontemporal, n, cold); });
      beside("read", [&](std::int64_t n) { return machine->seconds_of(Transfer::read, n, cold); });
      beside("multiply-adds", [&](std::int64_t n) { return machine->seconds_of_multiply_adds(f64, n); });
    }
    const int rounds = std::max(fewest_repetitions, options_.repetitions);
    const std::vector<Measurement> measured = measure(subjects, rounds, options_.min_seconds / rounds, [&](int r) {
      round = r;
      const std::uint64_t values = plan.costly ? options_.seed : options_.seed + static_cast<std::uint64_t>(r);
      workload = std::make_unique<Workload>(plan, values, ++addresses);
      if (!plan.costly) verifiers_.clear();
    });
    MachineFigures figures;
    if (machine && machine->copied()) {
      const std::size_t first = taking.size();
      const auto rate = [&](std::size_t i, double amount) {
        const double seconds = median(measured[first + i].seconds);
        return seconds > 0 ? amount / seconds * 1e-9 : 0;
      };
      const double copied = static_cast<double>(plan.bytes() / 2 * 2), read = static_cast<double>(plan.bytes());
      figures = {rate(0, copied), rate(1, copied), rate(2, read), rate(3, 2 * machine->multiply_adds(f64))};
    }
    for (std::size_t i = 0; i < taking.size(); ++i) {
      Timing& t = timings[taking[i].kernel];
      t.reason = measured[i].error;
      if (t.reason.empty())
        if (const auto fault = taking[i].entrant->clock().fault()) t.reason = "not judged: " + *fault;
      if (!t.reason.empty()) continue;
      t.max_ulp = taking[i].max_ulp;
      conclude(t, measured[i].seconds, figures);
    }
    compare(timings);
  }

  Verifier& verifier_of(const Kernel& k, const Plan& plan) {
    std::unique_ptr<Verifier>& verifier = verifiers_[k.row];
    if (!verifier) verifier = std::make_unique<Verifier>(plan, judges_.of(k.level), k.level, poison(*plan.format));
    return *verifier;
  }

  static std::unique_ptr<Machine> machine_for(const Plan& plan, int threads) {
    if (plan.bytes() < least_bytes) return nullptr;
    try {
      return std::make_unique<Machine>(plan.bytes(), threads);
    } catch (const std::system_error&) {  // the kernels' own times are still worth having
      return nullptr;
    }
  }

  const BenchOptions& options_;
  const std::function<void(const Timing&)>& sink_;
  std::vector<std::string> sizes_, caches_;
  std::vector<int> threads_;
  std::map<std::pair<std::string, std::int32_t>, Family> families_;
  std::map<const host::KernelRow*, std::unique_ptr<Verifier>> verifiers_;
  Judges judges_;
  std::vector<Timing> timings_;
  std::size_t done_ = 0, all_ = 0;
};

}  // namespace

std::vector<Timing> run(const std::vector<BackEnd>& back_ends, const BenchOptions& options, const std::function<void(const Timing&)>& sink) {
  return Run(back_ends, options, sink)();
}

}  // namespace karat::bench
