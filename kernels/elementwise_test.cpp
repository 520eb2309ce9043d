// SPDX-License-Identifier: MIT
// Every elementwise kernel against the 64-bit significands of long double.
// `kernels_elementwise_test "[.measure]"` prints the largest error of each.
#include "kernels/elementwise.hpp"

#include <catch2/catch.hpp>

#include <cstdio>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {
namespace {

using Real = long double;
constexpr Real kInf = std::numeric_limits<Real>::infinity();

struct Reference {
  const char* op;
  Real (*value)(const Real* in, const Real* attributes);
  int inputs;
  double f64_ulp;  // measured, and a margin of about 0.1
  std::vector<std::vector<Attribute>> attributes = {{}};
};

Real logistic(Real t) { return t >= 0 ? 1 / (1 + std::exp(-t)) : std::exp(t) / (1 + std::exp(t)); }
Real slope(Real t) {
  const Real z = std::exp(-std::fabs(t));
  return z / ((1 + z) * (1 + z));
}
// βx as a sum: times e^x its rounding would be seen.
Real scaled_tail(Real x, Real beta) { return std::isfinite(beta * x) ? std::fma(beta, x, -(beta * x)) : 0; }
Real softplus(const Real* in, const Real* a) {
  const Real t = a[0] * in[0], low = scaled_tail(in[0], a[0]);
  if (t > a[1]) return in[0];
  const Real z = std::exp(-std::fabs(t)) * (1 + (t < 0 ? low : -low));
  return (t > 0 ? in[0] : 0) + std::log1p(z) / a[0];
}
Real softplus_backward(const Real* in, const Real* a) {
  const Real t = a[0] * in[1], low = scaled_tail(in[1], a[0]);
  if (t > a[1]) return in[0];
  return in[0] * logistic(t) * (1 + low * (1 - logistic(t)));
}

const std::vector<std::vector<Attribute>> kAlphas = {{{"alpha", 0x1.47ae14p-7}}, {{"alpha", 2}}};
const std::vector<std::vector<Attribute>> kBetas = {{{"beta", 1}, {"threshold", INFINITY}},
                                                    {{"beta", 0x1.99999ap-1}, {"threshold", INFINITY}},
                                                    {{"beta", 100}, {"threshold", INFINITY}},
                                                    {{"beta", 3}, {"threshold", 0.5}},
                                                    {{"beta", 0x1p-60}, {"threshold", 20}}};

const std::vector<Reference>& references() {
  static const std::vector<Reference> all = {
      {"exp", [](const Real* in, const Real*) { return std::exp(in[0]); }, 1, 0.8},
      {"expm1", [](const Real* in, const Real*) { return std::expm1(in[0]); }, 1, 1},
      {"log", [](const Real* in, const Real*) { return std::log(in[0]); }, 1, 0.8},
      {"log1p", [](const Real* in, const Real*) { return std::log1p(in[0]); }, 1, 0.9},
      {"sqrt", [](const Real* in, const Real*) { return std::sqrt(in[0]); }, 1, 0.501},
      {"sigmoid", [](const Real* in, const Real*) { return logistic(in[0]); }, 1, 0.8},
      {"tanh", [](const Real* in, const Real*) { return std::tanh(in[0]); }, 1, 0.9},
      {"relu", [](const Real* in, const Real*) { return std::max<Real>(in[0], 0); }, 1, 0},
      {"leaky_relu", [](const Real* in, const Real* a) { return in[0] > 0 ? in[0] : a[0] * in[0]; }, 1, 0.501,
       kAlphas},
      {"softplus", softplus, 1, 2, kBetas},
      {"sigmoid_backward", [](const Real* in, const Real*) { return in[0] * slope(in[1]); }, 2, 1.6},
      {"tanh_backward", [](const Real* in, const Real*) { return in[0] * 4 * slope(2 * in[1]); }, 2, 1.6},
      {"relu_backward", [](const Real* in, const Real*) { return in[1] > 0 ? in[0] : 0; }, 2, 0},
      {"leaky_relu_backward", [](const Real* in, const Real* a) { return in[1] > 0 ? in[0] : a[0] * in[0]; },
       2, 0.501, kAlphas},
      {"softplus_backward", softplus_backward, 2, 1.6, kBetas},
      {"sigmoid_backward_from_output",
       [](const Real* in, const Real*) { return in[0] * in[1] * (1 - in[1]); }, 2, 2.1},
      {"tanh_backward_from_output",
       [](const Real* in, const Real*) { return in[0] * ((1 - in[1]) * (1 + in[1])); }, 2, 2.6},
      {"relu_backward_from_output", [](const Real* in, const Real*) { return in[1] > 0 ? in[0] : 0; }, 2, 0},
      {"leaky_relu_backward_from_output",
       [](const Real* in, const Real* a) { return in[1] > 0 ? in[0] : a[0] * in[0]; }, 2, 0.501, kAlphas},
  };
  return all;
}

constexpr double kDirected[] = {0.0,
                                0.5,
                                1,
                                2,
                                17,
                                20,
                                22,
                                36.7,
                                40,
                                64,
                                88.5,
                                88.72284,
                                89,
                                103.9,
                                104,
                                350,
                                700,
                                708.4,
                                709.78,
                                709.79,
                                710,
                                744.44,
                                745.13,
                                745.14,
                                746,
                                1000,
                                1400,
                                3000,
                                5000,
                                1e10,
                                1e300,
                                0x1.62e42fefa39efp-1,
                                0x1.62e42fefa39efp-2,
                                0x1.62e42fefa39efp+9,
                                0x1.6a09e667f3bcdp-1,
                                0x1.6a09e667f3bcdp+0,
                                1e-5,
                                1e-8,
                                0x1p-53,
                                0x1p-54,
                                1e-17,
                                1e-100,
                                1e-300,
                                5e-324,
                                0x1p-1022,
                                0x1p-126,
                                0x1p-149,
                                0x1p-14,
                                0x1p-24};

// Bit-uniform, uniform in ranges where the functions bend, near ±1, and directed numbers.
std::vector<double> samples(std::mt19937_64& random, std::int32_t dtype, std::size_t n) {
  std::vector<double> result;
  for (const double d : kDirected) {
    const auto v = static_cast<double>(rounded(d, format_of(dtype)));
    for (const double x : {v, -v})
      if (std::isfinite(x)) result.push_back(x);
  }
  const double spans[] = {1500, 750, 110, 40, 2, 0.5, 1e-3};
  for (std::size_t i = 0; result.size() < n; ++i) {
    if (i % 3 == 0) {
      result.push_back(random_bits(random, dtype));
    } else if (i % 3 == 1) {
      const double span = spans[i / 3 % std::size(spans)];
      result.push_back(random_between(random, dtype, -span, span));
    } else {
      const double near = i % 2 == 0 ? 1 : -1;
      const double away = std::ldexp(random_between(random, dtype, -1, 1), -static_cast<int>(random() % 50));
      result.push_back(static_cast<double>(rounded(near + away, format_of(dtype))));
    }
  }
  return result;
}

// |got - y| in ulp of y; 0 where both overflow, are NaN, or are the same.
Real error_of(double got, Real y, const Format& f) {
  if (std::isnan(y)) return std::isnan(got) ? 0 : kInf;
  const Real slack = 1 - 0x1p-50L;
  if (std::isinf(got))
    return std::fabs(y) >= overflow_threshold(f) * slack && (got > 0) == (y > 0) ? 0 : kInf;
  if (std::isinf(y)) return kInf;
  const Real error = std::fabs(got - y) / ulp_of(y, f);
  return error >= 0 ? error : kInf;
}

// got is one of the two neighbours of y, or of a number nearer to y than long double tells.
bool is_faithful(double got, Real y, const Format& f) {
  if (std::isnan(y)) return std::isnan(got);
  if (std::isinf(got))
    return (got > 0) == (y > 0) &&
           std::fabs(y) > std::ldexp(2 - std::ldexp(1.0L, 1 - f.precision), f.max_exponent);
  // Distance below one ulp; an exact y tolerates no distance, but for what long double rounds.
  return std::fabs(got - y) < ulp_of(y, f) * (1 + 0x1p-50L);
}

struct Measured {
  Real max_ulp = 0;
  std::size_t unfaithful = 0, elements = 0;
  std::string worst;
};

Measured measure(const Reference& reference, std::int32_t dtype,
                 const std::vector<std::vector<double>>& inputs, const std::vector<Attribute>& attributes) {
  const Format f = format_of(dtype);
  std::vector<Real> exact;
  std::vector<Real> a;
  for (const auto& [name, value] : attributes) a.push_back(value);
  for (std::size_t i = 0; i < inputs[0].size(); ++i) {
    Real in[2] = {};
    for (std::size_t t = 0; t < inputs.size(); ++t) in[t] = inputs[t][i];
    exact.push_back(reference.value(in, a.data()));
  }
  Measured result;
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    const std::vector<double> got = run({.op = reference.op,
                                         .dtype = dtype,
                                         .inputs = inputs,
                                         .shape = {},
                                         .attributes = attributes,
                                         .threads = 2});
    for (std::size_t i = 0; i < got.size(); ++i) {
      ++result.elements;
      const bool faithful = is_faithful(got[i], exact[i], f);
      result.unfaithful += faithful ? 0 : 1;
      const Real error = error_of(got[i], exact[i], f);
      if (!(error <= result.max_ulp)) {
        result.max_ulp = error;
        char text[300];
        std::snprintf(text, sizeof text, "%s %s on %s at %a %a: got %a, exact %La, %.3Lf ulp", reference.op,
                      name_of(dtype), hwy::TargetName(target), inputs[0][i], inputs.back()[i], got[i],
                      exact[i], error);
        result.worst = text;
      }
    }
  }
  return result;
}

