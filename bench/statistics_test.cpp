// SPDX-License-Identifier: MIT
#include "bench/statistics.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace karat::bench {
namespace {

TEST_CASE("the median is the middle value, of any order and count") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({5}) == 5);
  CHECK(std::isnan(median({})));
}

TEST_CASE("the middle mean leaves out a quarter on either side") {
  CHECK(middle_mean({7}) == 7);
  CHECK(middle_mean({1, 3, 5}) == 3);
  CHECK(middle_mean({1000, 2, 1, 3}) == 2.5);
  CHECK(middle_mean({9, 1, 8, 2, 7, 3, 6, 4}) == (3 + 4 + 6 + 7) / 4.0);
  CHECK(std::isnan(middle_mean({})));
}

TEST_CASE("the spread is half the distance of the hinges, of the median") {
  CHECK(spread({1, 2, 3, 4, 5}) == Approx((4 - 2) / 2.0 / 3));
  CHECK(spread({10, 10, 10, 10}) == 0);
  CHECK(spread({100, 98, 102, 1000}) == Approx((551 - 99) / 2.0 / 101));  // hinges 99 and 551
  CHECK(std::isnan(spread({})));
}

TEST_CASE("sets that lie wholly apart are as unlikely as one order among all") {
  // 2/C(10, 5), 2/C(14, 7), 2/C(7, 3)
  CHECK(mann_whitney(std::vector<double>{1, 2, 3, 4, 5}, std::vector<double>{6, 7, 8, 9, 10}) == Approx(2.0 / 252));
  CHECK(mann_whitney(std::vector<double>{8, 9, 10, 11, 12, 13, 14}, std::vector<double>{1, 2, 3, 4, 5, 6, 7}) == Approx(2.0 / 3432));
  CHECK(mann_whitney(std::vector<double>{1, 2, 3}, std::vector<double>{4, 5, 6, 7}) == Approx(2.0 / 35));
}

TEST_CASE("the test has the values of published tables and examples") {
  // Mann and Whitney 1947, table I, n = m = 5: P(U ≤ 2) = .016, P(U ≤ 4) = .048 (of one side).
  CHECK(mann_whitney(std::vector<double>{1, 2, 3, 4, 7}, std::vector<double>{5, 6, 8, 9, 10}) == Approx(2 * 4.0 / 252));    // U = 2
  CHECK(mann_whitney(std::vector<double>{1, 2, 3, 5, 8}, std::vector<double>{4, 6, 7, 9, 10}) == Approx(2 * 12.0 / 252));   // U = 4
  // The tortoises and hares of textbooks: T H H H H H T T T T T H, U = 11 of 36: p = 0.3095.
  const std::vector<double> tortoises{1, 7, 8, 9, 10, 11}, hares{2, 3, 4, 5, 6, 12};
  CHECK(mann_whitney(tortoises, hares) == Approx(0.3095).margin(5e-5));
  CHECK(mann_whitney(tortoises, hares) == mann_whitney(hares, tortoises));
}

TEST_CASE("ties and large sets go by the normal distribution, with its corrections") {
  // U = 1.5 of 16, two ties: z = (8 − 1.5 − 0.5)/√(4·4/12 · (9 − 12/56)), p = 0.0817…
  const std::vector<double> a{1, 2, 3, 4}, b{3, 4, 5, 6};
  const double z = (8 - 2 - 0.5) / std::sqrt(16.0 / 12 * (9 - 12.0 / 56));
  CHECK(mann_whitney(a, b) == Approx(std::erfc(z / std::sqrt(2.0))));
  CHECK(mann_whitney(std::vector<double>(5, 1.0), std::vector<double>(5, 1.0)) == 1);
  CHECK(mann_whitney(std::vector<double>{}, b) == 1);
  std::vector<double> many, later;
  for (int i = 0; i < 30; ++i) many.push_back(2 * i), later.push_back(2 * i + 1);
  CHECK(mann_whitney(many, later) > 0.8);
  for (double& d : later) d += 1000;
  CHECK(mann_whitney(many, later) < 1e-10);
}

}  // namespace
}  // namespace karat::bench
