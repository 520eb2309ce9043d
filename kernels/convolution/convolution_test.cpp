// SPDX-License-Identifier: MIT
// The three sums of a convolution beside their formula, product by product, on every instruction set.
#include "kernels/convolution/convolution.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {
namespace {

enum class Result { small, big, weights };

struct Numbers {
  std::vector<double> big, small, weights, bias;
};

Numbers random_numbers(const Convolution& c, std::int32_t dtype, std::mt19937_64& random) {
  Numbers n;
  const auto fill = [&](std::vector<double>& values, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) values.push_back(random_between(random, dtype, -2, 2));
  };
  fill(n.big, c.big_count());
  fill(n.small, c.small_count());
  fill(n.weights, c.weights_count());
  fill(n.bias, c.groups * std::max(c.big_channels, c.small_channels));
  return n;
}

// What a sum is, and what it may be off by: its terms' magnitudes, how many they are.
struct Expected {
  std::vector<long double> sum, magnitude, special;  // special: of products that are not finite
  std::vector<std::int64_t> terms;
  std::vector<bool> is_special;
  explicit Expected(std::size_t n) : sum(n), magnitude(n), special(n), terms(n), is_special(n) {}
  void add(std::int64_t at, double a, double b) {
    const auto i = static_cast<std::size_t>(at);
    ++terms[i];
    const long double product = static_cast<long double>(a) * b;
    if (!std::isfinite(a) || !std::isfinite(b)) {
      special[i] += product;
      is_special[i] = true;
      return;
    }
    sum[i] += product;
    magnitude[i] += std::fabs(product);
  }
};

Expected expected(const Convolution& c, const Numbers& numbers, Result result, bool biased) {
  Expected e(static_cast<std::size_t>(result == Result::small ? c.small_count()
                                      : result == Result::big ? c.big_count()
                                                              : c.weights_count()));
  const auto value = [](const std::vector<double>& v, std::int64_t at) { return v[static_cast<std::size_t>(at)]; };
  const auto each = [](std::int64_t n, const auto& body) {
    for (std::int64_t i = 0; i < n; ++i) body(i);
  };
  each(c.batch, [&](std::int64_t n) {
    each(c.groups, [&](std::int64_t g) {
      each(c.small_channels, [&](std::int64_t m) {
        each(c.big_channels, [&](std::int64_t b) {
          each(c.height.kernel, [&](std::int64_t kh) {
            each(c.width.kernel, [&](std::int64_t kw) {
              const std::int64_t pair = c.weights_by_big ? b * c.small_channels + m : m * c.big_channels + b;
              const std::int64_t weight =
                  ((g * c.small_channels * c.big_channels + pair) * c.height.kernel + kh) * c.width.kernel + kw;
              const std::int64_t small_plane = ((n * c.groups + g) * c.small_channels + m) * c.height.small;
              const std::int64_t big_plane = ((n * c.groups + g) * c.big_channels + b) * c.height.big;
              each(c.height.small, [&](std::int64_t p) {
                each(c.width.small, [&](std::int64_t q) {
                  const std::int64_t h = p * c.height.stride + kh * c.height.dilation - c.height.padding;
                  const std::int64_t w = q * c.width.stride + kw * c.width.dilation - c.width.padding;
                  if (h < 0 || h >= c.height.big || w < 0 || w >= c.width.big) return;
                  const std::int64_t small = (small_plane + p) * c.width.small + q, big = (big_plane + h) * c.width.big + w;
                  if (result == Result::small) e.add(small, value(numbers.big, big), value(numbers.weights, weight));
                  if (result == Result::big) e.add(big, value(numbers.small, small), value(numbers.weights, weight));
                  if (result == Result::weights) e.add(weight, value(numbers.big, big), value(numbers.small, small));
                });
              });
              if (result != Result::big || !c.inserted_zeros || std::isfinite(value(numbers.weights, weight))) return;
              each(c.height.big, [&](std::int64_t h) {
                each(c.width.big, [&](std::int64_t w) {
                  const std::int64_t p = h + c.height.padding - kh * c.height.dilation,
                                     q = w + c.width.padding - kw * c.width.dilation;
                  const bool inside = p >= 0 && p <= (c.height.small - 1) * c.height.stride && q >= 0 &&
                                      q <= (c.width.small - 1) * c.width.stride;
                  if (inside && (p % c.height.stride != 0 || q % c.width.stride != 0))
                    e.add((big_plane + h) * c.width.big + w, 0, value(numbers.weights, weight));
                });
              });
            });
          });
        });
      });
    });
  });
  if (!biased || result == Result::weights) return e;
  const std::int64_t channels = c.groups * (result == Result::small ? c.small_channels : c.big_channels);
  const std::int64_t plane = result == Result::small ? c.height.small * c.width.small : c.height.big * c.width.big;
  for (std::size_t i = 0; i < e.sum.size(); ++i)
    e.add(static_cast<std::int64_t>(i), value(numbers.bias, static_cast<std::int64_t>(i) / plane % channels), 1);
  return e;
}

