// SPDX-License-Identifier: MIT
// The generator's published answers; the battery's silence on right draws (every seed here is
// fixed, and each battery's rate of false alarms is 1e-6); its power against named defects; and
// the two rules of initialization over a deep network.
#include <catch2/catch.hpp>
#include <cmath>
#include <thread>
#include <tuple>

#include "reference/evaluate.hpp"
#include "reference/random/draw.hpp"
#include "reference/random/statistics.hpp"

using namespace karat;

namespace {

constexpr std::size_t size = 1 << 18;

template <class Draw>
std::vector<double> sample(Draw draw, std::size_t n = size) {
  std::vector<double> s(n);
  for (std::size_t i = 0; i < n; ++i) s[i] = draw(i);
  return s;
}

bool alarms(const Battery& battery, const std::string& test) {
  for (const std::string& name : battery.alarms())
    if (name.find(test) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the published answers of Random123") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) == PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a draw does not depend on threads") {
  const auto alone = sample([](std::size_t i) { return standard_normal(3, 1, i); }, 4096);
  std::vector<double> shared(4096);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 7; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < shared.size(); i += 7) shared[i] = standard_normal(3, 1, i);
    });
  for (auto& t : threads) t.join();
  CHECK(shared == alone);
}

TEST_CASE("right draws raise no alarm") {
  for (const std::uint64_t seed : {1, 2, 3, 0x7fffffff}) {
    CHECK(test_sample(sample([&](std::size_t i) { return uniform(seed, 0, i); }), uniform_distribution(0, 1)).alarms().empty());
    CHECK(test_sample(sample([&](std::size_t i) { return standard_normal(seed, 1, i); }), normal_distribution(0, 1)).alarms().empty());
    for (const double p : {0.5, 0.875, 0.1})
      CHECK(test_sample(sample([&](std::size_t i) { return kept(seed, 2, i, p) ? 1.0 : 0.0; }), bernoulli_distribution(p)).alarms().empty());
    CHECK(test_independence(sample([&](std::size_t i) { return uniform(seed, 0, i); }), sample([&](std::size_t i) { return uniform(seed, 1, i); })).alarms().empty());
    CHECK(test_independence(sample([&](std::size_t i) { return uniform(seed, 0, i); }), sample([&](std::size_t i) { return uniform(seed + 1, 0, i); })).alarms().empty());
  }
}

TEST_CASE("initializers have the distribution that their rows say") {
  const std::int64_t n_in = 300, n_out = 100, n = 1 << 16;
  const Named fans{{"n_in", n_in}, {"n_out", n_out}};
  const auto z = tensor({n}, sample([](std::size_t i) { return standard_normal(5, 0, i); }, n));
  const auto u = tensor({n}, sample([](std::size_t i) { return uniform(5, 1, i); }, n));
  const double sigma = std::sqrt(2.0 / 400), r = std::sqrt(6.0 / 400);
  CHECK(test_sample(doubles(call("xavier_normal", {z}, fans)[0]), normal_distribution(0, sigma)).alarms().empty());
  CHECK(test_sample(doubles(call("xavier_uniform", {u}, fans)[0]), uniform_distribution(-r, r)).alarms().empty());
  CHECK(test_sample(doubles(call("normal", {z}, {{"mean", 1.0}, {"sigma", 0.5}})[0]), normal_distribution(1, 0.5)).alarms().empty());
  for (const double w : doubles(call("zeros", {tensor({1000}, std::vector<double>(1000, 3.0))})[0])) CHECK(w == 0);
}

