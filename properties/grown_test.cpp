// SPDX-License-Identifier: MIT
#include "properties/grown.hpp"

#include <catch2/catch.hpp>

#include "properties/generate.hpp"
#include "properties/judge.hpp"

namespace karat::properties {
namespace {

std::vector<Shapes> shapes_of(const char* name) {
  std::vector<Shapes> all;
  for (const Example& example : grown_examples(*find_operator(name))) all.push_back(example.shapes);
  return all;
}

TEST_CASE("every extent of a call grows alone, then all of them") {
  CHECK(shapes_of("adam").front() == Shapes(5, {1103}));
  CHECK(shapes_of("relu").empty());
  const std::vector<Shapes> conv = shapes_of("conv2d");
  REQUIRE(conv.size() >= 6 + 3);  // each extent but the kernel's, all of each example
  CHECK(conv[1][0] == Shape{1, 523, 4, 5});  // the channels that are summed over: with 1103 there are too many elements
  CHECK(conv[1][1] == Shape{3, 523, 3, 2});
}

TEST_CASE("operators of many tensors are tried behind the first block of their sums") {
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole || op.constant) continue;
    CAPTURE(op.name);
    std::int64_t longest = 0;
    for (const Example& example : grown_examples(op)) {
      CHECK_FALSE(invalid(filled(op, format(Dtype::f32), example, Fill::usual, 1)));
      for (const Shape& shape : example.shapes)
        for (const std::int64_t extent : shape) longest = std::max(longest, extent);
    }
    CHECK(longest >= (op.name == "newton" ? 19 : 131));  // its Hessian
  }
}

}  // namespace
}  // namespace karat::properties
