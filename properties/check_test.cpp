// SPDX-License-Identifier: MIT
// Verdicts on real plugins, and the records that they become.
#include "properties/check.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "properties/profile.hpp"
#include "properties/record.hpp"

using namespace karat;
using namespace karat::properties;
using Result = KernelVerdict::Result;

namespace {

const Level faithful{Level::Rule::faithful, 0};

std::filesystem::path plugin_file(const std::string& name) { return std::filesystem::path(KARAT_PLUGIN_DIR) / (name + ".so"); }

std::vector<KernelVerdict> check_all(const std::string& name, Level level = faithful) {
  host::Worker worker(plugin_file(name));
  CheckOptions options;
  options.level = level;
  std::vector<KernelVerdict> verdicts;
  for (const host::KernelRow& row : worker.info().kernels) verdicts.push_back(check(worker, name, row, options));
  return verdicts;
}

}  // namespace

TEST_CASE("the template conforms at every level") {
  for (const Level& level : {Level{Level::Rule::exact, 0}, faithful, default_level}) {
    const auto verdicts = check_all("template", level);
    REQUIRE(verdicts.size() == 1);
    INFO(verdicts[0].reason << (verdicts[0].failures.empty() ? "" : verdicts[0].failures[0].message));
    CHECK(verdicts[0].result == Result::pass);
    CHECK(verdicts[0].elements > 100'000);
    CHECK(verdicts[0].max_ulp == 0);
  }
}

TEST_CASE("a failure replays to the same bits, from its own line") {
  for (const char* name : {"broken/relu_loses_nan", "broken/sigmoid_overflows", "broken/tanh_above_one", "broken/skips_tail", "broken/nan_at_tail"}) {
    const auto verdicts = check_all(name);
    bool any = false;
    for (const KernelVerdict& v : verdicts)
      for (const Failure& f : v.failures) {
        any = true;
        INFO(f.replay);
        const Replay line = parse_replay(f.replay);
        host::Worker worker(plugin_file(name));
        const KernelVerdict again = replay(worker, line);
        REQUIRE(again.result == Result::fail);
        REQUIRE(again.failures.size() == 1);
        CHECK(again.failures[0].kind == f.kind);
        CHECK(again.failures[0].got == f.got);
        CHECK(again.failures[0].exact == f.exact);
        CHECK(f.replay.size() < 300);
      }
    CHECK(any);
  }
}

TEST_CASE("the worst input is named with its exact value, and the simplest beside it") {
  const auto verdicts = check_all("broken/tanh_above_one");
  REQUIRE_FALSE(verdicts.empty());
  REQUIRE(verdicts[0].failures.size() == 2);
  CHECK(verdicts[0].failures[1].kind == Kind::law_broken);  // its range, or that it is odd
  const Failure& f = verdicts[0].failures[0];
  CHECK(f.kind == Kind::inaccurate);
  CHECK(f.count > 0);
  CHECK(f.ulp >= 1);
  CHECK_FALSE(f.exact.empty());
  CHECK_FALSE(f.exact_decimal.empty());
  CHECK_FALSE(f.from.empty());
}

TEST_CASE("a claim is held to even where the level asks for less") {
  const auto verdicts = check_all("broken/claims_exact", default_level);
  REQUIRE_FALSE(verdicts.empty());
  CHECK(verdicts[0].result == Result::fail);
  CHECK(verdicts[0].level.rule == Level::Rule::exact);
}

TEST_CASE("a claim never replaces what is asked for, and says which of both refused") {
  for (const Level& asked : {default_level, level_of_profile("opencl-full")}) {
    const auto verdicts = check_all("broken/claims_little", asked);
    REQUIRE(verdicts.size() == 1);
    CHECK(verdicts[0].result == Result::fail);
    REQUIRE(verdicts[0].level.also);
    for (const Failure& f : verdicts[0].failures) {
      if (f.kind != Kind::inaccurate) continue;
      CHECK(f.level == to_text(asked));
      CHECK_THAT(f.replay, !Catch::Contains("max-ulp"));
    }
  }
  const Level loose{Level::Rule::max_ulp, 100};
  CHECK(check_all("broken/claims_little", loose)[0].result == Result::pass);
}

TEST_CASE("rows that the reference does not know are errors, and the others are judged") {
  for (const char* name : {"broken/load/unknown_op", "broken/load/unknown_dtype"}) {
    const auto verdicts = check_all(name);
    int errors = 0, passed = 0;
    for (const KernelVerdict& v : verdicts) {
      errors += v.result == Result::error ? 1 : 0;
      passed += v.result == Result::pass ? 1 : 0;
      if (v.result == Result::error) CHECK_THAT(v.reason, Catch::StartsWith("unknown"));
    }
    CHECK(errors == 1);
    CHECK(passed == static_cast<int>(verdicts.size()) - 1);
  }
}

TEST_CASE("a run that is interrupted is an error with what it has, never a pass") {
  host::Worker worker(plugin_file("template"));
  CheckOptions options;
  int asked = 0;
  options.stop = [&] { return ++asked > 5; };
  const KernelVerdict v = check(worker, "template", worker.info().kernels[0], options);
  CHECK(v.result == Result::error);
  CHECK(v.reason == "interrupted");
  CHECK(v.calls == 5);
}

TEST_CASE("an interruption among the laws is an error too") {
  host::Worker worker(plugin_file("template"));
  const host::KernelRow& row = worker.info().kernels[0];
  CheckOptions options;
  int asked = 0;
  options.stop = [&] { return ++asked < 0; };
  const KernelVerdict whole = check(worker, "template", row, options);
  REQUIRE(whole.result == Result::pass);
  REQUIRE_FALSE(whole.laws.empty());
  const int all = asked;
  for (const int before : {1, 2, 5}) {
    asked = 0;
    options.stop = [&] { return ++asked > all - before; };
    const KernelVerdict v = check(worker, "template", row, options);
    INFO(all << " questions, stopped " << before << " before the last");
    CHECK(v.result == Result::error);
    CHECK(v.reason == "interrupted");
    CHECK_FALSE(v.exhaustive);
  }
}

TEST_CASE("a failure that stops a check leaves it incomplete") {
  const auto verdicts = check_all("broken/crashes", default_level);
  REQUIRE(verdicts.size() == 1);
  CHECK(verdicts[0].result == Result::fail);
  CHECK_THAT(verdicts[0].incomplete, Catch::Contains("stopped after"));
  const auto whole = check_all("broken/relu_loses_nan", default_level);
  CHECK(whole[0].result == Result::fail);
  CHECK(whole[0].incomplete.empty());
}

TEST_CASE("records are one JSON object a line, short, with the environment first") {
  const auto file = std::filesystem::temp_directory_path() / "karat_record_test.jsonl";
  {
    Recorder recorder(file, {{"karat", "check"}, 7, faithful});
    for (const char* name : {"template", "broken/skips_tail", "broken/sigmoid_overflows"})
      for (const KernelVerdict& v : check_all(name)) recorder.verdict(v);
    recorder.end(1, 2, 0, 0, 0.5, 1);
  }
  std::ifstream in(file);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) {
    CHECK(line.size() < 65536);
    lines.push_back(nlohmann::json::parse(line));
  }
  REQUIRE(lines.size() >= 4);
  CHECK(lines.front()["type"] == "environment");
  CHECK(lines.front()["schema"] == 1);
  CHECK(lines.front()["seed"] == 7);
  CHECK(lines.back()["type"] == "end");
  CHECK(lines[1]["verdict"] == "pass");
  CHECK(lines[2]["verdict"] == "fail");
  CHECK(lines[2]["kind"] == "unwritten");
  CHECK_THAT(lines[2]["failures"][0]["replay"].get<std::string>(), Catch::StartsWith("karat replay 'broken/skips_tail"));
  std::filesystem::remove(file);
  CHECK_THROWS_WITH(Recorder("/nowhere/at/all.jsonl", {}), Catch::Contains("cannot write records to /nowhere/at/all.jsonl"));
}
