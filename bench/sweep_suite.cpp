// SPDX-License-Identifier: MIT
#include "bench/sweep_suite.hpp"

#include <fmt/format.h>
#include <mpfr.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "bench/statistics.hpp"
#include "plugins/host/host.hpp"
#include "properties/sweep/sweep.hpp"

namespace karat::bench {
namespace {

using Clock = std::chrono::steady_clock;
using properties::SweepSubject;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// work(thread) on so many threads.
template <class Work>
double timed(int threads, const Work& work) {
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back([&work, t] { work(t); });
    work(0);
  }
  return since(begin);
}

// The C library's exp, in double, of each of the bit patterns below `inputs`, dealt out in chunks as a sweep deals them.
double exp_of_all(std::uint64_t inputs, int threads) {
  static volatile std::uint64_t sink;
  constexpr std::uint64_t chunk = 1 << 20;
  std::atomic<std::uint64_t> next{0};
  return timed(threads, [&](int) {
    std::uint64_t bits = 0;
    for (std::uint64_t begin; (begin = next.fetch_add(chunk)) < inputs;)
      for (std::uint64_t i = begin; i < std::min(inputs, begin + chunk); ++i)
        bits ^= std::bit_cast<std::uint64_t>(std::exp(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(i)))));
    sink = sink ^ bits;
  });
}

// Eight bytes an input, copied through memory: buffers are larger than caches.
double copy_of_all(std::uint64_t inputs, int threads) {
  constexpr std::size_t buffer = std::size_t{64} << 20;
  std::vector<std::vector<char>> from(static_cast<std::size_t>(threads)), to(static_cast<std::size_t>(threads));
  for (auto* side : {&from, &to})
    for (auto& b : *side) b.assign(buffer, 1);
  const std::uint64_t bytes = inputs * 8 / static_cast<std::uint64_t>(threads);
  return timed(threads, [&](int t) {
    const auto at = static_cast<std::size_t>(t);
    for (std::uint64_t done = 0; done < bytes; done += buffer) {
      std::memcpy(to[at].data(), from[at].data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer, bytes - done)));
      asm volatile("" : : "r"(to[at].data()) : "memory");  // it is wanted every time
    }
  });
}

// Seconds of one evaluation at 113 bits, over inputs spread evenly among all bit patterns.
double mpfr_cost(const std::string& op) {
  constexpr std::uint32_t count = 1 << 16;
  mpfr_t x, y, one;
  mpfr_inits2(113, x, y, one, static_cast<mpfr_ptr>(nullptr));
  mpfr_set_ui(one, 1, MPFR_RNDN);
  const auto begin = Clock::now();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto v = std::bit_cast<float>(i * 65521u);
    mpfr_set_flt(x, v, MPFR_RNDN);
    if (op == "tanh") {
      mpfr_tanh(y, x, MPFR_RNDN);
    } else if (op == "softplus") {
      mpfr_exp(y, x, MPFR_RNDN);
      mpfr_log1p(y, y, MPFR_RNDN);
    } else {
      mpfr_neg(x, x, MPFR_RNDN);
      mpfr_exp(y, x, MPFR_RNDN);
      mpfr_add(y, y, one, MPFR_RNDN);
      mpfr_div(y, one, y, MPFR_RNDN);
    }
  }
  const double seconds = since(begin) / count;
  mpfr_clears(x, y, one, static_cast<mpfr_ptr>(nullptr));
  return seconds;
}

// Bytes of a process that are its own, and its share of what it has in common with others.
std::uint64_t proportional_bytes(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/smaps_rollup");
  std::uint64_t kib = 0;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("Pss:")) kib = std::strtoull(line.c_str() + 4, nullptr, 10);
  return kib * 1024;
}

// The most memory that this process and the workers it started hold at one time, looked at now and then.
class PeakMemory {
 public:
  PeakMemory() : thread_([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        std::uint64_t bytes = proportional_bytes("self");
        std::error_code none;
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none)) {
          std::ifstream in(task.path() / "children");
          for (std::string pid; in >> pid;) bytes += proportional_bytes(pid);
        }
        peak_ = std::max(peak_, bytes);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    }) {}
  double mib() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return static_cast<double>(peak_) / 1048576;
  }

 private:
  std::uint64_t peak_ = 0;
  std::jthread thread_;
};

