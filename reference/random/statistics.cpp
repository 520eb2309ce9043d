// SPDX-License-Identifier: MIT
#include "reference/random/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace karat {
namespace {

// P(|Z| ≥ z), Z standard normal.
double two_sided(double z) { return std::erfc(std::fabs(z) / std::sqrt(2.0)); }

// Kolmogorov's limit distribution with Stephens' correction for n values (1970).
double kolmogorov(double d, double n) {
  const double root = std::sqrt(n), x = (root + 0.12 + 0.11 / root) * d;
  if (x < 0.3) return 1;
  double p = 0;
  for (int k = 1; k <= 100; ++k) p += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
  return std::clamp(p, 0.0, 1.0);
}

double mean_of(std::span<const double> s) {
  double total = 0;
  for (const double v : s) total += v;
  return total / static_cast<double>(s.size());
}

double correlation(std::span<const double> a, std::span<const double> b) {
  const double ma = mean_of(a), mb = mean_of(b);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

std::vector<std::string> Battery::alarms() const {
  std::vector<std::string> names;
  for (const StatisticalTest& t : tests)
    if (!(t.p_value >= rate / static_cast<double>(tests.size()))) names.push_back(t.name);
  return names;
}

Distribution uniform_distribution(double low, double high) {
  const double width = high - low;
  return {"uniform", (low + high) / 2, width * width / 12, 1.8, low, high, true, false,
          [=](double x) { return std::clamp((x - low) / width, 0.0, 1.0); }};
}
Distribution normal_distribution(double mean, double sigma) {
  return {"normal", mean, sigma * sigma, 3, 0, 0, true, false, [=](double x) { return 0.5 * std::erfc(-(x - mean) / (sigma * std::sqrt(2.0))); }};
}
Distribution bernoulli_distribution(double p) {
  const double variance = p * (1 - p);
  return {"bernoulli", p, variance, (1 - 3 * variance) / variance, 0, 1, true, true, nullptr};
}

Battery test_sample(std::span<const double> sample, const Distribution& d, double rate) {
  if (sample.size() < 1000) throw std::invalid_argument("test_sample: expected at least 1000 values, got " + std::to_string(sample.size()));
  const auto n = static_cast<double>(sample.size());
  Battery battery;
  battery.rate = rate;
  const auto add = [&](std::string name, double p) { battery.tests.push_back({std::move(name), p}); };
  add("mean", two_sided((mean_of(sample) - d.mean) / std::sqrt(d.variance / n)));
  // (x − μ)² has mean σ² and variance (κ − 1) σ⁴.
  if (d.fourth_moment > 1) {
    double square = 0;
    for (const double v : sample) square += (v - d.mean) * (v - d.mean);
    add("variance", two_sided((square / n - d.variance) / (d.variance * std::sqrt((d.fourth_moment - 1) / n))));
  }
  if (d.low < d.high) {
    bool inside = true;
    for (const double v : sample) {
      const bool above = d.low_closed ? v >= d.low : v > d.low, below = d.high_closed ? v <= d.high : v < d.high;
      inside = inside && above && below;
    }
    add("range", inside ? 1.0 : 0.0);  // what is outside has probability 0
  }
  if (d.cumulative) {
    std::vector<double> sorted(sample.begin(), sample.end());
    std::sort(sorted.begin(), sorted.end());
    double most = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const double f = d.cumulative(sorted[i]);
      most = std::max({most, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
    }
    add("Kolmogorov-Smirnov", kolmogorov(most, n));
  }
  for (std::size_t lag = 1; lag <= 64; lag *= 2) {
    const double r = correlation(sample.first(sample.size() - lag), sample.subspan(lag));
    add("correlation at distance " + std::to_string(lag), two_sided(r * std::sqrt(n - static_cast<double>(lag))));
  }
  return battery;
}

Battery test_independence(std::span<const double> a, std::span<const double> b, double rate) {
  if (a.size() != b.size() || a.size() < 1000) throw std::invalid_argument("test_independence: expected two samples of the same length, at least 1000");
  Battery battery;
  battery.rate = rate;
  battery.tests.push_back({"correlation of two draws", two_sided(correlation(a, b) * std::sqrt(static_cast<double>(a.size())))});
  return battery;
}

}  // namespace karat
