// SPDX-License-Identifier: MIT
#include "reference/fast/certify.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace karat;
using namespace karat::fast;

namespace {

Line line_of(const Operator& op, const Format& f, double other = 1) {
  return {op, standard_attributes(op), f, op.inputs.size() - 1, std::vector<double>(op.inputs.size(), other)};
}

}  // namespace

TEST_CASE("a fresh random sample of a million inputs of every function agrees with the enclosure") {
  const std::uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (const Operator& op : operators()) {
    if (op.independence != Independence::elementwise) continue;
    const Format& f = format(Dtype::f32);
    const double other = op.inputs.size() == 1 ? 1 : std::ldexp(1.0 + std::ldexp(static_cast<double>(random() >> 41), -23), static_cast<int>(random() % 5) - 3);
    Line line = line_of(op, f, op.inputs[0].takes(other) ? other : op.inputs[0].domain.high);
    Certificate all;
    // Windows of every binade: polynomials are made for their length, and cost as much as thirty inputs.
    constexpr Bits window = 2048;
    for (std::uint64_t done = 0; done < std::uint64_t{1} << 20;) {
      const Bits from = 1 + random() % (f.max_finite() - window);
      const bool negative = random() % 2 != 0;
      if (!op.inputs.back().takes(to_double(f, (from + window) | (negative ? f.sign_mask() : 0)))) continue;
      all.merge(certify(line, f, negative, from, from + window - 1));
      done += window;
    }
    INFO(op.name << ", seed " << seed << ": wrong from " << to_text(f, all.wrong_at));
    CHECK(all.wrong == 0);
    CHECK(all.inputs == std::uint64_t{1} << 20);
    CHECK(all.inputs == all.pointwise + all.ranged + all.special);
    for (const std::string& set : instruction_sets()) {
      CHECK(all.deviations[set].ulps >= 0);
      CHECK(all.deviations[set].ulps <= Scale(f).resolution);
    }
  }
}

TEST_CASE("16-bit formats are certified at every finite input") {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16})
    for (const char* name : {"sigmoid", "log", "tanh_backward"}) {
      const Format& f = format(dtype);
      Line line = line_of(*find_operator(name), f);
      Certificate all;
      for (const bool negative : {false, true}) all.merge(certify(line, f, negative, 1, f.max_finite()));
      INFO(name << " " << f.name << ": wrong from " << to_text(f, all.wrong_at));
      CHECK(all.wrong == 0);
      CHECK(all.inputs == 2 * f.max_finite());
    }
}

TEST_CASE("tails that underflow even a double are certified as well") {
  const Format& f = format(Dtype::f32);
  for (const char* name : {"sigmoid", "exp"}) {
    Line line = line_of(*find_operator(name), f);
    const Certificate c = certify(line, f, true, *exact_bits(f, 734.5), *exact_bits(f, 746));
    INFO(name << ": wrong from " << to_text(f, c.wrong_at));
    CHECK(c.wrong == 0);
    CHECK(c.inputs > 180000);
  }
}

TEST_CASE("values that overflow even a double are certified as well") {
  const Format& f = format(Dtype::f32);
  const Operator& op = *find_operator("exp");
  Line line(op, standard_attributes(op), f, 0, {0});
  // 709.78: polynomials reach beyond the largest double there.
  const Bits at = *exact_bits(f, 0x1.62e43p+9);
  const Certificate c = certify(line, f, false, at - 3000, at + 3000);
  CHECK(c.inputs == 6001);
  CHECK(c.wrong == 0);
}

TEST_CASE("certificates of parts are that of the whole") {
  const Format& f = format(Dtype::f32);
  const Operator& op = *find_operator("log1p");
  Line line = line_of(op, f);
  const Bits from = *exact_bits(f, 0.75);
  const Certificate first = certify(line, f, false, from, from + 999), second = certify(line, f, false, from + 1000, from + 1999);
  Certificate forwards = first, backwards = second;
  forwards.merge(second);
  backwards.merge(first);
  CHECK(forwards == backwards);
  CHECK(forwards.inputs == 2000);
  CHECK(forwards.wrong == 0);
}

TEST_CASE("a fast tier of another function is not certified") {
  // log1p at −x is not log: every input of the sample is wrong, and says so.
  const Format& f = format(Dtype::f32);
  Operator wrong = *find_operator("exp");
  wrong.series = find_operator("expm1")->series;
  Line line = line_of(wrong, f);
  const Bits from = *exact_bits(f, 2);
  const Certificate c = certify(line, f, false, from, from + 99);
  CHECK(c.wrong > 50);
  CHECK(c.wrong_at >= from);
  // And a row that decides alone where the segments know nothing of it.
  Operator decides = *find_operator("exp");
  const auto by_row = decides.specials;
  const double lone = to_double(f, from + 7);
  decides.specials = [by_row, lone](const Tensors<double>& inputs, const Attributes& attributes) {
    auto all = by_row(inputs, attributes);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (inputs[0].values[i] == lone) all[i] = {{.value = 7}};
    return all;
  };
  Line unaware = line_of(decides, f);
  CHECK(certify(unaware, f, false, from, from + 99).wrong == 1);
}
