// SPDX-License-Identifier: MIT
#include "bench/sizes.hpp"

#include <catch2/catch.hpp>

#include "bench/bench.hpp"
#include "bench/plan.hpp"
#include "properties/extents.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

TEST_CASE("sizes follow from the caches") {
  const Caches caches{48 * KiB, 2 * MiB, 32 * MiB, 64 * GiB};
  CHECK(bytes_for("small", caches) == 0);
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

std::size_t bytes_of(const Operator& op, const Format& f, const CallShapes& call) {
  std::size_t bytes = 0;
  for (std::size_t t = 0; t < call.inputs.size(); ++t) bytes += static_cast<std::size_t>(element_count(call.inputs[t])) * width_of(op, f, t);
  for (const Shape& y : op.output_shapes(call.inputs, call.attributes)) bytes += static_cast<std::size_t>(element_count(y) * f.bytes());
  return bytes;
}

TEST_CASE("tensors of one shape fill their size and no more") {
  const Caches caches{48 * KiB, 1 * MiB, 8 * MiB, 64 * GiB};
  for (const Operator& op : operators())
    for (const Format& f : formats()) {
      if (op.independence == Independence::whole) continue;
      for (const char* size : {"L1", "L2", "DRAM"}) {
        CAPTURE(op.name, f.name, size);
        const std::size_t budget = bytes_for(size, caches);
        const CallShapes call = shapes_for(op, f, budget);
        CHECK(bytes_of(op, f, call) <= budget);
        CHECK(bytes_of(op, f, call) * 10 >= budget * 9);
        const Shape& shape = call.inputs[0];
        if (op.independence == Independence::elementwise)
          CHECK(shape[0] % 64 == 1);
        else
          CHECK(shape[0] >= 8);
      }
    }
}

TEST_CASE("the example of every operator grows until its tensors fill most of the size") {
  const Format& f = *find_format("f32");
  std::size_t grown = 0;
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole || op.constant) continue;
    for (const std::size_t budget : {16 * KiB, 512 * KiB, 64 * MiB}) {
      CAPTURE(op.name, budget);
      const CallShapes call = shapes_for(op, f, budget);
      CHECK(properties::takes(op, call.inputs, call.attributes));
      const std::size_t bytes = bytes_of(op, f, call);
      CHECK(bytes <= budget);
      CHECK(bytes * 2 >= budget);
      ++grown;
    }
  }
  CHECK(grown > 100);
}

TEST_CASE("kernels and windows stay as they are, the rest grows evenly") {
  const Format& f = *find_format("f32");
  const CallShapes conv = shapes_for(*find_operator("conv2d"), f, 8 * MiB);
  CHECK(conv.inputs[1][2] == 3);
  CHECK(conv.inputs[1][3] == 2);
  for (const std::int64_t extent : conv.inputs[0]) {
    CHECK(extent >= 16);
    CHECK(extent <= 256);
  }
  const CallShapes loss = shapes_for(*find_operator("softmax_cross_entropy"), f, 8 * MiB);
  CHECK(loss.inputs[0][0] == loss.inputs[1][0]);
  CHECK(loss.inputs[2] == Shape{0});
  CHECK(loss.inputs[0][1] >= 256);
}

TEST_CASE("the smallest call is a few elements, or the example as it stands") {
  const Format& f = *find_format("f32");
  CHECK(shapes_for(*find_operator("exp"), f, 0).inputs[0] == Shape{16});
  CHECK(shapes_for(*find_operator("softmax"), f, 0).inputs[0] == Shape{1, 16});
  CHECK(shapes_for(*find_operator("adam"), f, 0).inputs[0] == Shape{5});
}

}  // namespace
}  // namespace karat::bench