Guarded stored(const std::vector<double>& values, std::int32_t dtype, bool at_end) {
  const std::size_t size = format_of(dtype).bytes;
  Guarded memory(values.size() * size, 0, at_end);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = encode(values[i], dtype);
    std::memcpy(memory.data() + i * size, &bits, size);
  }
  return memory;
}

std::vector<double> computed(const Convolution& c, const Numbers& numbers, std::int32_t dtype, Result result, bool biased,
                             int threads = 1, bool at_end = true) {
  const Guarded big = stored(numbers.big, dtype, at_end), small = stored(numbers.small, dtype, at_end),
                weights = stored(numbers.weights, dtype, at_end), bias = stored(numbers.bias, dtype, at_end);
  const std::size_t size = format_of(dtype).bytes;
  const auto count = static_cast<std::size_t>(result == Result::small ? c.small_count()
                                              : result == Result::big ? c.big_count()
                                                                      : c.weights_count());
  const Guarded out(count * size, 0, at_end);
  const std::size_t bytes = result == Result::small ? scratch_to_small(c, dtype)
                            : result == Result::big ? scratch_to_big(c, dtype)
                                                    : scratch_to_weights(c, dtype);
  const Guarded scratch((bytes + 63) / 64 * 64, 0, at_end);
  const void* const b = biased ? bias.data() : nullptr;
  if (result == Result::small) sum_to_small(c, dtype, big.data(), weights.data(), b, out.data(), scratch.data(), threads);
  if (result == Result::big) sum_to_big(c, dtype, small.data(), weights.data(), b, out.data(), scratch.data(), threads);
  if (result == Result::weights) sum_to_weights(c, dtype, big.data(), small.data(), out.data(), scratch.data(), threads);
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, out.data() + i * size, size);
    values.push_back(decode(bits, dtype));
  }
  return values;
}

// A sum of n products, each a rounding, in chains of 128 and less than a unit for what comes after.
void check_sums(const Expected& e, const std::vector<double>& got, std::int32_t dtype) {
  const Format format = format_of(dtype);
  const long double unit = std::ldexp(1.0L, dtype == KARAT_F64 ? -53 : -24);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto chain = static_cast<long double>(std::min<std::int64_t>(e.terms[i], 128) + (dtype == KARAT_F64 ? 1 : 0));
    const long double bound = chain * unit * e.magnitude[i] + ulp_of(e.sum[i], format) / 2 * (1 + 0x1p-20L);
    const bool ok = e.is_special[i]
                        ? (std::isnan(e.special[i]) ? std::isnan(got[i]) : static_cast<long double>(got[i]) == e.special[i])
                        : std::fabs(got[i] - e.sum[i]) <= bound;
    if (!ok && wrong++ == 0)
      UNSCOPED_INFO("element " << i << ": got " << got[i] << ", expected "
                               << static_cast<double>(e.is_special[i] ? e.special[i] : e.sum[i]) << " within "
                               << static_cast<double>(bound));
  }
  CHECK(wrong == 0);
}

void check_all(const Convolution& c, std::int32_t dtype, const Numbers& numbers, bool biased, bool at_end) {
  for (const Result result : {Result::small, Result::big, Result::weights}) {
    CAPTURE(static_cast<int>(result), name_of(dtype), c.batch, c.groups, c.big_channels, c.small_channels, c.height.big,
            c.height.small, c.height.kernel, c.height.stride, c.height.dilation, c.height.padding, c.width.big, c.width.small,
            c.width.kernel, c.width.stride, c.width.dilation, c.width.padding, c.weights_by_big, biased);
    check_sums(expected(c, numbers, result, biased), computed(c, numbers, dtype, result, biased, 1, at_end), dtype);
  }
}

std::int64_t between(std::mt19937_64& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
}

Convolution::Axis random_axis(std::mt19937_64& random, std::int64_t most) {
  return {between(random, 1, most), between(random, 1, most), between(random, 1, 4),
          between(random, 1, 3),    between(random, -2, 3),   between(random, -3, 4)};
}

// Small ones; now and then one axis is long or there are many channels.
Convolution random_convolution(std::mt19937_64& random) {
  const bool wide = random() % 4 == 0, deep = random() % 4 == 0, grouped = random() % 3 == 0;
  Convolution c{.batch = between(random, 1, 3),
                .groups = grouped ? between(random, 2, 5) : 1,
                .big_channels = between(random, 1, deep ? 40 : 7),
                .small_channels = between(random, 1, deep ? 20 : 7)};
  c.height = random_axis(random, 7);
  c.width = random_axis(random, wide ? 70 : 9);
  c.weights_by_big = c.groups == 1 && random() % 2 == 0;
  c.inserted_zeros = c.weights_by_big;
  return c;
}

