// SPDX-License-Identifier: MIT
#include "properties/extents.hpp"

#include <catch2/catch.hpp>

namespace karat::properties {
namespace {

Extents extents(const char* op, Shapes shapes, std::map<std::string, Attributes::Value> with = {}) {
  const Operator& row = *find_operator(op);
  Attributes a = standard_attributes(row);
  for (auto& [name, value] : with) a.values[name] = value;
  return {row, std::move(shapes), a};
}

// "x0 w1" → the group's places, by the inputs' names and axes.
std::vector<std::string> groups(const Extents& e) {
  std::vector<std::string> all;
  for (const Extents::Group& g : e.groups()) {
    std::string text;
    for (const Extents::Place& p : g.places) text += (text.empty() ? "" : " ") + e.op().inputs[p.input].name + std::to_string(p.axis);
    all.push_back(text);
  }
  return all;
}

using List = std::vector<std::int64_t>;

TEST_CASE("extents that are one number are found, however many are equal by chance") {
  CHECK(groups(extents("exp", {{5, 5}})) == std::vector<std::string>{"x0", "x1"});
  CHECK(groups(extents("adam", {{5}, {5}, {5}, {5}, {5}})) == std::vector<std::string>{"theta0 g0 v0 s0 s_max0"});
  CHECK(groups(extents("batch_norm", {{8, 8, 8, 8}, {8}, {8}})) == std::vector<std::string>{"x0", "x1 gamma0 beta0", "x2", "x3"});
  CHECK(groups(extents("conv2d", {{4, 4, 8, 8}, {4, 4, 4, 4}, {4}})) == std::vector<std::string>{"x0", "x1 w1", "x2", "x3", "w0 b0", "w2", "w3"});
  CHECK(groups(extents("softmax_cross_entropy", {{6, 6}, {6}, {6}})) == std::vector<std::string>{"x0 t0", "x1 w0"});
  CHECK(groups(extents("newton", {{3}, {3}, {3, 3}})) == std::vector<std::string>{"theta0 g0 H0 H1"});
  CHECK(groups(extents("gd", {{3}, {4, 3}})) == std::vector<std::string>{"theta0 g1", "g0"});
}

TEST_CASE("extents in proportion belong together") {
  const Extents grouped = extents("conv2d", {{2, 6, 5, 5}, {4, 3, 3, 3}, {0}}, {{"groups", std::int64_t{2}}});
  CHECK(groups(grouped)[1] == "x1 w1");
  CHECK(grouped.with({2, 12, 5, 5, 4, 3, 3}) == Shapes{{2, 12, 5, 5}, {4, 6, 3, 3}, {0}});
  CHECK_FALSE(grouped.with({2, 7, 5, 5, 4, 3, 3}));
}

TEST_CASE("gradients of outputs follow from the other inputs") {
  const Extents e = extents("conv2d_backward", {{2, 4, 6, 6}, {2, 3, 8, 8}, {4, 3, 3, 3}, {4}});
  CHECK(groups(e)[0] == "x0");
  CHECK(e.with({5, 3, 16, 8, 4, 3, 3}) == Shapes{{5, 4, 14, 6}, {5, 3, 16, 8}, {4, 3, 3, 3}, {4}});
  CHECK_FALSE(e.with({5, 3, 2, 8, 4, 3, 3}));  // smaller than the kernel
}

TEST_CASE("a call becomes as small as its parts let it be") {
  CHECK(extents("conv2d", {{64, 32, 56, 56}, {16, 32, 3, 3}, {0}}, {{"dilation", List{2, 2}}}).smallest(2) == std::vector<std::int64_t>{2, 2, 5, 5, 2, 2, 2});
  CHECK_THROWS_AS(extents("conv2d", {{1, 2, 4, 4}, {1, 3, 3, 3}, {0}}), Refused);
  CHECK_THROWS_AS(extents("tanh_backward", {{4}, {5}}), Refused);
}

}  // namespace
}  // namespace karat::properties
