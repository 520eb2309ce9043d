// SPDX-License-Identifier: MIT
// Calls that return: what crosses to the kernel, and what comes back.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;

TEST_CASE("a right kernel runs without findings, again and again on one layout") {
  Worker worker(plugin("behaves"));
  const auto spans = worker.prepare(unary(worker, "copy", 5));
  REQUIRE(spans.size() == 2);
  REQUIRE(spans[0].size() == 5 * sizeof(float));
  for (int again = 0; again < 3; ++again) {
    for (float& x : floats(spans[0])) x = static_cast<float>(again);
    const Outcome outcome = worker.run(kPoison);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.detail.empty());
    CHECK(outcome.fp_env_changed.empty());
    CHECK(outcome.wrote_outside.empty());
    CHECK(outcome.input_changed.empty());
    CHECK(outcome.printed.empty());
    CHECK(outcome.seconds > 0);
    CHECK(outcome.seconds < 1);
    for (const float y : floats(spans[1])) CHECK(y == static_cast<float>(again));
  }
  CHECK(worker.restarts() == 0);
}

TEST_CASE("tensors, attributes and threads arrive as described") {
  Worker worker(plugin("behaves"));
  CallSpec call = unary(worker, "echo", 7);
  call.threads = 3;
  call.attributes = {{"alpha", KARAT_NUMBER, 0.25, 0, {}, {}},
                     {"axis", KARAT_INTEGER, 0, -1, {}, {}},
                     {"mode", KARAT_TEXT, 0, 0, "tanh", {}},
                     {"axes", KARAT_LIST, 0, 0, {}, {2, 3, 5}}};
  call.tensors[0].placement = {Placement::Flush::start, 8};
  call.tensors[1].placement = {Placement::Flush::end, 12};
  const auto spans = worker.prepare(call);
  fill(spans);
  CHECK(worker.run(kPoison).status == Status::ok);
  const auto y = floats(spans[1]);
  CHECK(y[0] == 0.25f);
  CHECK(y[1] == -1.0f);
  CHECK(y[2] == 4.0f);
  CHECK(y[3] == 10.0f);
  CHECK(y[4] == 3.0f);
  CHECK(y[5] == 8.0f);
  CHECK(y[6] == 4096.0f - 28.0f - 12.0f);
}

TEST_CASE("unwritten outputs still hold the poison") {
  Worker worker(plugin("behaves"));
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32, KARAT_F16}) {
    CallSpec call = unary(worker, "fails", 9);
    call.tensors[1].dtype = dtype;
    const std::uint64_t poison = dtype == KARAT_F64 ? 0x7ff8'0000'dead'beef : 0x7e01;
    const auto spans = worker.prepare(call);
    fill(spans);
    CHECK(worker.run(poison).status == Status::failed);
    const std::size_t size = spans[1].size() / 9;
    CHECK(size == (dtype == KARAT_F64 ? 8u : dtype == KARAT_F32 ? 4u : 2u));
    for (std::size_t i = 0; i < 9; ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, spans[1].data() + i * size, size);
      CHECK(bits == poison);
    }
  }
}

TEST_CASE("supports() that declines gives its reason and is not run") {
  Worker worker(plugin("behaves"));
  const Outcome outcome = run(worker, unary(worker, "declines", 4));
  CHECK(outcome.status == Status::declined);
  CHECK(outcome.detail == "only on Sundays\\x0a");
  CHECK(worker.declines() == "only on Sundays\\x0a");
  worker.prepare(unary(worker, "declines_silently", 4));
  CHECK(worker.declines() == "supports() gives no reason");
  worker.prepare(unary(worker, "copy", 4));
  CHECK(worker.declines() == std::nullopt);
}

TEST_CASE("errors that run() returns are told apart") {
  Worker worker(plugin("behaves"));
  Outcome outcome = run(worker, unary(worker, "fails", 4));
  CHECK(outcome.status == Status::failed);
  CHECK(outcome.detail == "run() returned KARAT_FAILED");
  outcome = run(worker, unary(worker, "fails_with_7", 4));
  CHECK(outcome.status == Status::failed);
  CHECK(outcome.detail == "run() returned 7, expected KARAT_OK (0)");
  outcome = run(worker, unary(worker, "no_memory", 4));
  CHECK(outcome.status == Status::out_of_memory);
  CHECK(outcome.detail == "run() returned KARAT_OUT_OF_MEMORY");
  CHECK(worker.restarts() == 0);
}

TEST_CASE("C++ exceptions that leave a kernel become results") {
  Worker worker(plugin("throws"));
  Outcome outcome = run(worker, unary(worker, "throws_bad_alloc", 4));
  CHECK(outcome.status == Status::out_of_memory);
  CHECK(outcome.detail == "threw std::bad_alloc");
  outcome = run(worker, unary(worker, "throws_error", 4));
  CHECK(outcome.status == Status::failed);
  CHECK(outcome.detail == "threw an exception: no such tile");
  outcome = run(worker, unary(worker, "throws_integer", 4));
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.detail, Contains("no std::exception"));
  outcome = run(worker, unary(worker, "throws_in_supports", 4));
  CHECK(outcome.status == Status::failed);
  CHECK(outcome.detail == "threw an exception: undecided");
  CHECK(worker.restarts() == 0);
}