// Larger than a part in rows, columns, chains and segments.
std::vector<Convolution> large_convolutions() {
  const Convolution::Axis same{.big = 20, .small = 20, .kernel = 3, .padding = 1}, point{.big = 33, .small = 33, .kernel = 1},
      strided{.big = 31, .small = 16, .kernel = 3, .stride = 2, .padding = 1}, one{.big = 1, .small = 1, .kernel = 1},
      few{.big = 9, .small = 9, .kernel = 3, .padding = 1};
  return {{.batch = 2, .big_channels = 33, .small_channels = 70, .height = same, .width = same},
          {.batch = 3, .big_channels = 65, .small_channels = 33, .height = point, .width = point},
          {.batch = 2, .big_channels = 17, .small_channels = 20, .height = strided, .width = strided},
          {.batch = 5, .big_channels = 300, .small_channels = 205, .height = one, .width = one},
          {.batch = 1, .big_channels = 120, .small_channels = 75, .height = few, .width = few},
          {.batch = 2, .groups = 37, .big_channels = 1, .small_channels = 1, .height = same, .width = strided},
          {.batch = 1, .groups = 3, .big_channels = 8, .small_channels = 2, .height = point, .width = same}};
}

TEST_CASE("The sums of a convolution are sums of its products") {
  std::mt19937_64 random(1);
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    CAPTURE(hwy::TargetName(target));
    for (const std::int32_t dtype : kDtypes)
      for (int i = 0; i < 60; ++i) {
        const Convolution c = random_convolution(random);
        check_all(c, dtype, random_numbers(c, dtype, random), i % 2 == 0, i % 3 != 0);
      }
  }
}

TEST_CASE("The sums of large convolutions are sums of their products, to the bit whatever the threads") {
  std::mt19937_64 random(2);
  for (const Convolution& c : large_convolutions())
    for (const std::int32_t dtype : kDtypes) {
      const Numbers numbers = random_numbers(c, dtype, random);
      check_all(c, dtype, numbers, true, true);
      for (const Result result : {Result::small, Result::big, Result::weights})
        CHECK(computed(c, numbers, dtype, result, true, 1) == computed(c, numbers, dtype, result, true, 3));
    }
}

TEST_CASE("A sample's results have the same bits alone and in a batch") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 40; ++i) {
    Convolution c = random_convolution(random);
    c.batch = 3;
    const Numbers numbers = random_numbers(c, KARAT_F32, random);
    Convolution alone = c;
    alone.batch = 1;
    for (const Result result : {Result::small, Result::big}) {
      const std::vector<double> all = computed(c, numbers, KARAT_F32, result, true);
      for (std::int64_t n = 0; n < c.batch; ++n) {
        const auto part = [&](const std::vector<double>& v) {
          const auto size = static_cast<std::ptrdiff_t>(v.size()) / c.batch;
          return std::vector<double>(v.begin() + n * size, v.begin() + (n + 1) * size);
        };
        Numbers sample = numbers;
        sample.big = part(numbers.big);
        sample.small = part(numbers.small);
        CHECK(computed(alone, sample, KARAT_F32, result, true) == part(all));
      }
    }
  }
}

TEST_CASE("Infinities and NaNs reach the sums that they are multiplied for, and no others") {
  std::mt19937_64 random(4);
  const double kSpecial[] = {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()};
  for (const std::int32_t dtype : kDtypes)
    for (int i = 0; i < 60; ++i) {
      const Convolution c = random_convolution(random);
      Numbers numbers = random_numbers(c, dtype, random);
      for (std::vector<double>* const tensor : {&numbers.big, &numbers.small, &numbers.weights})
        for (std::uint64_t n = random() % 3; n-- > 0;) (*tensor)[random() % tensor->size()] = kSpecial[random() % 3];
      check_all(c, dtype, numbers, false, true);
    }
}

TEST_CASE("A sum's sign of zero does not depend on where it lies") {
  const Convolution::Axis one{.big = 1, .small = 1, .kernel = 1}, row{.big = 50, .small = 50, .kernel = 1};
  const Convolution c{.batch = 1, .big_channels = 1, .small_channels = 1, .height = one, .width = row};
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    for (const std::int32_t dtype : {KARAT_F64, KARAT_F32}) {
      const double tiny = dtype == KARAT_F64 ? 1e-200 : 0x1p-100;  // its square underflows
      Numbers numbers;
      numbers.big.assign(50, -tiny);
      numbers.weights = {tiny};
      numbers.bias = {-0.0};
      std::vector<bool> negative;
      for (const double y : computed(c, numbers, dtype, Result::small, true)) {
        CHECK(y == 0);
        negative.push_back(std::signbit(y));
      }
      CAPTURE(hwy::TargetName(target), dtype);
      CHECK(negative == std::vector<bool>(50, negative[0]));
    }
  }
}

TEST_CASE("Sums of nothing are 0 or the bias") {
  const Convolution::Axis axis{.big = 3, .small = 2, .kernel = 2};
  const Convolution no_channels{.batch = 1, .big_channels = 0, .small_channels = 2, .height = axis, .width = axis};
  const Convolution no_samples{.batch = 0, .big_channels = 2, .small_channels = 2, .height = axis, .width = axis};
  for (const std::int32_t dtype : kDtypes) {
    std::mt19937_64 random(5);
    for (const Convolution& c : {no_channels, no_samples}) check_all(c, dtype, random_numbers(c, dtype, random), true, true);
  }
}

}  // namespace
}  // namespace karat::kernels::testing
