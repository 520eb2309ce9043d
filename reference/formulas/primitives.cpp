// SPDX-License-Identifier: MIT
// The primitives that formulas and budgets count in.
#include "reference/rows.hpp"

namespace karat {
namespace {

struct Exp {
  template <class T>
  static T value(const T& x) {
    return exp(x);
  }
  template <class T>
  static T slope(const T& x) {
    return exp(x);
  }
  static Specials special(double x) {
    if (x == -infinity) return exactly(+0.0);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
  static Bounds bounds(const Enclosure&) { return {.above = 0}; }
};

struct Expm1 {
  template <class T>
  static T value(const T& x) {
    return exp(x) - 1;
  }
  template <class T>
  static T slope(const T& x) {
    return exp(x);
  }
  static Specials special(double x) {
    if (x == 0) return exactly(x);
    if (x == -infinity) return exactly(-1);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
  // e^x > 1 + x for x ≠ 0.
  static Bounds bounds(const Enclosure& x) { return {.above = max(x, -1)}; }
};

struct Log {
  template <class T>
  static T value(const T& x) {
    return log(x);
  }
  template <class T>
  static T slope(const T& x) {
    return 1 / x;
  }
  static Specials special(double x) {
    if (x == 0) return exactly(-infinity);
    if (x < 0) return exactly(nan_value);
    if (x == 1) return exactly(+0.0);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
};

struct Log1p {
  template <class T>
  static T value(const T& x) {
    return log(1 + x);
  }
  template <class T>
  static T slope(const T& x) {
    return 1 / (1 + x);
  }
  static Specials special(double x) {
    if (x == 0) return exactly(x);
    if (x == -1) return exactly(-infinity);
    if (x < -1) return exactly(nan_value);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
  // log(1 + x) < x for x ≠ 0.
  static Bounds bounds(const Enclosure& x) { return {.below = x}; }
};

struct Sqrt {
  template <class T>
  static T value(const T& x) {
    return sqrt(x);
  }
  template <class T>
  static T slope(const T& x) {
    return 1 / (2 * sqrt(x));
  }
  static Specials special(double x) {
    if (x == 0) return exactly(x);
    if (x < 0) return exactly(nan_value);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
};

// A library's own function, off by as many ulps as a level grants a primitive.
struct OwnExpm1 {
  template <class T>
  static T value(const T& x) {
    return expm1(x);
  }
};
struct OwnLog1p {
  template <class T>
  static T value(const T& x) {
    return log1p(x);
  }
};

Operator primitive(std::string name, std::string formula, std::string notes, InputRow x, std::optional<Interval> range = {}) {
  x.name = "x";
  return {.name = std::move(name),
          .family = "primitive",
          .formula = std::move(formula),
          .source = "IEEE 754-2019, section 9.2; C17, annex F",
          .notes = std::move(notes),
          .inputs = {std::move(x)},
          .outputs = {"y"},
          .laws = {"monotone"},
          .range = range};
}

const Row exp_row{elementwise<Exp>(
    primitive("exp", "e^x", "exp(−∞) = +0, exp(+∞) = +∞.",
              {.directed = {1, -1, 88.5, 88.7228, 89, -87.3, -88, -103.9, -104, 709.7, 710, -745, -746},
               .typical = {-110, 90}},
              Interval{0, infinity}))};
const Row expm1_row{elementwise<Expm1, OwnExpm1>(primitive(
    "expm1", "e^x − 1", "expm1(±0) = ±0, expm1(−∞) = −1, expm1(+∞) = +∞.",
    {.directed = {1, -1, 0.5, -0.5, -17, -17.5, 88.5, 89, 709.7, 710, -37, -40}, .typical = {-40, 90}},
    Interval{-1, infinity}))};
const Row log_row{elementwise<Log>(
    primitive("log", "log x", "log(±0) = −∞, log(1) = +0, NaN below 0.",
              {.directed = {1, 0.5, 2, 0.99999, 1.00001, 1e-40, 2.718281828}, .typical = {0, 4}}))};
const Row log1p_row{elementwise<Log1p, OwnLog1p>(
    primitive("log1p", "log(1 + x)", "log1p(±0) = ±0, log1p(−1) = −∞, NaN below −1.",
              {.directed = {-1, 0.5, -0.5, 1, -0.999999, 1e-40, 1e10}, .typical = {-1, 4}}))};
const Row sqrt_row{elementwise<Sqrt>(primitive("sqrt", "√x", "sqrt(±0) = ±0, NaN below 0.",
                                               {.directed = {1, 2, 4, 0.25, 1e-40}, .typical = {0, 16}},
                                               Interval{0, infinity}))};

}  // namespace
}  // namespace karat
