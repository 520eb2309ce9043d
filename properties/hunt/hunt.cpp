// SPDX-License-Identifier: MIT
#include "properties/hunt/hunt.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "properties/acceptance.hpp"
#include "properties/describe.hpp"
#include "properties/error_in_ulps.hpp"
#include "properties/generate.hpp"
#include "properties/judge.hpp"
#include "properties/parallel.hpp"
#include "properties/profile.hpp"
#include "properties/rapid.hpp"
#include "properties/replay.hpp"
#include "properties/sweep/state_file.hpp"
#include "properties/trial.hpp"

namespace karat::properties {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937_64;

constexpr std::size_t kept = 32;

const Format* format_of_code(std::int32_t code) {
  const auto found = std::find_if(formats().begin(), formats().end(), [&](const Format& f) { return static_cast<std::int32_t>(f.dtype) == code; });
  return found == formats().end() ? nullptr : &*found;
}

std::string name_of(const std::string& plugin, const host::KernelRow& kernel) {
  const Format* f = format_of_code(kernel.dtype);
  return file_name("hunt-" + plugin + "-" + kernel.op + "-" + kernel.kernel + "-" + (f ? std::string(f->name) : std::to_string(kernel.dtype)));
}
Identity identity_of(const std::string& plugin, const host::KernelRow& kernel) {
  const Format* f = format_of_code(kernel.dtype);
  return {{"work", "hunt"}, {"plugin", plugin}, {"op", kernel.op}, {"kernel", kernel.kernel}, {"dtype", f ? std::string(f->name) : ""}};
}

struct Kept {
  std::vector<std::string> lines;
  std::uint64_t tried = 0;
};
std::filesystem::path file_of(const std::filesystem::path& folder, const std::string& plugin, const host::KernelRow& kernel) { return folder / (name_of(plugin, kernel) + ".1.json"); }

Kept read_kept(const std::filesystem::path& folder, const std::string& plugin, const host::KernelRow& kernel) {
  const auto file = file_of(folder, plugin, kernel);
  if (folder.empty() || !std::filesystem::exists(file)) return {};
  const State state = read_state(file);
  expect_same(identity_of(plugin, kernel), state.identity, file.string());
  try {
    const auto json = nlohmann::json::parse(state.content);
    return {json.at("lines").get<std::vector<std::string>>(), json.at("tried").get<std::uint64_t>()};
  } catch (const nlohmann::json::exception& e) {
    throw SweepError(file.string() + ": is no population of a hunt: " + e.what());
  }
}

class Hunter {
 public:
  Hunter(host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel, const Operator& op, const Format& f, const HuntOptions& options, Level level)
      : worker_(worker), plugin_(plugin), kernel_(kernel), op_(op), f_(f), options_(options), level_(std::move(level)), random_(options.seed) {}
  virtual ~Hunter() = default;

  Hunt go() {
    const Kept before = read_kept(options_.folder, plugin_, kernel_);
    result_.tried = before.tried;
    for (const std::string& line : before.lines) {
      try {
        take_up(parse_replay(line).c.question);
        ++result_.taken_up;
      } catch (const ReplayError& e) {
        throw SweepError("a line of the population does not parse: " + std::string(e.what()));
      }
    }
    settle();
    while (!failed_ && !options_.stop() && seconds() < options_.seconds) {
      step();
      options_.progress({result_.tried, population_.empty() ? 0 : population_.front().score, seconds()});
    }
    settle();
    keep();
    result_.seconds = seconds();
    return std::move(result_);
  }

 protected:
  struct Candidate {
    Question question;
    double score = 0;
  };

  virtual void take_up(const Question& question) = 0;
  virtual void step() = 0;

  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  // The worst first, each once.
  void settle() {
    std::stable_sort(population_.begin(), population_.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    std::vector<Candidate> fresh;
    for (Candidate& c : population_) {
      const bool known = std::any_of(fresh.begin(), fresh.end(), [&](const Candidate& o) { return o.score == c.score && same(o.question, c.question); });
      if (!known && fresh.size() < kept) fresh.push_back(std::move(c));
    }
    population_ = std::move(fresh);
  }
  static bool same(const Question& a, const Question& b) {
    return a.attributes == b.attributes && std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(), [](const auto& x, const auto& y) { return x.shape == y.shape && x.values == y.values; });
  }