TEST_CASE("what a kernel prints is reported, cut and printable") {
  Worker worker(plugin("behaves"));
  Outcome outcome = run(worker, unary(worker, "prints", 4));
  CHECK(outcome.status == Status::ok);
  CHECK_THAT(outcome.printed, Contains("to stdout \\x1b[31mred\\xff") && Contains("to stderr\n"));
  CHECK(run(worker, unary(worker, "copy", 4)).printed.empty());
  // More than a pipe holds: the host must read while it waits.
  outcome = run(worker, unary(worker, "prints", 4, {integer("lines", 100'000)}));
  CHECK(outcome.status == Status::ok);
  CHECK(outcome.printed.size() > 4000);
  CHECK(outcome.printed.size() < 4200);
  CHECK(outcome.printed.substr(outcome.printed.size() - 3) == "…");
}

TEST_CASE("a changed floating-point environment is described and undone") {
  Worker worker(plugin("behaves"));
  const Outcome outcome = run(worker, unary(worker, "leaves_fp", 4));
  CHECK(outcome.status == Status::ok);
#if defined(__x86_64__)
  CHECK(outcome.fp_env_changed == "FTZ off→on, rounding nearest→up, x87 rounding nearest→up");
#else
  CHECK(outcome.fp_env_changed == "rounding nearest→up");
#endif
  const Outcome next = run(worker, unary(worker, "needs_default_fp", 4));
  CHECK(next.status == Status::ok);
  CHECK(next.fp_env_changed.empty());
  // What another function of the plugin leaves does not reach run().
  CHECK(run(worker, unary(worker, "scratch_changes_fp", 4)).status == Status::ok);
}

TEST_CASE("scratch is aligned, filled with NaN and fenced") {
  Worker worker(plugin("behaves"));
  const auto spans = worker.prepare(unary(worker, "uses_scratch", 4));
  fill(spans);
  for (int again = 0; again < 2; ++again) CHECK(worker.run(kPoison).status == Status::ok);
  const Outcome outcome = run(worker, unary(worker, "asks_for_all", 4));
  CHECK(outcome.status == Status::out_of_memory);
  CHECK_THAT(outcome.detail, Contains("asks for 18446744073709551615 bytes of scratch"));
}

TEST_CASE("writing past the scratch is out of bounds", "[crashes]") {
  Worker worker(plugin("crashes"));
  const Outcome outcome = run(worker, unary(worker, "leaves_scratch", 4));
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "writes 28 bytes past the end of scratch (byte 128; scratch has bytes 0 to 99)");
}

TEST_CASE("a call that contradicts itself is refused in words") {
  Worker worker(plugin("behaves"));
  const CallSpec good = unary(worker, "copy", 4);
  const auto refused = [&](auto&& change) {
    CallSpec call = good;
    change(call);
    CHECK_THROWS_AS(worker.prepare(call), std::invalid_argument);
  };
  refused([](CallSpec& call) { call.kernel = 1000; });
  refused([](CallSpec& call) { call.kernel = -1; });
  refused([](CallSpec& call) { call.threads = 0; });
  refused([](CallSpec& call) { call.tensors[0].role = 9; });
  refused([](CallSpec& call) { call.tensors[0].dtype = 4711; });
  refused([](CallSpec& call) { call.tensors[0].shape = {-1}; });
  refused([](CallSpec& call) { call.tensors[0].strides = {0}; });
  refused([](CallSpec& call) { call.tensors[0].strides = {}; });
  refused([](CallSpec& call) { call.in_place = {-1, 7}; });
  refused([](CallSpec& call) { call.in_place = {1, -1}; });
  refused([](CallSpec& call) {
    call.tensors[1].shape = {5};
    call.in_place = {-1, 0};
  });
  refused([](CallSpec& call) { call.tensors[0].shape = {std::numeric_limits<std::int64_t>::max()}; });
  refused([](CallSpec& call) { call.tensors.resize(300, call.tensors[0]); });
  // And the worker is none the worse for it.
  CHECK(run(worker, good).status == Status::ok);
}

TEST_CASE("run before prepare is a mistake of the caller") {
  Worker worker(plugin("behaves"));
  CHECK_THROWS_AS(worker.run(kPoison), std::logic_error);
  CHECK_THROWS_AS(worker.declines(), std::logic_error);
}

TEST_CASE("a worker can be moved") {
  Worker first(plugin("behaves"));
  const auto spans = first.prepare(unary(first, "copy", 4));
  fill(spans);
  Worker second(std::move(first));
  CHECK(second.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[3] == 4.0f);
  Worker third(plugin("crashes"));
  third = std::move(second);
  CHECK(third.info().name == "behaves");
  CHECK(third.run(kPoison).status == Status::ok);
}