class Suite {
 public:
  Suite(const std::filesystem::path& file, const std::string& plugin, const SweepSuiteOptions& options) : file_(file), options_(options) {
    suite_.plugin = plugin;
    suite_.isa = options.isa;
    suite_.threads = options.threads;
    host::Worker worker(file);
    for (const char* op : {"sigmoid", "tanh", "softplus", "relu", "leaky_relu"}) {
      const auto& rows = worker.info().kernels;
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const host::KernelRow& r) { return r.op == op && r.dtype == static_cast<std::int32_t>(Dtype::f32); });
      std::string why;
      bool error = false;
      std::optional<SweepSubject> subject;
      if (row != rows.end()) subject = properties::sweep_subject(worker, plugin, *row, {}, "", {}, options.isa, 1, why, error);
      if (subject) subjects_.emplace(op, std::move(*subject));
      else suite_.missing.emplace_back(op);
    }
  }

  SweepSuite go() {
    for (int run = 0; run < options_.runs && !suite_.stopped; ++run) once();
    return std::move(suite_);
  }

 private:
  SweepFigure& figure(const std::string& what, const std::string& against) {
    for (SweepFigure& f : suite_.figures)
      if (f.what == what && f.against == against) return f;
    return suite_.figures.emplace_back(SweepFigure{what, against, {}, {}});
  }
  void add(const std::string& what, const std::string& against, double seconds, double baseline) {
    SweepFigure& f = figure(what, against);
    f.seconds.push_back(seconds);
    f.baseline.push_back(baseline);
  }

  // Seconds of a sweep, of part `shard` of `shards` of what the suite goes through.
  double sweep(const std::string& op, int threads, std::uint64_t shard = 0, std::uint64_t shards = 1) {
    options_.progress("sweep " + op + ", " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"));
    properties::SweepOptions o;
    o.threads = threads;
    o.shard = shard;
    o.shards = shards * options_.part;
    o.stop = options_.stop;
    std::optional<PeakMemory> memory;
    if (watch_) memory.emplace();
    const auto begin = Clock::now();
    const properties::SweepRun run = properties::run_sweep(subjects_.at(op), file_, o);
    const double seconds = since(begin);
    if (memory) suite_.peak_mib = std::max(suite_.peak_mib, memory->mib());
    judging_ = run.inputs > 0 ? run.judging / static_cast<double>(run.inputs) : 0;
    parts_.push_back(run.partial);
    suite_.inputs = std::max(suite_.inputs, run.inputs);
    if (options_.stop()) suite_.stopped = true;
    if (run.fault || run.host_error || run.declined || !run.partial.offences.empty()) suite_.all_pass = false;
    if (run.partial.finite > 0) suite_.escalated = std::max(suite_.escalated, static_cast<double>(run.partial.escalated) / static_cast<double>(run.partial.finite));
    return seconds;
  }

  void once() {
    std::map<std::string, double> seconds, judging;
    for (const auto& [op, subject] : subjects_) {
      if (suite_.stopped) return;
      watch_ = suite_.figures.empty();  // the copy's buffers come later
      seconds[op] = sweep(op, options_.threads);
      judging[op] = judging_;
    }
    watch_ = false;
    if (suite_.stopped || subjects_.empty()) return;
    const std::uint64_t inputs = suite_.inputs;
    options_.progress("the C library's exp");
    const double exp_seconds = exp_of_all(inputs, options_.threads);
    options_.progress("a copy");
    const double copy_seconds = copy_of_all(inputs, options_.threads);
    for (const auto& [op, s] : seconds) {
      if (op == "relu" || op == "leaky_relu") {
        add("sweep " + op, "copy of inputs and outputs", s, copy_seconds);
        continue;
      }
      add("sweep " + op, "exp() of the same inputs", s, exp_seconds);
      options_.progress("MPFR " + op);
      const double mpfr = mpfr_cost(op);
      add("sweep " + op + ", an input", "MPFR at 113 bits, an input", s * options_.threads / static_cast<double>(inputs), mpfr);
      add("judging " + op + ", an input", "MPFR at 113 bits, an input", judging[op], mpfr);
    }
    if (subjects_.contains("sigmoid")) {
      const double whole = seconds["sigmoid"];
      if (options_.threads > 1) add("sweep sigmoid, 1 thread", "the same, " + std::to_string(options_.threads) + " threads", sweep("sigmoid", 1), whole);
      double in_shards = 0;
      parts_.clear();
      for (std::uint64_t shard = 0; shard < 4 && !suite_.stopped; ++shard) in_shards += sweep("sigmoid", options_.threads, shard, 4);
      const auto begin = Clock::now();
      properties::Partial merged;
      for (const auto& part : parts_) merged.merge(properties::partial_from_json(properties::to_json(part)));
      in_shards += since(begin);
      if (!suite_.stopped) add("sweep sigmoid, 4 shards merged", "in one run", in_shards, whole);
    }
    parts_.clear();
  }

  std::filesystem::path file_;
  const SweepSuiteOptions& options_;
  std::map<std::string, SweepSubject> subjects_;
  std::vector<properties::Partial> parts_;
  double judging_ = 0;  // seconds of one core an input, in the last sweep, without the kernel
  bool watch_ = false;
  SweepSuite suite_;
};

}  // namespace

