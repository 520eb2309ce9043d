// SPDX-License-Identifier: MIT
#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace karat::bench {
namespace {

constexpr std::size_t most_exact = 20;

double median_of_sorted(std::span<const double> v) {
  if (v.empty()) return std::numeric_limits<double>::quiet_NaN();
  return v.size() % 2 == 1 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

// P(U ≤ u) for n and m values without ties: of all orders of them, the share with so few pairs out of order.
double below(std::size_t n, std::size_t m, double u) {
  // ways[k][s]: k of the values considered so far belong to the first set, with s pairs out of order.
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(n * m + 1, 0));
  ways[0][0] = 1;
  for (std::size_t i = 1; i <= n + m; ++i)
    for (std::size_t k = std::min(i, n); k >= 1; --k) {
      if (i - k > m) continue;
      for (std::size_t s = n * m + 1; s-- > i - k;) ways[k][s] += ways[k - 1][s - (i - k)];
    }
  double all = 0, some = 0;
  for (std::size_t s = 0; s <= n * m; ++s) {
    all += ways[n][s];
    if (static_cast<double>(s) <= u) some += ways[n][s];
  }
  return some / all;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return median_of_sorted(values);
}

double middle_mean(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t cut = values.size() / 4;
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(cut), last = values.end() - static_cast<std::ptrdiff_t>(cut);
  std::nth_element(values.begin(), first, values.end());
  if (last != values.end()) std::nth_element(first, last, values.end());
  return std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
}

double spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::span<const double> all(values);
  const std::size_t half = (values.size() + 1) / 2;
  return (median_of_sorted(all.last(half)) - median_of_sorted(all.first(half))) / 2 / median_of_sorted(all);
}

double mann_whitney(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 1;
  double u = 0;
  for (const double x : a)
    for (const double y : b) u += x < y ? 1 : x == y ? 0.5 : 0;
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double least = std::min(u, n * m - u);
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end());
  double ties = 0;  // Σ t³ − t
  for (std::size_t i = 0, j = 0; i < all.size(); i = j) {
    while (j < all.size() && all[j] == all[i]) ++j;
    const auto t = static_cast<double>(j - i);
    ties += t * t * t - t;
  }
  if (ties == 0 && a.size() <= most_exact && b.size() <= most_exact) return std::min(1.0, 2 * below(a.size(), b.size(), least));
  const double total = n + m, variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
  if (!(variance > 0)) return 1;
  const double z = (n * m / 2 - least - 0.5) / std::sqrt(variance);
  return std::min(1.0, std::erfc(std::max(0.0, z) / std::sqrt(2.0)));
}

}  // namespace karat::bench
