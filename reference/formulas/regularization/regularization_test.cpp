// SPDX-License-Identifier: MIT
// Penalties, dropout, early stopping and augmentation by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/evaluate.hpp"

using namespace karat;
using V = std::vector<double>;
using List = std::vector<std::int64_t>;

TEST_CASE("penalties by hand; their gradients, 0 at the kink") {
  const auto theta = tensor({3}, {3, 0, -4});
  CHECK(doubles(call("l1_penalty", {theta}, {{"lambda", 0.5}})[0]) == V{3.5});
  CHECK(doubles(call("l1_penalty", {theta}, {{"lambda", 0.5}, {"form", "printed"}})[0]) == V{2.5});
  CHECK(doubles(call("l2_penalty", {theta}, {{"lambda", 0.5}})[0]) == V{12.5});
  CHECK(doubles(call("l1_penalty_backward", {scalar(2), theta}, {{"lambda", 0.5}})[0]) == V{1, 0, -1});
  CHECK(doubles(call("l2_penalty_backward", {scalar(2), theta}, {{"lambda", 0.5}})[0]) == V{6, 0, -8});
  CHECK(doubles(call("l1_penalty_backward", {scalar(1), tensor({2}, {0, 0})}, {{"lambda", 1.0}, {"form", "printed"}})[0]) == V{0, 0});
  CHECK(doubles(call("regularized_loss", {scalar(10), theta}, {{"lambda", 0.5}, {"penalty", "l1"}})[0]) == V{13.5});
  CHECK(doubles(call("generalization_gap", {scalar(5), scalar(2)})[0]) == V{3});
}

TEST_CASE("dropout given its mask: inverted and printed; p = 0 and 1; dropped nodes have gradient 0") {
  const auto x = tensor({4}, {1, 2, 3, std::nan("")}), mask = tensor({4}, {1, 0, 1, 0});
  CHECK(doubles(call("dropout", {x, mask}, {{"p", 0.5}})[0]) == V{2, 0, 6, 0});
  CHECK(doubles(call("dropout", {x, mask}, {{"p", 0.5}, {"form", "printed"}})[0]) == V{1, 0, 3, 0});
  CHECK(doubles(call("dropout", {tensor({2}, {5, 7}), tensor({2}, {1, 1})}, {{"p", 1.0}})[0]) == V{5, 7});
  CHECK(doubles(call("dropout", {tensor({2}, {5, 7}), tensor({2}, {0, 0})}, {{"p", 0.0}})[0]) == V{0, 0});
  CHECK(doubles(call("dropout_backward", {tensor({4}, {1, 1, 1, 1}), x, mask}, {{"p", 0.5}})[0]) == V{2, 0, 2, 0});
  CHECK_THROWS_WITH(call("dropout", {tensor({1}, {1}), tensor({1}, {2})}), Catch::Contains("expected 0 or 1, got 2"));
  // Algorithm 1: residuals 3 − 1 and 1 − (1 + 2·1), each sample under a mask of its own.
  const auto g = call("dropout_average_gradient",
                      {tensor({2, 2}, {1, 5, 1, 2}), tensor({2, 2}, {1, 0, 1, 1}), tensor({2}, {3, 1}), tensor({2}, {1, 1})});
  CHECK(doubles(g[0]) == V{(-4.0 + 4.0) / 2, (0.0 + 8.0) / 2});
}

TEST_CASE("early stopping: patience, minimum delta, NaN") {
  const auto run = [](const V& losses, const Named& a) {
    const auto out = call("early_stopping", {tensor({static_cast<std::int64_t>(losses.size())}, losses)}, a);
    return V{doubles(out[0])[0], doubles(out[1])[0]};
  };
  CHECK(run({5, 4, 4.5, 3, 3.5, 3.25, 1}, {{"patience", std::int64_t{2}}}) == V{3, 5});
  CHECK(run({5, 4, 3, 2}, {{"patience", std::int64_t{1}}}) == V{3, -1});
  CHECK(run({5, 4.75, 4.5, 4.25}, {{"patience", std::int64_t{2}}, {"min_delta", 0.5}}) == V{0, 2});
  CHECK(run({std::nan(""), 2, std::nan("")}, {{"patience", std::int64_t{2}}}) == V{1, -1});
  CHECK(run({}, {}) == V{-1, -1});
}

TEST_CASE("augmentation moves elements and nothing else") {
  const auto x = tensor({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(doubles(call("flip", {x})[0]) == V{3, 2, 1, 6, 5, 4});
  CHECK(doubles(call("flip", {x}, {{"direction", "vertical"}})[0]) == V{4, 5, 6, 1, 2, 3});
  CHECK(doubles(call("crop", {x}, {{"box", List{1, 1, 1, 2}}})[0]) == V{5, 6});
  CHECK(doubles(call("pad", {x}, {{"padding", List{1, 0, 0, 1}}, {"value", 9.0}})[0]) == V{9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9});
  CHECK_THROWS_AS(call("crop", {x}, {{"box", List{1, 1, 2, 2}}}), Refused);
  CHECK_THROWS_AS(call("pad", {x}, {{"padding", List{-1, 0, 0, 0}}}), Refused);
}

TEST_CASE("kinks of activations: relu'(0) = 0, leaky_relu'(0) = α") {
  CHECK(doubles(call("relu_backward", {tensor({3}, {1, 1, 1}), tensor({3}, {-1, 0, 1})})[0]) == V{0, 0, 1});
  CHECK(doubles(call("leaky_relu_backward", {tensor({3}, {1, 1, 1}), tensor({3}, {-1, 0, 1})}, {{"alpha", 0.25}})[0]) == V{0.25, 0.25, 1});
}