std::vector<double> SweepFigure::ratios() const {
  std::vector<double> r;
  for (std::size_t i = 0; i < seconds.size(); ++i) r.push_back(seconds[i] / baseline[i]);
  return r;
}

SweepSuite time_sweeps(const std::filesystem::path& file, const std::string& plugin, const SweepSuiteOptions& options) { return Suite(file, plugin, options).go(); }

std::string sweep_suite_json(const SweepSuite& s) {
  nlohmann::ordered_json json{{"type", "sweep_timing"}, {"plugin", s.plugin}, {"isa", s.isa}, {"threads", s.threads}, {"inputs", s.inputs}, {"escalated", s.escalated}, {"peak_mib", s.peak_mib}};
  json["figures"] = nlohmann::ordered_json::array();
  for (const SweepFigure& f : s.figures) json["figures"].push_back({{"what", f.what}, {"against", f.against}, {"seconds", f.seconds}, {"baseline", f.baseline}});
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string sweep_suite_table(const SweepSuite& s) {
  const auto spread = [](const std::vector<double>& v, const char* unit) {
    const auto text = [&](double x) { return x < 1e-3 ? fmt::format("{:.3g} ns", x * 1e9) : fmt::format("{:.3g}{}", x, unit); };
    return fmt::format("{} ({} to {})", text(median(v)), text(*std::min_element(v.begin(), v.end())), text(*std::max_element(v.begin(), v.end())));
  };
  std::string text = fmt::format("{}{}: {} inputs a sweep, {} threads, {} runs; median (least to most)\n", s.plugin, s.isa.empty() ? "" : " on " + s.isa, s.inputs, s.threads, s.figures.empty() ? 0 : s.figures[0].seconds.size());
  for (const SweepFigure& f : s.figures) {
    if (f.seconds.empty()) continue;
    const std::vector<double> r = f.ratios();
    text += fmt::format("  {:<34} {:<28} {:<28} {:<26} ratio {:.4g} ({:.4g} to {:.4g})\n", f.what, spread(f.seconds, " s"), f.against, spread(f.baseline, " s"), median(r), *std::min_element(r.begin(), r.end()),
                        *std::max_element(r.begin(), r.end()));
  }
  text += fmt::format("  to the enclosure: at most {:.2g} of the inputs of a sweep; peak memory {:.0f} MiB, workers included\n", s.escalated, s.peak_mib);
  for (const std::string& op : s.missing) text += "  no f32 kernel of " + op + "\n";
  if (!s.all_pass) text += "  a sweep failed: `karat sweep` says why\n";
  if (s.stopped) text += "  stopped\n";
  return text;
}

}  // namespace karat::bench
