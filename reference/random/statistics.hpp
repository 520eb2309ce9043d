// SPDX-License-Identifier: MIT
// Whether a sample is what a row says: a battery of tests, each with its p-value.  The battery
// alarms if any p-value is below rate / number of tests, so a right generator is accused with a
// probability of at most `rate` (Bonferroni), whatever the tests depend on.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace karat {

struct Distribution {
  std::string name;
  double mean = 0, variance = 1;
  double fourth_moment = 3;              // E (x − mean)⁴ / variance²
  double low = 0, high = 0;              // range; low == high: unbounded
  bool low_closed = true, high_closed = false;
  std::function<double(double)> cumulative;  // null: discrete, no Kolmogorov–Smirnov test
};

Distribution uniform_distribution(double low, double high);  // [low, high)
Distribution normal_distribution(double mean, double sigma);
Distribution bernoulli_distribution(double p);

struct StatisticalTest {
  std::string name;
  double p_value = 0;
};

struct Battery {
  std::vector<StatisticalTest> tests;
  double rate = 0;
  // Names of the tests that alarm; NaN alarms.
  std::vector<std::string> alarms() const;
};

inline constexpr double false_alarm_rate = 1e-6;

// Mean, variance, range, Kolmogorov–Smirnov, correlation of neighbours at distances 1 to 64.
// At least 1000 values, else std::invalid_argument.
Battery test_sample(std::span<const double> sample, const Distribution& expected, double rate = false_alarm_rate);
// Whether two samples that should be independent are: their correlation, and whether they are equal.
Battery test_independence(std::span<const double> a, std::span<const double> b, double rate = false_alarm_rate);

}  // namespace karat
