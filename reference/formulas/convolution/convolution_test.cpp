// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <random>

#include "reference/evaluate.hpp"
#include "reference/sizes.hpp"

using namespace karat;
using List = std::vector<std::int64_t>;
using V = std::vector<double>;

namespace {
const Tensor<Real> map = tensor({1, 1, 2, 2}, {1, 1, 1, 0});
const V printed_filter{1, 3, -1, 3, 5, -3, 1, -3, -1};
}  // namespace

TEST_CASE("figure 4: the printed filter, the printed output, and frameworks' transposed convolution") {
  const auto fractional = [&](const V& filter) { return doubles(call("fractionally_strided_conv2d", {map, tensor({1, 1, 3, 3}, filter)})[0]); };
  CHECK(fractional(printed_filter) == V{5, 3, -3, 5, 3, 1, -1, 3, -3, 1, 0, 0, 5, 3, 0, 0});
  // What the seed prints is the result of the filter with its corners' signs turned.
  CHECK(fractional({-1, 3, 1, 3, 5, -3, -1, -3, 1}) == V{5, 3, -3, 5, 3, -1, 1, 3, -3, -1, 0, 0, 5, 3, 0, 0});
  // Frameworks turn the filter by 180 degrees; P = K − 1 − P_transpose.
  const auto transposed = call("conv_transpose2d", {map, tensor({1, 1, 3, 3}, printed_filter), tensor({0}, {})},
                               {{"stride", List{3, 3}}, {"padding", List{1, 1, 1, 1}}});
  CHECK(doubles(transposed[0]) == V{5, -3, 3, 5, -3, -1, 1, -3, 3, -1, 0, 0, 5, -3, 0, 0});
}

