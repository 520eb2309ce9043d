// SPDX-License-Identifier: MIT
// Outputs made by the reference, right in full, and then with one element changed.
#include "bench/verify.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "reference/numbers/real.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::bench {
namespace {

const properties::Level faithful{properties::Level::Rule::faithful, 0};
constexpr Bits poison = 0x7fd5'5555;

struct Setup {
  Workload workload;
  std::vector<std::byte> output;  // correctly rounded

  Setup(const char* op, const char* dtype, Shape shape)
      : workload(*find_operator(op), *find_format(dtype), std::move(shape), 7),
        output(workload.positions() * workload.unit_bytes()) {
    const Format& f = *workload.pool().format;
    std::vector<Bits> right;
    for (const Real& y : witness(workload.pool())) right.push_back(round_nearest(f, truncated(y)));
    for (std::size_t p = 0; p < workload.positions(); ++p)
      for (std::size_t k = 0; k < workload.length(); ++k)
        put(p * workload.length() + k, right[workload.unit_at(p) * workload.length() + k]);
  }
  std::size_t width() const { return static_cast<std::size_t>(workload.pool().format->bytes()); }
  Bits get(std::size_t element) const {
    Bits b = 0;
    std::memcpy(&b, output.data() + element * width(), width());
    return b;
  }
  void put(std::size_t element, Bits b) { std::memcpy(output.data() + element * width(), &b, width()); }

  std::optional<std::string> check() const {
    properties::Judge judge(faithful);
    return Verifier(workload, judge, faithful, poison).check(output);
  }
};

TEST_CASE("a right output conforms, and each distinct pair is judged once") {
  for (const char* dtype : {"f64", "f32", "f16", "bf16"}) {
    CAPTURE(dtype);
    const Setup s("exp", dtype, {1'000'001});
    properties::Judge judge(faithful);
    Verifier verifier(s.workload, judge, faithful, poison);
    CHECK(verifier.check(s.output) == std::nullopt);
    CHECK(verifier.distinct() == s.workload.pool_size());
    CHECK(verifier.max_ulp() > 0);
    CHECK(verifier.max_ulp() <= 0.5);
    CHECK(verifier.check(s.output) == std::nullopt);
    CHECK(verifier.distinct() == s.workload.pool_size());
  }
}

TEST_CASE("one wrong element among millions is found, wherever it stands") {
  Setup s("exp", "f32", {3'000'001});
  const std::size_t last = s.workload.elements() - 1;
  for (const std::size_t where : {std::size_t{0}, std::size_t{1'234'567}, last}) {
    const Bits right = s.get(where);
    s.put(where, right + 2);
    const auto reason = s.check();
    REQUIRE(reason);
    CHECK_THAT(*reason, Catch::Contains("inaccurate: exp(x = ") &&
                            Catch::Contains("; element " + std::to_string(where) + " of 3000001"));
    s.put(where, right);
  }
  CHECK_FALSE(s.check());
}

TEST_CASE("a wrong last element is found after the same output was accepted") {
  Setup s("sigmoid", "bf16", {100'001});
  properties::Judge judge(faithful);
  Verifier verifier(s.workload, judge, faithful, poison);
  REQUIRE_FALSE(verifier.check(s.output));
  s.put(100'000, s.get(100'000) + 2);
  CHECK(verifier.check(s.output));
  s.put(100'000, s.get(100'000) - 2);
  CHECK(verifier.check(s.output));  // what failed once stays failed
}

TEST_CASE("a neighbour that the level allows is accepted beside the rounded result") {
  Setup s("exp", "f32", {100'001});
  const double ulps[] = {0, 1, -1};
  properties::Judge judge({properties::Level::Rule::max_ulp, 2});
  Verifier verifier(s.workload, judge, {properties::Level::Rule::max_ulp, 2}, poison);
  for (std::size_t i = 0; i < 100'001; i += 10) s.put(i, s.get(i) + static_cast<Bits>(ulps[i / 10 % 3]));
  CHECK(verifier.check(s.output) == std::nullopt);
  CHECK(verifier.distinct() > s.workload.pool_size());
  CHECK(verifier.max_ulp() > 0.5);
  CHECK(verifier.max_ulp() <= 1.5);
}

TEST_CASE("an element that was not written is called so") {
  Setup s("relu", "f32", {10'001});
  s.put(10'000, poison);
  const auto reason = s.check();
  REQUIRE(reason);
  CHECK_THAT(*reason, Catch::StartsWith("unwritten: element 10000 of 10001"));
}

TEST_CASE("NaN and infinity in place of a number are found") {
  for (const Bits wrong : {Bits{0x7fc0'0000}, Bits{0x7f80'0000}, Bits{0xff80'0000}}) {
    Setup s("tanh_backward", "f32", {5'001});
    s.put(4'999, wrong);
    const auto reason = s.check();
    REQUIRE(reason);
    CHECK_THAT(*reason, Catch::Contains("tanh_backward(dy = ") && Catch::Contains("element 4999 of 5001"));
  }
}

TEST_CASE("rows are judged as a whole, and one wrong element in the last one is found") {
  Setup s("softmax", "f32", {201, 128});
  properties::Judge judge(faithful);
  Verifier verifier(s.workload, judge, faithful, poison);
  CHECK(verifier.check(s.output) == std::nullopt);
  CHECK(verifier.distinct() == s.workload.pool_size());
  const std::size_t last = 201 * 128 - 1;
  s.put(last, s.get(last) + 2);
  const auto reason = s.check();
  REQUIRE(reason);
  CHECK_THAT(*reason, Catch::Contains("inaccurate: softmax(") && Catch::Contains("element 25727 of 25728"));
}

TEST_CASE("an output of garbage is refused without judging all of it") {
  Setup s("exp", "f64", {2'000'001});
  for (std::size_t i = 0; i < 2'000'001; ++i) s.put(i, 0x3ff0'0000'0000'0000 + i);
  CHECK(s.check());
}

TEST_CASE("an output of the wrong size is refused") {
  Setup s("exp", "f32", {101});
  s.output.pop_back();
  CHECK(s.check());
}

}  // namespace
}  // namespace karat::bench
