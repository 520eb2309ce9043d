// SPDX-License-Identifier: MIT
#include "properties/sweep/sweep.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "properties/acceptance.hpp"
#include "properties/error_in_ulps.hpp"
#include "properties/replay.hpp"
#include "properties/sweep/chunk.hpp"

using namespace karat;
using namespace karat::properties;
using Result = KernelVerdict::Result;
namespace fs = std::filesystem;

namespace {

fs::path plugin_file(const std::string& name) { return fs::path(KARAT_PLUGIN_DIR) / (name + ".so"); }

struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "karat-sweep-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  fs::path path;
};

SweepSubject subject_of(const std::string& plugin, const std::string& op, const char* dtype, std::optional<Level> level = {}) {
  host::Worker worker(plugin_file(plugin));
  const Format& f = *find_format(dtype);
  for (const host::KernelRow& row : worker.info().kernels) {
    if (row.op != op || row.dtype != static_cast<std::int32_t>(f.dtype)) continue;
    std::string why;
    bool error = false;
    const auto subject = sweep_subject(worker, plugin, row, {}, "", level, "", 1, why, error);
    INFO(why);
    REQUIRE(subject);
    return *subject;
  }
  FAIL(plugin << " has no " << op << " in " << dtype);
  return {};
}

// The part of a record that must not depend on how the work was split.
std::string result_section(const SweepSubject& subject, const SweepRun& run) {
  const auto json = nlohmann::ordered_json::parse(sweep_json(subject, run, judge_sweep(subject, run)));
  return json.at("result").dump() + json.at("failures").dump() + json.at("verdict").dump();
}

SweepPlan plan_of(const char* op, const char* dtype) {
  std::string why;
  const Operator& row = *find_operator(op);
  return sweep_plan(row, *find_format(dtype), standard_attributes(row), "", 1, why).value();
}

std::optional<Bits> nearest(const Question& q) {
  const auto special = specials(q)[0];
  if (!special.empty()) return std::isnan(special[0].value) ? q.format->quiet_nan() : exact_bits(*q.format, special[0].value);
  return decide([&](int) -> std::optional<Bits> {
    const Answer a = answers(q)[0];
    Enclosure low = a.value.lower_end(), high = a.value.upper_end();
    if (!a.value.is_bounded()) return std::nullopt;
    if (a.above && low.certainly_below(*a.above)) low = *a.above;
    if (a.below && a.below->certainly_below(high)) high = *a.below;
    const auto x = round_nearest(*q.format, low), y = round_nearest(*q.format, high);
    return x && y && *x == *y ? x : std::nullopt;
  });
}

// Closer to a power of two than 4096 bits tell.
bool beside_a_power(const Question& q) {
  if (!specials(q)[0].empty()) return false;
  const Answer a = answers(q)[0];
  const double y = std::abs(a.value.midpoint());
  int exponent = 0;
  return (a.above || a.below) && !a.value.is_exact() && std::isfinite(y) && std::abs(std::frexp(y, &exponent)) == 0.5;
}

}  // namespace

