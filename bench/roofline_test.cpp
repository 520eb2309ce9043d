// SPDX-License-Identifier: MIT
// Figures from made-up times.
#include "bench/roofline.hpp"

#include <catch2/catch.hpp>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

// Reads a byte in 0.05 ns and copies one there and back in 0.2 ns: writing takes 0.15.
constexpr MachineFigures machine{8, 10, 20, 100};

TEST_CASE("read and written bytes have costs of their own, of the better copy") {
  const auto copy = limit_of(1000, 1000, std::nullopt, machine), reader = limit_of(2000, 0, std::nullopt, machine), fill = limit_of(0, 1000, 0.0, machine);
  CHECK(copy->seconds == Approx(2000 / 10e9));
  CHECK(copy->binds == "memory");
  CHECK(reader->seconds == Approx(2000 / 20e9));
  CHECK(fill->seconds == Approx(1000 * 0.15e-9));
  // A copy that is faster than reading alone: writing costs nothing.
  CHECK(limit_of(1000, 1000, std::nullopt, {100, 50, 20, 100})->seconds == Approx(1000 / 20e9));
}

TEST_CASE("whichever takes longer binds") {
  CHECK(limit_of(1000, 1000, 100.0, machine)->binds == "memory");
  const auto heavy = limit_of(1000, 1000, 1e6, machine);
  CHECK(heavy->binds == "arithmetic");
  CHECK(heavy->seconds == Approx(1e6 / 100e9));
}

TEST_CASE("without the machine's figures there is no limit") {
  CHECK_FALSE(limit_of(1000, 1000, 1e6, {}));
  CHECK_FALSE(limit_of(1000, 1000, 1e6, {8, 10, 0, 100}));
}

Timing sample() {
  Timing t;
  t.plugin = "a";
  t.kernel = "k";
  t.elements = 1000;
  t.read = t.written = 4000;
  t.flops = 5000;
  return t;
}

TEST_CASE("a timing's figures follow from the median of its repetitions") {
  Timing t = sample();
  conclude(t, {3e-6, 1e-6, 2e-6, 2e-6, 4e-6}, machine);
  CHECK(t.verified);
  CHECK(t.repetitions == 5);
  CHECK(t.min_seconds == 1e-6);
  CHECK(t.median_seconds == 2e-6);
  CHECK(t.max_seconds == 4e-6);
  CHECK(t.spread == Approx(0.25));
  CHECK(t.ns_per_element == Approx(2));
  CHECK(t.gb_per_s == Approx(4));
  CHECK(*t.gflop_per_s == Approx(2.5));
  CHECK(t.copy_seconds == Approx(1e-6));  // 8000 bytes at 8 GB/s
  CHECK(t.ratio_to_copy == Approx(2));
  CHECK(t.limit->seconds == Approx(0.8e-6));
  CHECK(t.share_of_limit == Approx(0.4));
}

TEST_CASE("times of nothing are no times") {
  Timing t = sample();
  conclude(t, {0, 0, 0, 0, 0}, machine);
  CHECK_FALSE(t.verified);
  CHECK_THAT(t.reason, Catch::Contains("clock is too coarse"));
  Timing small = sample();
  conclude(small, {1e-8, 1e-8, 1e-8, 1e-8, 1e-8}, {});
  CHECK(small.verified);
  CHECK_FALSE(small.limit);
  CHECK(small.ratio_to_copy == 0);
}

TEST_CASE("a kernel is faster than another where their repetitions hardly overlap, and nothing is said otherwise") {
  std::vector<Timing> all(4, sample());
  conclude(all[0], {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6}, {});
  conclude(all[1], {2, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6}, {});
  conclude(all[2], {1.05, 1.15, 1.25, 1.35, 1.45, 1.55, 1.65}, {});
  all[1].plugin = "slow";
  all[3].plugin = "wrong";  // has no time
  compare(all);
  REQUIRE(all[0].faster_than.size() == 1);
  CHECK(all[0].faster_than[0].plugin == "slow");
  CHECK(all[0].faster_than[0].times == Approx(2.3 / 1.3));
  CHECK(all[0].faster_than[0].p == Approx(2.0 / 3432));
  CHECK(all[1].faster_than.empty());
  CHECK(all[2].faster_than.size() == 1);
  CHECK(all[3].faster_than.empty());
}

}  // namespace
}  // namespace karat::bench
