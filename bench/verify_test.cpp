// SPDX-License-Identifier: MIT
// Outputs made by the reference, right in full, and then with one element changed.
#include "bench/verify.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "bench/call.hpp"
#include "reference/numbers/precision.hpp"
#include "reference/numbers/real.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::bench {
namespace {

const properties::Level faithful{properties::Level::Rule::faithful, 0};
constexpr Bits poison = 0x7fd5'5555;

Plan planned(const std::string& text, const char* dtype) {
  const Call call = call_from(text);
  const Operator& op = *find_operator(call.op);
  const CallShapes shapes = shapes_of_call(op, *find_format(dtype), call.text);
  return plan_of(op, *find_format(dtype), shapes.inputs, shapes.attributes);
}

struct Setup {
  Plan plan;
  Workload workload;
  std::vector<std::vector<std::byte>> outputs;  // correctly rounded
  properties::Level level;

  explicit Setup(const std::string& text, const char* dtype = "f32", properties::Level at = faithful)
      : plan(planned(text, dtype)), workload(plan, 7, 8), level(at) {
    const Format& f = *plan.format;
    const PrecisionScope scope(256);
    const std::vector<Real> exact = witness(workload.pool());
    std::size_t begin = 0;
    for (std::size_t j = 0; j < plan.outputs.size(); ++j) {
      const auto count = static_cast<std::size_t>(element_count(plan.outputs[j]));
      outputs.emplace_back(count * width());
      workload.output(j).for_each_run(0, count, [&](std::size_t first, std::size_t pool, std::size_t n, const std::uint32_t* places) {
        for (std::size_t i = 0; i < n; ++i)
          put(first + i, round_nearest(f, truncated(ldexp(exact[begin + pool + (places ? places[i] : i)], plan.exponents[j]))), j);
      });
      begin += static_cast<std::size_t>(element_count(plan.pool_outputs[j]));
    }
  }
  std::size_t width() const { return static_cast<std::size_t>(plan.format->bytes()); }
  std::size_t elements(std::size_t j = 0) const { return outputs[j].size() / width(); }
  Bits get(std::size_t element, std::size_t j = 0) const {
    Bits b = 0;
    std::memcpy(&b, outputs[j].data() + element * width(), width());
    return b;
  }
  void put(std::size_t element, Bits b, std::size_t j = 0) { std::memcpy(outputs[j].data() + element * width(), &b, width()); }
  std::vector<std::span<const std::byte>> spans() const { return {outputs.begin(), outputs.end()}; }

  std::optional<std::string> check() const {
    properties::Judge judge(level);
    return Verifier(plan, judge, level, poison).check(workload, spans());
  }
};

TEST_CASE("a right output conforms, and each distinct pair is judged once") {
  for (const char* dtype : {"f64", "f32", "f16", "bf16"}) {
    CAPTURE(dtype);
    const Setup s("exp x=1000001", dtype);
    properties::Judge judge(faithful);
    Verifier verifier(s.plan, judge, faithful, poison);
    CHECK(verifier.check(s.workload, s.spans()) == std::nullopt);
    const auto pool = static_cast<std::size_t>(element_count(s.plan.pool_outputs[0]));
    CHECK(verifier.distinct() == pool);
    CHECK(verifier.max_ulp() > 0);
    CHECK(verifier.max_ulp() <= 0.5);
    CHECK(verifier.check(s.workload, s.spans()) == std::nullopt);
    CHECK(verifier.distinct() == pool);
  }
}

TEST_CASE("one wrong element among millions is found, wherever it stands") {
  Setup s("exp x=3000001");
  for (const std::size_t where : {std::size_t{0}, std::size_t{1'234'567}, s.elements() - 1}) {
    const Bits right = s.get(where);
    s.put(where, right + 2);
    const auto reason = s.check();
    REQUIRE(reason);
    CHECK_THAT(*reason, Catch::Contains("inaccurate: exp(x = ") && Catch::Contains("; element " + std::to_string(where) + " of 3000001"));
    s.put(where, right);
  }
  CHECK_FALSE(s.check());
}

TEST_CASE("a wrong last element is found after the same output was accepted") {
  Setup s("sigmoid x=100001", "bf16");
  properties::Judge judge(faithful);
  Verifier verifier(s.plan, judge, faithful, poison);
  REQUIRE_FALSE(verifier.check(s.workload, s.spans()));
  s.put(100'000, s.get(100'000) + 2);
  CHECK(verifier.check(s.workload, s.spans()));
  s.put(100'000, s.get(100'000) - 2);
  CHECK(verifier.check(s.workload, s.spans()));  // what failed once stays failed
}

