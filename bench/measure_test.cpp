// SPDX-License-Identifier: MIT
// Subjects with made-up times: nothing here depends on a clock.
#include "bench/measure.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

namespace karat::bench {
namespace {

// Takes `seconds` a call, and tells who was asked.
Subject made_up(const std::string& name, double seconds, std::string& order) {
  return {name, [=, &order](std::int64_t) {
            order += name;
            return Repetition{seconds, ""};
          }};
}

TEST_CASE("subjects take turns in their order, round after round") {
  std::string order;
  std::vector<int> rounds;
  const auto all = measure({made_up("A", 1, order), made_up("B", 1, order), made_up("C", 1, order)}, 5, 0.01, [&](int r) {
    rounds.push_back(r);
    order += '|';
  });
  CHECK(order == "|ABC|ABC|ABC|ABC|ABC");
  CHECK(rounds == std::vector<int>{0, 1, 2, 3, 4});
  for (const Measurement& m : all) CHECK(m.seconds == std::vector<double>(5, 1.0));
}

TEST_CASE("a short call is repeated until it takes the time, and as often in every other round") {
  std::vector<std::int64_t> calls;
  std::string order;
  const Subject shorter{"short", [&](std::int64_t n) {
                          calls.push_back(n);
                          return Repetition{1e-5, ""};
                        }};
  const auto all = measure({shorter, made_up("B", 1, order)}, 7, 0.01);
  REQUIRE(all[0].seconds.size() == 7);
  for (const double s : all[0].seconds) CHECK(s == Approx(1e-5));
  CHECK(calls.front() == 1);
  CHECK(calls.back() >= 1000);
  CHECK(std::vector<std::int64_t>(calls.end() - 7, calls.end()) == std::vector<std::int64_t>(7, calls.back()));
  CHECK(order == "BBBBBBB");
}

TEST_CASE("a subject that fails has no times and is not asked again, the others go on") {
  std::string order;
  int asked = 0;
  const Subject fails{"F", [&](std::int64_t) { return Repetition{1, ++asked == 3 ? "the reason" : ""}; }};
  const auto all = measure({made_up("A", 1, order), fails, made_up("B", 1, order)}, 5, 0.01);
  CHECK(all[1].error == "the reason");
  CHECK(all[1].seconds.empty());
  CHECK(asked == 3);
  CHECK(order == "ABABABABAB");
  CHECK(all[0].error.empty());
  CHECK(all[2].seconds.size() == 5);
}

TEST_CASE("a failure while the number of calls is sought is not asked again either") {
  int asked = 0;
  const auto all = measure({{"F", [&](std::int64_t) { return Repetition{1e-9, ++asked == 2 ? "late" : ""}; }}}, 5, 0.01);
  CHECK(all[0].error == "late");
  CHECK(asked == 2);
}

TEST_CASE("an exception passes through, nobody is asked after it, and the next measurement is its own") {
  std::string order;
  const Subject throws{"T", [](std::int64_t) -> Repetition { throw std::runtime_error("x"); }};
  CHECK_THROWS_AS(measure({throws, made_up("A", 1, order)}, 5, 0.01), std::runtime_error);
  CHECK(order.empty());
  CHECK(measure({made_up("A", 1, order)}, 5, 0.01)[0].seconds.size() == 5);
}

}  // namespace
}  // namespace karat::bench
