// SPDX-License-Identifier: MIT
#include "reference/pointwise.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "reference/exact.hpp"

namespace karat {
namespace {

TEST_CASE("losses of one term each are seen as elementwise rows, and what reduces or looks up is not") {
  for (const char* name : {"mse_loss", "binary_cross_entropy", "binary_cross_entropy_backward", "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_backward"}) {
    CAPTURE(name);
    const Operator* view = pointwise(*find_operator(name));
    REQUIRE(view);
    CHECK(view->independence == Independence::elementwise);
    CHECK(standard_attributes(*view).text("reduction") == "none");
    CHECK(!view->series.empty());
    CHECK(pointwise(*find_operator(name)) == view);
  }
  for (const char* name : {"cross_entropy", "softmax", "conv2d", "l2_penalty", "linear_regression_loss", "adam", "mse_loss_backward"}) {
    CAPTURE(name);
    CHECK(pointwise(*find_operator(name)) == nullptr);
  }
  const Operator& exp = *find_operator("exp");
  CHECK(pointwise(exp) == &exp);
}

TEST_CASE("a view gives for each element what the row gives for it alone") {
  std::mt19937_64 random(12);
  int views = 0;
  for (const Operator& op : operators()) {
    const Operator* view = pointwise(op);
    if (!view || view == &op) continue;
    ++views;
    const Attributes attributes = standard_attributes(*view);
    constexpr std::size_t n = 7;
    Tensors<Enclosure> all;
    Tensors<double> numbers;
    for (const InputRow& row : op.inputs) {
      all.emplace_back(Shape{n});
      numbers.emplace_back(Shape{n});
      for (std::size_t i = 0; i < n; ++i) {
        const double v = row.typical.low + (row.typical.high - row.typical.low) * static_cast<double>(random() >> 11) * 0x1p-53;
        all.back().values[i] = Enclosure(v);
        numbers.back().values[i] = i == 3 ? std::nan("") : v;
      }
    }
    const std::vector<Enclosure> together = view->enclose(all, attributes)[0].values;
    for (std::size_t i = 0; i < n; ++i) {
      Tensors<Enclosure> one;
      for (const Tensor<Enclosure>& x : all) one.emplace_back(Shape{1}, std::vector<Enclosure>{x.values[i]});
      const Enclosure alone = op.enclose(one, attributes)[0].values[0];
      CAPTURE(op.name, i);
      CHECK(alone.midpoint() == together[i].midpoint());
    }
    const std::vector<Specials> special = view->specials(numbers, attributes);
    for (std::size_t i = 0; i < n; ++i) CHECK(special[i].empty() == (i != 3));
  }
  CHECK(views >= 5);
}

}  // namespace
}  // namespace karat
