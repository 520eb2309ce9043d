// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;

TEST_CASE("timing gives one figure a repetition, of run() alone") {
  Worker worker(plugin("behaves"));
  const auto spans = worker.prepare(unary(worker, "sleeps", 8, {integer("microseconds", 2000)}));
  fill(spans);
  const auto timing = worker.time(kPoison, 20);
  CHECK(timing.outcome.status == Status::ok);
  REQUIRE(timing.seconds.size() == 20);
  for (const double seconds : timing.seconds) CHECK(seconds >= 0.002);
  CHECK(*std::min_element(timing.seconds.begin(), timing.seconds.end()) < 0.05);
  CHECK(timing.outcome.seconds == timing.seconds.back());
  CHECK(floats(spans[1])[7] == 8.0f);
}

TEST_CASE("the time limit holds for each repetition, not for all of them") {
  Limits limits;
  limits.call_time = std::chrono::milliseconds(400);
  Worker worker(plugin("behaves"), limits);
  fill(worker.prepare(unary(worker, "sleeps", 8, {integer("microseconds", 100'000)})));
  CHECK(worker.time(kPoison, 8).outcome.status == Status::ok);
  fill(worker.prepare(unary(worker, "sleeps", 8, {integer("microseconds", 30'000'000)})));
  const auto timing = worker.time(kPoison, 8);
  CHECK(timing.outcome.status == Status::hung);
  CHECK(timing.seconds.empty());
}

TEST_CASE("a timed kernel that fails has no complete times") {
  Worker worker(plugin("behaves"));
  fill(worker.prepare(unary(worker, "fails", 8)));
  const auto timing = worker.time(kPoison, 5);
  CHECK(timing.outcome.status == Status::failed);
  CHECK(timing.seconds.empty());
}

TEST_CASE("a timed kernel is checked like one that runs once") {
  Worker worker(plugin("behaves"));
  fill(worker.prepare(
      unary(worker, "scribbles", 8, {integer("tensor", 1), integer("offset", -4), integer("count", 4)})));
  CHECK(worker.time(kPoison, 3).outcome.wrote_outside == "y: 4 bytes before its start (from byte -4)");
  fill(worker.prepare(unary(worker, "leaves_fp", 8)));
  CHECK_FALSE(worker.time(kPoison, 3).outcome.fp_env_changed.empty());
}

TEST_CASE("more repetitions than one packet holds come back complete") {
  Worker worker(plugin("behaves"));
  fill(worker.prepare(unary(worker, "copy", 1)));
  const auto timing = worker.time(kPoison, 50'000);
  CHECK(timing.outcome.status == Status::ok);
  CHECK(timing.seconds.size() == 50'000);
}

TEST_CASE("a call whose tensors were flushed from the caches gives the same results") {
  Worker worker(plugin("behaves"));
  for (const std::int64_t size : {1, 17, 100'000}) {
    CallSpec call = unary(worker, "copy", size);
    call.tensors[0].placement = {Placement::Flush::start, 60};  // its first and last line are shared with others
    const auto spans = worker.prepare(call);
    fill(spans);
    const auto timing = worker.time(kPoison, 7, true);
    CHECK(timing.outcome.status == Status::ok);
    REQUIRE(timing.seconds.size() == 7);
    CHECK(std::equal(spans[0].begin(), spans[0].end(), spans[1].begin(), spans[1].end()));
  }
}

TEST_CASE("zero repetitions are a mistake of the caller") {
  Worker worker(plugin("behaves"));
  worker.prepare(unary(worker, "copy", 1));
  CHECK_THROWS_AS(worker.time(kPoison, 0), std::invalid_argument);
  CHECK_THROWS_AS(worker.time(kPoison, -1, true), std::invalid_argument);
}

// Not run by default: host_test '[overhead]' prints what a call costs.
TEST_CASE("the overhead of a call", "[.][overhead]") {
  using Clock = std::chrono::steady_clock;
  Worker worker(plugin("behaves"));
  const auto microseconds = [](auto&& work, int times) {
    const auto start = Clock::now();
    for (int i = 0; i < times; ++i) work();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / times;
  };
  for (const std::int64_t size : {16, 4096, 65536}) {
    const auto call = unary(worker, "copy", size);
    fill(worker.prepare(call));
    const double run_alone = microseconds([&] { REQUIRE(worker.run(kPoison).status == Status::ok); }, 2000);
    const double both = microseconds(
        [&] {
          worker.prepare(call);
          REQUIRE(worker.run(kPoison).status == Status::ok);
        },
        2000);
    std::cout << size << " elements: run " << run_alone << " us, prepare and run " << both << " us\n";
  }
  Worker dying(plugin("crashes"));
  dying.prepare(unary(dying, "aborts", 4));
  std::cout << "crash and restart " << microseconds([&] { dying.run(kPoison); }, 50) << " us\n";
}