  // The call as a whole went wrong: that ends the hunt, with the smallest case that shows it.
  void fault(const Case& c, const Fault& fault) {
    failed_ = true;
    const Case small = shrink(c, kernel_, 100, [&](const Case& smaller) {
      const Execution again = execute(worker_, kernel_.index, smaller);
      return again.fault && again.fault->kind == fault.kind;
    });
    Failure failure{.kind = fault.kind, .count = 1, .message = op_.name + ": " + fault.text};
    failure.ulp = failure.allowed = std::numeric_limits<double>::quiet_NaN();
    failure.level = to_text(level_);
    failure.replay = to_text(Replay{.plugin = plugin_, .kernel = kernel_.kernel, .c = small, .level = level_, .seed = options_.seed});
    result_.verdict.failures.push_back(std::move(failure));
  }
  void give_up(const std::string& reason) {
    failed_ = true;
    result_.verdict.reason = reason;
  }

  std::string line_of(const Question& question) const {
    Case c{.question = question};
    return to_text(Replay{.plugin = plugin_, .kernel = kernel_.kernel, .c = c, .seed = options_.seed});
  }

  host::Worker& worker_;
  const std::string& plugin_;
  const host::KernelRow& kernel_;
  const Operator& op_;
  const Format& f_;
  const HuntOptions& options_;
  Level level_;
  Random random_;
  std::vector<Candidate> population_;
  Hunt result_;
  bool failed_ = false;
  Clock::time_point begin_ = Clock::now();

 private:
  void keep() {
    for (const Candidate& c : population_)
      if (std::string line = line_of(c.question); line.size() <= longest_replay) result_.prey.push_back({std::move(line), c.score});
    if (options_.folder.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(options_.folder, error);
    nlohmann::ordered_json json;
    json["tried"] = result_.tried;
    json["lines"] = nlohmann::json::array();
    for (const Prey& p : result_.prey) json["lines"].push_back(p.line);
    write_state(file_of(options_.folder, plugin_, kernel_), {identity_of(plugin_, kernel_), json.dump()});
  }
};

// Many candidates in one call.
class ElementHunter final : public Hunter {
 public:
  using Hunter::Hunter;

 private:
  static constexpr std::size_t batch = 2048;
  using Inputs = std::vector<Bits>;
  struct Best {
    Inputs inputs;
    double score = -1;
  };

  void take_up(const Question& question) override {
    Inputs inputs;
    for (const auto& tensor : question.inputs) inputs.push_back(tensor.values.at(0));
    if (inputs.size() == op_.inputs.size()) queue_.push_back(std::move(inputs));
  }

  void step() override {
    std::vector<Inputs> candidates = std::move(queue_);
    queue_.clear();
    while (candidates.size() < batch) candidates.push_back(next());
    Case c{.question = {&op_, &f_, {}, standard_attributes(op_)}};
    for (std::size_t t = 0; t < op_.inputs.size(); ++t) {
      Tensor<Bits> tensor(Shape{static_cast<std::int64_t>(candidates.size())});
      for (std::size_t i = 0; i < candidates.size(); ++i) tensor.values[i] = candidates[i][t];
      c.question.inputs.push_back(std::move(tensor));
    }
    c.layout = base_layout(kernel_, f_, c.question);
    const Execution execution = execute(worker_, kernel_.index, c);
    if (execution.declined || execution.host_error) return give_up(execution.declined ? *execution.declined : *execution.host_error);
    if (execution.fault) return fault(c, *execution.fault);
    result_.tried += candidates.size();
    std::vector<double> scores(candidates.size());
    parallel_ranges(0, candidates.size(), 64, [&](std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) scores[i] = score_of(unit(c.question, i), execution.output.values[i]);
    });
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const double score = scores[i];
      Best& best = by_region_[region(candidates[i])];
      if (score <= best.score) continue;
      best = {candidates[i], score};
      if (population_.size() < kept || score > population_.back().score) {
        Question q{&op_, &f_, {}, c.question.attributes};
        for (const Bits b : candidates[i]) q.inputs.emplace_back(Shape{1}, std::vector<Bits>{b});
        population_.push_back({std::move(q), score});
        if (population_.size() > 2 * kept) settle();
      }
    }
    settle();
    regions_.clear();
    for (const auto& [key, best] : by_region_) regions_.push_back(&best);
  }

  // Its error; a difference in class is worse than any.
  double score_of(const Unit& one, Bits got) const {
    if (const auto error = error_in_ulps(one.question, got)) return *error;
    const Judgement j = judge_unit(one, std::span(&got, 1), level_)[0];
    return j.ok || j.error ? 0 : std::numeric_limits<double>::infinity();
  }