Measured measure(const Reference& reference, std::int32_t dtype, std::size_t n) {
  std::mt19937_64 random(7);
  Measured total;
  for (const auto& attributes : reference.attributes) {
    std::vector<std::vector<double>> inputs;
    for (int t = 0; t < reference.inputs; ++t) {
      inputs.push_back(samples(random, dtype, n / reference.attributes.size()));
      std::shuffle(inputs.back().begin(), inputs.back().end(), random);
    }
    const Measured m = measure(reference, dtype, inputs, attributes);
    total.elements += m.elements;
    total.unfaithful += m.unfaithful;
    if (!(m.max_ulp <= total.max_ulp)) {
      total.max_ulp = m.max_ulp;
      total.worst = m.worst;
    }
  }
  return total;
}

// ThreadSanitizer looks for races, and takes fifty times as long: fewer values do for that.
#ifdef KARAT_SANITIZE
constexpr std::size_t thinned = std::string_view(KARAT_SANITIZE) == "thread" ? 40 : 1;
#else
constexpr std::size_t thinned = 1;
#endif

TEST_CASE("Elementwise f64 kernels stay within their stated bounds on every target") {
  for (const Reference& reference : references()) {
    const Measured m = measure(reference, KARAT_F64, 200000 / thinned);
    INFO(m.worst);
    CHECK(m.max_ulp <= reference.f64_ulp);
  }
}