TEST_CASE("a chunk is judged as each of its inputs is by itself") {
  std::mt19937_64 random(11);
  for (const char* dtype : {"f16", "bf16"})
    for (const char* op : {"sigmoid", "tanh", "exp", "log", "relu", "softplus"})
      for (const char* level_text : {"exact", "faithful", "max-ulp=1.5", "max-ulp=3"}) {
        const SweepPlan plan = plan_of(op, dtype);
        const Format& f = *plan.format;
        const Level level = *parse_level(level_text);
        ChunkJudge judge(plan, level);
        for (const std::uint64_t chunk : {0, 3, 7, 8, 11, 15}) {
          const std::size_t count = std::size_t{1} << plan.chunk_bits();
          const std::uint64_t begin = chunk << plan.chunk_bits();
          std::vector<std::uint16_t> got(count);
          for (std::size_t i = 0; i < count; ++i) {
            const Bits right = nearest(plan.question_at(begin + i)).value();
            const std::uint64_t dice = random() % 64;
            Bits result = right;
            if (is_finite(f, right) && dice < 30) {
              const std::int64_t top = ordinal(f, f.max_finite());
              result = from_ordinal(f, std::clamp(ordinal(f, right) + static_cast<std::int64_t>(dice % 7) - 3, -top, top));
            }
            if (dice == 40) result = f.quiet_nan() | 1;
            if (dice == 41) result = f.infinity() | (random() % 2 ? f.sign_mask() : 0);
            if (dice == 42) result = f.sign_mask();
            got[i] = static_cast<std::uint16_t>(result);
          }
          const Partial p = judge(chunk, std::as_bytes(std::span(got)));
          std::uint64_t rounded = 0, special = 0, finite = 0, undecided = 0;
          std::map<Kind, std::uint64_t> failing;
          Errors errors;
          for (std::size_t i = 0; i < count; ++i) {
            const Question q = plan.question_at(begin + i);
            const Bits b = got[i];
            const Judgement j = judge_unit({q, {0}}, std::span(&b, 1), level)[0];
            REQUIRE_FALSE(j.error);
            if (!specials(q)[0].empty()) {
              ++special;
            } else if (!std::isnan(j.ulps)) {
              ++finite;
              rounded += j.rounded;
              ++errors.bins[error_bin(j.rounded ? 0 : j.ulps)];
              errors.worst.take({j.ulps, begin + i, b});
            }
            undecided += beside_a_power(q);
            if (!j.ok) ++failing[j.kind];
          }
          INFO(op << " " << dtype << " " << level_text << " chunk " << chunk);
          CHECK(p.errors == 0);
          CHECK(p.special == special);
          CHECK(p.finite == finite);
          CHECK(p.rounded == rounded);
          // No precision tells the enclosure on which side of 1 a tail lies, and an ulp is half as much on one.
          if (undecided > 0 && level.rule == Level::Rule::max_ulp) continue;
          if (undecided == 0) {
            CHECK(p.all.bins == errors.bins);
            CHECK((p.all.worst.ulps == errors.worst.ulps || std::abs(p.all.worst.ulps - errors.worst.ulps) <= 1e-9 * std::max(1.0, errors.worst.ulps)));
          }
          std::uint64_t in_binades = 0;
          for (const auto& [binade, there] : p.by_binade) in_binades += there.count();
          CHECK(in_binades == finite);
          for (const Kind kind : {Kind::inaccurate, Kind::special_value}) {
            const auto offences = p.offences.find(kind);
            CHECK((offences == p.offences.end() ? 0 : offences->second.count) == failing[kind]);
          }
        }
      }
}

TEST_CASE("where the row decides each input by itself, each is judged by it") {
  // dy · leaky_relu'(NaN): NaN, or by a policy dy or α·dy.
  const SweepPlan plan = plan_of("leaky_relu_backward", "bf16");
  const Format& f = *plan.format;
  const double alpha = plan.attributes.number("alpha");
  const std::uint64_t chunk = 0x7f90 >> 4;  // sixteen NaNs for x, every dy
  std::vector<std::uint16_t> got(std::size_t{1} << plan.chunk_bits());
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double dy = to_double(f, plan.pattern_of((chunk << plan.chunk_bits()) + i));
    got[i] = static_cast<std::uint16_t>(std::isnan(dy) ? f.quiet_nan() : round_nearest(f, truncated(i % 2 ? dy : alpha * dy)));
    if (i % 4096 == 1 && i / 65536 % 3 == 1 && std::abs(dy) > 1 && std::isfinite(dy)) {
      got[i] = static_cast<std::uint16_t>(got[i] ^ 2);
      ++wrong;
    }
  }
  ChunkJudge judge(plan, *parse_level("exact"));
  const Partial p = judge(chunk, std::as_bytes(std::span(got)));
  CHECK(wrong > 0);
  CHECK(p.escalated == 0);
  CHECK(p.special + p.outside == got.size());
  CHECK(p.offences.at(Kind::special_value).count == wrong);
  CHECK(p.offences.size() == 1);
  CHECK(p.policies.at("mask_gradient_at_nan") > 1'000'000);
}