TEST_CASE("a neighbour that the level allows is accepted beside the rounded result") {
  Setup s("exp x=100001");
  const double ulps[] = {0, 1, -1};
  const properties::Level two{properties::Level::Rule::max_ulp, 2};
  properties::Judge judge(two);
  Verifier verifier(s.plan, judge, two, poison);
  for (std::size_t i = 0; i < 100'001; i += 10) s.put(i, s.get(i) + static_cast<Bits>(ulps[i / 10 % 3]));
  CHECK(verifier.check(s.workload, s.spans()) == std::nullopt);
  CHECK(verifier.distinct() > static_cast<std::size_t>(element_count(s.plan.pool_outputs[0])));
  CHECK(verifier.max_ulp() > 0.5);
  CHECK(verifier.max_ulp() <= 1.5);
}

TEST_CASE("an element that was not written is called so") {
  Setup s("relu x=10001");
  s.put(10'000, poison);
  const auto reason = s.check();
  REQUIRE(reason);
  CHECK_THAT(*reason, Catch::StartsWith("unwritten: element 10000 of 10001"));
}

TEST_CASE("NaN and infinity in place of a number are found") {
  for (const Bits wrong : {Bits{0x7fc0'0000}, Bits{0x7f80'0000}, Bits{0xff80'0000}}) {
    Setup s("tanh_backward x=5001");
    s.put(4'999, wrong);
    const auto reason = s.check();
    REQUIRE(reason);
    CHECK_THAT(*reason, Catch::Contains("tanh_backward(dy = ") && Catch::Contains("element 4999 of 5001"));
  }
}

TEST_CASE("rows are judged as a whole, and one wrong element in the last one is found") {
  Setup s("softmax x=2001x128");
  CHECK_FALSE(s.check());
  const std::size_t last = s.elements() - 1;
  s.put(last, s.get(last) + 2);
  const auto reason = s.check();
  REQUIRE(reason);
  CHECK_THAT(*reason, Catch::Contains("inaccurate: softmax(") && Catch::Contains("element 256127 of 256128"));
}

TEST_CASE("of operators on tensors of any shapes each output is compared in every element") {
  for (const char* text : {"adam theta=100000 g=100000 v=100000 s=100000 s_max=100000", "batch_norm x=16x32x16x16 gamma=32 beta=32", "layer_norm_backward x=512x96 gamma=96 beta=96",
                           "softmax_cross_entropy_backward x=16384x10 t=16384", "mse_loss x=1048576 t=1048576 reduction=sum", "conv2d x=8x16x14x14 w=32x16x3x3"}) {
    CAPTURE(text);
    Setup s(text, "f32", properties::default_level);
    CHECK_FALSE(s.plan.pooled.empty());
    CHECK(s.check().value_or("") == "");
    for (std::size_t j = 0; j < s.outputs.size(); ++j) {
      const std::size_t last = s.elements(j) - 1;
      const Bits right = s.get(last, j);
      s.put(last, right ^ 1 << 18, j);
      const auto reason = s.check();
      REQUIRE(reason);
      CHECK_THAT(*reason, Catch::Contains("inaccurate: ") && Catch::Contains("element " + std::to_string(last) + " of " + std::to_string(last + 1)));
      s.put(last, right, j);
    }
  }
}

TEST_CASE("a sum of samples that come again is held to the smaller call's, times a power of two") {
  Setup s("mse_loss x=1048576 t=1048576 reduction=sum", "f32", properties::default_level);
  CHECK(s.plan.exponents[0] > 0);
  s.put(0, s.get(0) ^ 1 << 18);
  CHECK_THAT(s.check().value_or(""), Catch::Contains(" · 2^" + std::to_string(s.plan.exponents[0])));
}

TEST_CASE("other places of the same values need no judging again") {
  Setup s("exp x=100001");
  properties::Judge judge(faithful);
  Verifier verifier(s.plan, judge, faithful, poison);
  REQUIRE_FALSE(verifier.check(s.workload, s.spans()));
  const std::size_t before = verifier.distinct();
  const Workload moved(s.plan, 7, 99);
  std::vector<Bits> by_pool(static_cast<std::size_t>(element_count(s.plan.pool_outputs[0])));
  const auto each = [&](const Workload& w, auto visit) {
    w.output(0).for_each_run(0, s.elements(), [&](std::size_t first, std::size_t pool, std::size_t n, const std::uint32_t* places) {
      for (std::size_t i = 0; i < n; ++i) visit(first + i, pool + places[i]);
    });
  };
  each(s.workload, [&](std::size_t i, std::size_t u) { by_pool[u] = s.get(i); });
  each(moved, [&](std::size_t i, std::size_t u) { s.put(i, by_pool[u]); });
  CHECK_FALSE(verifier.check(moved, s.spans()));
  CHECK(verifier.distinct() == before);
}

TEST_CASE("an output of garbage is refused without judging all of it") {
  Setup s("exp x=2000001", "f64");
  for (std::size_t i = 0; i < 2'000'001; ++i) s.put(i, 0x3ff0'0000'0000'0000 + i);
  CHECK(s.check());
}

TEST_CASE("an output of the wrong size is refused") {
  Setup s("exp x=101");
  s.outputs[0].pop_back();
  CHECK(s.check());
}

}  // namespace
}  // namespace karat::bench
