// SPDX-License-Identifier: MIT
#include "kernels/convert.hpp"

#include <catch2/catch.hpp>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {
namespace {

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// Narrows all of `values` on every target and counts what differs from `rounded`.
std::size_t wrong_roundings(const std::vector<double>& values, std::int32_t dtype) {
  const std::size_t size = format_of(dtype).bytes;
  std::vector<double> expected;
  for (const double v : values) expected.push_back(static_cast<double>(rounded(v, format_of(dtype))));
  std::size_t wrong = 0;
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    std::vector<std::byte> slim(values.size() * size);
    narrow(dtype, values.data(), values.size(), slim.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, slim.data() + i * size, size);
      if (same(decode(bits, dtype), expected[i])) continue;
      if (wrong++ < 5)
        UNSCOPED_INFO(hwy::TargetName(target) << " " << name_of(dtype) << " " << values[i] << " got "
                                              << decode(bits, dtype) << " expected " << expected[i]);
    }
  }
  return wrong;
}

TEST_CASE("Widening gives the value of every 16-bit pattern on every target") {
  std::vector<std::uint16_t> patterns(1 << 16);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  for (const std::int32_t dtype : {KARAT_F16, KARAT_BF16})
    for (const std::int64_t target : targets()) {
      const OnTarget on(target);
      std::vector<double> wide(patterns.size());
      widen(dtype, patterns.data(), patterns.size(), wide.data());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < patterns.size(); ++i) wrong += same(wide[i], decode(i, dtype)) ? 0 : 1;
      INFO(hwy::TargetName(target) << " " << name_of(dtype));
      CHECK(wrong == 0);
    }
}

TEST_CASE("Narrowing rounds every midpoint of the 16-bit formats and its neighbours to nearest even") {
  for (const std::int32_t dtype : {KARAT_F16, KARAT_BF16}) {
    std::vector<double> values;
    for (std::uint64_t bits = 0; bits < (1 << 16); ++bits) {
      const double v = decode(bits, dtype);
      if (!std::isfinite(v)) {
        values.push_back(v);
        continue;
      }
      // Half a unit outwards, and the doubles and floats on either side of it and of v.
      const double unit = static_cast<double>(ulp_of(v, format_of(dtype)));
      for (const double centre : {v, v + std::copysign(unit / 2, v)}) {
        const auto slim = static_cast<float>(centre);
        for (const double d :
             {centre, std::nextafter(centre, INFINITY), std::nextafter(centre, -INFINITY),
              double{std::nextafter(slim, INFINITY)}, double{std::nextafter(slim, -INFINITY)}})
          values.push_back(d);
      }
    }
    CHECK(wrong_roundings(values, dtype) == 0);
  }
}

TEST_CASE("Narrowing to f32 rounds midpoints and their neighbours to nearest even") {
  std::mt19937_64 random(1);
  std::vector<double> values;
  for (int i = 0; i < 200000; ++i) {
    const double v = random_bits(random, KARAT_F32);
    const double unit = static_cast<double>(ulp_of(v, format_of(KARAT_F32)));
    const double middle = v + unit / 2;
    for (const double d : {v, middle, std::nextafter(middle, INFINITY), std::nextafter(middle, -INFINITY)})
      values.push_back(d);
  }
  CHECK(wrong_roundings(values, KARAT_F32) == 0);
}

