// SPDX-License-Identifier: MIT
// Whatever a kernel does to its process, the host goes on and says what it was.
#include <signal.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <thread>

#include "plugins/host/testing/calls.hpp"
#include "plugins/worker/wire.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;

namespace {

Limits hasty() {
  Limits limits;
  limits.call_time = std::chrono::milliseconds(300);
  return limits;
}

// The worker is as good as new afterwards.
void check_recovers(Worker& worker, int restarts) {
  CHECK(worker.restarts() == restarts);
  const auto spans = worker.prepare(unary(worker, "touches", 4, {integer("tensor", 0)}));
  fill(spans);
  const Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::ok);
  CHECK(floats(spans[1])[3] == 4.0f);
  CHECK(worker.restarts() == restarts);
}

}  // namespace

TEST_CASE("death by signal is a crash with its name and place", "[crashes]") {
  Worker worker(plugin("crashes"));
  Outcome outcome = run(worker, unary(worker, "null_pointer", 4));
  CHECK(outcome.status == Status::crashed);
  CHECK_THAT(outcome.detail,
             Contains("died of SIGSEGV in run()") && Contains("address 0x8") && Contains("null pointer"));
  outcome = run(worker, unary(worker, "aborts", 4));
  CHECK(outcome.status == Status::crashed);
  CHECK(outcome.detail == "died of SIGABRT in run()");
  check_recovers(worker, 2);
  for (const int number : {SIGFPE, SIGILL, SIGBUS, SIGTERM, SIGKILL}) {
    outcome = run(worker, unary(worker, "raises", 4, {integer("signal", number)}));
    CHECK(outcome.status == Status::crashed);
    CHECK_THAT(outcome.detail, Contains("SIG") && Contains(" in run()"));
  }
  check_recovers(worker, 7);
}

TEST_CASE("a stack overflow is recognised", "[crashes]") {
  Worker worker(plugin("crashes"));
  const Outcome outcome = run(worker, unary(worker, "overflows_stack", 4));
  CHECK(outcome.status == Status::crashed);
  CHECK_THAT(outcome.detail, Contains("SIGSEGV") && Contains("stack overflow"));
  check_recovers(worker, 1);
}

TEST_CASE("a fault in another thread is placed all the same", "[crashes]") {
  Worker worker(plugin("crashes"));
  const Outcome outcome = run(worker, unary(worker, "crashes_in_thread", 4));
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK_THAT(outcome.detail, Contains("0 bytes past the end of x"));
  check_recovers(worker, 1);
}

TEST_CASE("a crash in supports() is told from one in run()", "[crashes]") {
  Worker worker(plugin("crashes"));
  const Outcome outcome = run(worker, unary(worker, "in_supports", 4));
  CHECK(outcome.status == Status::crashed);
  CHECK(outcome.detail == "died of SIGABRT in supports()");
  CHECK(worker.restarts() == 1);
  CHECK(worker.declines() == std::nullopt);
  CHECK(worker.restarts() == 2);
  check_recovers(worker, 2);
}

TEST_CASE("a death between two calls is reported by the next one", "[crashes]") {
  Worker worker(plugin("crashes"));
  const auto call = unary(worker, "dies_later", 4);
  CHECK(run(worker, call).status == Status::ok);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::crashed);
  CHECK(outcome.detail == "died of SIGABRT between two calls");
  check_recovers(worker, 1);
}

TEST_CASE("a kernel that does not return is hung", "[crashes]") {
  Worker worker(plugin("crashes"), hasty());
  const auto start = std::chrono::steady_clock::now();
  Outcome outcome = run(worker, unary(worker, "hangs", 4));
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(outcome.status == Status::hung);
  CHECK(outcome.detail == "did not return within 300 ms in run()");
  CHECK(took >= std::chrono::milliseconds(290));
  CHECK(took < std::chrono::seconds(5));
  outcome = run(worker, unary(worker, "hangs_printing", 4));
  CHECK(outcome.status == Status::hung);
  CHECK(outcome.printed.size() >= 4000);
  CHECK(outcome.printed.size() <= 4200);
  CHECK_THAT(outcome.printed, Catch::Matchers::StartsWith("still here\nstill here\n"));
  check_recovers(worker, 2);
}

