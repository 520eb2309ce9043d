// SPDX-License-Identifier: MIT
// Streams and sums of terms by operators of this test alone: what each kind of tensor is, and sums against long
// double.  streams_rows_test.cpp has what holds of all operators of streams, these among them.
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/streams_test.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Of every kind of tensor one: y = c + k, c ← a·b + n.
struct Mixed {
  static constexpr int kIn = 5, kOut = 2;
  explicit Mixed(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V a = in[0], b = in[1], n = in[2], c = in[3], k = in[4];
    out[0] = hn::Add(hn::Mul(a, b), n);
    out[1] = hn::Add(c, k);
  }
};
struct Itself {
  static constexpr int kIn = 1, kOut = 1;
  explicit Itself(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = in[0]; }
};

void MixedDoubles(const StreamCall& call) { MapStreams<Mixed, double>(call); }
TermLanes ItselfLanes() { return TermLanesOf<Itself>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <catch2/catch.hpp>

#include <algorithm>

#include "kernels/testing_calls.hpp"

namespace karat::kernels {
namespace {

HWY_EXPORT(MixedDoubles);
HWY_EXPORT(ItselfLanes);

const Streams mixed({.about = {.op = "test_mixed", .kernel = "lanes"},
                     .tensors = {{"u", Stream::unread},
                                 {"a", Stream::in},
                                 {"b", Stream::broadcast},
                                 {"n", Stream::labels},
                                 {"c", Stream::inout},
                                 {"k", Stream::kept},
                                 {"i", Stream::idle},
                                 {"y", Stream::out}},
                     .functions = {.full = [](const StreamCall& c) { HWY_DYNAMIC_DISPATCH(MixedDoubles)(c); },
                                   .narrow = [](const StreamCall& c) { HWY_DYNAMIC_DISPATCH(MixedDoubles)(c); }}});

TermLanes lanes() { return HWY_DYNAMIC_DISPATCH(ItselfLanes)(); }
const TermFunctions itself = functions_of<lanes>();
const Terms by_lanes({.about = {.op = "test_sum", .kernel = "lanes"},
                      .tensors = {{"x", Stream::in}},
                      .functions = itself});
const Terms by_blocks({.about = {.op = "test_sum", .kernel = "blocks"},
                       .tensors = {{"x", Stream::in}},
                       .functions = {.each = {.full = itself.each.full, .narrow = itself.each.narrow}}});

}  // namespace

namespace testing {
namespace {

using Bits = std::vector<std::uint64_t>;
using Values = std::vector<double>;

TEST_CASE("Tensors of every kind reach the lanes in their order") {
  for (const std::int64_t target : targets())
    for (const std::int32_t dtype : kDtypes)
      for (const bool constant : {false, true})
        for (const std::int64_t n : {0, 1, 15, 16, 17, 256, 257, 5000}) {
          const OnTarget on(target);
          std::mt19937_64 random(5);
          NamedCall call;
          for (const char* name : {"u", "a", "b", "n", "c", "k", "i", "y"}) {
            const std::string_view is = name;
            const bool labels = is == "n", output = is == "y", inout = is == "c" || is == "k" || is == "i";
            NamedTensor t{name,
                          output  ? KARAT_OUTPUT
                          : inout ? KARAT_INOUT
                                  : KARAT_INPUT,
                          labels ? static_cast<std::int32_t>(KARAT_I64) : dtype,
                          {n},
                          {}};
            if (is == "b" && constant) t.shape = {1};
            for (std::int64_t i = 0; !output && i < product(t.shape); ++i)
              t.values.push_back(static_cast<double>(random() % 15) - 7);
            call.tensors.push_back(std::move(t));
          }
          const std::vector<Bits> after = run_named(find_named_row("test_mixed", dtype), call);
          const auto value = [&](std::size_t t, std::size_t i) {
            return call.tensors[t].values[call.tensors[t].values.size() == 1 ? 0 : i];
          };
          const Values c = decoded(after[4], dtype), y = decoded(after[7], dtype);
          std::size_t wrong = 0;
          for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            wrong += c[i] == value(1, i) * value(2, i) + value(3, i) ? 0 : 1;
            wrong += y[i] == value(4, i) + value(5, i) ? 0 : 1;
          }
          INFO(name_of(dtype) << " n " << n << " on " << hwy::TargetName(target));
          CHECK(wrong == 0);
        }
}

double sum_of(std::int32_t dtype, const char* kernel, const Values& x, const char* reduction = "sum", int threads = 1) {
  const NamedCall call{
      .tensors = {{"x", KARAT_INPUT, dtype, {static_cast<std::int64_t>(x.size())}, x}, {"y", KARAT_OUTPUT, dtype, {}, {}}},
      .attributes = {text("reduction", reduction)},
      .threads = threads};
  return decoded(run_named(find_named_row("test_sum", dtype, kernel), call)[1], dtype)[0];
}

TEST_CASE("Sums are those of long double, rounded once, in every dtype, at sizes on both sides of groups, blocks and parts") {
  for (const std::int64_t target : targets())
    for (const char* kernel : {"lanes", "blocks"})
      for (const std::int32_t dtype : kDtypes)
        for (const std::size_t n : {1, 2, 15, 16, 17, 255, 256, 257, 4095, 4097, 16383, 16385, 33000}) {
          const OnTarget on(target);
          std::mt19937_64 random(n);
          Values x;
          long double exact = 0, magnitude = 0;
          for (std::size_t i = 0; i < n; ++i) {
            x.push_back(random_between(random, dtype, -1, 2));
            exact += x.back();
            magnitude += std::fabs(x.back());
          }
          const Format f = format_of(dtype);
          // f64 keeps the roundings of its additions, the others make n of them in double.
          const long double slack =
              dtype == KARAT_F64 ? magnitude * 0x1p-62L : magnitude * 0x1p-53L * static_cast<long double>(n);
          INFO(kernel << " " << name_of(dtype) << " of " << n << " on " << hwy::TargetName(target));
          CHECK(std::fabs(sum_of(dtype, kernel, x, "sum", 2) - exact) <= ulp_of(exact, f) / 2 + slack);
          CHECK(std::fabs(sum_of(dtype, kernel, x, "mean") - exact / static_cast<long double>(n)) <=
                ulp_of(exact / static_cast<long double>(n), f) * (dtype == KARAT_F64 ? 1.01L : 0.5001L) +
                    slack / static_cast<long double>(n));
        }
}

TEST_CASE("What cancels in a sum of f64 leaves what is left of it") {
  for (const char* kernel : {"lanes", "blocks"}) {
    Values x(40000, 0.125);
    x[0] = 0x1p60;
    x[20000] = -0x1p60;
    CHECK(sum_of(KARAT_F64, kernel, x) == 39998 * 0.125);
    x = {0x1p100, 3, -0x1p100};
    CHECK(sum_of(KARAT_F64, kernel, x) == 3);
  }
}

TEST_CASE("Sums of nothing, infinities and NaN") {
  for (const char* kernel : {"lanes", "blocks"})
    for (const std::int32_t dtype : kDtypes)
      for (const std::size_t n : {2, 40, 5000}) {
        CHECK(sum_of(dtype, kernel, {}) == 0);
        CHECK(std::isnan(sum_of(dtype, kernel, {}, "mean")));
        Values x(n, 1);
        x[n / 2] = INFINITY;
        CHECK(sum_of(dtype, kernel, x) == INFINITY);
        CHECK(sum_of(dtype, kernel, x, "mean") == INFINITY);
        x[0] = INFINITY;
        CHECK(sum_of(dtype, kernel, x) == INFINITY);
        x[0] = -INFINITY;
        CHECK(std::isnan(sum_of(dtype, kernel, x)));
        x[0] = NAN;
        CHECK(std::isnan(sum_of(dtype, kernel, x)));
        std::fill(x.begin(), x.end(), -INFINITY);
        CHECK(sum_of(dtype, kernel, x) == -INFINITY);
      }
  CHECK(sum_of(KARAT_F64, "lanes", Values(100, -0x1p1023)) == -INFINITY);
  CHECK(sum_of(KARAT_F32, "lanes", Values(100, 0x1p127)) == INFINITY);
  CHECK(sum_of(KARAT_F32, "lanes", {0x1p127, 0x1p127, 0x1p127, -0x1p127, -0x1p127}) == 0x1p127);
}

}  // namespace
}  // namespace testing
}  // namespace karat::kernels
#endif
