// SPDX-License-Identifier: MIT
// What tests with hand-tuned tolerances get wrong, rebuilt: the right kernel passes, the wrong one beside
// it fails.  The threads named are public reports of such tests.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "properties/acceptance.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

// A dot product as a 1 × n convolution of one window.
Question dot(const Format& f, const std::vector<double>& a, const std::vector<double>& b) {
  const Operator& op = *find_operator("conv2d");
  Question q{&op, &f, {}, standard_attributes(op)};
  for (const auto* v : {&a, &b}) {
    Tensor<Bits> t(Shape{1, 1, 1, static_cast<std::int64_t>(v->size())});
    for (std::size_t i = 0; i < v->size(); ++i) t.values[i] = *exact_bits(f, (*v)[i]);
    q.inputs.push_back(std::move(t));
  }
  q.inputs.emplace_back(Shape{0});
  return q;
}
bool passes(const Question& q, Bits got) { return judge_unit(unit(q, 0), std::vector<Bits>{got}, default_level)[0].ok; }
double exact(const Question& q) {
  const PrecisionScope scope(400);
  return answers(q)[0].value.midpoint();
}
std::vector<double> drawn(const Format& f, std::mt19937_64& random, std::size_t n) {
  std::vector<double> v;
  for (std::size_t i = 0; i < n; ++i) v.push_back(to_double(f, round_nearest(f, truncated(static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63))));
  return v;
}

}  // namespace

TEST_CASE("a right bf16 kernel passes where an absolute tolerance lies below half an ulp (sglang#35795, vllm#51083)") {
  const Format& f = format(Dtype::bf16);
  std::mt19937_64 random(1);
  int beyond_tolerance = 0, truncated_caught = 0;
  for (int trial = 0; trial < 50; ++trial) {
    const auto a = drawn(f, random, 64), b = drawn(f, random, 64);
    const Question q = dot(f, a, b);
    float sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
    const Bits right = round_nearest(f, truncated(static_cast<double>(sum)));
    REQUIRE(passes(q, right));
    beyond_tolerance += std::abs(to_double(f, right) - exact(q)) > 1e-3 ? 1 : 0;
    // The same kernel cutting off the lower half of the f32.
    const Bits cut = sum < 0 ? round_up(f, truncated(static_cast<double>(sum))) : round_down(f, truncated(static_cast<double>(sum)));
    truncated_caught += passes(q, cut) ? 0 : 1;
  }
  CHECK(beyond_tolerance > 20);
  CHECK(truncated_caught > 10);
}

TEST_CASE("a dot product whose terms cancel passes in every order, and one without its last term does not (HipKittens#64, unsloth#9795)") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(2);
  int beyond_relative = 0, differing = 0, dropped_caught = 0;
  for (int trial = 0; trial < 40; ++trial) {
    auto a = drawn(f, random, 100), b = drawn(f, random, 100);
    for (std::size_t i = 0; i < 49; ++i) {  // most of it cancels
      a[99 - i] = -a[i];
      b[99 - i] = b[i];
    }
    const Question q = dot(f, a, b);
    float forwards = 0, backwards = 0, dropped = 0;
    for (std::size_t i = 0; i < 100; ++i) {
      forwards += static_cast<float>(a[i]) * static_cast<float>(b[i]);
      backwards += static_cast<float>(a[99 - i]) * static_cast<float>(b[99 - i]);
      if (i != 99) dropped += static_cast<float>(a[i]) * static_cast<float>(b[i]);
    }
    REQUIRE(passes(q, *exact_bits(f, static_cast<double>(forwards))));
    REQUIRE(passes(q, *exact_bits(f, static_cast<double>(backwards))));
    differing += forwards != backwards ? 1 : 0;
    beyond_relative += std::abs(static_cast<double>(forwards) - exact(q)) > 1.3e-6 * std::abs(exact(q)) ? 1 : 0;
    dropped_caught += passes(q, *exact_bits(f, static_cast<double>(dropped))) ? 0 : 1;
  }
  CHECK(differing > 20);
  CHECK(beyond_relative > 0);
  CHECK(dropped_caught == 40);
}

