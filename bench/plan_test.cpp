// SPDX-License-Identifier: MIT
// Calls, and the small ones that their results follow from.
#include "bench/plan.hpp"

#include <catch2/catch.hpp>

#include "bench/call.hpp"
#include "bench/draw.hpp"
#include "bench/workload.hpp"

namespace karat::bench {
namespace {

const Format& f32() { return format(Dtype::f32); }

Plan plan(const std::string& text) {
  const Call call = call_from(text);
  const Operator& op = *find_operator(call.op);
  const CallShapes shapes = shapes_of_call(op, f32(), call.text);
  return plan_of(op, f32(), shapes.inputs, shapes.attributes);
}

TEST_CASE("a large call has a small pool that tapes can hold") {
  for (const char* text : {"exp x=16777217", "softmax x=4096x1024", "batch_norm x=32x64x56x56 gamma=64 beta=64", "softmax_cross_entropy x=4096x1024 t=4096", "mse_loss x=16777216 t=16777216",
                           "adam theta=16777216 g=16777216 v=16777216 s=16777216 s_max=16777216", "layer_norm_backward x=4096x768 gamma=768 beta=768"}) {
    CAPTURE(text);
    const Plan p = plan(text);
    CHECK(p.hopeless.empty());
    CHECK_FALSE(p.costly);
    CHECK_FALSE(p.pooled.empty());
    std::int64_t elements = 0;
    for (const Shape& s : p.pool_inputs) elements += element_count(s);
    CHECK(elements <= 1 << 15);
    CHECK(p.flops);
  }
}

TEST_CASE("sums keep as many terms as budgets ask for") {
  const Plan p = plan("batch_norm x=32x64x56x56 gamma=64 beta=64");
  const Shape& x = p.pool_inputs[0];
  CHECK(x[0] * x[2] * x[3] >= 256);
  CHECK(plan("softmax_cross_entropy x=4096x1024 t=4096").pool_inputs[0][0] >= 8);
}

TEST_CASE("what no smaller call stands for is judged as a whole, or not at all") {
  const Plan conv = plan("conv2d x=8x64x56x56 w=64x64x3x3 padding=[1,1,1,1]");
  CHECK(conv.judged_whole);
  CHECK(conv.costly);
  CHECK(conv.pool_inputs[0][2] == 56);
  CHECK(conv.pool_inputs[0][0] < 8);
  CHECK_THAT(plan("softmax_cross_entropy x=2x100000 t=2").hopeless, Catch::Contains("softmax_cross_entropy"));
}

TEST_CASE("a plan counts the bytes of all tensors, integers in eight") {
  const Plan p = plan("softmax_cross_entropy x=8x16 t=8");
  CHECK(p.read == 8 * 16 * 4 + 8 * 8);
  CHECK(p.written == 4);
  CHECK(p.elements == 8 * 16);
  const Plan adam = plan("adam theta=10 g=10 v=10 s=10 s_max=10");
  CHECK(adam.read == 5 * 40);
  CHECK(adam.written == 4 * 40);
  CHECK(plan("tanh_backward dy=65").bytes() == 3 * 65 * 4);
}

TEST_CASE("every sample stands in the call, as often as every other") {
  const Plan p = plan("batch_norm x=32x64x56x56 gamma=64 beta=64");
  const Workload w(p, 1, 2);
  std::vector<std::size_t> seen(static_cast<std::size_t>(element_count(p.pool_outputs[0])), 0);
  const auto count = static_cast<std::size_t>(element_count(p.outputs[0]));
  std::size_t next = 0;
  w.output(0).for_each_run(0, count, [&](std::size_t first, std::size_t pool, std::size_t n, const std::uint32_t* places) {
    REQUIRE(first == next);
    next += n;
    for (std::size_t j = 0; j < n; ++j) ++seen.at(pool + (places ? places[j] : j));
  });
  CHECK(next == count);
  for (const std::size_t n : seen) REQUIRE(n == count / seen.size());
}

TEST_CASE("elements of a range have the same pool elements as those of the whole") {
  const Plan p = plan("layer_norm x=257x96 gamma=96 beta=96");
  const Workload w(p, 1, 2);
  std::vector<std::size_t> whole, parts;
  const auto into = [](std::vector<std::size_t>& to) {
    return [&to](std::size_t, std::size_t pool, std::size_t n, const std::uint32_t* places) {
      for (std::size_t j = 0; j < n; ++j) to.push_back(pool + (places ? places[j] : j));
    };
  };
  const std::size_t all = 257 * 96;
  w.output(0).for_each_run(0, all, into(whole));
  for (std::size_t at = 0; at < all; at += 101) w.output(0).for_each_run(at, std::min(all, at + 101), into(parts));
  CHECK(whole == parts);
}

TEST_CASE("repetitions have values, places and addresses of their own, and the same seeds the same") {
  const Plan p = plan("exp x=100001");
  const auto values = [&](std::uint64_t seed) { return Workload(p, seed, 1).pool().inputs[0].values; };
  CHECK(values(1) == values(1));
  CHECK(values(1) != values(2));
  const auto place_of_first = [&](std::uint64_t seed) {
    std::vector<std::uint32_t> first;
    Workload(p, 1, seed).output(0).for_each_run(0, 64, [&](std::size_t, std::size_t, std::size_t n, const std::uint32_t* places) {
      for (std::size_t j = 0; places && j < n; ++j) first.push_back(places[j]);
    });
    return first;
  };
  CHECK(place_of_first(1) == place_of_first(1));
  CHECK(place_of_first(1) != place_of_first(2));
  const host::KernelRow row{.index = 3};
  const auto offset = [&](std::uint64_t seed) { return Workload(p, 1, 1).call(row, 5, seed).tensors[0].placement.offset; };
  CHECK(offset(1) == offset(1));
  CHECK((offset(1) != offset(2) || offset(2) != offset(3)));
}

TEST_CASE("a call is dense, on cache lines, of the threads asked for, and as aligned as the row asks") {
  const Plan p = plan("softmax_backward dy=7x128");
  const host::CallSpec call = Workload(p, 1, 1).call({.index = 3}, 5, 9);
  CHECK(call.kernel == 3);
  CHECK(call.threads == 5);
  REQUIRE(call.tensors.size() == 3);
  for (const host::TensorSpec& t : call.tensors) {
    CHECK(t.shape == Shape{7, 128});
    CHECK(t.strides == Shape{128, 1});
    CHECK(t.placement.flush == host::Placement::Flush::start);
    CHECK(t.placement.offset % 64 == 0);
    CHECK(t.placement.offset < 4096);
  }
  REQUIRE(call.attributes.size() == 1);
  CHECK(call.attributes[0].integer == 1);
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const host::TensorSpec& t : Workload(p, 1, 1).call({.index = 3, .min_alignment = 1024}, 5, seed).tensors) CHECK(t.placement.offset % 1024 == 0);
}

TEST_CASE("values are usual ones that the operator takes") {
  for (const Operator& op : operators()) {
    if (op.independence == Independence::whole) continue;
    for (const Format& f : formats()) {
      CAPTURE(op.name, f.name);
      Attributes a = standard_attributes(op);
      const Question q = drawn(op, f, Shapes(op.inputs.size(), Shape{8, 64}), a, 1);
      CHECK_FALSE(invalid(q));
      for (const Tensor<Bits>& input : q.inputs)
        for (const Bits b : input.values) REQUIRE(is_finite(f, b));
      for (const Specials& right : specials(q))
        for (const Special& s : right) REQUIRE_FALSE(std::isnan(s.value));
    }
  }
  const Question q = drawn(*find_operator("softmax_cross_entropy"), f32(), {{64, 7}, {64}, {0}}, standard_attributes(*find_operator("softmax_cross_entropy")), 1);
  std::vector<int> targets(7, 0);
  for (const Bits b : q.inputs[1].values) ++targets.at(b);
  for (const int n : targets) CHECK(n > 0);
}

}  // namespace
}  // namespace karat::bench
