// SPDX-License-Identifier: MIT
// What a call leaves changed in its process is told, and the next call does not suffer from it.
#include <sched.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;

TEST_CASE("a signal handler left behind is named, in a fresh process for each call") {
  Worker worker(plugin("behaves"));
  for (int again = 0; again < 2; ++again) {
    const Outcome outcome = run(worker, unary(worker, "takes_handler", 4));
    CHECK(outcome.status == Status::ok);
    CHECK_THAT(outcome.process_changed, Contains("changes the handling of SIGSEGV"));
  }
  CHECK(run(worker, unary(worker, "copy", 4)).process_changed.empty());
  CHECK(worker.restarts() == 0);
}

TEST_CASE("a handler that is given back is nobody's business") {
  Worker worker(plugin("behaves"));
  for (int again = 0; again < 3; ++again) CHECK(run(worker, unary(worker, "borrows_handler", 4)).process_changed.empty());
}

TEST_CASE("the thread's CPUs are the same after a call") {
  Worker worker(plugin("behaves"));
  cpu_set_t all;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  const Outcome outcome = run(worker, unary(worker, "binds_to_one_cpu", 4));
  CHECK(outcome.status == Status::ok);
  if (CPU_COUNT(&all) > 1)
    CHECK_THAT(outcome.process_changed, Contains("changes the CPUs that the calling thread may run on"));
  else
    CHECK(outcome.process_changed.empty());
  CHECK(run(worker, unary(worker, "copy", 4)).process_changed.empty());
}

TEST_CASE("threads that pile up call after call are told, a pool is not") {
  Worker worker(plugin("behaves"));
  const int most = 2 * static_cast<int>(std::thread::hardware_concurrency()) + 8;
  std::string told;
  int calls = 0;
  for (; told.empty() && calls < most + 8; ++calls) told = run(worker, unary(worker, "keeps_threads", 4)).process_changed;
  CHECK_THAT(told, Contains("leaves threads behind: " + std::to_string(most + 1) + " calls"));
  CHECK(calls == most + 2);
  for (int again = 0; again < 3 * most; ++again)
    REQUIRE(run(worker, unary(worker, "keeps_threads", 4, {integer("threads", 2 + again % 4)})).process_changed.empty());
}

#if defined(__x86_64__) && !defined(KARAT_SANITIZE)
TEST_CASE("a clock that no longer tells the kernel's time is told") {
  Worker worker(plugin("behaves"));
  const Outcome outcome = run(worker, unary(worker, "patches_clock", 4));
  CHECK(outcome.status == Status::ok);
  CHECK_THAT(outcome.process_changed, Contains("changes the clock") && Contains("behind the kernel's time"));
  CHECK(run(worker, unary(worker, "copy", 4)).process_changed.empty());
}
#endif

TEST_CASE("names of the C library that a plugin exports are told with every call") {
  Worker worker(plugin("exports_clock"));
  CHECK(worker.info().interposed == "clock_gettime, time");
  for (int again = 0; again < 2; ++again) {
    const Outcome outcome = run(worker, unary(worker, "plain", 4));
    CHECK(outcome.status == Status::ok);
    CHECK_THAT(outcome.process_changed, Contains("exports clock_gettime, time,") && Contains("-fvisibility=hidden"));
  }
  CHECK(Worker(plugin("behaves")).info().interposed.empty());
}
