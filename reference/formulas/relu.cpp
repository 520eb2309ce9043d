// SPDX-License-Identifier: MIT
#include "reference/rows.hpp"

namespace karat {
namespace {

// A mask of a NaN: frameworks give 0, the upstream gradient, or NaN.
Specials masked_nan(double dy, double mask_input, Specials otherwise) {
  constexpr const char* policy = "mask_gradient_at_nan";
  if (std::isnan(mask_input))
    return {{.value = nan_value},
            {.value = 0.0, .policy = policy},
            {.value = -0.0, .policy = policy},
            {.value = dy, .policy = policy}};
  if (std::isnan(dy) && mask_input <= 0)
    return {{.value = nan_value}, {.value = 0.0, .policy = policy}, {.value = -0.0, .policy = policy}};
  if (std::isnan(dy)) return exactly(nan_value);
  return otherwise;
}

struct Relu {
  template <class T>
  static T value(const T& x) {
    return max(x, 0);
  }
  template <class T>
  static T slope(const T& x) {
    return x > 0 ? T(1) : T(0);
  }
  static Specials special(double x) { return x == infinity ? exactly(infinity) : nan_if_nan(x); }
  static Specials derivative_special(double dy, double x) { return masked_nan(dy, x, by_formula()); }
};

// y > 0 exactly where x > 0.
struct FromOutput {
  template <class T>
  static T value(const T& dy, const T& y) {
    return y > 0 ? dy : T(0);
  }
  template <class T>
  static std::array<T, 2> slope(const T&, const T& y) {
    return {T(y > 0 ? 1 : 0), T(0)};
  }
  static Specials special(double dy, double y) { return masked_nan(dy, y, by_formula()); }
};

const Row forward{elementwise<Relu>({
    .name = "relu",
    .family = "activation",
    .formula = "relu(x) = max{x, 0}",
    .source = "seed (10)",
    .notes = "NaN propagates; a zero result may have either sign.",
    .inputs = {{.name = "x", .directed = {1, -1}}},
    .outputs = {"y"},
    .laws = {"monotone"},
    .range = Interval{0, infinity},
})};

const Row backward{elementwise<Backward<Relu>>({
    .name = "relu_backward",
    .family = "activation",
    .formula = "dx = dy · relu'(x), relu'(x) = 1 for x > 0, 0 for x ≤ 0",
    .source = "derivative of seed (10)",
    .notes = "relu'(0) = 0. At x = NaN: NaN, 0 or dy (policy mask_gradient_at_nan).",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false}, {.name = "x", .directed = {1, -1}}},
    .outputs = {"dx"},
})};

const Row from_output{elementwise<FromOutput>({
    .name = "relu_backward_from_output",
    .family = "activation",
    .formula = "dx = dy for y > 0, 0 for y ≤ 0",
    .source = "derivative of seed (10)",
    .notes = "In terms of the forward output y. At y = NaN: NaN, 0 or dy (policy mask_gradient_at_nan).",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false},
               {.name = "y", .directed = {1}, .typical = {0, 8}}},
    .outputs = {"dx"},
})};

}  // namespace
}  // namespace karat
