// SPDX-License-Identifier: MIT
#include "bench/sweep_suite.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace karat::bench;

namespace {

std::filesystem::path plugin_file(const std::string& name) { return std::filesystem::path(KARAT_PLUGIN_DIR) / (name + ".so"); }

}  // namespace

TEST_CASE("sweeps are timed beside their baselines, run by run") {
  SweepSuiteOptions o;
  o.threads = 2;
  o.runs = 2;
  o.part = 512;
  const SweepSuite s = time_sweeps(plugin_file("native"), "native", o);
  CHECK(s.all_pass);
  CHECK_FALSE(s.stopped);
  CHECK(s.missing.empty());
  CHECK(s.inputs == std::uint64_t{1} << 23);
  REQUIRE(s.figures.size() == 13);
  for (const SweepFigure& f : s.figures) {
    INFO(f.what);
    REQUIRE(f.seconds.size() == 2);
    REQUIRE(f.ratios().size() == 2);
    for (const double r : f.ratios()) CHECK(r > 0);
  }
  CHECK(s.peak_mib > 10);
  const auto json = nlohmann::json::parse(sweep_suite_json(s));
  CHECK(json["figures"].size() == 13);
  CHECK_THAT(sweep_suite_table(s), Catch::Contains("MPFR at 113 bits") && Catch::Contains("ratio"));
}

TEST_CASE("a back end without these kernels says which are missing, and a stopped suite has no figures") {
  SweepSuiteOptions o;
  o.runs = 1;
  o.part = 4096;
  CHECK(time_sweeps(plugin_file("libm"), "libm", o).missing.size() >= 3);
  o.stop = [] { return true; };
  const SweepSuite s = time_sweeps(plugin_file("native"), "native", o);
  CHECK(s.stopped);
  CHECK(s.figures.empty());
}
