// SPDX-License-Identifier: MIT
// That the machine's figures are of work that was done.
#include "bench/machine.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace karat::bench {
namespace {

TEST_CASE("copies of any size write what they read, on any number of threads, warm and cold") {
  for (const std::size_t bytes : {std::size_t{2}, std::size_t{126}, std::size_t{4096}, std::size_t{1'000'001}})
    for (const int threads : {1, 2, 3, 7})
      for (const Transfer transfer : {Transfer::copy, Transfer::copy_nontemporal})
        for (const bool cold : {false, true}) {
          CAPTURE(bytes, threads, static_cast<int>(transfer), cold);
          Machine machine(bytes, threads);
          CHECK_FALSE((bytes > 200 && machine.copied()));
          const double seconds = machine.seconds_of(transfer, 3, cold);
          CHECK(seconds >= 0);
          CHECK(std::isfinite(seconds));
          CHECK(machine.copied());
        }
}

TEST_CASE("reads and multiply-adds have times") {
  Machine machine(100'000, 2);
  CHECK(machine.seconds_of(Transfer::read, 10, false) > 0);
  CHECK(machine.seconds_of(Transfer::read, 10, true) > 0);
  CHECK(machine.seconds_of_multiply_adds(false, 10) > 0);
  CHECK(machine.multiply_adds(false) >= 2 * 4096 * 12);
  CHECK(machine.multiply_adds(false) >= machine.multiply_adds(true));
}

}  // namespace
}  // namespace karat::bench
