// SPDX-License-Identifier: MIT
// Budgets by hand against the tape, up to 4096 terms: multilinear operators as the operator on absolute
// values, reductions through the sums that their outputs share.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "properties/budget.hpp"
#include "reference/numbers/precision.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

const Format& f = format(Dtype::f32);
const double u = 0x1p-24;

// Roundings of a sum of n terms at `stable`.
double roundings(std::size_t n) { return n <= 128 ? static_cast<double>(n) - 1 : 127 + std::ceil(std::log2(static_cast<double>(n) / 128)); }

Tensor<Bits> drawn(const Shape& shape, std::uint64_t seed, double low = -2, double high = 2) {
  std::mt19937_64 random(seed);
  Tensor<Bits> t(shape);
  for (Bits& b : t.values) b = round_nearest(f, truncated(low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53));
  return t;
}
Question asked(const char* op, Tensors<Bits> inputs, const std::map<std::string, Attributes::Value>& attributes = {}) {
  Question q{find_operator(op), &f, std::move(inputs), standard_attributes(*find_operator(op))};
  for (const auto& [name, value] : attributes) q.attributes.values[name] = value;
  REQUIRE(invalid(q).value_or("") == "");
  return q;
}
Question absolute(Question q) {
  for (Tensor<Bits>& t : q.inputs)
    for (Bits& b : t.values) b &= ~f.sign_mask();
  return q;
}
std::vector<double> doubles_of(const Question& q) {
  const PrecisionScope scope(200);
  std::vector<double> v;
  for (const Real& r : witness(q)) v.push_back(static_cast<double>(r));
  return v;
}
double tape(const Question& q, std::size_t element) { return static_cast<double>(Budgets(q, {}).make_up(element).at(0).bound); }

}  // namespace

TEST_CASE("a convolution's budget is the operator on absolute values times its roundings") {
  for (const std::int64_t channels : {1, 3, 14, 16, 64}) {
    const std::int64_t side = channels == 64 ? 8 : 3;
    Question q = asked("conv2d", {drawn({1, channels, side, side}, 1), drawn({2, channels, side, side}, 2), drawn({2}, 3)});
    const auto n = static_cast<std::size_t>(channels * side * side) + 1;
    const auto all = doubles_of(absolute(q));
    Question products = absolute(q);
    products.inputs[2] = Tensor<Bits>(Shape{0});
    const auto rounded = doubles_of(products);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(tape(q, i) == Approx(u * ((roundings(n) - 1) * all[i] + rounded[i])).epsilon(1e-9));
  }
}

TEST_CASE("a mean's budget is its sum's") {
  Question q = asked("mean_pool2d", {drawn({1, 1, 5, 5}, 4)}, {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"stride", std::vector<std::int64_t>{1, 1}}});
  const auto all = doubles_of(absolute(q));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(tape(q, i) == Approx(u * roundings(9) * all[i]).epsilon(1e-9));
}

TEST_CASE("mean square error: a difference, a square and a sum, each of their roundings once") {
  for (const std::int64_t n : {3, 100, 129, 1000, 4095}) {
    Question q = asked("mse_loss", {drawn({n}, 5), drawn({n}, 6)});
    CHECK(tape(q, 0) == Approx(u * (3 + roundings(static_cast<std::size_t>(n))) * doubles_of(q)[0]).epsilon(1e-9));
  }
}

TEST_CASE("softmax's budget through the sums that its results share") {
  for (const std::int64_t n : {2, 5, 128, 129, 1000, 4096}) {
    Question q = asked("softmax", {drawn({n}, 7, -8, 8)});
    const auto y = doubles_of(q);
    std::vector<double> d;
    for (const Bits b : q.inputs[0].values) d.push_back(to_double(f, b));
    const double top = *std::max_element(d.begin(), d.end());
    double distances = 0;  // Σ |d_j| y_j
    for (std::size_t j = 0; j < d.size(); ++j) {
      d[j] = top - d[j];
      distances += d[j] * y[j];
    }
    for (std::size_t i = 0; i < y.size(); i += 1 + y.size() / 7) {
      const double inside = d[i] * (1 - y[i]) + (distances - d[i] * y[i]) + 4 * (1 - y[i]) + roundings(y.size());
      CHECK(tape(q, i) == Approx(u * y[i] * inside).epsilon(1e-6));
    }
  }
}
