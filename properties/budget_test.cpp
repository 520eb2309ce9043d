// SPDX-License-Identifier: MIT
#include "properties/budget.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "properties/acceptance.hpp"
#include "properties/generate.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

const Level stable{Level::Rule::stable, 0}, permissive{Level::Rule::permissive, 0}, faithful{Level::Rule::faithful, 0}, exact{Level::Rule::exact, 0};

// Questions of an operator: its examples with usual and with directed values.
std::vector<Question> questions(const Operator& op, const Format& f, std::uint64_t seed) {
  std::vector<Question> all;
  if (op.independence == Independence::whole) {
    for (const Example& example : op.examples)
      for (const Fill fill : {Fill::usual, Fill::directed}) all.push_back(filled(op, f, example, fill, seed++));
    return all;
  }
  std::mt19937_64 random(seed);
  for (const Attributes& attributes : attribute_sets(op)) {
    Question q{&op, &f, {}, attributes};
    for (const InputRow& row : op.inputs) {
      Tensor<Bits> t(Shape{6});
      for (Bits& b : t.values) do
          b = round_nearest(f, truncated(row.typical.low + (row.typical.high - row.typical.low) * static_cast<double>(random() >> 11) * 0x1p-53));
        while (!row.takes(to_double(f, b)));
      q.inputs.push_back(std::move(t));
    }
    all.push_back(std::move(q));
  }
  return all;
}

// What share · B beside the exact value rounds to.
std::optional<Bits> beside(const Question& q, std::size_t element, const Format& f, long double bound, double share) {
  int exponent = 0;
  const auto rounded = static_cast<double>(std::frexp(bound, &exponent));
  const double m = (rounded == 0 ? 0 : std::nextafter(rounded, 2.0)) * share;  // no less than the bound
  return decide([&](int) { return round_nearest(f, answers(q)[element].value + ldexp(Enclosure(m), exponent)); });
}

}  // namespace

TEST_CASE("every bound can fail: 0.95 of the budget passes, and what lies beyond 1.05 of it does not, for every operator, dtype, level and element") {
  std::map<std::string, int> tried;
  int failing = 0, passing = 0, without = 0;
  for (const Operator& op : operators())
    for (const Format& f : formats())
      for (const Question& q : questions(op, f, 21)) {
        const std::vector<Specials> by_row = specials(q);
        const std::size_t count = q.output_count();
        for (std::size_t u = 0; u < unit_count(q); ++u) {
          const Unit part = unit(q, u);
          for (const Level& level : {stable, permissive}) {
            Budgets budgets(part.question, care_of(level));
            for (std::size_t i = 0; i < part.outputs.size(); ++i) {
              REQUIRE(part.outputs[i] < count);
              if (!by_row[part.outputs[i]].empty()) continue;
              const Budget budget = budgets.at(i);
              INFO(op.name << " " << f.name << " " << to_text(level) << " element " << part.outputs[i]);
              REQUIRE_FALSE(budget.undefined);
              if (budget.out_of_range) {
                ++without;
                continue;
              }
              const auto near = beside(part.question, i, f, 0, 1);
              if (!near || !is_finite(f, *near) || magnitude(f, *near) <= 2 * f.min_normal()) continue;  // the rule for subnormals
              const auto verdict = [&](Bits got) {
                return decide([&](int bits) { return judge(level, f, got, answers(part.question)[i], bits == precision_cap, [&](bool) { return budget; }); });
              };
              for (const double sign : {-1.0, 1.0}) {
                const auto inside = beside(part.question, i, f, budget.bound, 0.95 * sign), edge = beside(part.question, i, f, budget.bound, sign),
                           outside = beside(part.question, i, f, budget.bound, 1.05 * sign);
                if (!inside || !edge || !outside || !is_finite(f, *outside)) continue;
                const auto good = verdict(*inside);
                REQUIRE(good.has_value());
                REQUIRE(good->ok);
                ++passing;
                const std::int64_t step = ordinal(f, *outside) == ordinal(f, *edge) ? (sign < 0 ? -1 : 1) : 0;
                const Bits beyond = from_ordinal(f, ordinal(f, *outside) + step);
                const auto bad = verdict(beyond);
                REQUIRE(bad.has_value());
                if (!is_finite(f, beyond) || magnitude(f, beyond) <= f.min_normal()) continue;
                INFO("exact " << answers(part.question)[i].value.hexadecimal(20) << " budget " << static_cast<double>(budget.bound) << " near " << to_text(f, *near) << " edge " << to_text(f, *edge) << " beyond " << to_text(f, beyond));
                REQUIRE_FALSE(bad->ok);
                ++failing;
                ++tried[op.name];
              }
            }
          }
        }
      }
  CHECK(passing > 5000);
  CHECK(failing > 5000);
  CHECK(without < failing / 20);
  for (const Operator& op : operators()) {
    INFO(op.name);
    // Zeros has no other answer than 0.
    if (op.name != "zeros" && op.name != "early_stopping") CHECK(tried[op.name] > 0);
  }
}

