// SPDX-License-Identifier: MIT
#include "reference/rows.hpp"

namespace karat {
namespace {

struct Sigmoid {
  template <class T>
  static T value(const T& x) {
    return 1 / (1 + exp(-x));
  }
  template <class T>
  static T slope(const T& x) {
    return value(x) * (1 - value(x));
  }

  static Specials special(double x) {
    if (x == -infinity) return exactly(+0.0);
    if (x == infinity) return exactly(1);
    return nan_if_nan(x);
  }
  static Bounds bounds(const Enclosure&) { return {.above = 0, .below = 1}; }

  static Specials derivative_special(double dy, double x) {
    if (!std::isnan(dy) && std::isinf(x)) return either_zero();
    return nan_if_nan(dy, x);
  }
  static Bounds derivative_bounds(const Enclosure&) { return {.above = 0, .below = 1}; }
};

// e^x is never large where it stands below.
struct StableSigmoid {
  template <class T>
  static T value(const T& x) {
    if (x >= 0) return 1 / (1 + exp(-x));
    const T e = exp(x);
    return e / (1 + e);
  }
};
// σ'(x) = σ(x) σ(−x), and the same from e^(−|x|).
struct ProductOfSigmoids {
  template <class T>
  static T value(const T& dy, const T& x) {
    return dy * (StableSigmoid::value(x) * StableSigmoid::value(T(-x)));
  }
};
struct OneExponential {
  template <class T>
  static T value(const T& dy, const T& x) {
    const T e = exp(-abs(x)), s = 1 + e;
    return dy * (e / (s * s));
  }
};

// σ' = σ(1 − σ), a function of the output y that the kernel is given.
struct FromOutput {
  template <class T>
  static T value(const T& dy, const T& y) {
    return dy * y * (1 - y);
  }
  template <class T>
  static std::array<T, 2> slope(const T& dy, const T& y) {
    return {T(y * (1 - y)), T(dy * (1 - 2 * y))};
  }
};

const Row forward{elementwise<Sigmoid, StableSigmoid>({
    .name = "sigmoid",
    .family = "activation",
    .formula = "σ(x) = 1 / (1 + e^(−x))",
    .source = "seed (7)",
    .notes = "σ(−∞) = +0, σ(+∞) = 1; strictly between 0 and 1 for every finite x.",
    .inputs = {{.name = "x",
                .directed = {0.5, -1, 17, -17, 88.5, 89, -88.5, -89, -103.9, -104, 710, -745},
                .typical = {-110, 40}}},
    .outputs = {"y"},
    .laws = {"complement_in x", "monotone"},
    .range = Interval{0, 1},
})};

const Row backward{elementwise<Backward<Sigmoid>, ProductOfSigmoids, OneExponential>({
    .name = "sigmoid_backward",
    .family = "activation",
    .formula = "dx = dy · σ'(x)",
    .source = "seed (7), (8)",
    .notes = "Judged by the derivative of σ(x) = 1 / (1 + e^(−x)); σ' = σ(1 − σ). Zero of either sign at ±∞.",
    .inputs =
        {{.name = "dy", .typical = {-2, 2}, .infinities = false},
         {.name = "x", .directed = {0.5, 17, -17, 88.5, -88.5, -104, 710, -745}, .typical = {-110, 110}}},
    .outputs = {"dx"},
})};

const Row from_output{elementwise<FromOutput>({
    .name = "sigmoid_backward_from_output",
    .family = "activation",
    .formula = "dx = dy · y (1 − y)",
    .source = "seed (8)",
    .notes = "In terms of the forward output y, exact on the bits of y that are given.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false},
               {.name = "y", .directed = {0.5, 0.25, 1}, .typical = {0, 1}, .domain = {0, 1}, .infinities = false}},
    .outputs = {"dx"},
})};

}  // namespace
}  // namespace karat
