// SPDX-License-Identifier: MIT
// Calls on shapes of one's own: made from a text, timed, and verified in every output.
#include "bench/call.hpp"

#include <catch2/catch.hpp>

#include "bench/bench.hpp"
#include "properties/replay.hpp"

namespace karat::bench {
namespace {

const Format& f32() { return format(Dtype::f32); }

BenchOptions options(const std::vector<std::string>& calls, const std::string& kernel = "*") {
  BenchOptions o;
  o.kernel = kernel;
  o.dtypes = {"f32"};
  o.threads = {1};
  o.caches = {"warm"};
  o.min_seconds = 0.002;
  for (const std::string& call : calls) o.calls.push_back(call_from(call));
  return o;
}
std::vector<Timing> timed(const std::string& plugin, const BenchOptions& o) {
  host::Worker worker(std::string(KARAT_PLUGIN_DIR) + "/" + plugin + ".so");
  return run({{&worker, plugin}}, o);
}
constexpr const char* usual = "x=4x8x16x16 w=8x8x3x3 padding=[1,1,1,1] dilation=[2,2]";

TEST_CASE("a call's text gives shapes and attributes") {
  const CallShapes c = shapes_of_call(*find_operator("conv2d"), f32(), usual);
  CHECK(c.inputs == Shapes{{4, 8, 16, 16}, {8, 8, 3, 3}, {0}});  // the bias is absent
  CHECK(c.attributes.list("dilation") == std::vector<std::int64_t>{2, 2});
  CHECK(c.attributes.integer("groups") == 1);
}

TEST_CASE("a text may name its operator first") {
  CHECK(call_from("conv2d x=1x2x5x5 w=1x2x3x3").op == "conv2d");
  CHECK(call_from("conv2d x=1x2x5x5 w=1x2x3x3").text == "x=1x2x5x5 w=1x2x3x3");
  CHECK(call_from("x=4 t=4").op.empty());
  CHECK(call_from("x=4 t=4").text == "x=4 t=4");
  CHECK_THROWS_WITH(call_from("conv2 x=4"), Catch::Contains("conv2d"));
}

TEST_CASE("what follows from the rest need not be said") {
  const auto shapes = [](const char* op, const char* text) { return shapes_of_call(*find_operator(op), f32(), text); };
  CHECK(shapes("softmax_backward", "x=8x64").inputs == Shapes{{8, 64}, {8, 64}});
  CHECK(shapes("softmax", "x=8x64x3").attributes.integer("axis") == 2);
  CHECK(shapes("softmax", "x=8x64x3 axis=1").attributes.integer("axis") == 1);
  CHECK(shapes("conv2d_backward", "x=1x2x5x5 w=3x2x3x3").inputs == Shapes{{1, 3, 3, 3}, {1, 2, 5, 5}, {3, 2, 3, 3}, {0}});
  CHECK(shapes("mse_loss_backward", "x=7 t=7 reduction=none").inputs[0] == Shape{7});
  CHECK(shapes("mse_loss_backward", "x=7 t=7").inputs[0] == Shape{});
}

TEST_CASE("a text that is no call says what is wrong and where") {
  const auto why = [](const char* op, const char* text) {
    try {
      shapes_of_call(*find_operator(op), f32(), text);
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
  CHECK_THAT(why("mse_loss_backward", "dy=4 x=4x8 t=4x8"), Catch::Contains("input dy of mse_loss_backward"));
  CHECK_THAT(why("tanh_backward", "dy=4 x=5"), Catch::Contains("must have one shape"));
  CHECK_THAT(why("exp", ""), Catch::Contains("input x of exp has no shape"));
}

TEST_CASE("the suite's calls are calls") {
  CHECK(suite_calls().size() >= 10);
  for (const std::string& text : suite_calls()) {
    CAPTURE(text);
    const Call call = call_from(text);
    REQUIRE(!call.op.empty());
    CHECK_NOTHROW(shapes_of_call(*find_operator(call.op), f32(), call.text));
  }
}

TEST_CASE("a right kernel has a time, and every one of its outputs was verified") {
  for (const std::string call : {usual, "x=1x2x5x5 w=1x2x3x3 b=1"}) {
    CAPTURE(call);
    const std::vector<Timing> timings = timed("plain", options({"conv2d " + call}));
    REQUIRE(timings.size() == 1);
    CAPTURE(timings[0].reason);
    CHECK(timings[0].verified);
    CHECK(timings[0].median_seconds > 0);
    CHECK(timings[0].size == "call");
    CHECK(timings[0].call == call);
    CHECK(timings[0].max_ulp > 0);
    CHECK_THAT(timing_json(timings[0]), Catch::Contains("\"call\":\"x="));
    CHECK_THAT(table(timings, 100), Catch::Contains(call));
  }
}

TEST_CASE("one run times the calls of several operators, each its own") {
  const std::vector<Timing> timings = timed("plain", options({"softmax x=64x100", "adam theta=600 g=600 v=600 s=600 s_max=600", "binary_cross_entropy t=4096 p=4096"}));
  REQUIRE(timings.size() == 3);
  for (const Timing& t : timings) {
    CAPTURE(t.op, t.reason);
    CHECK(t.verified);
  }
  CHECK(timings[0].op == "softmax");
  CHECK(timings[1].op == "adam");
  CHECK(timings[2].op == "binary_cross_entropy");
}

TEST_CASE("a wrong kernel has no time, and is told where it is wrong") {
  BenchOptions o = options({"conv2d " + std::string(usual)}, "*dilation*");
  const std::vector<Timing> timings = timed("mutants/mutants", o);
  REQUIRE(!timings.empty());
  CHECK_FALSE(timings[0].verified);
  CHECK_THAT(timings[0].reason, Catch::Contains("inaccurate: conv2d(…) gave") && Catch::Contains("held to stable") && Catch::Contains("of 6272"));
}

TEST_CASE("what cannot be verified or called is not timed, and says why") {
  std::vector<Timing> timings = timed("plain", options({"softmax_cross_entropy x=2x100000 t=2"}));
  REQUIRE(timings.size() == 1);
  CHECK_FALSE(timings[0].verified);
  CHECK_THAT(timings[0].reason, Catch::StartsWith("not timed: softmax_cross_entropy is not judged as whole tensors"));
  timings = timed("plain", options({"mse_loss x=4"}));
  REQUIRE(timings.size() == 1);
  CHECK_THAT(timings[0].reason, Catch::Contains("--call: input t of mse_loss has no shape"));
}

}  // namespace
}  // namespace karat::bench