TEST_CASE("levels nest: what exact accepts faithful does, what stable accepts permissive does; a budget of 0 means exact") {
  std::mt19937_64 random(4);
  const Format& f = format(Dtype::f32);
  int wider = 0;
  for (const char* name : {"relu", "sigmoid", "softmax", "mse_loss", "conv2d", "batch_norm", "adam"})
    for (const Question& q : questions(*find_operator(name), f, 33))
      for (std::size_t u = 0; u < unit_count(q); ++u) {
        const Unit part = unit(q, u);
        const std::vector<Specials> by_row = specials(part.question);
        for (std::size_t i = 0; i < part.outputs.size(); ++i) {
          if (!by_row[i].empty()) continue;
          const auto near = beside(part.question, i, f, 0, 1);
          if (!near) continue;
          std::vector<Bits> got(part.outputs.size(), *near);
          for (int step = -9; step <= 9; ++step) {
            got[i] = from_ordinal(f, ordinal(f, *near) + step);
            bool before = false;
            for (const Level& level : {exact, stable, permissive}) {
              const bool now = judge_unit(part, got, level)[i].ok;
              INFO(name << " " << to_text(level) << " " << step);
              CHECK((!before || now));
              if (level == permissive && now && !judge_unit(part, got, stable)[i].ok) ++wider;
              before = now;
            }
            if (std::string(name) == "relu") CHECK(judge_unit(part, got, stable)[i].ok == judge_unit(part, got, exact)[i].ok);
          }
        }
      }
  CHECK(wider > 50);
}

// The forms that users will dispute: budgets that they miss, at inputs of docs/judging.md.
namespace {

// How many budgets `value` is off.
double budgets_off(const char* name, std::vector<Tensor<Bits>> inputs, std::size_t element, double value, std::map<std::string, Attributes::Value> attributes = {}) {
  const Operator& op = *find_operator(name);
  const Format& f = format(Dtype::f32);
  Question q{&op, &f, std::move(inputs), standard_attributes(op)};
  for (const auto& [key, v] : attributes) q.attributes.values[key] = v;
  const Budget budget = Budgets(q, {}).at(element);
  const PrecisionScope scope(300);
  return std::abs(value - answers(q)[element].value.midpoint()) / static_cast<double>(budget.bound);
}
Tensor<Bits> f32s(Shape shape, const std::vector<float>& values) {
  Tensor<Bits> t(std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) t.values[i] = *exact_bits(format(Dtype::f32), static_cast<double>(values[i]));
  return t;
}

}  // namespace

TEST_CASE("where a result moves in proportion to its roundings its budget is the sum of their costs, the last one left to the reader") {
  const Format& f = format(Dtype::f32);
  const double u = 0x1p-24;
  const auto bound = [&](const char* name, std::vector<Tensor<Bits>> inputs, std::optional<Dtype> compute = {}) {
    const Operator& op = *find_operator(name);
    const Question q{&op, &f, std::move(inputs), standard_attributes(op)};
    return static_cast<double>(Budgets(q, {}, compute).at(0).bound);
  };
  const float deep = -0x1.5bdc16p+6F;
  const double tail = std::exp(static_cast<double>(deep));
  CHECK(bound("softplus", {f32s({1}, {deep})}) == Approx(3 * u * tail).epsilon(1e-3));  // exp inside 2, log1p last 1
  CHECK(bound("sigmoid", {f32s({1}, {deep})}) == Approx(3 * u * tail).epsilon(1e-3));   // exp inside 2, + next to 1 one, × and ÷ last
  CHECK(bound("relu", {f32s({1}, {3})}) == 0);
}

