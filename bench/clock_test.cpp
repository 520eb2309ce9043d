// SPDX-License-Identifier: MIT
// Two clocks with made-up times.
#include "bench/clock.hpp"

#include <catch2/catch.hpp>

namespace karat::bench {
namespace {

constexpr double overhead = 0.3;  // of a request: tensors are mapped, hashed, poisoned

// Calls of 1 µs as the host sees them; the worker's clock runs at `rate`.
ClockCheck requests(double rate) {
  ClockCheck check;
  check.add(1, 2e-6 * rate, overhead + 2e-6, 0);
  for (const double busy : {0.05, 0.0, 0.02}) check.add(20'000, 0.02 * rate, overhead + 0.02 + busy, 0);
  return check;
}

TEST_CASE("clocks that agree are believed, whatever a request costs beside its calls") {
  CHECK_FALSE(requests(1).fault());
  CHECK_FALSE(requests(0.9).fault());
  CHECK_FALSE(ClockCheck().fault());
}

TEST_CASE("a worker's clock that runs behind is found by what more calls take") {
  CHECK_FALSE(ClockCheck(requests(1)).fault());
  ClockCheck check;
  check.add(1, 1e-7, overhead, 0);
  check.add(100'000, 0.01, overhead + 0.4, 0);
  REQUIRE(check.fault());
  CHECK_THAT(*check.fault(), Catch::Contains("runs behind") && Catch::Contains("99999 calls more"));
  // Unless the worker had other work between them.
  ClockCheck restoring;
  restoring.add(1, 1e-7, overhead, 4e-6);
  restoring.add(100'000, 0.01, overhead + 0.4, 4e-6);
  CHECK_FALSE(restoring.fault());
}

TEST_CASE("a worker's clock that runs ahead is found in one request") {
  ClockCheck check;
  check.add(10, 0.5, 0.4, 0);
  check.add(10, 0.3, 0.4, 0);
  REQUIRE(check.fault());
  CHECK_THAT(*check.fault(), Catch::Contains("runs ahead") && Catch::Contains("0.5 s of 10 calls"));
}

}  // namespace
}  // namespace karat::bench
