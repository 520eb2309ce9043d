// SPDX-License-Identifier: MIT
#include "bench/measure.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

namespace karat::bench {
namespace {

TEST_CASE("a measurement has one mean a repetition, and calls enough for the time") {
  std::int64_t most = 0;
  int asked = 0;
  const Measurement m = measure("constant", 7, 0.01, [&](std::int64_t calls) {
    most = std::max(most, calls);
    ++asked;
    return Repetition{1e-5, 2e-5, ""};
  });
  CHECK(m.error.empty());
  REQUIRE(m.seconds.size() == 7);
  REQUIRE(m.copy_seconds.size() == 7);
  for (const double s : m.seconds) CHECK(s == Approx(1e-5));
  for (const double s : m.copy_seconds) CHECK(s == Approx(2e-5));
  CHECK(most >= 1000);
  CHECK(asked >= 7);
}

TEST_CASE("a repetition that fails ends the measurement, without times and without another try") {
  int asked = 0;
  const Measurement m = measure("fails", 5, 0.01, [&](std::int64_t) {
    ++asked;
    return Repetition{1, 1, "the reason"};
  });
  CHECK(m.error == "the reason");
  CHECK(m.seconds.empty());
  CHECK(m.copy_seconds.empty());
  CHECK(asked == 1);
}

TEST_CASE("a failure in the last repetition leaves no time either") {
  int asked = 0;
  const Measurement m = measure("fails late", 5, 1e-6, [&](std::int64_t) {
    return Repetition{1e-3, 1e-3, ++asked == 5 ? "late" : ""};
  });
  CHECK(m.error == "late");
  CHECK(m.seconds.empty());
}

TEST_CASE("an exception passes through, and the next measurement is its own") {
  CHECK_THROWS_AS(
      measure("throws", 5, 0.01, [](std::int64_t) -> Repetition { throw std::runtime_error("x"); }),
      std::runtime_error);
  const Measurement m = measure("after", 5, 1e-6, [](std::int64_t) { return Repetition{1e-3, 1e-3, ""}; });
  CHECK(m.error.empty());
  CHECK(m.seconds.size() == 5);
}

TEST_CASE("the median is the middle value, of any order and count") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({5}) == 5);
  CHECK(std::isnan(median({})));
}

}  // namespace
}  // namespace karat::bench
