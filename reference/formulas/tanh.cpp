// SPDX-License-Identifier: MIT
#include "reference/rows.hpp"

namespace karat {
namespace {

struct Tanh {
  template <class T>
  static T value(const T& x) {
    return (exp(x) - exp(-x)) / (exp(x) + exp(-x));
  }
  template <class T>
  static T slope(const T& x) {
    return 1 - value(x) * value(x);
  }

  static Specials special(double x) {
    if (std::isinf(x)) return exactly(x > 0 ? 1 : -1);
    if (x == 0) return exactly(x);  // odd: −0 stays −0
    return nan_if_nan(x);
  }
  // 0 < tanh(x) < min(x, 1) for x > 0, and odd.
  static Bounds bounds(const Enclosure& x) {
    if (x > 0) return {.above = 0, .below = min(x, 1)};
    if (x < 0) return {.above = max(x, -1), .below = 0};
    return {};
  }

  static Specials derivative_special(double dy, double x) {
    if (!std::isnan(dy) && std::isinf(x)) return either_zero();
    return nan_if_nan(dy, x);
  }
  static Bounds derivative_bounds(const Enclosure& x) {
    if (is_exact_zero(x)) return {};  // exactly 1 there
    return {.above = 0, .below = 1};
  }
};

// −t/(2 + t) with t = e^(−2|x|) − 1, and the sign of x.
struct StableTanh {
  template <class T>
  static T value(const T& x) {
    const T t = expm1(-2 * abs(x)), y = t / (2 + t);
    return x >= 0 ? T(-y) : y;
  }
};
// tanh' = sech² = 4e/(1 + e)², e = e^(−2|x|)
struct SechSquared {
  template <class T>
  static T value(const T& dy, const T& x) {
    const T e = exp(-2 * abs(x)), s = 1 + e;
    return dy * (4 * e / (s * s));
  }
};

struct FromOutput {
  template <class T>
  static T value(const T& dy, const T& y) {
    return dy * (1 - y * y);
  }
  template <class T>
  static std::array<T, 2> slope(const T& dy, const T& y) {
    return {T(1 - y * y), T(-2 * dy * y)};
  }
};

struct ProductForm {
  template <class T>
  static T value(const T& dy, const T& y) {
    return dy * ((1 - y) * (1 + y));
  }
};
struct DifferenceForm {
  template <class T>
  static T value(const T& dy, const T& y) {
    return dy - dy * (y * y);
  }
};

const Row forward{elementwise<Tanh, StableTanh>({
    .name = "tanh",
    .family = "activation",
    .formula = "tanh(x) = (e^x − e^(−x)) / (e^x + e^(−x))",
    .source = "seed (12)",
    .notes = "Odd, −0 stays −0, ±1 at ±∞; |tanh(x)| < min(|x|, 1) for finite x ≠ 0.",
    .inputs = {{.name = "x",
                .directed = {0.5, -0.5, 1, 8.8, 8.9, 8.99, 9, 9.02, -8.9, 19.0625, 22, 10.6, 0.0002441,
                             0.625},
                .typical = {-20, 20}}},
    .outputs = {"y"},
    .laws = {"odd_in x", "monotone"},
    .range = Interval{-1, 1},
})};

const Row backward{elementwise<Backward<Tanh>, SechSquared>({
    .name = "tanh_backward",
    .family = "activation",
    .formula = "dx = dy · tanh'(x)",
    .source = "derivative of seed (12)",
    .notes = "tanh' = 1 − tanh². Zero of either sign at ±∞.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false},
               {.name = "x", .directed = {0.5, -9, 9, 19, 45, 51, 372}, .typical = {-55, 55}}},
    .outputs = {"dx"},
})};

const Row from_output{elementwise<FromOutput, FromOutput, ProductForm, DifferenceForm>({
    .name = "tanh_backward_from_output",
    .family = "activation",
    .formula = "dx = dy (1 − y²)",
    .source = "derivative of seed (12)",
    .notes = "In terms of the forward output y, exact on the bits of y that are given.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false},
               {.name = "y", .directed = {0.5, -0.5, 1, -1}, .typical = {-1, 1}, .domain = {-1, 1}, .infinities = false}},
    .outputs = {"dx"},
})};

}  // namespace
}  // namespace karat