TEST_CASE("zeros pass where every expected value is small, under a tolerance and never under a budget (KernelBench#165)") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(3);
  auto a = drawn(f, random, 30), b = drawn(f, random, 30);
  for (double& v : a) v *= 0x1p-20;
  const Question q = dot(f, a, b);
  CHECK(std::abs(exact(q)) < 1e-5);  // within assert_close's absolute tolerance of 0
  CHECK_FALSE(passes(q, 0));
}

TEST_CASE("a limit in ulps of the output fails right kernels under cancellation, a budget does not (webnn#950)") {
  const Format& f = format(Dtype::f32);
  const Operator& op = *find_operator("layer_norm");
  Question q{&op, &f, {}, standard_attributes(op)};
  const std::vector<float> x{1000.5f, 1000.25f, 1000.375f, 1000.3f};
  Tensor<Bits> row(Shape{1, 4}), gamma(Shape{4}), beta(Shape{4});
  for (std::size_t i = 0; i < 4; ++i) {
    row.values[i] = *exact_bits(f, static_cast<double>(x[i]));
    gamma.values[i] = *exact_bits(f, 1);
  }
  q.inputs = {row, gamma, beta};
  float mean = 0, variance = 0;
  for (const float v : x) mean += v;
  mean /= 4;
  for (const float v : x) variance += (v - mean) * (v - mean);
  variance /= 4;
  std::vector<Bits> got;
  for (const float v : x) got.push_back(*exact_bits(f, static_cast<double>((v - mean) / std::sqrt(variance + 0x1p-17f))));
  const Unit all = unit(q, 0);
  int beyond_ulps = 0;
  for (const Judgement& j : judge_unit(all, got, {Level::Rule::max_ulp, 6})) beyond_ulps += j.ok ? 0 : 1;
  CHECK(beyond_ulps > 0);
  for (const Judgement& j : judge_unit(all, got, default_level)) CHECK(j.ok);
}

TEST_CASE("a bf16 normalization in whatever order of reduction passes, results that differ by one step of bf16 included, and one that forgets ε does not (helion#3264)") {
  const Format& f = format(Dtype::bf16);
  std::mt19937_64 random(4);
  const auto rounded = [&](float v) { return round_nearest(f, truncated(static_cast<double>(v))); };
  int differing = 0, beyond_tolerance = 0, forgotten_caught = 0;
  for (int trial = 0; trial < 20000 && beyond_tolerance < 2; ++trial) {  // to rows on which the order is seen
    // 100 values of a spread that ε matters to; results up to 7, where a step of bf16 is 0.03.
    auto x = drawn(f, random, 100);
    for (double& v : x) v = to_double(f, rounded(static_cast<float>(v * 0x1p-8)));
    Question q{find_operator("layer_norm"), &f, {}, standard_attributes(*find_operator("layer_norm"))};
    Tensor<Bits> row(Shape{1, 100}), gamma(Shape{100}), beta(Shape{100});
    for (std::size_t i = 0; i < 100; ++i) {
      row.values[i] = *exact_bits(f, x[i]);
      gamma.values[i] = *exact_bits(f, 4);
    }
    q.inputs = {row, gamma, beta};
    const auto eps = static_cast<float>(std::get<double>(q.attributes.values.at("eps")));
    float mean = 0, welford = 0, m2 = 0, squares = 0;
    for (std::size_t i = 0; i < 100; ++i) {
      const auto v = static_cast<float>(x[i]);
      mean += v;
      const float d = v - welford;
      welford += d / static_cast<float>(i + 1);
      m2 += d * (v - welford);
    }
    mean /= 100;
    for (std::size_t i = 100; i-- > 0;) squares += (static_cast<float>(x[i]) - mean) * (static_cast<float>(x[i]) - mean);
    const auto results = [&](float m, float variance, float e) {
      std::vector<Bits> all;
      for (const double v : x) all.push_back(rounded(4 * (static_cast<float>(v) - m) / std::sqrt(variance + e)));
      return all;
    };
    const auto two_pass = results(mean, squares / 100, eps), one_pass = results(welford, m2 / 100, eps), forgotten = results(mean, squares / 100, 0);
    if (two_pass == one_pass) continue;
    ++differing;
    const Unit all = unit(q, 0);
    const auto passes_all = [&](const std::vector<Bits>& got) {
      for (const Judgement& j : judge_unit(all, got, default_level))
        if (!j.ok) return false;
      return true;
    };
    REQUIRE(passes_all(two_pass));
    REQUIRE(passes_all(one_pass));
    forgotten_caught += passes_all(forgotten) ? 0 : 1;
    for (std::size_t i = 0; i < 100; ++i)  // the tolerance that was loosened there
      beyond_tolerance += std::abs(to_double(f, two_pass[i]) - to_double(f, one_pass[i])) > 0.01 ? 1 : 0;
  }
  CHECK(beyond_tolerance >= 2);
  CHECK(differing >= 2);
  CHECK(forgotten_caught == differing);
}