TEST_CASE("convolution and its transpose are adjoint, exactly") {
  std::mt19937 random(7);
  const auto integers = [&](Shape shape) {
    V v(static_cast<std::size_t>(element_count(shape)));
    for (double& d : v) d = static_cast<double>(random() % 19) - 9;
    return tensor(std::move(shape), v);
  };
  const auto dot = [](const Tensor<Real>& a, const Tensor<Real>& b) {
    Real total(0);
    REQUIRE(a.shape == b.shape);
    for (std::size_t i = 0; i < a.values.size(); ++i) total += a.values[i] * b.values[i];
    return total;
  };
  const PrecisionScope scope(256);
  for (const auto& [stride, padding, dilation, groups] :
       {std::tuple{List{1, 1}, List{0, 0, 0, 0}, List{1, 1}, 1}, {List{2, 1}, List{1, 0, 0, 1}, List{1, 2}, 2}, {List{2, 3}, List{2, 1, 1, 2}, List{1, 1}, 2}}) {
    const Named a{{"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"groups", std::int64_t{groups}}};
    const auto x = integers({2, 4, 7, 6}), w = integers({6, 4 / groups, 3, 2}), none = tensor({0}, {});
    const auto cx = call("conv2d", {x, w, none}, a)[0];
    const auto y = integers(cx.shape);
    // output_padding gives back the rows that the stride left over.
    const auto base = call("conv_transpose2d", {y, w, none}, a)[0].shape;
    Named back = a;
    back.emplace_back("output_padding", List{x.shape[2] - base[2], x.shape[3] - base[3]});
    CHECK(dot(cx, y) == dot(x, call("conv_transpose2d", {y, w, none}, back)[0]));
  }
}

TEST_CASE("the gradients by data and by weights are those of the tape, alone") {
  const auto x = tensor({1, 2, 5, 4}, [] { V v(40); for (std::size_t i = 0; i < 40; ++i) v[i] = static_cast<double>(i * 7 % 11) - 5; return v; }());
  const auto w = tensor({2, 1, 2, 3}, {1, 2, 3, 4, 5, 6, -1, -2, 0, 3, 1, 2}), none = tensor({0}, {});
  const Named a{{"stride", List{2, 1}}, {"padding", List{1, 0, 0, 1}}, {"groups", std::int64_t{2}}};
  auto dy = call("conv2d", {x, w, none}, a)[0];
  for (std::size_t i = 0; i < dy.values.size(); ++i) dy.values[i] = static_cast<double>(i % 5) - 2;
  const auto both = call("conv2d_backward", {dy, x, w, none}, a);
  Named data = a, weights = a;
  data.emplace_back("input_size", List{5, 4});
  weights.emplace_back("kernel_shape", List{2, 3});
  CHECK(doubles(call("conv2d_backward_data", {dy, w}, data)[0]) == doubles(both[0]));
  CHECK(doubles(call("conv2d_backward_weights", {dy, x}, weights)[0]) == doubles(both[1]));
  data.back().second = List{9, 9};
  CHECK_THROWS_WITH(call("conv2d_backward_data", {dy, w}, data), Catch::Contains("input dy of conv2d_backward_data: expected shape"));
}

TEST_CASE("a 2×2 convolution by hand, with bias, stride and padding") {
  const auto x = tensor({1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), w = tensor({1, 1, 2, 2}, {1, 0, 0, -1});
  CHECK(doubles(call("conv2d", {x, w, tensor({1}, {10})})[0]) == V{6, 6, 6, 6});
  CHECK(doubles(call("conv2d", {x, w, tensor({0}, {})}, {{"stride", List{2, 2}}, {"padding", List{1, 1, 0, 0}}})[0]) == V{-1, -3, -7, -4});
}

TEST_CASE("sizes by hand, and each impossible one with its numbers") {
  const auto size = [](std::int64_t input, Window w, SizeMode mode = SizeMode::floor) { return conv_output_size(input, w, mode); };
  CHECK(size(5, {.kernel = 3}) == 3);
  CHECK(size(5, {.kernel = 3, .stride = 2, .before = 1, .after = 1}) == 3);
  CHECK(size(6, {.kernel = 3, .stride = 2}) == 2);
  CHECK(size(6, {.kernel = 3, .stride = 2}, SizeMode::ceil) == 3);
  CHECK(size(7, {.kernel = 3, .stride = 2}, SizeMode::exact) == 3);
  CHECK(size(7, {.kernel = 3, .dilation = 3}) == 1);
  CHECK(size(4, {.kernel = 1, .stride = 3}, SizeMode::ceil) == 2);
  // The last window would start behind the input: it is left out.
  CHECK(size(4, {.kernel = 2, .stride = 4, .before = 0, .after = 1}, SizeMode::ceil) == 1);
  const std::int64_t huge = std::numeric_limits<std::int64_t>::max();
  CHECK_THROWS_AS(size(6, {.kernel = 3, .stride = 2}, SizeMode::exact), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 3}), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 1, .stride = 0}), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 1, .stride = -1}), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 0}), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 1, .dilation = 0}), Refused);
  CHECK_THROWS_AS(size(2, {.kernel = 1, .before = -1}), Refused);
  CHECK_THROWS_AS(size(huge, {.kernel = 1, .before = huge}), Refused);
  CHECK_THROWS_AS(size(5, {.kernel = huge, .dilation = huge}), Refused);
  CHECK(conv_transpose_output_size(2, {.kernel = 3, .stride = 3, .before = 1, .after = 1}, 0) == 4);
  CHECK_THROWS_AS(conv_transpose_output_size(huge, {.kernel = 3, .stride = 3}, 0), Refused);
  // Fractional strides: the printed reading holds exactly where K = 2P + 1 or s = 1.
  for (std::int64_t w = 1; w < 6; ++w)
    for (std::int64_t k = 1; k < 5; ++k)
      for (std::int64_t p = 0; p < 3; ++p)
        for (std::int64_t s = 1; s < 4; ++s) {
          if (k > w + 2 * p || k > (w - 1) * s + 1 + 2 * p) continue;
          CHECK((fractional_output_size(w, k, p, s) == fractional_output_size_printed(w, k, p, s)) == (k == 2 * p + 1 || s == 1));
        }
}
