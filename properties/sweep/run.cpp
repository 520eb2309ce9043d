// SPDX-License-Identifier: MIT
// The run of a sweep: workers, chunks, states.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <mutex>
#include <thread>

#include "properties/case.hpp"
#include "properties/sweep/chunk.hpp"
#include "properties/sweep/sweep.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

using Clock = std::chrono::steady_clock;
using Fault = SweepRun::Fault;

// What a call did that no result excuses.
std::optional<Fault> fault_of(const host::Outcome& outcome, std::uint64_t chunk) {
  using Status = host::Outcome::Status;
  switch (outcome.status) {
    case Status::failed:
      return Fault{Kind::protocol_violation, "accepts the call and then fails: " + outcome.detail, chunk};
    case Status::out_of_bounds:
      return Fault{Kind::out_of_bounds, outcome.detail, chunk};
    case Status::input_modified:
      return Fault{Kind::input_modified, outcome.detail, chunk};
    case Status::crashed:
      return Fault{Kind::crashed, outcome.detail, chunk};
    case Status::hung:
      return Fault{Kind::hung, outcome.detail, chunk};
    case Status::out_of_memory:
      return Fault{Kind::out_of_memory, outcome.detail, chunk};
    case Status::exited:
      return Fault{Kind::protocol_violation, outcome.detail, chunk};
    case Status::ok:
    case Status::declined:
    case Status::host_error:
      break;
  }
  if (!outcome.wrote_outside.empty()) return Fault{Kind::out_of_bounds, outcome.wrote_outside, chunk};
  if (!outcome.input_changed.empty()) return Fault{Kind::input_modified, outcome.input_changed, chunk};
  if (!outcome.process_changed.empty()) return Fault{Kind::protocol_violation, outcome.process_changed, chunk};
  if (!outcome.fp_env_changed.empty()) return Fault{Kind::fp_env_changed, outcome.fp_env_changed, chunk};
  return std::nullopt;
}

// A worker laid out for one chunk: tensors of rank 1, as long as a chunk.  Where an attribute differs from line
// to line, as long as a line, and results are gathered.
class Caller {
 public:
  Caller(const SweepSubject& subject, const std::filesystem::path& file, const host::Limits& limits)
      : plan_(subject.plan), kernel_(subject.kernel.index), count_(std::size_t{1} << plan_.chunk_bits()), worker_(file, limits) {
    if (!plan_.attribute.empty()) gathered_.resize(count_ * static_cast<std::size_t>(plan_.format->bytes()));
    prepare(plan_.attributes);
  }

  std::optional<std::string> declines() { return worker_.declines(); }

  host::Outcome run(std::uint64_t chunk, bool second = false) {
    const std::uint64_t begin = chunk << plan_.chunk_bits();
    if (plan_.attribute.empty()) {
      fill(begin, count_);
      return worker_.run(poison(second));
    }
    host::Outcome outcome;
    const std::size_t line = std::size_t{1} << plan_.format->width, bytes = line * static_cast<std::size_t>(plan_.format->bytes());
    for (std::size_t at = 0; at < count_; at += line) {
      std::byte* const to = gathered_.data() + at / line * bytes;
      const auto attributes = plan_.attributes_at(begin + at);
      if (!attributes) {
        std::fill_n(to, bytes, std::byte{0});
        continue;
      }
      prepare(*attributes);
      fill(begin + at, line);
      outcome = worker_.run(poison(second));
      if (outcome.status != host::Outcome::Status::ok || fault_of(outcome, chunk)) return outcome;
      std::copy_n(spans_.back().begin(), bytes, to);
    }
    return outcome;
  }
  std::span<const std::byte> results() const { return gathered_.empty() ? std::span<const std::byte>(spans_.back()) : gathered_; }

  // Elements that hold what was there before the call, or look like it.
  std::vector<std::size_t> poisoned(bool second) const { return plan_.format->width == 32 ? holding<std::uint32_t>(second) : holding<std::uint16_t>(second); }
  // NaNs that no kernel makes by chance.
  std::uint64_t poison(bool second) const {
    const Format& f = *plan_.format;
    return f.quiet_nan() | (second ? f.sign_mask() : 0) | (f.fraction_mask() >> 1 & 0x2a5a5a);
  }

