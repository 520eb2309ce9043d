// SPDX-License-Identifier: MIT
// Guard pages, read-only inputs, canaries: nobody touches what is not theirs unseen.
#include <catch2/catch.hpp>
#include <string>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;

namespace {

constexpr auto kStart = Placement::Flush::start;
constexpr auto kEnd = Placement::Flush::end;

Outcome touch(Worker& worker, int tensor_index, std::int64_t offset, bool write, Placement placement,
              std::int64_t size = 16) {
  return run(worker,
             unary(worker, "touches", size,
                   {integer("tensor", tensor_index), integer("offset", offset), integer("write", write)},
                   placement));
}

CallSpec scribble(Worker& worker, int tensor_index, std::int64_t offset, std::int64_t count,
                  Placement placement = {}, std::int64_t stride = 1) {
  return unary(worker, "scribbles", 16,
               {integer("tensor", tensor_index), integer("offset", offset), integer("count", count)},
               placement, stride);
}

}  // namespace

TEST_CASE("end-flush: reading or writing past the end is caught at the first byte", "[crashes]") {
  Worker worker(plugin("crashes"));
  CHECK(touch(worker, 0, 63, false, {kEnd, 0}).status == Status::ok);
  Outcome outcome = touch(worker, 0, 64, false, {kEnd, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "reads 0 bytes past the end of x (byte 64; x has bytes 0 to 63)");
  outcome = touch(worker, 0, 68, false, {kEnd, 0});
  CHECK(outcome.detail == "reads 4 bytes past the end of x (byte 68; x has bytes 0 to 63)");
  outcome = touch(worker, 1, 65, true, {kEnd, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "writes 1 byte past the end of y (byte 65; y has bytes 0 to 63)");
  outcome = touch(worker, 1, 64 + 100'000, true, {kEnd, 0});
  CHECK(outcome.detail == "writes 100000 bytes past the end of y (byte 100064; y has bytes 0 to 63)");
  CHECK(worker.restarts() == 4);
}

TEST_CASE("start-flush: reading or writing before the start is caught at the first byte", "[crashes]") {
  Worker worker(plugin("crashes"));
  CHECK(touch(worker, 0, 0, false, {kStart, 0}).status == Status::ok);
  Outcome outcome = touch(worker, 0, -1, false, {kStart, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "reads 1 byte before the start of x (byte -1; x has bytes 0 to 63)");
  outcome = touch(worker, 1, -4, true, {kStart, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "writes 4 bytes before the start of y (byte -4; y has bytes 0 to 63)");
}

TEST_CASE("placements with an offset move the guard by exactly that", "[crashes]") {
  Worker worker(plugin("crashes"));
  for (const std::int64_t offset : {4, 12, 64, 4096, 5000}) {
    const auto distance = static_cast<std::size_t>(offset);
    INFO("offset " << offset);
    CHECK(touch(worker, 0, 63 + offset, false, {kEnd, distance}).status == Status::ok);
    CHECK_THAT(touch(worker, 0, 64 + offset, false, {kEnd, distance}).detail,
               Contains("reads " + std::to_string(offset) + " bytes past the end of x"));
    CHECK(touch(worker, 0, -offset, false, {kStart, distance}).status == Status::ok);
    CHECK_THAT(touch(worker, 0, -offset - 1, false, {kStart, distance}).detail,
               Contains("reads " + std::to_string(offset + 1) + " bytes before the start of x"));
  }
}

TEST_CASE("a tensor of several pages is guarded on both sides", "[crashes]") {
  Worker worker(plugin("crashes"));
  constexpr std::int64_t size = 5000, bytes = size * 4;
  CHECK(touch(worker, 1, bytes - 1, true, {kEnd, 0}, size).status == Status::ok);
  CHECK_THAT(touch(worker, 1, bytes, true, {kEnd, 0}, size).detail,
             Contains("writes 0 bytes past the end of y"));
  CHECK_THAT(touch(worker, 1, -1, true, {kStart, 0}, size).detail, Contains("1 byte before the start of y"));
}

TEST_CASE("a tensor without elements has a pointer that must not be followed", "[crashes]") {
  Worker worker(plugin("crashes"));
  const auto spans = worker.prepare(unary(worker, "touches", 0, {integer("tensor", 0)}));
  CHECK(spans[0].empty());
  CHECK(spans[0].data() != nullptr);
  const Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "reads 0 bytes past the end of x (byte 0; x has no elements)");
  Worker right(plugin("behaves"));
  for (const auto flush : {kStart, kEnd}) {
    const Outcome copied = run(right, unary(right, "copy", 0, {}, {flush, 0}));
    CHECK(copied.status == Status::ok);
    CHECK(copied.wrote_outside.empty());
  }
}

TEST_CASE("a tensor of rank 0 has one element") {
  Worker worker(plugin("behaves"));
  CallSpec call = unary(worker, "copy", 1);
  for (auto& tensor : call.tensors) tensor.shape = tensor.strides = {};
  const auto spans = worker.prepare(call);
  REQUIRE(spans[0].size() == 4);
  fill(spans);
  CHECK(worker.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[0] == 1.0f);
}

TEST_CASE("writing to an input is caught in the act", "[crashes]") {
  Worker worker(plugin("crashes"));
  const auto call =
      unary(worker, "touches", 16, {integer("tensor", 0), integer("offset", 9), integer("write", 1)});
  const auto spans = worker.prepare(call);
  fill(spans);
  Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::input_modified);
  CHECK(outcome.detail == "writes to input x at byte 9 (element 2 of its storage)");
  CHECK(outcome.input_changed.empty());
  CHECK(floats(spans[0])[2] == 3.0f);
  outcome = touch(worker, 0, -4, true, {kEnd, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK(outcome.detail == "writes 4 bytes before the start of x (byte -4; x has bytes 0 to 63)");
}

TEST_CASE("mprotect does not make an input writable") {
  Worker worker(plugin("behaves"));
  const Outcome outcome = run(worker, unary(worker, "unprotects", 16));
  CHECK(outcome.status == Status::failed);
  CHECK(outcome.detail == "run() returned 1013, expected KARAT_OK (0)");  // EACCES
}

TEST_CASE("reopened descriptors neither write to inputs nor shrink the memory") {
  Worker worker(plugin("behaves"));
  CHECK(run(worker, unary(worker, "reopens", 16)).detail.empty());
}

TEST_CASE("an input changed behind the mapping's back is found by its hash") {
  Worker worker(plugin("behaves"));
  const auto spans = worker.prepare(unary(worker, "writes_to_host", 1024));
  fill(spans);
  const Outcome outcome = worker.run(kPoison);
  if (outcome.status == Status::failed) {  // the machine does not let it: nothing must have changed
    CHECK(outcome.detail == "run() returned 5, expected KARAT_OK (0)");
    CHECK(outcome.input_changed.empty());
  } else {
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.input_changed == "x differs after the call");
  }
}

TEST_CASE("bytes written around an output are counted on either side") {
  Worker worker(plugin("behaves"));
  CHECK(run(worker, scribble(worker, 1, 0, 64)).wrote_outside.empty());
  CHECK(run(worker, scribble(worker, 1, -3, 3)).wrote_outside ==
        "y: 3 bytes before its start (from byte -3)");
  CHECK(run(worker, scribble(worker, 1, 64, 1, {kStart, 0})).wrote_outside ==
        "y: 1 byte past its end (from byte 64 of 64)");
  CHECK(run(worker, scribble(worker, 1, -8, 64 + 8 + 5, {kEnd, 20})).wrote_outside ==
        "y: 8 bytes before its start (from byte -8); 5 bytes past its end (from byte 64 of 64)");
  CHECK(run(worker, scribble(worker, 1, 70, 2, {kEnd, 20})).wrote_outside ==
        "y: 2 bytes past its end (from byte 70 of 64)");
}

TEST_CASE("a strided tensor crosses with its gaps, and a written gap is found") {
  Worker worker(plugin("behaves"));
  const auto call = scribble(worker, 1, 4, 0, {}, 3);
  const auto spans = worker.prepare(call);
  REQUIRE(spans[1].size() == (15 * 3 + 1) * 4);
  fill(spans);
  const Outcome clean = worker.run(kPoison);
  CHECK(clean.status == Status::ok);
  CHECK(clean.wrote_outside.empty());
  CHECK(clean.input_changed.empty());
  for (std::size_t i = 0; i < 16; ++i) CHECK(floats(spans[1])[3 * i] == static_cast<float>(3 * i + 1));
  CHECK(run(worker, scribble(worker, 1, 28, 4, {}, 3)).wrote_outside ==
        "y: 4 bytes in the gaps between its elements (from byte 28)");
}

TEST_CASE("gaps of a matrix in any order of strides are told from its elements") {
  Worker worker(plugin("behaves"));
  // 2 × 3, column by column, each column with one element of padding: (0,0)(1,0)·(0,1)(1,1)·(0,2)(1,2)
  CallSpec call = scribble(worker, 1, 8, 4);
  call.tensors[1].shape = {2, 3};
  call.tensors[1].strides = {1, 3};
  call.tensors[0].shape = {0};
  const auto spans = worker.prepare(call);
  CHECK(spans[1].size() == 8 * 4);
  CHECK(worker.run(kPoison).wrote_outside == "y: 4 bytes in the gaps between its elements (from byte 8)");
  call.attributes[1].integer = 12;
  worker.prepare(call);
  CHECK(worker.run(kPoison).wrote_outside.empty());
}

TEST_CASE("around and between the elements of an input lie NaN bytes") {
  Worker worker(plugin("behaves"));
  const auto wants = [&](std::int64_t offset, std::int64_t count, Placement placement, std::int64_t stride) {
    return run(worker, unary(worker, "wants_nan", 16, {integer("offset", offset), integer("count", count)},
                             placement, stride))
        .status;
  };
  CHECK(wants(-100, 100, {kEnd, 0}, 1) == Status::ok);
  CHECK(wants(64, 100, {kStart, 0}, 1) == Status::ok);
  CHECK(wants(64, 8, {kEnd, 8}, 1) == Status::ok);
  CHECK(wants(4, 8, {kEnd, 0}, 3) == Status::ok);  // a gap, though `fill` wrote to it
  CHECK(wants(0, 1, {kEnd, 0}, 1) == Status::failed);
}

TEST_CASE("declared over-reads see NaN bytes, and the guard lies just behind them", "[crashes]") {
  Worker worker(plugin("behaves"));
  const auto reads = [&](std::int64_t count, Placement placement) {
    return run(worker,
               unary(worker, "over_reads", 16, {integer("offset", 64), integer("count", count)}, placement));
  };
  CHECK(reads(16, {kEnd, 0}).status == Status::ok);
  const Outcome outcome = reads(17, {kEnd, 0});
  CHECK(outcome.status == Status::out_of_bounds);
  CHECK_THAT(outcome.detail, Contains("reads 16 bytes past the end of x"));
  CHECK(reads(20, {kEnd, 4}).status == Status::ok);
  CHECK(reads(21, {kEnd, 4}).status == Status::out_of_bounds);
}

TEST_CASE("an output that shares its input's storage starts from the input, every time") {
  Worker worker(plugin("behaves"));
  CallSpec call = unary(worker, "twice", 9);
  call.in_place = {-1, 0};
  const auto spans = worker.prepare(call);
  fill(spans);
  for (int again = 0; again < 3; ++again) {
    const Outcome outcome = worker.run(kPoison);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.wrote_outside.empty());
    for (std::size_t i = 0; i < 9; ++i) {
      CHECK(floats(spans[0])[i] == static_cast<float>(i + 1));
      CHECK(floats(spans[1])[i] == static_cast<float>(2 * (i + 1)));
    }
  }
  floats(spans[0])[0] = 50;
  CHECK(worker.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[0] == 100.0f);
  const auto timing = worker.time(kPoison, 5);
  CHECK(timing.outcome.status == Status::ok);
  CHECK(floats(spans[1])[1] == 4.0f);
}

TEST_CASE("bytes written around in-place storage are found") {
  Worker worker(plugin("behaves"));
  CallSpec call = scribble(worker, 1, -4, 4);
  call.in_place = {-1, 0};
  CHECK(run(worker, call).wrote_outside == "x: 4 bytes before its start (from byte -4)");
}

TEST_CASE("in-out tensors are restored before every rerun and repetition") {
  Worker worker(plugin("behaves"));
  CallSpec call;
  call.kernel = kernel(worker, "accumulate");
  call.tensors = {tensor("x", KARAT_INPUT, 4), tensor("p", KARAT_INOUT, 4, 2)};
  const auto spans = worker.prepare(call);
  fill(spans);
  for (float& p : floats(spans[1])) p = 10;
  for (int again = 0; again < 3; ++again) {
    CHECK(worker.run(kPoison).status == Status::ok);
    CHECK(floats(spans[1])[0] == 11.0f);
    CHECK(floats(spans[1])[6] == 14.0f);
  }
  CHECK(worker.time(kPoison, 10).outcome.status == Status::ok);
  CHECK(floats(spans[1])[6] == 14.0f);
  CHECK(worker.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[6] == 14.0f);
  // Filled anew by the caller, it starts from there.
  for (float& p : floats(spans[1])) p = 20;
  CHECK(worker.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[0] == 21.0f);
  CHECK(worker.run(kPoison).status == Status::ok);
  CHECK(floats(spans[1])[0] == 21.0f);
}

TEST_CASE("handlers that a plugin installs do not hide its faults", "[crashes]") {
  Worker worker(plugin("behaves"));
  const Outcome taken = run(worker, unary(worker, "takes_handler", 4));
  CHECK(taken.status == Status::ok);
  CHECK(taken.process_changed.find("SIGSEGV") != std::string::npos);
  const Outcome outcome =
      run(worker, unary(worker, "over_reads", 16, {integer("offset", 64), integer("count", 17)}));
  CHECK(outcome.status == Status::out_of_bounds);
}

TEST_CASE("calls that grow, shrink and grow again keep their data") {
  Worker worker(plugin("behaves"));
  for (const std::int64_t size : {1, 100'000, 7, 1'000'000, 1024, 3'000'000}) {
    const auto spans = worker.prepare(unary(worker, "copy", size));
    fill(spans);
    const Outcome outcome = worker.run(kPoison);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.wrote_outside.empty());
    CHECK(floats(spans[1]).back() == static_cast<float>(size));
  }
}
