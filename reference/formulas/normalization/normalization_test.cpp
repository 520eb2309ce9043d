// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "reference/evaluate.hpp"

using namespace karat;
using V = std::vector<double>;

namespace {
const Tensor<Real> one = tensor({1}, {1}), zero = tensor({1}, {0});
bool close(const Real& a, const Real& b) { return abs(a - b) <= Real("1e-40") * (1 + abs(a)); }
}  // namespace

TEST_CASE("2×2 batch norm by hand; the printed form divides by the variance") {
  const auto x = tensor({2, 2}, {1, 0, 3, 8});
  const Tensors<Real> in{x, tensor({2}, {1, 2}), tensor({2}, {0, 10})};
  CHECK(doubles(call("batch_norm", in, {{"eps", 0.0}})[0]) == V{-1, 8, 1, 12});
  const auto printed = call("batch_norm", {tensor({2, 1}, {0, 4}), one, zero}, {{"eps", 0.0}, {"form", "printed"}})[0];
  CHECK(doubles(printed) == V{-0.32, 0.32});  // (16) as printed: 25/4, see the misprints
}

TEST_CASE("batch norm of batch norm, and of an affine map, is batch norm for ε = 0") {
  const PrecisionScope scope(200);
  const auto norm = [&](const Tensor<Real>& x) { return call("batch_norm", {x, one, zero}, {{"eps", 0.0}})[0]; };
  const auto x = tensor({5, 1}, {1, 4, -2, 0.5, 8});
  const auto y = norm(x), twice = norm(y), moved = norm(tensor({5, 1}, {3 * 1 + 7, 3 * 4 + 7, 3 * -2 + 7, 3 * 0.5 + 7, 3 * 8 + 7}));
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(close(twice.values[i], y.values[i]));
    CHECK(close(moved.values[i], y.values[i]));
  }
}

TEST_CASE("one value a channel: the output is β; the unbiased running variance is refused") {
  CHECK(doubles(call("batch_norm", {tensor({1, 1}, {7}), one, tensor({1}, {3})})[0]) == V{3});
  CHECK_THROWS_AS(call("batch_norm_statistics", {tensor({1, 1}, {7}), zero, one}), Refused);
}

TEST_CASE("running statistics: biased and unbiased by hand") {
  const auto x = tensor({2, 1}, {0, 4});
  const auto unbiased = call("batch_norm_statistics", {x, zero, one}, {{"momentum", 0.5}});
  CHECK(doubles(unbiased[0]) == V{1});
  CHECK(doubles(unbiased[1]) == V{4.5});
  CHECK(doubles(call("batch_norm_statistics", {x, zero, one}, {{"momentum", 0.5}, {"variance", "biased"}})[1]) == V{2.5});
}

TEST_CASE("backward from saved statistics, at the exact statistics, is the tape") {
  const PrecisionScope scope(300);
  const auto x = tensor({4, 1}, {1, 4, -2, 0.5}), dy = tensor({4, 1}, {1, -1, 0.5, 2}), gamma = tensor({1}, {1.5});
  const Real mean = Real(3.5) / 4;
  Real variance(0);
  for (const Real& v : x.values) variance += (v - mean) * (v - mean) / 4;
  const Tensor<Real> m(Shape{1}, {mean}), rstd(Shape{1}, {Real(1 / sqrt(Real(variance + 0.25)))});
  const auto by_tape = call("batch_norm_backward", {dy, x, gamma, zero}, {{"eps", 0.25}});
  const auto saved = call("batch_norm_backward_from_statistics", {dy, x, gamma, m, rstd});
  REQUIRE(saved.size() == by_tape.size());
  for (std::size_t t = 0; t < saved.size(); ++t)
    for (std::size_t i = 0; i < saved[t].values.size(); ++i) CHECK(close(saved[t].values[i], by_tape[t].values[i]));
}