 private:
  template <class T>
  std::vector<std::size_t> holding(bool second) const {
    const T* at = reinterpret_cast<const T*>(results().data());
    const auto pattern = static_cast<T>(poison(second));
    T any = 0;  // as wide as an element: the loop becomes vectors
    for (std::size_t i = 0; i < count_; ++i) any = static_cast<T>(any | (at[i] == pattern ? 1 : 0));
    std::vector<std::size_t> found;
    for (std::size_t i = 0; any != 0 && i < count_; ++i)
      if (at[i] == pattern) found.push_back(i);
    return found;
  }
  void prepare(const Attributes& attributes) {
    const std::size_t length = plan_.attribute.empty() ? count_ : std::size_t{1} << plan_.format->width;
    Case shape{.question = {plan_.op, plan_.format, {}, attributes}};
    for (std::size_t t = 0; t < plan_.op->inputs.size(); ++t) shape.question.inputs.emplace_back(Shape{static_cast<std::int64_t>(length)});
    host::CallSpec spec = call_spec(shape, kernel_);
    spec.hash_inputs = false;
    spans_ = worker_.prepare(spec);
  }
  void fill(std::uint64_t begin, std::size_t count) {
    if (plan_.format->width == 32) fill_as<std::uint32_t>(begin, count);
    else fill_as<std::uint16_t>(begin, count);
  }
  template <class T>
  void fill_as(std::uint64_t begin, std::size_t count) {
    const std::uint64_t in_line = std::min<std::uint64_t>(count, std::uint64_t{1} << plan_.format->width);
    for (std::uint64_t at = 0; at < count; at += in_line) {
      const std::vector<Bits> bits = plan_.inputs_at(begin + at);
      for (std::size_t t = 0; t < bits.size(); ++t) {
        T* to = reinterpret_cast<T*>(spans_[t].data()) + at;
        const auto first = static_cast<T>(bits[t]);
        if (t == plan_.variable)
          for (std::uint64_t i = 0; i < in_line; ++i) to[i] = static_cast<T>(first + i);
        else
          std::fill(to, to + in_line, first);
      }
    }
  }

  const SweepPlan& plan_;
  int kernel_;
  std::size_t count_;
  host::Worker worker_;
  std::vector<std::span<std::byte>> spans_;
  std::vector<std::byte> gathered_;
};

// The threads' common result.
class Run {
 public:
  Run(const SweepSubject& subject, const std::filesystem::path& plugin, const SweepOptions& options)
      : subject_(subject), plugin_(plugin), options_(options), dealer_(options.dealer ? *options.dealer : own_dealer_) {
    const std::uint64_t all = subject.plan.chunks();
    first_ = all / options.shards * options.shard + std::min(all % options.shards, options.shard);
    end_ = first_ + all / options.shards + (options.shard < all % options.shards ? 1 : 0);
    load();
    for (std::uint64_t c = first_; c < end_ && options.merged.empty(); ++c)
      if (!before_.chunks.holds(c)) rest_.push_back(c);
  }

  SweepRun go() {
    {
      std::vector<std::jthread> threads;
      for (int t = 1; t < options_.threads && static_cast<std::size_t>(t) < rest_.size(); ++t) threads.emplace_back([this] { work(); });
      if (!rest_.empty()) work();
    }
    if (error_) std::rethrow_exception(error_);
    save();
    result_.seconds = seconds();
    result_.inputs = mine_.inputs;
    result_.partial = options_.first ? std::move(before_) : Partial();
    result_.partial.merge(mine_);
    return std::move(result_);
  }

 private:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  void load() {
    std::vector<std::filesystem::path> folders = options_.merged;
    if (!options_.state.empty()) folders.push_back(options_.state);
    for (const auto& folder : folders) {
      const auto files = state_files(folder, subject_.name());
      if (files.empty() && folder != options_.state) throw SweepError(folder.string() + ": holds no state of " + subject_.name() + "; expected " + subject_.name() + ".1.json");
      for (const auto& file : files) {
        const State state = read_state(file);
        expect_same(subject_.identity(), state.identity, file.string());
        try {
          const Partial there = partial_from_json(state.content);
          if (!there.chunks.ranges().empty() && there.chunks.ranges().back().to >= subject_.plan.chunks())
            throw SweepError("holds chunk " + std::to_string(there.chunks.ranges().back().to) + " of " + std::to_string(subject_.plan.chunks()));
          before_.merge(there);
        } catch (const SweepError& e) {
          throw SweepError(file.string() + ": " + e.what());
        }
      }
    }
    options_.loaded();
  }
  void save() {
    if (options_.state.empty() || mine_.chunks.ranges().empty()) return;
    if (file_.empty()) file_ = new_state_file(options_.state, subject_.name());
    write_state(file_, {subject_.identity(), to_json(mine_)});
  }