namespace {

// A chunk of results that are right at `level`, but for some that are moved by three places: those are what is refused.
template <class Right>
void check_chunk(const SweepPlan& plan, std::uint64_t chunk, const Right& right, bool all_outside = false) {
  const Format& f = *plan.format;
  const std::size_t count = std::size_t{1} << plan.chunk_bits();
  const std::uint64_t begin = chunk << plan.chunk_bits();
  std::vector<std::uint16_t> got(count);
  std::uint64_t asked = 0, moved = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<Bits> bits = plan.inputs_at(begin + i);
    bool takes = plan.attributes_at(begin + i).has_value(), usual = true;
    std::vector<double> x;
    for (std::size_t t = 0; t < bits.size(); ++t) {
      x.push_back(to_double(f, bits[t]));
      takes = takes && plan.op->inputs[t].takes(x[t]);
      usual = usual && std::isfinite(x[t]) && x[t] != 0;
    }
    if (!takes) continue;
    ++asked;
    Bits result = round_nearest(f, truncated(right(x, plan.line_of(begin + i))));
    if (std::isnan(right(x, plan.line_of(begin + i)))) result = f.quiet_nan();
    if (usual && i % 5077 == 0 && magnitude(f, result) > f.min_normal() && magnitude(f, result) < f.max_finite() - 8) {
      result += 3;
      ++moved;
    }
    got[i] = static_cast<std::uint16_t>(result);
  }
  ChunkJudge judge(plan, *parse_level("max-ulp=1"));
  const Partial p = judge(chunk, std::as_bytes(std::span(got)));
  INFO(plan.op->name << " " << f.name << ": " << plan.describe() << ", chunk " << chunk);
  CHECK(p.errors == 0);
  CHECK(p.outside == count - asked);
  CHECK((asked == 0) == all_outside);
  CHECK(p.finite + p.special <= asked);
  CHECK(p.finite + p.special >= asked - asked / 100);  // infinite results for numbers beside overflow
  const auto refused = p.offences.find(Kind::inaccurate);
  CHECK((refused == p.offences.end() ? 0 : refused->second.count) == moved);
  CHECK((moved > 0 || all_outside));
  CHECK(p.offences.size() <= 1);
  CHECK(p.escalated < asked / 50 + 1);
}

}  // namespace

TEST_CASE("every pair of the two numbers of a loss can be swept") {
  // Lines of 0.25, 0.5, 0.96875 and beyond 1.
  for (const char* dtype : {"bf16", "f16"}) {
    const SweepPlan plan = plan_of("binary_cross_entropy", dtype);
    CHECK(plan.describe() == "all 2^32 pairs");
    CHECK(plan.attributes.text("reduction") == "none");
    for (const double line : {0.25, 0.96875, 2.0})
      check_chunk(plan, *exact_bits(*plan.format, line) >> 4, [](const std::vector<double>& x, std::uint64_t) {
        const double t = x[0], p = x[1];
        const auto weighted = [](double weight, double logarithm) { return weight == 0 ? 0.0 : weight * std::max(-100.0, logarithm); };
        return -weighted(t, std::log(p)) - weighted(1 - t, std::log1p(-p));
      }, line > 1);
  }
  const SweepPlan gradient = plan_of("binary_cross_entropy_with_logits_backward", "bf16");
  CHECK(gradient.describe() == "all 2^32 pairs of t and x for dy = 1");
  check_chunk(gradient, *exact_bits(*gradient.format, 0.25) >> 4, [](const std::vector<double>& x, std::uint64_t) { return 1 / (1 + std::exp(-x[2])) - x[1]; });
}

