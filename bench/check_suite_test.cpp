// SPDX-License-Identifier: MIT
#include "bench/check_suite.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace karat;
using namespace karat::bench;

namespace {

std::filesystem::path plugin_file(const std::string& name) { return std::filesystem::path(KARAT_PLUGIN_DIR) / (name + ".so"); }
const auto all = [](const host::KernelRow&) { return true; };
const auto never = [] { return false; };
const auto silent = [](const std::string&) {};

}  // namespace

TEST_CASE("a check of a back end is timed as often as asked, and says what it judged") {
  const CheckTiming t = time_check(plugin_file("template"), "template", 3, 1, all, never, silent);
  CHECK(t.kernels == 1);
  CHECK(t.passed == 1);
  CHECK(t.calls > 20);
  CHECK(t.elements > 1000);
  REQUIRE(t.seconds.size() == 3);
  for (const double s : t.seconds) CHECK(s > 0);
  const auto json = nlohmann::json::parse(check_timing_json(t));
  CHECK(json["type"] == "check_timing");
  CHECK(json["seconds"].size() == 3);
  CHECK_THAT(check_table({t}), Catch::Contains("template") && Catch::Contains("of 3"));
}

TEST_CASE("a check of a back end that fails is timed as well, and its failures are counted") {
  const CheckTiming t = time_check(plugin_file("broken/zeros"), "broken/zeros", 1, 1, all, never, silent);
  CHECK(t.failed == t.kernels);
  CHECK(t.failed > 0);
}

TEST_CASE("a check that is stopped has no time") {
  int asked = 0;
  const CheckTiming t = time_check(plugin_file("template"), "template", 3, 1, all, [&] { return ++asked > 5; }, silent);
  CHECK(t.stopped);
  CHECK(t.seconds.empty());
  CHECK_THAT(check_table({t}), Catch::Contains("stopped"));
}
