// SPDX-License-Identifier: MIT
#include "properties/whole_tensor.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "properties/generate.hpp"
#include "reference/numbers/hull.hpp"

namespace karat::properties {
namespace {

const Operator& op(const char* name) { return *find_operator(name); }

Question drawn(const char* name, const char* dtype, std::vector<Shape> shapes, std::map<std::string, Attributes::Value> attributes = {}, std::uint64_t seed = 1) {
  Question q = filled(op(name), *find_format(dtype), {.shapes = std::move(shapes), .attributes = std::move(attributes)}, Fill::usual, seed);
  REQUIRE_FALSE(invalid(q));
  return q;
}

// Correctly rounded results.
std::vector<Bits> rounded(const Question& q) {
  std::vector<Bits> result;
  for (const Compensated& y : compensated(q, format(q.format->compute))) result.push_back(*round_nearest(*q.format, Enclosure(y.high) + Enclosure(y.low)));
  return result;
}

std::size_t wrong(const std::vector<Judgement>& all) {
  return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const Judgement& j) { return !j.ok || j.error; }));
}

using List = std::vector<std::int64_t>;

TEST_CASE("sums of products are judged as whole tensors, and operators that are none say why not") {
  for (const char* name : {"conv2d", "conv2d_backward", "conv2d_backward_data", "conv2d_backward_weights", "conv_transpose2d", "conv_transpose2d_backward", "fractionally_strided_conv2d",
                           "mean_pool2d", "mean_pool2d_backward", "mse_loss", "mse_loss_backward", "l2_penalty", "l2_penalty_backward", "generalization_gap"}) {
    CAPTURE(name);
    CHECK(not_compensated(op(name), standard_attributes(op(name))).value_or("") == "");
  }
  for (const char* name : {"cross_entropy", "binary_cross_entropy", "softmax", "sigmoid", "adam"}) {
    CAPTURE(name);
    CHECK(not_compensated(op(name), standard_attributes(op(name))));
  }
}