TEST_CASE("an attribute can take the place of the second number") {
  std::string why;
  const Operator& op = *find_operator("leaky_relu");
  for (const char* dtype : {"bf16", "f16"}) {
    const Format& f = *find_format(dtype);
    const SweepPlan plan = sweep_plan(op, f, standard_attributes(op), "alpha", 1, why).value();
    CHECK(plan.describe() == "all 2^32 pairs of x and alpha");
    CHECK(plan.lines() == 65536);
    const auto right = [&](const std::vector<double>& x, std::uint64_t line) { return x[0] > 0 || std::isnan(x[0]) || std::isinf(x[0]) ? x[0] : to_double(f, line) * x[0]; };
    check_chunk(plan, *exact_bits(f, 0.25) >> 4, right);
    check_chunk(plan, *exact_bits(f, 3.0) >> 4, right);
    check_chunk(plan, *exact_bits(f, -2.0) >> 4, right, true);  // α > 0
  }
  CHECK_FALSE(sweep_plan(op, *find_format("f32"), standard_attributes(op), "alpha", 1, why));
  CHECK_THAT(why, Catch::Contains("2^64"));
  CHECK_FALSE(sweep_plan(op, *find_format("f16"), standard_attributes(op), "beta", 1, why));
  CHECK_THAT(why, Catch::Contains("no number beta among its attributes"));
  const Operator& gradient = *find_operator("leaky_relu_backward");
  CHECK_FALSE(sweep_plan(gradient, *find_format("f16"), standard_attributes(gradient), "alpha", 1, why));
  CHECK_THAT(why, Catch::Contains("third operand"));
}