TEST_CASE("squares that underflow on the way are charged in f64: 0 where the exact root is tiny") {
  const Operator& op = *find_operator("l2_pool2d");
  const Format& f = format(Dtype::f64);
  Question q{&op, &f, {Tensor<Bits>(Shape{1, 1, 1, 2})}, standard_attributes(op)};
  q.attributes.values["kernel_shape"] = std::vector<std::int64_t>{1, 2};
  for (Bits& b : q.inputs[0].values) b = *exact_bits(f, 0x1p-600);
  REQUIRE_FALSE(invalid(q));
  Budgets budgets(q, {});
  const Budget b = budgets.at(0);
  CHECK(static_cast<double>(b.bound) >= 0x1p-600);
  CHECK_FALSE(b.moved_data);
  CHECK(judge_unit(unit(q, 0), std::vector<Bits>{0}, stable)[0].ok);
  CHECK_FALSE(judge_unit(unit(q, 0), std::vector<Bits>{*exact_bits(f, 0x1p-500)}, stable)[0].ok);
}

TEST_CASE("forms that are not accepted miss the budget by far, and the accepted forms beside them keep it") {
  const float x = 8;
  {  // σ' as y − y²
    const float y = 1 / (1 + std::exp(-12.0f));
    CHECK(budgets_off("sigmoid_backward", {f32s({1}, {1}), f32s({1}, {12})}, 0, static_cast<double>(y - y * y)) > 50);
    const float e = std::exp(-12.0f);
    CHECK(budgets_off("sigmoid_backward", {f32s({1}, {1}), f32s({1}, {12})}, 0, static_cast<double>(e / ((1 + e) * (1 + e)))) <= 2);
  }
  {  // softplus as log(1 + e^x) in the negative tail
    const float e = std::exp(-x);
    CHECK(budgets_off("softplus", {f32s({1}, {-x})}, 0, static_cast<double>(std::log(1 + e))) > 5);
    CHECK(budgets_off("softplus", {f32s({1}, {-x})}, 0, static_cast<double>(std::log1p(e))) <= 2);
  }
  {  // σ through tanh in the negative tail
    CHECK(budgets_off("sigmoid", {f32s({1}, {-12})}, 0, static_cast<double>(0.5f * (1 + std::tanh(-6.0f)))) > 100);
  }
  {  // log softmax as x − (m + log Σ)
    const std::vector<float> row{1000.25f, 1000, 999.5f};
    float total = 0;
    for (const float v : row) total += std::exp(v - row[0]);
    const float log_total = std::log(total);
    const auto off = [&](float v) { return budgets_off("log_softmax", {f32s({3}, row)}, 0, static_cast<double>(v)); };
    CHECK(off(row[0] - (row[0] + log_total)) > 10);
    CHECK(off((row[0] - row[0]) - log_total) <= 2);
  }
  {  // focal loss with 1 − σ(z)
    const float s = 1 / (1 + std::exp(-x - 4)), q = 1 - s;
    Tensor<Bits> label(Shape{1}, {1});
    const std::map<std::string, Attributes::Value> a{{"alpha", -1.0}, {"reduction", "none"}};
    CHECK(budgets_off("focal_loss_with_logits", {label, f32s({1}, {x + 4})}, 0, static_cast<double>(-q * q * std::log(s)), a) > 100);
  }
  {  // β^t in f32
    const float beta2 = 0.999f, eta = 0.125f, eps = 0x1p-27f, v = 0.3f, s = 0.7f;
    const float moment = 0.875f * v + 0.125f * 0.1f, second = beta2 * s + (1 - beta2) * 0.1f * 0.1f;
    const auto off = [&](float correction) {
      const float step = eta * (moment / (1 - 0.875f * 0.875f * 0.875f)) / (std::sqrt(second / correction) + eps);
      return budgets_off("adam", {f32s({1}, {0}), f32s({1}, {0.1f}), f32s({1}, {v}), f32s({1}, {s}), f32s({1}, {0})}, 0, static_cast<double>(-step), {{"t", std::int64_t{3}}, {"beta2", static_cast<double>(beta2)}});
    };
    CHECK(off(1 - beta2 * beta2 * beta2) > 2);
    CHECK(off(static_cast<float>(1 - std::pow(static_cast<double>(beta2), 3))) <= 2);
  }
  {  // one-pass variance
    const std::vector<float> v{10000, 10001, 10002, 10003};
    float sum = 0, squares = 0;
    for (const float e : v) {
      sum += e;
      squares += e * e;
    }
    const float mean = sum / 4, one_pass = squares / 4 - mean * mean, eps = 0x1p-17f;
    const auto off = [&](float variance) {
      return budgets_off("batch_norm", {f32s({4, 1}, v), f32s({1}, {1}), f32s({1}, {0})}, 0, static_cast<double>((v[0] - mean) / std::sqrt(variance + eps)));
    };
    CHECK(off(one_pass) > 10);
    CHECK(off(1.25f) <= 2);
  }
}
