// SPDX-License-Identifier: MIT
#include "reference/rows.hpp"

namespace karat {
namespace {

struct LeakyRelu {
  template <class T>
  static T value(const T& x, const T& alpha) {
    return max(x, 0) + alpha * min(x, 0);
  }
  template <class T>
  static T slope(const T& x, const T& alpha) {
    return x > 0 ? T(1) : alpha;
  }
  static Specials special(double x, double) {
    if (std::isinf(x)) return exactly(x);
    return nan_if_nan(x);
  }
  // A mask of a NaN: the kernel takes either branch, or propagates it.
  static Specials derivative_special(double dy, double x, double alpha) {
    constexpr const char* policy = "mask_gradient_at_nan";
    if (std::isnan(x) && !std::isnan(dy))
      return {{.value = nan_value}, {.value = dy, .policy = policy}, {.value = alpha * dy, .policy = policy}};
    return nan_if_nan(dy, x);
  }
};

// y > 0 exactly where x > 0, as long as α ≥ 0.
struct FromOutput {
  template <class T>
  static T value(const T& dy, const T& y, const T& alpha) {
    return y > 0 ? dy : alpha * dy;
  }
  template <class T>
  static std::array<T, 2> slope(const T&, const T& y, const T& alpha) {
    return {y > 0 ? T(1) : alpha, T(0)};
  }
  static Specials special(double dy, double y, double alpha) {
    return LeakyRelu::derivative_special(dy, y, alpha);
  }
};

AttributeRow alpha_row(double standard) {
  return {.name = "alpha",
          .standard = standard,
          .domain = "α > 0",
          .directed = {standard, 0.25, 2},  // α > 1 tells max{x,0} + α·min{x,0} from max{x, αx}
          .valid = [](double alpha) { return alpha > 0 && std::isfinite(alpha); }};
}
// 0.01 as f32 has it, so that it is exact in every compute type.
constexpr double usual_alpha = 0x1.47ae14p-7;

const Row forward{elementwise<LeakyRelu>({
    .name = "leaky_relu",
    .family = "activation",
    .formula = "leaky_relu(x) = max{x, 0} + α·min{x, 0}",
    .source = "seed (11)",
    .notes = "Not max{x, αx}: they differ for α > 1. NaN propagates; ±∞ stay.",
    .inputs = {{.name = "x", .directed = {1, -1, -2}}},
    .outputs = {"y"},
    .attributes = {alpha_row(usual_alpha)},
    .laws = {"monotone"},
})};

const Row backward{elementwise<Backward<LeakyRelu>>({
    .name = "leaky_relu_backward",
    .family = "activation",
    .formula = "dx = dy for x > 0, α·dy for x ≤ 0",
    .source = "derivative of seed (11)",
    .notes = "leaky_relu'(0) = α.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false}, {.name = "x", .directed = {1, -1}}},
    .outputs = {"dx"},
    .attributes = {alpha_row(usual_alpha)},
})};

const Row from_output{elementwise<FromOutput>({
    .name = "leaky_relu_backward_from_output",
    .family = "activation",
    .formula = "dx = dy for y > 0, α·dy for y ≤ 0",
    .source = "derivative of seed (11)",
    .notes =
        "In terms of the forward output y; needs α ≥ 0, otherwise the sign of y does not tell that of x.",
    .inputs = {{.name = "dy", .typical = {-2, 2}, .infinities = false}, {.name = "y", .directed = {1, -1}}},
    .outputs = {"dx"},
    .attributes = {alpha_row(usual_alpha)},
})};

}  // namespace
}  // namespace karat