TEST_CASE("a kernel is called with each value of the attribute, and its replay line has it") {
  // The right kernel conforms; a level that no rounding meets shows what is replayed.
  const SweepSubject subject = [] {
    host::Worker worker(plugin_file("native"));
    for (const host::KernelRow& row : worker.info().kernels) {
      std::string why;
      bool error = false;
      if (row.op == "leaky_relu" && row.dtype == static_cast<std::int32_t>(Dtype::bf16))
        return sweep_subject(worker, "native", row, {}, "alpha", *parse_level("exact"), "", 1, why, error).value();
    }
    throw std::runtime_error("native has no leaky_relu");
  }();
  SweepOptions o;
  o.shard = 0x3e8;  // of 4096 parts, 256 lines each of 65536: 0.25 and what follows
  o.shards = 4096;
  const SweepRun run = run_sweep(subject, plugin_file("native"), o);
  CHECK_FALSE(run.fault);
  CHECK_FALSE(run.host_error);
  CHECK(run.partial.inputs == run.partial.chunks.count() << 20);
  CHECK(run.partial.rounded == run.partial.finite);
  CHECK(run.partial.finite > 900'000);
  CHECK(run.partial.offences.empty());
  SweepRun wrong = run;
  const std::uint64_t at = (std::uint64_t{0x3e80} << 16) + 0xc000;  // α = 0.25, x = −2
  wrong.partial.offences[Kind::inaccurate].count = 1;
  wrong.partial.offences[Kind::inaccurate].runs[at >> 20].push_back({at, at, 0xbf01});
  const SweepVerdict v = judge_sweep(subject, wrong);
  REQUIRE(v.failures.size() == 1);
  CHECK(v.failures[0].replay == "native leaky_relu bf16 kernel=select x=-0x1p+1 alpha=0x1p-2 level=exact");
  CHECK_THAT(v.failures[0].message, Catch::Contains("leaky_relu(x = -0x1p+1, alpha = 0x1p-2) gave"));
}

TEST_CASE("partial results merge in any order to the same, and never twice") {
  const SweepPlan plan = plan_of("tanh", "bf16");
  ChunkJudge judge(plan, *parse_level("faithful"));
  std::vector<Partial> parts;
  std::mt19937_64 random(5);
  for (std::uint64_t chunk = 0; chunk < plan.chunks(); ++chunk) {
    std::vector<std::uint16_t> got(std::size_t{1} << plan.chunk_bits());
    for (auto& g : got) g = static_cast<std::uint16_t>(random());
    parts.push_back(judge(chunk, std::as_bytes(std::span(got))));
  }
  Partial whole;
  for (const Partial& p : parts) whole.merge(p);
  std::shuffle(parts.begin(), parts.end(), random);
  Partial left, right;
  for (std::size_t i = 0; i < parts.size(); ++i) (i % 3 ? left : right).merge(partial_from_json(to_json(parts[i])));
  left.merge(right);
  CHECK(left == whole);
  CHECK(to_json(left) == to_json(whole));
  CHECK(whole.inputs == 65536);
  CHECK(whole.chunks.ranges().size() == 1);
  const Partial before = left;
  CHECK_THROWS_WITH(left.merge(parts[4]), Catch::Contains("is there twice"));
  CHECK(left == before);
}

TEST_CASE("a sweep that was interrupted and taken up, or cut into shards, gives the same result section") {
  const SweepSubject subject = subject_of("native", "sigmoid", "f16");
  const fs::path file = plugin_file("native");
  SweepOptions once;
  once.threads = 1;
  const SweepRun whole = run_sweep(subject, file, once);
  REQUIRE(judge_sweep(subject, whole).result == Result::pass);
  const std::string expected = result_section(subject, whole);

  SweepOptions two_threads;
  two_threads.threads = 2;
  CHECK(result_section(subject, run_sweep(subject, file, two_threads)) == expected);

  const TemporaryFolder folder;
  SweepRun last;
  for (const std::uint64_t stop_after : {2, 7, 1, 1000}) {
    SweepOptions o;
    o.state = folder.path / "interrupted";
    std::uint64_t done = 0;
    o.stop = [&] { return done >= stop_after; };
    o.progress = [&](const SweepProgress&) { ++done; };
    last = run_sweep(subject, file, o);
    const SweepVerdict v = judge_sweep(subject, last);
    CHECK(v.complete == (stop_after == 1000));
    if (!v.complete) {
      CHECK(v.result == Result::error);
      CHECK_THAT(v.reason, Catch::Contains(" of 16 chunks"));
    }
  }
  CHECK(result_section(subject, last) == expected);

  SweepOptions merge;
  for (std::uint64_t i = 0; i < 7; ++i) {
    SweepOptions o;
    o.shard = i;
    o.shards = 7;
    o.state = folder.path / std::to_string(i);
    CHECK_FALSE(judge_sweep(subject, run_sweep(subject, file, o)).complete);
    merge.merged.push_back(o.state);
  }
  CHECK(result_section(subject, run_sweep(subject, file, merge)) == expected);

  SweepOptions missing = merge;
  missing.merged.erase(missing.merged.begin() + 3);
  const SweepRun hole = run_sweep(subject, file, missing);
  CHECK_FALSE(judge_sweep(subject, hole).complete);
  CHECK(judge_sweep(subject, hole).result == Result::error);
  SweepOptions twice = merge;
  twice.merged.push_back(twice.merged[0]);
  CHECK_THROWS_WITH(run_sweep(subject, file, twice), Catch::Contains("chunk 0 is there twice"));
}

TEST_CASE("states of another kernel, version or seed, and damaged ones, are refused with the reason") {
  SweepSubject subject = subject_of("native", "relu", "bf16");
  const fs::path file = plugin_file("native");
  const TemporaryFolder folder;
  SweepOptions o;
  o.state = folder.path;
  run_sweep(subject, file, o);
  const auto states = state_files(folder.path, subject.name());
  REQUIRE(states.size() == 1);

  for (const auto& [what, change] : std::vector<std::pair<std::string, std::function<void(SweepSubject&)>>>{
           {"version", [](SweepSubject& s) { s.version = "9.9"; }},
           {"file", [](SweepSubject& s) { s.digest = "0123"; }},
           {"seed", [](SweepSubject& s) { s.seed = 2; }},
           {"level", [](SweepSubject& s) { s.level = *parse_level("exact"); }}}) {
    SweepSubject other = subject;
    change(other);
    INFO(what);
    CHECK_THROWS_WITH(run_sweep(other, file, o), Catch::Contains("its " + what + " is ") && Catch::Contains("use another folder"));
  }

  std::ifstream in(states[0], std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  const std::string whole = text.str();
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    std::ofstream(states[0], std::ios::binary) << whole.substr(0, size);
    INFO(size << " of " << whole.size() << " bytes");
    CHECK_THROWS_AS(run_sweep(subject, file, o), SweepError);
  }
  std::mt19937_64 random(9);
  for (int i = 0; i < 200; ++i) {
    std::string changed = whole;
    char& c = changed[random() % (changed.size() - 1)];
    c = static_cast<char>(c ^ (1 << random() % 7));
    std::ofstream(states[0], std::ios::binary) << changed;
    CHECK_THROWS_AS(run_sweep(subject, file, o), SweepError);
  }
  std::ofstream(states[0], std::ios::binary) << whole;
  CHECK(judge_sweep(subject, run_sweep(subject, file, o)).complete);
  // A run with nothing to do leaves nothing behind.
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a sweep that only hashes is never a pass, nor taken for one that judged") {
  SweepSubject subject = subject_of("native", "tanh", "bf16");
  const fs::path file = plugin_file("native");
  const TemporaryFolder folder;
  SweepOptions o;
  o.state = folder.path;
  const SweepRun judged = run_sweep(subject, file, o);
  SweepSubject hashes = subject;
  hashes.hash_only = true;
  const SweepRun hashed = run_sweep(hashes, file, o);
  CHECK(hashed.partial.hash == judged.partial.hash);
  CHECK(judge_sweep(hashes, hashed).result == Result::skip);
  CHECK(judge_sweep(subject, judged).result == Result::pass);
  // Its state under the other's name is refused.
  const auto states = state_files(folder.path, hashes.name());
  REQUIRE(states.size() == 1);
  const TemporaryFolder other;
  fs::copy_file(states[0], other.path / (subject.name() + ".1.json"));
  o.state = other.path;
  CHECK_THROWS_WITH(run_sweep(subject, file, o), Catch::Contains("its work is hashes"));
}

TEST_CASE("one wrong value among all is found, and its line replays") {
  const SweepSubject subject = subject_of("broken/one_wrong_value", "sigmoid", "f16");
  const Bits wrong = 0x3a5b;
  const SweepRun run = run_sweep(subject, plugin_file("broken/one_wrong_value"), {});
  const SweepVerdict v = judge_sweep(subject, run);
  CHECK(v.result == Result::fail);
  CHECK(v.failing == 1);
  REQUIRE(v.failures.size() >= 1);
  const Replay line = parse_replay(v.failures[0].replay);
  CHECK(line.c.question.inputs[0].values[0] == wrong);
  host::Worker worker(plugin_file("broken/one_wrong_value"));
  CHECK(replay(worker, line).result == Result::fail);
}

TEST_CASE("ranges of special values, unwritten elements and crashes are told apart") {
  {  // NaN for every input from a to b is a range, not a list
    const SweepSubject subject = subject_of("broken/sigmoid_overflows", "sigmoid", "f32");
    SweepOptions o;
    o.shards = subject.plan.chunks();
    o.shard = 0x42c00000 >> subject.plan.chunk_bits();  // about 96
    const SweepRun run = run_sweep(subject, plugin_file("broken/sigmoid_overflows"), o);
    const auto& offences = run.partial.offences;
    REQUIRE_FALSE(offences.empty());
    for (const auto& [kind, offence] : offences) {
      CHECK(offence.count > 1000);
      CHECK(offence.joined().size() == 1);
    }
  }
  {
    host::Worker worker(plugin_file("broken/crashes"));
    const host::KernelRow row = worker.info().kernels.at(0);
    std::string why;
    bool error = false;
    const auto subject = sweep_subject(worker, "broken/crashes", row, {}, "", {}, "", 1, why, error);
    REQUIRE(subject);
    const SweepRun run = run_sweep(*subject, plugin_file("broken/crashes"), {});
    REQUIRE(run.fault);
    CHECK(run.fault->kind == Kind::crashed);
    const SweepVerdict v = judge_sweep(*subject, run);
    CHECK(v.result == Result::fail);
    CHECK_FALSE(v.complete);
    REQUIRE(v.failures.size() == 1);
    CHECK(v.failures[0].kind == Kind::crashed);
  }
}

TEST_CASE("falls are between numbers and infinities, within a chunk and where two meet") {
  const SweepPlan plan = plan_of("relu", "f16");
  const SweepSubject subject{.plugin = "p", .kernel = {.op = "relu", .kernel = "k"}, .plan = plan, .level = *parse_level("faithful")};
  const auto count = [&](const auto& change) {
    ChunkJudge judge(plan, subject.level);
    SweepRun run;
    for (std::uint64_t chunk = 0; chunk < plan.chunks(); ++chunk) {
      std::vector<std::uint16_t> got(4096);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const Bits x = chunk * 4096 + i;
        got[i] = static_cast<std::uint16_t>(is_nan(*plan.format, x) ? 0 : is_negative(*plan.format, x) ? 0 : x);
        change(x, got[i]);
      }
      run.partial.merge(judge(chunk, std::as_bytes(std::span(got))));
    }
    const auto json = nlohmann::json::parse(sweep_json(subject, run, judge_sweep(subject, run)));
    return json["result"]["not_monotone"]["count"].get<int>();
  };
  CHECK(count([](Bits, std::uint16_t&) {}) == 0);  // relu(NaN) = 0 is wrong, and no fall
  CHECK(count([](Bits x, std::uint16_t& y) { if (x == 0x1234) y += 2; }) == 1);
  CHECK(count([](Bits x, std::uint16_t& y) { if (x == 0x1fff) y += 2; }) == 1);  // the next input is another chunk's
  CHECK(count([](Bits x, std::uint16_t& y) { if (x == 0x9fff) y = 0x3c00; }) == 1);
}