  // Sign and binade of each input: of every region the worst is remembered.
  std::uint64_t region(const Inputs& inputs) const {
    std::uint64_t key = 0;
    for (const Bits b : inputs) key = key << 16 | b >> f_.fraction_bits();
    return key;
  }

  Inputs next() {
    const std::uint64_t dice = below(100);
    if (dice < 35 && !population_.empty()) {
      Inputs parent;
      for (const auto& tensor : population_[below(std::min<std::size_t>(population_.size(), 1 + below(kept)))].question.inputs) parent.push_back(tensor.values[0]);
      return moved(std::move(parent));
    }
    if (dice < 65 && !regions_.empty()) return moved(regions_[below(regions_.size())]->inputs);
    Inputs fresh;
    for (const InputRow& row : op_.inputs) fresh.push_back(drawn(row));
    return fresh;
  }

  Bits drawn(const InputRow& row) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::uint64_t dice = below(4);
      Bits b = random_() & f_.mask();  // every binade alike
      if (dice == 0) {
        const double v = row.typical.low + (row.typical.high - row.typical.low) * static_cast<double>(random_() >> 11) * 0x1p-53;
        b = round_nearest(f_, truncated(v));
      } else if (dice == 1 && !row.directed.empty()) {  // where the row knows it to be hard
        b = stepped(round_nearest(f_, truncated(row.directed[below(row.directed.size())])));
      }
      if (is_finite(f_, b) && row.takes(to_double(f_, b))) return b;
    }
    return 0;
  }

  Inputs moved(Inputs inputs) {
    const std::size_t t = below(inputs.size());
    const Bits before = inputs[t];
    switch (below(6)) {
      case 0:  // the same place in another binade
        inputs[t] ^= Bits{1} << (f_.fraction_bits() + static_cast<int>(below(3)));
        break;
      case 1:
        inputs[t] ^= f_.sign_mask();
        break;
      case 2:  // short numbers
        inputs[t] &= ~((Bits{1} << below(static_cast<std::uint64_t>(f_.fraction_bits()))) - 1);
        break;
      default:
        inputs[t] = stepped(inputs[t]);
    }
    if (!is_finite(f_, inputs[t]) || !op_.inputs[t].takes(to_double(f_, inputs[t]))) inputs[t] = before;
    return inputs;
  }
  // A few places of some size further.
  Bits stepped(Bits b) {
    const auto size = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(f_.fraction_bits())));
    const std::int64_t step = (std::int64_t{1} << size) * (1 + static_cast<std::int64_t>(below(7))) * (below(2) ? 1 : -1);
    const std::int64_t top = ordinal(f_, f_.max_finite());
    return from_ordinal(f_, std::clamp(ordinal(f_, b) + step, -top, top));
  }

  std::vector<Inputs> queue_;
  std::map<std::uint64_t, Best> by_region_;
  std::vector<const Best*> regions_;
};

// One case a call: tensors, judged by the level.
class CaseHunter final : public Hunter {
 public:
  using Hunter::Hunter;

 private:
  void take_up(const Question& question) override {
    Case c{.question = question};
    c.layout = base_layout(kernel_, f_, question);
    attempt_(c);
  }

  void step() override {
    const bool beside = !population_.empty() && below(100) < 70;
    Case c;
    if (beside) {
      c.question = population_[below(std::min<std::size_t>(population_.size(), 1 + below(kept)))].question;
      c = near_case(c, options_.seed, static_cast<int>(index_++ & 0x3fffffff));
    } else {
      c = random_case(op_, f_, kernel_, options_.seed, static_cast<int>(index_++ & 0x3fffffff));
    }
    c.layout = base_layout(kernel_, f_, c.question);
    if (!invalid(c.question)) attempt_(c);
  }

  void attempt_(const Case& c) {
    const Trial trial = attempt(worker_, kernel_, c, judge_);
    if (trial.error) return give_up(*trial.error);
    if (trial.declined) return;
    ++result_.tried;
    if (trial.judgements.empty() && !trial.findings.empty()) return fault(c, {trial.findings[0].kind, trial.findings[0].text});
    double worst = 0;
    for (const Judgement& j : trial.judgements) {
      if (j.error || (j.ok && std::isnan(j.ulps))) continue;
      const double allowed = by_budget(level_) ? j.budget + 0.5 : allowed_ulps(level_);
      worst = std::max(worst, std::isnan(j.ulps) ? std::numeric_limits<double>::infinity() : j.rounded ? 0.0 : j.ulps / allowed);
    }
    if (population_.size() < kept || worst > population_.back().score) {
      population_.push_back({c.question, worst});
      settle();
    }
  }

