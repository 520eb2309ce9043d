// SPDX-License-Identifier: MIT
#include "reference/numbers/format.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "reference/numbers/rounding.hpp"

using namespace karat;

TEST_CASE("format rows agree with the C types that have them") {
  const Format& f32 = format(Dtype::f32);
  CHECK(f32.infinity() == 0x7f800000u);
  CHECK(f32.max_finite() == std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max()));
  CHECK(f32.min_normal() == std::bit_cast<std::uint32_t>(std::numeric_limits<float>::min()));
  CHECK(f32.quiet_nan() == 0x7fc00000u);
  CHECK(f32.quantum() == -149);
  const Format& f64 = format(Dtype::f64);
  CHECK(f64.max_finite() == std::bit_cast<std::uint64_t>(std::numeric_limits<double>::max()));
  CHECK(f64.quantum() == -1074);
  CHECK(format(Dtype::f16).max_finite() == 0x7bffu);
  CHECK(to_double(format(Dtype::f16), 0x7bff) == 65504);
  CHECK(to_double(format(Dtype::bf16), 0x3f80) == 1);
}

TEST_CASE("every 16-bit value survives the way to a double and back") {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Format& f = format(dtype);
    std::int64_t previous = std::numeric_limits<std::int64_t>::min();
    for (Bits b = 0; b < 0x10000; ++b) {
      const double d = to_double(f, b);
      if (is_nan(f, b)) {
        REQUIRE(std::isnan(d));
        continue;
      }
      const auto back = exact_bits(f, d);
      REQUIRE(back.has_value());
      REQUIRE(*back == b);
      const auto read = parse(f, to_text(f, b));
      REQUIRE(read.has_value());
      REQUIRE(*read == b);
    }
    for (std::int64_t n = ordinal(f, f.infinity() | f.sign_mask()); n <= ordinal(f, f.infinity()); ++n) {
      REQUIRE(ordinal(f, from_ordinal(f, n)) == n);
      REQUIRE(n > previous);
      if (previous != std::numeric_limits<std::int64_t>::min())
        REQUIRE(to_double(f, from_ordinal(f, previous)) < to_double(f, from_ordinal(f, n)));
      previous = n;
    }
  }
}

TEST_CASE("every f32 exponent converts as the machine converts it") {
  const Format& f = format(Dtype::f32);
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << 32); b += 65537) {
    const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(b));
    if (std::isnan(x)) continue;
    REQUIRE(std::bit_cast<std::uint64_t>(to_double(f, b)) ==
            std::bit_cast<std::uint64_t>(static_cast<double>(x)));
    REQUIRE(exact_bits(f, x) == b);
  }
}

TEST_CASE("a value that is not representable has no exact bits") {
  CHECK_FALSE(exact_bits(format(Dtype::f32), 0.1));
  CHECK_FALSE(exact_bits(format(Dtype::f16), 65520));
  CHECK_FALSE(exact_bits(format(Dtype::bf16), 0x1.01p0));
  CHECK_FALSE(exact_bits(format(Dtype::f32), 0x1p-150));
  CHECK(exact_bits(format(Dtype::f32), 0x1p-149) == 1u);
}

TEST_CASE("text names payloads, and what is no number is refused") {
  const Format& f = format(Dtype::f32);
  CHECK(to_text(f, 0x7fc00000) == "nan");
  CHECK(to_text(f, 0xffc00001) == "nan:0xffc00001");
  CHECK(to_text(f, 0x80000000) == "-0x0p+0");
  CHECK(parse(f, "nan:0xffc00001") == 0xffc00001u);
  CHECK(parse(f, "-inf") == 0xff800000u);
  for (const char* text : {"", "-", "+", "x", "1.5x", "0x", "nan:", "nan:0x1", "infinity2", "--1", "1e",
                           "nanx", "0x1p", "nan:0x1ffffffffffffffff", " 1", "1 ", "@inf@", "-@nan@"})
    CHECK_FALSE(parse(f, text).has_value());
}
