// SPDX-License-Identifier: MIT
#include "reference/rows.hpp"

namespace karat {
namespace {

struct Softplus {
  template <class T>
  static T value(const T& x, const T& beta, const T& threshold) {
    if (beta * x > threshold) return x;
    return log(1 + exp(beta * x)) / beta;
  }
  template <class T>
  static T slope(const T& x, const T& beta, const T& threshold) {
    return beta * x > threshold ? T(1) : T(1 / (1 + exp(-beta * x)));
  }
  static bool cut(const Enclosure& x, const Enclosure& beta, const Enclosure& threshold) {
    return beta * x > threshold;
  }

  static Specials special(double x, double, double) {
    if (x == -infinity) return exactly(+0.0);
    if (x == infinity) return exactly(infinity);
    return nan_if_nan(x);
  }
  // log(1 + e^t) > max(t, 0), so softplus(x) > max(x, 0).
  static Bounds bounds(const Enclosure& x, const Enclosure& beta, const Enclosure& threshold) {
    if (cut(x, beta, threshold)) return {};
    return {.above = max(x, 0)};
  }

  static Specials derivative_special(double dy, double x, double, double) {
    if (std::isnan(dy) || std::isnan(x)) return exactly(nan_value);
    if (x == -infinity) return either_zero();
    if (x == infinity) return exactly(dy);
    return by_formula();
  }
  static Bounds derivative_bounds(const Enclosure& x, const Enclosure& beta, const Enclosure& threshold) {
    if (cut(x, beta, threshold)) return {};
    return {.above = 0, .below = 1};
  }
};

// max(βx, 0) + log1p(e^(−|βx|)), over β
struct StableSoftplus {
  template <class T>
  static T value(const T& x, const T& beta, const T& threshold) {
    const T t = beta * x;
    if (t > threshold) return x;
    return (max(t, T(0)) + log1p(exp(-abs(t)))) / beta;
  }
};
// log1p(e^(βx)) over β, as frameworks have it, up to 20; beyond, e^(βx) would overflow in the end.
struct LogOfExponential {
  template <class T>
  static T value(const T& x, const T& beta, const T& threshold) {
    const T t = beta * x;
    if (t > threshold) return x;
    if (t > 20) return StableSoftplus::value(x, beta, threshold);
    return log1p(exp(t)) / beta;
  }
};
struct StableBackward {
  template <class T>
  static T value(const T& dy, const T& x, const T& beta, const T& threshold) {
    const T t = beta * x;
    if (t > threshold) return dy;
    const T e = exp(-abs(t));
    return dy * (t >= 0 ? T(1 / (1 + e)) : T(e / (1 + e)));
  }
};

std::vector<AttributeRow> attribute_rows() {
  return {{.name = "beta",
           .standard = 1,
           .domain = "β > 0",
           .directed = {1, 2, 1, 1},
           .valid = [](double beta) { return beta > 0 && std::isfinite(beta); }},
          {.name = "threshold",
           .standard = infinity,
           .domain = "+∞: no cut-off",
           .directed = {infinity, infinity, 20, 0.5},
           .valid = [](double threshold) { return !std::isnan(threshold); }}};
}

const Row forward{elementwise<Softplus, StableSoftplus, LogOfExponential>({
    .name = "softplus",
    .family = "activation",
    .formula = "softplus(x) = log(1 + e^(βx)) / β",
    .source = "seed (13) with β = 1",
    .notes = "Standard: β = 1, no cut-off. Variant: x itself where βx > threshold (PyTorch's form; strictly "
             "greater).",
    .inputs = {{.name = "x",
                .directed = {0.5, 0.25, 1, 20, 20.5, 88, 89, 100, -100, -17, -87.5, -103.9, -104, -745, 1000},
                .typical = {-110, 110}}},
    .outputs = {"y"},
    .attributes = attribute_rows(),
    .range = Interval{0, infinity},
})};

const Row backward{elementwise<Backward<Softplus>, StableBackward>({
    .name = "softplus_backward",
    .family = "activation",
    .formula = "dx = dy · σ(βx)",
    .source = "derivative of seed (13)",
    .notes = "The derivative of softplus is the sigmoid; 1 where the variant cuts off.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false},
               {.name = "x", .directed = {0.5, 20, 20.5, 89, -89, -104, -745}, .typical = {-110, 40}}},
    .outputs = {"dx"},
    .attributes = attribute_rows(),
})};

}  // namespace
}  // namespace karat