  Judge judge_{level_};
  std::uint64_t index_ = options_.seed << 20;
};

}  // namespace

Hunt hunt(host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel, const HuntOptions& options) {
  Hunt result;
  result.verdict.plugin = plugin;
  result.verdict.op = kernel.op;
  result.verdict.kernel = kernel.kernel;
  result.verdict.claim = kernel.claim;
  result.verdict.result = KernelVerdict::Result::error;
  const Operator* op = find_operator(kernel.op);
  const Format* f = format_of_code(kernel.dtype);
  result.verdict.dtype = f ? std::string(f->name) : std::to_string(kernel.dtype);
  if (!op || !f) {
    result.verdict.reason = op ? "unknown dtype code " + std::to_string(kernel.dtype) : "unknown operator '" + kernel.op + "'";
    return result;
  }
  const std::optional<Level> claim = kernel.claim.empty() ? std::nullopt : parse_level(kernel.claim);
  const auto own = level_for(options.level.value_or(default_level), *op, *f);
  if (!own || (!kernel.claim.empty() && !claim)) {
    result.verdict.result = own ? KernelVerdict::Result::error : KernelVerdict::Result::skip;
    result.verdict.reason = own ? "unknown claim '" + kernel.claim + "'" : to_text(*options.level) + " has no rule for " + op->name + " in " + std::string(f->name);
    return result;
  }
  const Level level = claim ? both(*own, *claim) : *own;
  const bool elements = op->independence == Independence::elementwise && std::none_of(op->inputs.begin(), op->inputs.end(), [](const InputRow& row) { return row.index; });
  KernelVerdict verdict = std::move(result.verdict);
  if (elements) result = ElementHunter(worker, plugin, kernel, *op, *f, options, level).go();
  else result = CaseHunter(worker, plugin, kernel, *op, *f, options, level).go();
  result.by_ulps = elements;
  verdict.level = level;
  verdict.failures = std::move(result.verdict.failures);
  verdict.reason = std::move(result.verdict.reason);
  verdict.result = verdict.failures.empty() ? KernelVerdict::Result::pass : KernelVerdict::Result::fail;
  verdict.seconds = result.seconds;
  std::vector<std::string> lines;
  for (const Prey& p : result.prey) lines.push_back(p.line);
  include_hunted(worker, verdict, lines, options.seed);
  if (verdict.failures.empty() && (result.tried == 0 || !verdict.reason.empty())) {
    verdict.result = KernelVerdict::Result::error;
    if (verdict.reason.empty()) verdict.reason = "no case was tried in " + std::to_string(options.seconds) + " s";
  }
  result.verdict = std::move(verdict);
  return result;
}

std::vector<std::string> hunted(const std::filesystem::path& folder, const std::string& plugin, const host::KernelRow& kernel) { return read_kept(folder, plugin, kernel).lines; }

void include_hunted(host::Worker& worker, KernelVerdict& verdict, const std::vector<std::string>& lines, std::uint64_t seed) {
  using Result = KernelVerdict::Result;
  if (verdict.result != Result::pass && verdict.result != Result::fail) return;
  for (const std::string& text : lines) {
    KernelVerdict one;
    try {
      Replay line = parse_replay(text);
      line.plugin = verdict.plugin;
      line.kernel = verdict.kernel;
      line.level = verdict.level;
      line.seed = seed;
      one = replay(worker, line);
    } catch (const ReplayError& e) {
      verdict.notes.push_back("a hunted line was not tried: " + std::string(e.what()));
      continue;
    }
    verdict.calls += one.calls;
    verdict.elements += one.elements;
    verdict.finite += one.finite;
    verdict.rounded += one.rounded;
    if (one.max_ulp > verdict.max_ulp || verdict.max_ulp_at.empty()) {
      verdict.max_ulp = one.max_ulp;
      verdict.max_ulp_at = one.max_ulp_at;
    }
    if (one.result == Result::error) verdict.notes.push_back("a hunted line could not be judged: " + one.reason);
    for (Failure& failure : one.failures) {
      const auto known = std::find_if(verdict.failures.begin(), verdict.failures.end(), [&](const Failure& f) { return f.kind == failure.kind; });
      if (known == verdict.failures.end()) {
        verdict.failures.push_back(std::move(failure));
      } else {
        known->count += failure.count;
        if (failure.ulp > known->ulp) {
          failure.count = known->count;
          *known = std::move(failure);
        }
      }
    }
  }
  if (!verdict.failures.empty()) verdict.result = Result::fail;
}

}  // namespace karat::properties