TEST_CASE("a tensor too large for tapes is verified in every element") {
  const Question q = drawn("conv2d", "f32", {{3, 16, 24, 24}, {16, 16, 3, 3}, {16}}, {{"padding", List{1, 1, 1, 1}}});
  std::vector<Bits> got = rounded(q);
  REQUIRE(got.size() == 3 * 16 * 24 * 24);
  for (const Level& level : {Level{}, Level{Level::Rule::exact}, Level{Level::Rule::faithful}, Level{Level::Rule::max_ulp, 0.5}}) {
    const std::vector<Judgement> all = judge_whole_tensors(q, got, level);
    CHECK(wrong(all) == 0);
  }
  // One element among all, off by more than its budget, and a NaN.
  const std::vector<Judgement> before = judge_whole_tensors(q, got, {});
  const auto off = static_cast<std::int64_t>(std::ceil(before[7000].budget)) + 2;
  got[7000] = from_ordinal(*q.format, ordinal(*q.format, got[7000]) + off);
  got[27'000] = q.format->quiet_nan();
  const std::vector<Judgement> after = judge_whole_tensors(q, got, {});
  CHECK(wrong(after) == 2);
  CHECK_FALSE(after[7000].ok);
  CHECK(after[7000].kind == Kind::inaccurate);
  CHECK_FALSE(after[27'000].ok);
  CHECK(after[27'000].kind == Kind::special_value);
}

TEST_CASE("whole tensors are judged as units are, element by element") {
  std::mt19937_64 random(3);
  struct Call {
    const char* op;
    std::vector<Shape> shapes;
    std::map<std::string, Attributes::Value> attributes;
  };
  const std::vector<Call> calls = {
      {"conv2d", {{2, 2, 5, 5}, {3, 2, 3, 3}, {3}}, {{"padding", List{1, 0, 1, 0}}}},
      {"conv2d_backward", {{1, 2, 3, 3}, {1, 2, 4, 4}, {2, 2, 2, 2}, {2}}, {}},
      {"mean_pool2d", {{1, 2, 6, 6}}, {{"kernel_shape", List{3, 3}}}},
      {"mse_loss", {{4, 64}, {4, 64}}, {}},
      {"l2_penalty", {{300}}, {}},
  };
  for (const char* dtype : {"f32", "bf16", "f64"})
    for (const Call& c : calls)
      for (const Level& level : {Level{}, Level{Level::Rule::permissive}, Level{Level::Rule::faithful}, Level{Level::Rule::exact}, Level{Level::Rule::max_ulp, 1.5}}) {
        const Question q = drawn(c.op, dtype, c.shapes, c.attributes, random());
        std::vector<Bits> got = rounded(q);
        // Off by up to twice the budget, or a few places.
        const std::vector<Judgement> exact = judge_whole_tensors(q, got, {});
        for (std::size_t i = 0; i < got.size(); ++i) {
          const auto most = static_cast<std::int64_t>(2 * exact[i].budget) + 3;
          const std::int64_t places = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * most + 1)) - most;
          got[i] = from_ordinal(*q.format, ordinal(*q.format, got[i]) + places);
        }
        const std::vector<Judgement> fast = judge_whole_tensors(q, got, level), slow = judge_unit(unit(q, 0), got, level);
        const std::vector<Compensated> values = compensated(q, format(q.format->compute));
        REQUIRE(fast.size() == slow.size());
        for (std::size_t i = 0; i < fast.size(); ++i) {
          CAPTURE(values[i].high, values[i].low, values[i].error, values[i].cost, values[i].rounds(), values[i].unsure());
          CAPTURE(c.op, dtype, to_text(level), i, to_text(*q.format, got[i]), fast[i].ulps, slow[i].ulps, slow[i].budget, fast[i].error);
          if (fast[i].error) {  // only where the budget's two bounds leave it open
            CHECK(by_budget(level));
            CHECK(std::abs(slow[i].ulps - slow[i].budget) <= 1 + 0.01 * slow[i].budget);
            continue;
          }
          CHECK(fast[i].ok == slow[i].ok);
          CHECK(std::abs(fast[i].ulps - slow[i].ulps) <= 1e-6 * (1 + slow[i].ulps));
        }
      }
}

TEST_CASE("batches are split, and give what the whole gives") {
  const Question whole = drawn("conv2d", "f32", {{5, 2, 6, 6}, {4, 2, 3, 3}, {0}});
  const std::vector<Bits> got = rounded(whole);
  CHECK(wrong(judge_whole_tensors(whole, got, {Level::Rule::exact})) == 0);
}

TEST_CASE("what leaves the range of the evaluation is an error, never a pass") {
  Question q = drawn("l2_penalty", "f32", {{40}});
  std::vector<Bits> got = rounded(q);
  CHECK(wrong(judge_whole_tensors(q, got, {})) == 0);
  q.inputs[0].values[17] = q.format->quiet_nan();
  CHECK(judge_whole_tensors(q, got, {})[0].error);
  q.inputs[0].values[17] = q.format->max_finite();
  CHECK(judge_whole_tensors(q, got, {})[0].error);
}

TEST_CASE("sums in one order that a careful kernel does not take are refused at stable, and not at permissive") {
  // Positive terms, one after the other, in f32: off by many units of u · Σ.
  const Question q = drawn("l2_penalty", "f32", {{200'000}}, {{"lambda", 1.0}});
  float sequential = 0;
  for (const Bits b : q.inputs[0].values) {
    const auto v = static_cast<float>(to_double(*q.format, b));
    sequential += v * v;
  }
  const std::vector<Bits> got{*exact_bits(*q.format, static_cast<double>(sequential))};
  const Judgement stable = judge_whole_tensors(q, got, {})[0], permissive = judge_whole_tensors(q, got, {Level::Rule::permissive})[0];
  CAPTURE(stable.ulps, stable.budget, permissive.budget);
  CHECK_FALSE(stable.error);
  CHECK(stable.ok == (stable.ulps <= stable.budget));
  CHECK(permissive.ok);
  CHECK(permissive.budget > 100 * stable.budget);
}

}  // namespace
}  // namespace karat::properties