TEST_CASE("Narrowing is right far outside the format: huge, tiny, infinite, NaN") {
  std::vector<double> values = {0.0,
                                -0.0,
                                INFINITY,
                                -INFINITY,
                                NAN,
                                5e-324,
                                -5e-324,
                                1.7976931348623157e308,
                                -1.7976931348623157e308,
                                65504,
                                65519.99999999999,
                                65520,
                                65536,
                                3.4028235677973366e38,
                                3.4028235677973362e38,
                                3.3961775292304957e38,
                                0x1p-149,
                                0x1p-150,
                                0x1.8p-150,
                                0x1.0000000000001p-150,
                                0x1p-133,
                                0x1p-134,
                                0x1.0000000000001p-134,
                                0x1p-24,
                                0x1p-25,
                                0x1.0000000000001p-25};
  std::mt19937_64 random(2);
  for (int i = 0; i < 300000; ++i) values.push_back(random_bits(random, KARAT_F64));
  for (std::size_t i = 0, n = values.size(); i < n; ++i) values.push_back(-values[i]);
  for (const std::int32_t dtype : {KARAT_F32, KARAT_F16, KARAT_BF16})
    CHECK(wrong_roundings(values, dtype) == 0);
}

TEST_CASE("Floats are widened and narrowed as doubles are") {
  std::vector<double> doubles;
  for (std::uint64_t bits = 0; bits < (1 << 16); ++bits) {
    for (const std::int32_t dtype : {KARAT_F16, KARAT_BF16}) {
      const double v = decode(bits, dtype);
      const auto middle = static_cast<float>(v + static_cast<double>(ulp_of(v, format_of(dtype))) / 2);
      for (const float f : {static_cast<float>(v), middle, std::nextafter(middle, INFINITY), std::nextafter(middle, -INFINITY)}) doubles.push_back(f);
    }
  }
  std::mt19937_64 random(3);
  while (doubles.size() % 64 != 37) doubles.push_back(random_bits(random, KARAT_F32));
  const std::vector<float> floats(doubles.begin(), doubles.end());
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    for (const std::int32_t dtype : {KARAT_F32, KARAT_F16, KARAT_BF16}) {
      const std::size_t n = doubles.size(), size = format_of(dtype).bytes;
      std::vector<std::byte> slim(n * size), expected(n * size);
      narrow(dtype, floats.data(), n, slim.data());
      narrow(dtype, doubles.data(), n, expected.data());
      std::vector<float> wide(n);
      std::vector<double> expected_wide(n);
      widen(dtype, slim.data(), n, wide.data());
      widen(dtype, expected.data(), n, expected_wide.data());
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < n; ++i) wrong += same(wide[i], expected_wide[i]) ? 0 : 1;
      INFO(hwy::TargetName(target) << " " << name_of(dtype));
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Conversions touch nothing outside n elements") {
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    for (const std::int32_t dtype : kDtypes)
      for (std::size_t n = 0; n <= 33; ++n) {
        const std::size_t size = format_of(dtype).bytes;
        Guarded slim(n * size, 0, true), wide(n * sizeof(double), 0, true);
        const std::uint64_t one = encode(1, dtype);
        for (std::size_t i = 0; i < n; ++i) std::memcpy(slim.data() + i * size, &one, size);
        const std::byte before_slim = *(slim.data() - 1), before_wide = *(wide.data() - 1);
        auto* doubles = reinterpret_cast<double*>(wide.data());
        widen(dtype, slim.data(), n, doubles);
        std::size_t right = 0;
        for (std::size_t i = 0; i < n; ++i) right += doubles[i] == 1 ? 1 : 0;
        CHECK(right == n);
        narrow(dtype, doubles, n, slim.data());
        CHECK(*(slim.data() - 1) == before_slim);
        CHECK(*(wide.data() - 1) == before_wide);
        if (dtype == KARAT_F64) continue;
        Guarded floats(n * sizeof(float), 0, true);
        const std::byte before_floats = *(floats.data() - 1);
        auto* const single = reinterpret_cast<float*>(floats.data());
        widen(dtype, slim.data(), n, single);
        for (std::size_t i = 0; i < n; ++i) right -= single[i] == 1 ? 1 : 0;
        CHECK(right == 0);
        narrow(dtype, single, n, slim.data());
        CHECK(*(slim.data() - 1) == before_slim);
        CHECK(*(floats.data() - 1) == before_floats);
      }
  }
}

}  // namespace
}  // namespace karat::kernels::testing