TEST_CASE("a kernel that eats memory is stopped at the limit", "[crashes]") {
  Limits limits;
  limits.memory_bytes = std::size_t{100} << 20;
  Worker worker(plugin("crashes"), limits);
  const Outcome outcome = run(worker, unary(worker, "eats_memory", 4));
  CHECK(outcome.status == Status::out_of_memory);
  CHECK_THAT(outcome.detail, Contains("the limit is 100 MiB") && Contains("in run()"));
  check_recovers(worker, 1);
}

// Hidden where a sanitizer's allocator would end the process instead.
TEST_CASE("malloc refuses beyond the limit", karat::wire::kShadowRatio == 0 ? "[crashes]" : "[.]") {
  Limits limits;
  limits.memory_bytes = std::size_t{100} << 20;
  Worker worker(plugin("crashes"), limits);
  const Outcome outcome = run(worker, unary(worker, "eats_addresses", 4));
  CHECK(outcome.status == Status::out_of_memory);
  CHECK(outcome.detail == "run() returned KARAT_OUT_OF_MEMORY");
  check_recovers(worker, 0);
}

TEST_CASE("the tensors of a call do not count as its memory") {
  Limits limits;
  limits.memory_bytes = std::size_t{16} << 20;
  Worker worker(plugin("behaves"), limits);
  const auto spans = worker.prepare(unary(worker, "sleeps", 8 << 20, {integer("microseconds", 30000)}));
  fill(spans);
  const Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::ok);
  CHECK(floats(spans[1])[100] == 101.0f);
}

TEST_CASE("leaving the process is reported with its exit code", "[crashes]") {
  Worker worker(plugin("crashes"));
  for (const char* kernel_name : {"exits", "exits_at_once"})
    for (const int code : {0, 3}) {
      const Outcome outcome = run(worker, unary(worker, kernel_name, 4, {integer("code", code)}));
      CHECK(outcome.status == Status::exited);
      CHECK(outcome.detail == "ended its process with exit code " + std::to_string(code) + " in run()");
    }
  check_recovers(worker, 4);
}

TEST_CASE("closing the control channel is reported", "[crashes]") {
  Worker worker(plugin("crashes"), hasty());
  Outcome outcome = run(worker, unary(worker, "closes_descriptors", 4, {integer("hang", 0)}));
  CHECK(outcome.status == Status::exited);
  CHECK(outcome.detail == "closed the worker's control channel");
  outcome = run(worker, unary(worker, "closes_descriptors", 4, {integer("hang", 1)}));
  CHECK(outcome.status == Status::exited);
  CHECK(outcome.detail == "closed the worker's control channel in run() and went on");
  check_recovers(worker, 2);
}

TEST_CASE("garbage on the control channel never harms the host", "[crashes]") {
  Worker worker(plugin("crashes"), hasty());
  int restarts = 0;
  for (const int kind : {0, 1, 2, 3, 4}) {
    const Outcome outcome = run(worker, unary(worker, "writes_to_control", 4, {integer("kind", kind)}));
    INFO("kind " << kind << ": " << outcome.detail);
    CHECK(outcome.status == Status::exited);
    CHECK_THAT(outcome.detail, Contains("control channel"));
    check_recovers(worker, ++restarts);
  }
}

TEST_CASE("children of a plugin end with its worker", "[crashes]") {
  pid_t child = 0;
  {
    Worker worker(plugin("crashes"));
    const auto spans = worker.prepare(unary(worker, "forks", 4));
    fill(spans);
    REQUIRE(worker.run(kPoison).status == Status::ok);
    child = static_cast<pid_t>(floats(spans[1])[0]);
    REQUIRE(child > 0);
    CHECK(kill(child, 0) == 0);
  }
  // Its new parent, not us, reaps it: give that a moment.  A zombie is as good as gone.
  bool gone = false;
  for (int i = 0; i < 200 && !gone; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    gone = kill(child, 0) != 0;
    if (std::FILE* file = std::fopen(("/proc/" + std::to_string(child) + "/stat").c_str(), "r")) {
      char state = '?';
      if (std::fscanf(file, "%*d %*s %c", &state) == 1 && state == 'Z') gone = true;
      std::fclose(file);
    }
  }
  CHECK(gone);
}