  bool ended() {
    const std::scoped_lock lock(mutex_);
    return error_ || result_.fault || result_.declined || result_.host_error;
  }

  void work() {
    const NumberCaches caches;
    try {
      Caller caller(subject_, plugin_, options_.limits);
      if (auto reason = caller.declines()) {
        const std::scoped_lock lock(mutex_);
        result_.declined = std::move(reason);
        return;
      }
      ChunkJudge judge(subject_.plan, subject_.level, subject_.isa);
      while (!options_.stop() && !ended()) {
        const std::uint64_t next = dealer_.next();
        if (next >= rest_.size()) return;
        one(caller, judge, rest_[next]);
      }
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void one(Caller& caller, ChunkJudge& judge, std::uint64_t chunk) {
    const host::Outcome outcome = caller.run(chunk);
    std::optional<Fault> fault = fault_of(outcome, chunk);
    std::optional<std::string> host_error;
    if (outcome.status == host::Outcome::Status::host_error) host_error = outcome.detail;
    if (outcome.status == host::Outcome::Status::declined) host_error = "the kernel took the first call and declines another of the same shape: " + outcome.detail;
    Partial partial;
    const auto called = Clock::now();
    if (!fault && !host_error) partial = subject_.hash_only ? judge.hash(chunk, caller.results()) : judge(chunk, caller.results());
    const double judging = std::chrono::duration<double>(Clock::now() - called).count();
    // What was there before is a NaN: where there is none all was written.
    if (!fault && !host_error && (subject_.hash_only || judge.saw_nan()))
      if (const std::vector<std::size_t> suspects = caller.poisoned(false); !suspects.empty()) {
        // A NaN may be the kernel's own, passed on from its input: over another pattern it shows.
        fault = fault_of(caller.run(chunk, true), chunk);
        const std::vector<std::size_t> again = caller.poisoned(true);
        std::vector<std::size_t> unwritten;
        std::set_intersection(suspects.begin(), suspects.end(), again.begin(), again.end(), std::back_inserter(unwritten));
        if (!fault && !unwritten.empty())
          fault = Fault{Kind::unwritten, std::to_string(unwritten.size()) + " of " + std::to_string(caller.results().size() / static_cast<std::size_t>(subject_.plan.format->bytes())) +
                                             " elements still hold what was there before the call, the first at " + std::to_string(unwritten[0]), chunk};
      }
    if (fault || host_error) partial = {};
    const std::scoped_lock lock(mutex_);
    if (fault && !result_.fault) result_.fault = std::move(fault);
    if (host_error && !result_.host_error) result_.host_error = std::move(host_error);
    if (partial.inputs == 0) return;
    mine_.merge(partial);
    result_.judging += judging;
    if (const auto now = Clock::now(); now - saved_ > std::chrono::seconds(5)) {
      saved_ = now;
      save();
    }
    SweepProgress p;
    p.done = before_.chunks.count() + mine_.chunks.count();
    p.all = options_.shards == 1 ? subject_.plan.chunks() : end_ - first_;
    p.seconds = seconds();
    p.inputs_per_second = static_cast<double>(mine_.inputs) / std::max(1e-9, p.seconds);
    p.worst = before_.all.worst;
    p.worst.take(mine_.all.worst);
    for (const auto& [kind, offences] : mine_.offences) p.failing += offences.count;
    options_.progress(p);
  }

  const SweepSubject& subject_;
  const std::filesystem::path& plugin_;
  const SweepOptions& options_;
  LocalDealer own_dealer_;
  Dealer& dealer_;
  std::uint64_t first_ = 0, end_ = 0;
  Partial before_, mine_;
  std::vector<std::uint64_t> rest_;  // chunks to do; dealt out by their place here
  std::filesystem::path file_;
  std::mutex mutex_;
  SweepRun result_;
  std::exception_ptr error_;
  Clock::time_point begin_ = Clock::now(), saved_ = begin_;
};

}  // namespace

SweepRun run_sweep(const SweepSubject& subject, const std::filesystem::path& plugin, const SweepOptions& options) {
  return Run(subject, plugin, options).go();
}

}  // namespace karat::properties