TEST_CASE("errors are told in ulps of the exact value, on its side of a power of two") {
  const auto error = [](const char* op, const char* dtype, double x, Bits got) {
    const Format& f = *find_format(dtype);
    Question q{find_operator(op), &f, {Tensor<Bits>(Shape{1}, {*exact_bits(f, x)})}, standard_attributes(*find_operator(op))};
    return error_in_ulps(q, got);
  };
  const Format& f = format(Dtype::f32);
  const Bits one = *exact_bits(f, 1);
  // σ(200) is less than 1, where an ulp is 2^-24.
  CHECK(error("sigmoid", "f32", 200, one - 1).value() == Approx(1));
  CHECK(error("sigmoid", "f32", 200, one + 1).value() == Approx(2));
  CHECK(error("sigmoid", "f32", 200, one).value() == Approx(0).margin(1e-9));
  CHECK(error("tanh", "f64", 0x1p-60, *exact_bits(format(Dtype::f64), 0x1p-60) + 1).value() == Approx(2));
  CHECK(error("relu", "f32", 1, one).value() == 0);
  CHECK(error("relu", "f32", -1, 1).value() == 1);
  CHECK_FALSE(error("exp", "f32", 1, f.infinity()).has_value());
  CHECK_FALSE(error("log", "f32", -1, one).has_value());
}