TEST_CASE("Elementwise f32 kernels are faithful on every target") {
  for (const Reference& reference : references()) {
    const Measured m = measure(reference, KARAT_F32, 400000 / thinned);
    INFO(m.worst);
    CHECK(m.unfaithful == 0);
    CHECK(m.max_ulp <= 0.5001L);
  }
}

TEST_CASE("Unary 16-bit kernels are faithful on all inputs") {
  for (const Reference& reference : references())
    for (const std::int32_t dtype : {KARAT_F16, KARAT_BF16}) {
      if (reference.inputs != 1) continue;
      std::vector<double> all;
      for (std::uint64_t bits = 0; bits < (1 << 16); ++bits)
        if (std::isfinite(decode(bits, dtype))) all.push_back(decode(bits, dtype));
      for (const auto& attributes : reference.attributes) {
        const Measured m = measure(reference, dtype, {all}, attributes);
        INFO(m.worst);
        CHECK(m.unfaithful == 0);
        CHECK(m.max_ulp <= 0.5001L);
      }
    }
}

TEST_CASE("Exact and fast kernels give in long calls, in place too, what they give alone") {
  std::mt19937_64 random(11);
  std::vector<double> x;
  const auto block = [&](auto value) {
    for (int i = 0; i < 128; ++i) x.push_back(static_cast<double>(rounded(value(i), format_of(KARAT_F32))));
  };
  block([&](int) { return random_between(random, KARAT_F32, -80, 80); });
  for (const int e : {-23, -24}) block([&](int i) { return std::ldexp(2 * i - 127, e); });  // sigmoid and exp beside the middle of two floats: left open
  block([&](int i) { return i == 77 ? 1e9 : random_between(random, KARAT_F32, -3, 3); });
  block([&](int i) { return i == 5 ? NAN : i == 6 ? -INFINITY : i == 7 ? 0.0 : i == 8 ? -0.0 : std::ldexp(i - 64, -149); });
  block([&](int) { return random_between(random, KARAT_F32, -110, -80); });  // subnormal results
  block([&](int) { return std::fabs(random_between(random, KARAT_F32, -2, 2)); });
  block([](int) { return 0.0; });
  block([](int) { return -0x1.0f4ap-131; });  // softplus for the second of the large β: beside the middle of two subnormal results
  for (int i = 0; i < 37; ++i) x.push_back(i);
  std::size_t kernels = 0;
  for (const karat_kernel& row : rows()) {
    const std::string_view name = row.kernel;
    if (row.dtype != KARAT_F32 || row.claim == nullptr || !(name.ends_with("_exact") || name.ends_with("_fast"))) continue;
    ++kernels;
    std::vector<std::vector<Attribute>> variants{{}};
    if (row.op == std::string_view("softplus")) {
      variants = kBetas;
      for (const double beta : {0x1.8p127, 0x1.63f524p+125}) variants.push_back({{"beta", beta}, {"threshold", INFINITY}});  // subnormal results even of zeros
    }
    for (const std::vector<Attribute>& attributes : variants) {
      const auto bits = [&](const std::vector<double>& in, int in_place) {
        return run_bits({.op = row.op, .dtype = KARAT_F32, .inputs = {in}, .shape = {}, .attributes = attributes, .in_place = in_place, .kernel = row.kernel});
      };
      for (const std::int64_t target : targets()) {
        const OnTarget on(target);
        std::vector<std::uint64_t> alone;
        for (const double v : x) alone.push_back(bits({v}, -1)[0]);
        CAPTURE(row.kernel, hwy::TargetName(target), attributes.empty() ? 0 : attributes[0].second);
        CHECK(bits(x, -1) == alone);
        CHECK(bits(x, 0) == alone);
      }
    }
  }
  CHECK(kernels == 14);
}

