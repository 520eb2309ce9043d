// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/evaluate.hpp"

using namespace karat;
using V = std::vector<double>;
using List = std::vector<std::int64_t>;

TEST_CASE("pooling by hand") {
  const auto x = tensor({1, 1, 2, 4}, {1, 3, -2, 0, 5, 7, 4, -4});
  CHECK(doubles(call("max_pool2d", {x})[0]) == V{7, 4});
  CHECK(doubles(call("mean_pool2d", {x})[0]) == V{4, -0.5});
  CHECK(doubles(call("median_pool2d", {x})[0]) == V{4, -1});
  CHECK(doubles(call("median_pool2d", {x}, {{"even", "lower"}})[0]) == V{3, -2});
  CHECK(doubles(call("l2_pool2d", {x})[0])[1] == 6);
}

TEST_CASE("padding is never a value of a max window, counts in the mean only where asked, and stays below the kernel") {
  const auto x = tensor({1, 1, 2, 2}, {-1, -2, -3, -4});
  const Named padded{{"padding", List{1, 1, 1, 1}}};
  CHECK(doubles(call("max_pool2d", {x}, padded)[0]) == V{-1, -2, -3, -4});
  CHECK(doubles(call("mean_pool2d", {x}, padded)[0]) == V{-1, -2, -3, -4});
  CHECK(doubles(call("mean_pool2d", {x}, {{"padding", List{1, 1, 1, 1}}, {"count_include_pad", std::int64_t{1}}})[0]) == V{-0.25, -0.5, -0.75, -1});
  CHECK_THROWS_WITH(call("max_pool2d", {x}, {{"padding", List{2, 0, 0, 0}}}), Catch::Contains("padding") && Catch::Contains("got 2"));
  CHECK_THROWS_AS(call("max_pool2d", {x}, {{"stride", List{0, 1}}}), Refused);
  CHECK_THROWS_AS(call("max_pool2d", {x}, {{"kernel_shape", List{3, 1}}}), Refused);
  CHECK_THROWS_AS(call("max_pool2d", {x}, {{"kernel_shape", List{3}}}), Refused);
}

TEST_CASE("NaN in a window gives NaN; kinks go where the catalogue says") {
  const double nan = std::nan("");
  const auto holed = tensor({1, 1, 2, 2}, {1, nan, 2, 3});
  for (const char* op : {"max_pool2d", "mean_pool2d", "median_pool2d", "l2_pool2d"}) CHECK(std::isnan(doubles(call(op, {holed})[0])[0]));
  const auto dy = tensor({1, 1, 1, 1}, {1});
  CHECK(doubles(call("max_pool2d_backward", {dy, tensor({1, 1, 2, 2}, {5, 1, 5, 5})})[0]) == V{1, 0, 0, 0});
  CHECK(doubles(call("median_pool2d_backward", {dy, tensor({1, 1, 2, 2}, {4, 1, 3, 2})})[0]) == V{0, 0, 0.5, 0.5});
  CHECK(doubles(call("median_pool2d_backward", {dy, tensor({1, 1, 2, 2}, {4, 1, 3, 2})}, {{"even", "lower"}})[0]) == V{0, 0, 0, 1});
  CHECK(doubles(call("l2_pool2d_backward", {dy, tensor({1, 1, 2, 2}, {0, 0, 0, 0})})[0]) == V{0, 0, 0, 0});
}