TEST_CASE("defects are caught: each by the test that is for it") {
  const auto normal = [](double sigma) { return sample([=](std::size_t i) { return sigma * standard_normal(1, 0, i); }); };
  CHECK(alarms(test_sample(normal(1.02), normal_distribution(0, 1)), "variance"));
  CHECK(alarms(test_sample(normal(0.98), normal_distribution(0, 1)), "variance"));
  // Variance for n_in alone: 2/n_in where the row says 2/(n_in + n_out).
  CHECK(alarms(test_sample(normal(std::sqrt(2.0 / 300)), normal_distribution(0, std::sqrt(2.0 / 400))), "variance"));
  // Lanes that share a draw: neighbours are correlated.
  CHECK(alarms(test_sample(sample([](std::size_t i) { return uniform(1, 0, i / 2); }), uniform_distribution(0, 1)), "distance 1"));
  CHECK(alarms(test_sample(sample([](std::size_t i) { return uniform(1, 0, i / 16 * 8 + i % 8); }), uniform_distribution(0, 1)), "distance 8"));
  // A mask that is used again.
  const auto mask = sample([](std::size_t i) { return kept(1, 0, i, 0.5) ? 1.0 : 0.0; });
  CHECK(alarms(test_independence(mask, mask), "correlation"));
  // A wrong rate, a wrong shape with the right moments, values that are no numbers.
  CHECK(alarms(test_sample(sample([](std::size_t i) { return kept(1, 0, i, 0.49) ? 1.0 : 0.0; }), bernoulli_distribution(0.5)), "mean"));
  const double r = std::sqrt(3.0);
  CHECK(alarms(test_sample(sample([=](std::size_t i) { return r * (2 * uniform(1, 0, i) - 1); }), normal_distribution(0, 1)), "Kolmogorov"));
  CHECK(!test_sample(sample([](std::size_t i) { return i == 7 ? std::nan("") : uniform(1, 0, i); }), uniform_distribution(0, 1)).alarms().empty());
  CHECK_THROWS_AS(test_sample(std::vector<double>(10), uniform_distribution(0, 1)), std::invalid_argument);
}

TEST_CASE("the ends of the range, by the generator's extreme words") {
  const auto range = [](double least, double most) {
    auto s = sample([](std::size_t i) { return uniform(1, 0, i); }, 4096);
    s[0] = least;
    s[1] = most;
    return test_sample(s, uniform_distribution(0, 1));
  };
  const std::uint32_t ones = 0xffffffff;
  CHECK(unit_interval(0, 0) == 0);
  CHECK(unit_interval(ones, ones) == 1 - 0x1p-53);
  CHECK(!alarms(range(unit_interval(0, 0), unit_interval(ones, ones)), "range"));
  CHECK(alarms(range(0, ones / 4294967295.0), "range"));                                       // divides by 2³² − 1: closed
  CHECK(alarms(range(0, static_cast<double>(static_cast<float>(ones) * 0x1p-32F)), "range"));  // rounds up to 1 in f32
  CHECK(alarms(range(-0x1p-53, 0.5), "range"));
  // The row itself: w = r(2u − 1) never reaches r, at any precision that holds it.
  const PrecisionScope scope(200);
  const auto w = call("xavier_uniform", {tensor({2}, {unit_interval(0, 0), unit_interval(ones, ones)})}, {{"n_in", std::int64_t{3}}, {"n_out", std::int64_t{3}}})[0];
  CHECK(w.values[0] == -1);
  CHECK(w.values[1] < 1);
}

TEST_CASE("a deep tanh network keeps its activations' mean at zero and their variance with Xavier's σ alone") {
  constexpr std::size_t width = 128, layers = 12, batch = 32;
  // The last layer's variance over the first's, its mean in units of its deviation, its variance.
  const auto network = [](double sigma) {
    std::vector<double> x(batch * width);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = standard_normal(11, 1000, i);
    double first = 0, last = 0, mean = 0;
    for (std::size_t layer = 0; layer < layers; ++layer) {
      std::vector<double> y(batch * width);
      mean = last = 0;
      for (std::size_t b = 0; b < batch; ++b)
        for (std::size_t j = 0; j < width; ++j) {
          double total = 0;
          for (std::size_t i = 0; i < width; ++i) total += sigma * standard_normal(11, layer, i * width + j) * x[b * width + i];
          const double value = std::tanh(total);
          y[b * width + j] = value;
          mean += value;
          last += value * value;
        }
      mean /= batch * width;
      last = last / (batch * width) - mean * mean;
      if (layer == 0) first = last;
      x = std::move(y);
    }
    return std::tuple{last / first, std::fabs(mean) / std::sqrt(last), last};
  };
  const double xavier = std::sqrt(2.0 / (2 * width));
  const auto [ratio, offset, variance] = network(xavier);
  CHECK(ratio > 0.1);
  CHECK(ratio < 1.0);
  CHECK(offset < 0.2);
  CHECK(variance < 0.5);
  CHECK(std::get<0>(network(xavier / 4)) < 1e-10);  // vanishes
  CHECK(std::get<2>(network(xavier * 4)) > 0.7);     // saturates: activations near ±1
}