TEST_CASE("what no sweep goes through is said") {
  std::string why;
  const Operator& softmax = *find_operator("softmax");
  CHECK_FALSE(sweep_plan(softmax, *find_format("f16"), standard_attributes(softmax), "", 1, why));
  CHECK_THAT(why, Catch::Contains("no function of one or two numbers"));
  const Operator& exp = *find_operator("exp");
  CHECK_FALSE(sweep_plan(exp, *find_format("f64"), standard_attributes(exp), "", 1, why));
  CHECK_THAT(why, Catch::Contains("karat hunt"));
}

TEST_CASE("every pair of a 16-bit operator is a position, and gradients of f32 contain 1") {
  const SweepPlan pairs = plan_of("sigmoid_backward", "bf16");
  CHECK(pairs.positions() == std::uint64_t{1} << 32);
  CHECK(pairs.op->inputs[pairs.variable].name == "dy");  // a straight line in dy
  const std::vector<Bits> inputs = pairs.inputs_at((std::uint64_t{0x4049} << 16) | 0x3f80);
  CHECK(inputs == std::vector<Bits>{0x3f80, 0x4049});
  const SweepPlan gradients = plan_of("sigmoid_backward", "f32");
  CHECK(gradients.lines() == 2);
  CHECK(gradients.inputs_at(5) == std::vector<Bits>{*exact_bits(format(Dtype::f32), 1), 5});
}