TEST_CASE("Binary 16-bit kernels are faithful on random inputs") {
  for (const Reference& reference : references())
    for (const std::int32_t dtype : {KARAT_F16, KARAT_BF16}) {
      if (reference.inputs != 2) continue;
      const Measured m = measure(reference, dtype, 100000 / thinned);
      INFO(m.worst);
      CHECK(m.unfaithful == 0);
    }
}

TEST_CASE("Softplus stays accurate for beta at both ends of the range") {
  for (const double beta : {1e300, 1e-300, 1e-310, 0x1.fffffp-3})
    for (const char* op : {"softplus", "softplus_backward"})
      for (const Reference& reference : references()) {
        if (std::string_view(reference.op) != op) continue;
        std::mt19937_64 random(9);
        std::vector<std::vector<double>> inputs(static_cast<std::size_t>(reference.inputs));
        for (int i = 0; i < 20000; ++i) {
          if (reference.inputs == 2) inputs[0].push_back(random_between(random, KARAT_F64, -2, 2));
          const double t = random_between(random, KARAT_F64, -740, 740);
          inputs.back().push_back(i % 2 == 0 && std::isfinite(t / beta) ? t / beta
                                                                        : random_bits(random, KARAT_F64));
        }
        const Measured m = measure(reference, KARAT_F64, inputs, {{"beta", beta}, {"threshold", INFINITY}});
        INFO(m.worst);
        CHECK(m.max_ulp <= 2.5L);
      }
}

TEST_CASE("Largest errors of the elementwise kernels", "[.measure]") {
  for (const Reference& reference : references())
    for (const std::int32_t dtype : kDtypes) {
      const Measured m = measure(reference, dtype, dtype == KARAT_F64 ? 1000000 : 3000000);
      std::printf("%-32s %-4s %9zu elements, %zu not faithful, max %.4Lf ulp  %s\n", reference.op,
                  name_of(dtype), m.elements, m.unfaithful, m.max_ulp, m.worst.c_str());
      CHECK(m.max_ulp <= (dtype == KARAT_F64 ? reference.f64_ulp : 0.5001L));
    }
}

}  // namespace
}  // namespace karat::kernels::testing