TEST_CASE("a product of matrices accumulated in chunks, as another architecture does, passes, and one with a chunk left out does not (openfold-3#240)") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(5);
  int beyond_tolerance = 0, differing = 0, dropped_caught = 0;
  for (int trial = 0; trial < 40; ++trial) {
    auto a = drawn(f, random, 128), b = drawn(f, random, 128);
    for (std::size_t i = 0; i < 64; ++i) {  // nearly cancels
      a[i] *= 16;
      a[i + 64] = -a[i];
      b[i + 64] = to_double(f, round_nearest(f, truncated(b[i] * (1 + 0x1p-10))));
    }
    const Question q = dot(f, a, b);
    float in_order = 0, in_chunks = 0, fused = 0, dropped = 0;
    for (std::size_t i = 0; i < 128; ++i) {
      in_order += static_cast<float>(a[i]) * static_cast<float>(b[i]);
      fused = std::fma(static_cast<float>(a[i]), static_cast<float>(b[i]), fused);
    }
    for (std::size_t chunk = 0; chunk < 128; chunk += 16) {
      float part = 0;
      for (std::size_t i = chunk; i < chunk + 16; ++i) part += static_cast<float>(a[i]) * static_cast<float>(b[i]);
      in_chunks += part;
      if (chunk != 48) dropped += part;
    }
    for (const float right : {in_order, in_chunks, fused}) {
      REQUIRE(passes(q, *exact_bits(f, static_cast<double>(right))));
      beyond_tolerance += std::abs(static_cast<double>(right) - exact(q)) > 1e-6 + 1e-5 * std::abs(exact(q)) ? 1 : 0;
    }
    differing += in_order != in_chunks || in_order != fused ? 1 : 0;
    dropped_caught += passes(q, *exact_bits(f, static_cast<double>(dropped))) ? 0 : 1;
  }
  CHECK(differing > 20);
  CHECK(dropped_caught == 40);
  // A tolerance that holds on one machine's order is a matter of luck on another's.
  CHECK(beyond_tolerance > 0);
}

TEST_CASE("a gate wider than the range of errors passes a wrong factor, a budget does not (Sarek#301)") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(6);
  const auto a = drawn(f, random, 50), b = drawn(f, random, 50);
  const Question q = dot(f, a, b);
  float sum = 0;
  for (std::size_t i = 0; i < 50; ++i) sum += static_cast<float>(a[i]) * static_cast<float>(b[i]);
  const float scaled = sum * (1 + 0x1p-12f);
  CHECK(std::abs(static_cast<double>(scaled) - exact(q)) < 1e-2);  // any gate of that sort
  CHECK(passes(q, *exact_bits(f, static_cast<double>(sum))));
  CHECK_FALSE(passes(q, *exact_bits(f, static_cast<double>(scaled))));
}
