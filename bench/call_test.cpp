// SPDX-License-Identifier: MIT
// Calls of operators whose tensors differ in shape: made from a text, timed, and verified in every output.
#include <catch2/catch.hpp>
#include <cstring>

#include "bench/bench.hpp"
#include "bench/verify.hpp"
#include "properties/replay.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::bench {
namespace {

const Operator& conv2d() { return *find_operator("conv2d"); }
const Format& f32() { return format(Dtype::f32); }

BenchOptions options(const std::string& call, const std::string& kernel = "*") {
  BenchOptions o;
  o.op = "conv2d";
  o.kernel = kernel;
  o.dtypes = {"f32"};
  o.threads = {1};
  o.min_seconds = 0.002;
  o.call = call;
  return o;
}
std::vector<Timing> timed(const std::string& plugin, const BenchOptions& o) {
  host::Worker worker(std::string(KARAT_PLUGIN_DIR) + "/" + plugin + ".so");
  return run(worker, plugin, o);
}
constexpr const char* usual = "x=4x8x16x16 w=8x8x3x3 padding=[1,1,1,1] dilation=[2,2]";

TEST_CASE("a call's text gives shapes and attributes") {
  const Question q = call_from(conv2d(), f32(), usual, 1);
  CHECK(q.inputs[0].shape == Shape{4, 8, 16, 16});
  CHECK(q.inputs[0].values.size() == 4 * 8 * 16 * 16);
  CHECK(q.inputs[2].shape == Shape{0});  // the bias is absent
  CHECK(q.attributes.list("dilation") == std::vector<std::int64_t>{2, 2});
  CHECK(q.output_shapes() == Shapes{{4, 8, 14, 14}});
  CHECK(call_from(conv2d(), f32(), usual, 2).inputs[0].values != q.inputs[0].values);
}

TEST_CASE("a text that is no call says what is wrong and where") {
  const auto why = [](const char* op, const char* text) {
    try {
      call_from(*find_operator(op), f32(), text, 1);
      return std::string("nothing");
    } catch (const properties::ReplayError& e) {
      return std::string(e.what());
    }
  };
  CHECK_THAT(why("conv2d", "x=4x8x16x16"), Catch::Contains("input w of conv2d has no shape"));
  CHECK_THAT(why("conv2d", "x=4x8xx16 w=1x8x3x3"), Catch::Contains("expected the shape of input x"));
  CHECK_THAT(why("conv2d", "x=4x8x16x16x w=1x8x3x3"), Catch::Contains("expected the shape of input x"));
  CHECK_THAT(why("conv2d", "x=-4x8 w=1x8x3x3"), Catch::Contains("expected the shape of input x"));
  CHECK_THAT(why("conv2d", "x=9999999999x9999999999x9999999999x9 w=1x8x3x3"), Catch::Contains("expected at most 268435456 elements"));
  CHECK_THAT(why("conv2d", "x=4x8x16x16 w=8x7x3x3"), Catch::Contains("input w of conv2d"));
  CHECK_THAT(why("conv2d", "x=4x8x16x16 w=8x8x3x3 dilation=[0,1]"), Catch::Contains("dilation"));
  CHECK_THAT(why("conv2d", "x=4x8x16x16 w=8x8x3x3 dilution=[1,1]"), Catch::Contains("dilution"));
  CHECK_THAT(why("mse_loss", "x=4x8 t=8x4"), Catch::Contains("input t of mse_loss"));
}

TEST_CASE("a right kernel has a time, and every one of its outputs was verified") {
  for (const char* call : {usual, "x=1x2x5x5 w=1x2x3x3 b=1"}) {  // as whole tensors, and as a check does
    CAPTURE(call);
    const std::vector<Timing> timings = timed("plain", options(call));
    REQUIRE(timings.size() == 1);
    CAPTURE(timings[0].reason);
    CHECK(timings[0].verified);
    CHECK(timings[0].median_seconds > 0);
    CHECK(timings[0].size == "call");
    CHECK(timings[0].call == call);
    CHECK(timings[0].max_ulp > 0);
    CHECK_THAT(timing_json(timings[0]), Catch::Contains("\"call\":\"x="));
    CHECK_THAT(table(timings, 100), Catch::Contains("call"));
  }
}

TEST_CASE("a wrong kernel has none, and is told where it is wrong") {
  const std::vector<Timing> timings = timed("mutants/mutants", options(usual, "*dilation*"));
  REQUIRE(!timings.empty());
  CHECK_FALSE(timings[0].verified);
  CHECK_THAT(timings[0].reason, Catch::Contains("inaccurate: conv2d(…) gave") && Catch::Contains("held to stable") && Catch::Contains("of 6272"));
}

TEST_CASE("one wrong element among all is found") {
  const Workload workload(call_from(conv2d(), f32(), usual, 1));
  std::vector<std::byte> output(workload.elements() * 4);
  const std::vector<Compensated> exact = compensated(workload.pool(), f32());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const auto b = static_cast<float>(exact[i].high);
    std::memcpy(output.data() + 4 * i, &b, 4);
  }
  for (const properties::Level& level : {properties::Level{}, properties::Level{properties::Level::Rule::max_ulp, 1}}) {
    properties::Judge judge(level);
    Verifier right(workload, judge, level, 0);
    CHECK(right.check(output) == std::nullopt);
    std::vector<std::byte> changed = output;
    changed[4 * 5000 + 2] ^= std::byte{1};
    Verifier wrong(workload, judge, level, 0);
    CHECK_THAT(wrong.check(changed).value_or(""), Catch::Contains("element 5000 of 6272"));
  }
}

TEST_CASE("what cannot be verified is not timed, and says why") {
  BenchOptions o = options("p=256x64 t=256x64");
  o.op = "binary_cross_entropy";
  std::vector<Timing> timings = timed("plain", o);
  REQUIRE(timings.size() == 1);
  CHECK_FALSE(timings[0].verified);
  CHECK_THAT(timings[0].reason, Catch::Contains("is not judged as whole tensors") && Catch::Contains("calls of up to 2048 elements"));
  o.op = "exp";
  timings = timed("plain", o);
  CHECK_THAT(timings.at(0).reason, Catch::Contains("--call is for operators whose tensors differ in shape"));
  o.call = {};
  o.op = "mse_loss";
  timings = timed("plain", o);
  CHECK_THAT(timings.at(0).reason, Catch::Contains("--call 'NAME=SHAPE"));
}

TEST_CASE("a kernel whose parameters are updated in place is timed on the same inputs each time") {
  BenchOptions o = options("theta=600 g=4x600");
  o.op = "gd";
  const std::vector<Timing> timings = timed("plain", o);
  REQUIRE(timings.size() == 1);
  CAPTURE(timings[0].reason);
  CHECK(timings[0].verified);
}

}  // namespace
}  // namespace karat::bench
