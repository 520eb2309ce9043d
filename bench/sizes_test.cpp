// SPDX-License-Identifier: MIT
#include "bench/sizes.hpp"

#include <catch2/catch.hpp>

#include "bench/bench.hpp"
#include "bench/workload.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

TEST_CASE("sizes follow from the caches") {
  const Caches caches{48 * KiB, 2 * MiB, 32 * MiB, 64 * GiB};
  CHECK(bytes_for("L1", caches) == 24 * KiB);
  CHECK(bytes_for("L2", caches) == 1 * MiB);
  CHECK(bytes_for("DRAM", caches) == 128 * MiB);
  CHECK(warning_for(caches).empty());
}

TEST_CASE("caches that the system does not tell have usual sizes") {
  CHECK(bytes_for("L1", {}) == 16 * KiB);
  CHECK(bytes_for("L2", {}) == 128 * KiB);
  CHECK(bytes_for("DRAM", {}) == 32 * MiB);
}

TEST_CASE("a huge last-level cache or little memory bounds DRAM, and a warning says so") {
  const Caches huge{32 * KiB, 1 * MiB, 512 * MiB, 64 * GiB}, little{32 * KiB, 1 * MiB, 32 * MiB, 80 * MiB};
  CHECK(bytes_for("DRAM", huge) == 256 * MiB);
  CHECK(bytes_for("DRAM", little) == 20 * MiB);
  CHECK_THAT(warning_for(huge), Catch::Contains("256 MiB") && Catch::Contains("512 MiB"));
  CHECK_THAT(warning_for(little), Catch::Contains("20 MiB"));
}

TEST_CASE("an unknown size names the known ones") {
  CHECK_THROWS_WITH(bytes_for("L3", {}), Catch::Contains("L3") && Catch::Contains("DRAM"));
}

TEST_CASE("the tensors of every operator and dtype fill their size and no more") {
  const Caches caches{48 * KiB, 1 * MiB, 8 * MiB, 64 * GiB};
  for (const Operator& op : operators())
    for (const Format& f : formats())
      if (op.independence != Independence::whole)
      for (const std::string& size : size_names()) {
        CAPTURE(op.name, f.name, size);
        const std::size_t budget = bytes_for(size, caches);
        const Shape shape = shape_for(op, f, budget);
        const std::size_t used = static_cast<std::size_t>(element_count(shape)) * (op.inputs.size() + 1) *
                                 static_cast<std::size_t>(f.bytes());
        CHECK(used <= budget);
        CHECK(used * 10 >= budget * 9);
        if (op.independence == Independence::elementwise)
          CHECK(shape[0] % 64 == 1);
        else
          CHECK(shape[0] >= 8);
      }
}

TEST_CASE("a workload counts the bytes of all its tensors") {
  const Format& f = *find_format("f32");
  CHECK(Workload(*find_operator("exp"), f, {65}, 1).call_bytes() == 2 * 65 * 4);
  CHECK(Workload(*find_operator("tanh_backward"), f, {65}, 1).call_bytes() == 3 * 65 * 4);
  CHECK(Workload(*find_operator("softmax_backward"), f, {7, 128}, 1).call_bytes() == 3 * 7 * 128 * 4);
}

TEST_CASE("a copy that moves more bytes than the call counts in proportion") {
  const Format& f = *find_format("f32");
  CHECK(Workload(*find_operator("exp"), f, {65}, 1).copy_share() == 1);
  CHECK(Workload(*find_operator("tanh_backward"), f, {65}, 1).copy_share() == 0.75);
}

TEST_CASE("a workload's call is dense, aligned, of the threads asked for, and along the last axis") {
  const host::CallSpec call =
      Workload(*find_operator("softmax_backward"), *find_format("f16"), {7, 128}, 1).call(3, 5);
  CHECK(call.kernel == 3);
  CHECK(call.threads == 5);
  REQUIRE(call.tensors.size() == 3);
  for (const host::TensorSpec& t : call.tensors) {
    CHECK(t.shape == Shape{7, 128});
    CHECK(t.strides == Shape{128, 1});
    CHECK(t.placement.flush == host::Placement::Flush::start);
    CHECK(t.placement.offset == 0);
  }
  REQUIRE(call.attributes.size() == 1);
  CHECK(call.attributes[0].name == "axis");
  CHECK(call.attributes[0].integer == 1);
}

TEST_CASE("another seed gives other inputs, the same seed the same") {
  const auto values = [](std::uint64_t seed) {
    return Workload(*find_operator("exp"), *find_format("f32"), {65}, seed).pool().inputs[0].values;
  };
  CHECK(values(1) == values(1));
  CHECK(values(1) != values(2));
}

TEST_CASE("no input of any operator is NaN or infinite, and none gives NaN") {
  for (const Operator& op : operators())
    for (const Format& f : formats()) {
      if (op.independence == Independence::whole) continue;
      CAPTURE(op.name, f.name);
      const Shape shape = shape_for(op, f, 8 * KiB);
      const Workload workload(op, f, shape, 1);
      CHECK_FALSE(invalid(workload.pool()));
      for (const Tensor<Bits>& input : workload.pool().inputs)
        for (const Bits b : input.values) REQUIRE(is_finite(f, b));
      for (const Specials& right : specials(workload.pool()))
        for (const Special& s : right) REQUIRE_FALSE(std::isnan(s.value));
    }
}

}  // namespace
}  // namespace karat::bench
