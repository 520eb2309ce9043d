// SPDX-License-Identifier: MIT
// softmax and log_softmax along an axis.
#include <algorithm>

#include "reference/rows.hpp"

namespace karat {
namespace {

// −∞ entries are allowed as long as one finite entry is left; NaN, +∞ or nothing but −∞ make
// the whole row NaN.
struct RowOfInputs {
  bool broken = false;
  int finite = 0;
  explicit RowOfInputs(const Values<double>& x) {
    for (const double v : x) {
      broken = broken || std::isnan(v) || v == infinity;
      finite += std::isfinite(v) ? 1 : 0;
    }
    broken = broken || finite == 0;
  }
};

bool any_nan(const Values<double>& v) {
  return std::any_of(v.begin(), v.end(), [](double d) { return std::isnan(d); });
}

struct Softmax {
  template <class T>
  static Values<T> value(const Values<T>& x) {
    Values<T> e;
    for (const T& x_i : x) e.push_back(exp(x_i));
    const T total = sum(e);
    Values<T> s;
    for (const T& e_i : e) s.push_back(e_i / total);
    return s;
  }
  // s_i (dy_i − Σ_j dy_j s_j)
  template <class T>
  static Values<T> gradient(const Values<T>& dy, const Values<T>& x) {
    const Values<T> s = value(x);
    T total(0);
    for (std::size_t j = 0; j < s.size(); ++j) total = total + dy[j] * s[j];
    Values<T> dx;
    for (std::size_t i = 0; i < s.size(); ++i) dx.push_back(s[i] * (dy[i] - total));
    return dx;
  }

  static Values<Specials> special(const Values<double>& x) {
    const RowOfInputs row(x);
    Values<Specials> result;
    for (const double x_i : x)
      result.push_back(row.broken         ? exactly(nan_value)
                       : x_i == -infinity ? exactly(+0.0)
                       : row.finite == 1  ? exactly(1)
                                          : by_formula());
    return result;
  }
  static Values<Bounds> bounds(const Values<Enclosure>& x) {
    return Values<Bounds>(x.size(), Bounds{.above = 0, .below = 1});
  }

  static Values<Specials> derivative_special(const Values<double>& dy, const Values<double>& x) {
    const RowOfInputs row(x);
    const bool nan = row.broken || any_nan(dy);
    Values<Specials> result;
    for (const double x_i : x)
      result.push_back(nan                                   ? exactly(nan_value)
                       : x_i == -infinity || row.finite == 1 ? either_zero()
                                                             : by_formula());
    return result;
  }
};

struct LogSoftmax {
  template <class T>
  static Values<T> value(const Values<T>& x) {
    Values<T> s = Softmax::value(x);
    for (T& s_i : s) s_i = log(s_i);
    return s;
  }
  // dy_i − s_i Σ_j dy_j
  template <class T>
  static Values<T> gradient(const Values<T>& dy, const Values<T>& x) {
    const Values<T> s = Softmax::value(x);
    const T total = sum(dy);
    Values<T> dx;
    for (std::size_t i = 0; i < s.size(); ++i) dx.push_back(dy[i] - s[i] * total);
    return dx;
  }

  static Values<Specials> special(const Values<double>& x) {
    const RowOfInputs row(x);
    Values<Specials> result;
    for (const double x_i : x)
      result.push_back(row.broken         ? exactly(nan_value)
                       : x_i == -infinity ? exactly(-infinity)
                       : row.finite == 1  ? either_zero()
                                          : by_formula());
    return result;
  }
  static Values<Bounds> bounds(const Values<Enclosure>& x) {
    return Values<Bounds>(x.size(), Bounds{.below = 0});
  }

  static Values<Specials> derivative_special(const Values<double>& dy, const Values<double>& x) {
    const RowOfInputs row(x);
    if (row.broken || any_nan(dy)) return Values<Specials>(x.size(), exactly(nan_value));
    if (row.finite != static_cast<int>(x.size()))
      return Values<Specials>(x.size(),
                              {{.unjudged = "log_softmax is not differentiable where a probability is 0"}});
    return Values<Specials>(x.size(), x.size() == 1 ? either_zero() : by_formula());
  }
};

struct SoftmaxFromOutput {
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& y) {
    Values<T> products;
    for (std::size_t j = 0; j < y.size(); ++j) products.push_back(dy[j] * y[j]);
    const T total = sum(products);
    Values<T> dx;
    for (std::size_t i = 0; i < y.size(); ++i) dx.push_back(y[i] * (dy[i] - total));
    return dx;
  }
  // By dy_k: y_k (d_k − Σ d y).  By y_k: d_k (dy_k − Σ dy y) − dy_k Σ d y.
  template <class T>
  static std::array<Values<T>, 2> gradient(const Values<T>& d, const Values<T>& dy, const Values<T>& y) {
    T along_dy(0), along_d(0);
    for (std::size_t j = 0; j < y.size(); ++j) {
      along_dy = along_dy + dy[j] * y[j];
      along_d = along_d + d[j] * y[j];
    }
    std::array<Values<T>, 2> g;
    for (std::size_t k = 0; k < y.size(); ++k) {
      g[0].push_back(y[k] * (d[k] - along_d));
      g[1].push_back(d[k] * (dy[k] - along_dy) - dy[k] * along_d);
    }
    return g;
  }
  static Values<Specials> special(const Values<double>& dy, const Values<double>& y) {
    const bool nan = any_nan(dy) || any_nan(y);
    return Values<Specials>(y.size(), nan ? exactly(nan_value) : by_formula());
  }
};

struct LogSoftmaxFromOutput {
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& y) {
    const T total = sum(dy);
    Values<T> dx;
    for (std::size_t i = 0; i < y.size(); ++i) dx.push_back(dy[i] - exp(y[i]) * total);
    return dx;
  }
  // By dy_k: d_k − Σ_i d_i e^(y_i).  By y_k: −d_k e^(y_k) Σ dy.
  template <class T>
  static std::array<Values<T>, 2> gradient(const Values<T>& d, const Values<T>& dy, const Values<T>& y) {
    const T total = sum(dy);
    T along(0);
    for (std::size_t i = 0; i < y.size(); ++i) along = along + d[i] * exp(y[i]);
    std::array<Values<T>, 2> g;
    for (std::size_t k = 0; k < y.size(); ++k) {
      g[0].push_back(d[k] - along);
      g[1].push_back(-d[k] * exp(y[k]) * total);
    }
    return g;
  }
  static Values<Specials> special(const Values<double>& dy, const Values<double>& y) {
    Values<Specials> result;
    for (const double y_i : y)
      result.push_back(any_nan(dy) || std::isnan(y_i) ? exactly(nan_value) : by_formula());
    return result;
  }
};

// The accepted algorithms: the largest element is taken away first.
template <class T>
T largest(const Values<T>& x) {
  T m = x[0];
  for (const T& v : x) m = max(v, m);
  return m;
}
template <class T>
Values<T> exponentials(const Values<T>& x) {
  const T m = largest(x);
  Values<T> e;
  for (const T& v : x) e.push_back(exp(v - m));
  return e;
}
struct StableSoftmax {
  template <class T>
  static Values<T> value(const Values<T>& x) {
    Values<T> s = exponentials(x);
    const T total = sum(s);
    for (T& v : s) v = v / total;
    return s;
  }
};
struct StableLogSoftmax {
  template <class T>
  static Values<T> value(const Values<T>& x) {
    const T m = largest(x), log_total = log(sum(exponentials(x)));
    Values<T> y;
    for (const T& v : x) y.push_back((v - m) - log_total);
    return y;
  }
};
// y dy − y Σ y dy
struct DistributedFromOutput {
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& y) {
    Values<T> products;
    for (std::size_t j = 0; j < y.size(); ++j) products.push_back(dy[j] * y[j]);
    const T total = sum(products);
    Values<T> dx;
    for (std::size_t i = 0; i < y.size(); ++i) dx.push_back(products[i] - y[i] * total);
    return dx;
  }
};
template <class FromOutput, class Output>
struct ByOutput {
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& x) {
    return FromOutput::value(dy, Output::value(x));
  }
};
struct LogSoftmaxBackward {
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& x) {
    const Values<T> s = StableSoftmax::value(x);
    const T total = sum(dy);
    Values<T> dx;
    for (std::size_t i = 0; i < s.size(); ++i) dx.push_back(dy[i] - s[i] * total);
    return dx;
  }
};

AttributeRow axis_row() {
  return {.kind = AttributeRow::Kind::integer,
          .name = "axis",
          .standard = 0,
          .domain = "0 ≤ axis < rank",
          .valid = [](double axis) { return axis >= 0; }};
}

InputRow gradient() { return {.name = "dy", .typical = {-2, 2}, .infinities = false}; }
InputRow logits(bool infinities) {
  return {.name = "x",
          .directed = {0.5, -1e4, 88, 89, -104, 710, -745},
          .typical = {-20, 20},
          .infinities = infinities};
}

const Row softmax{along_axis<Softmax, StableSoftmax>({
    .name = "softmax",
    .family = "activation",
    .formula = "s_i = e^(x_i) / Σ_j e^(x_j)",
    .source = "seed (9)",
    .notes = "Never overflows for finite rows. A −∞ entry gives +0; NaN, +∞ or only −∞ in a row give NaN.",
    .inputs = {logits(true)},
    .outputs = {"y"},
    .attributes = {axis_row()},
    .laws = {"rows_sum_to 1", "shift_invariant x"},
    .range = Interval{0, 1},
})};

const Row softmax_backward{along_axis<BackwardAlongAxis<Softmax>, ByOutput<SoftmaxFromOutput, StableSoftmax>, ByOutput<DistributedFromOutput, StableSoftmax>>({
    .name = "softmax_backward",
    .family = "activation",
    .formula = "dx_i = Σ_j dy_j ∂s_j/∂x_i = s_i (dy_i − Σ_j dy_j s_j)",
    .source = "derivative of seed (9)",
    .notes = "Judged by the derivative of the forward formula.",
    .inputs = {gradient(), logits(true)},
    .outputs = {"dx"},
    .attributes = {axis_row()},
    .laws = {"rows_sum_to 0", "shift_invariant x"},
})};

const Row softmax_from_output{along_axis<SoftmaxFromOutput, SoftmaxFromOutput, DistributedFromOutput>({
    .name = "softmax_backward_from_output",
    .family = "activation",
    .formula = "dx_i = y_i (dy_i − Σ_j dy_j y_j)",
    .source = "derivative of seed (9)",
    .notes = "In terms of the forward output y, exact on the bits of y that are given.",
    .inputs = {gradient(), {.name = "y", .directed = {0.5, 0.25, 1}, .typical = {0, 1}, .domain = {0, 1}, .infinities = false}},
    .outputs = {"dx"},
    .attributes = {axis_row()},
})};

const Row log_softmax{along_axis<LogSoftmax, StableLogSoftmax>({
    .name = "log_softmax",
    .family = "activation",
    .formula = "log s_i, s_i = e^(x_i) / Σ_j e^(x_j)",
    .source = "logarithm of seed (9)",
    .notes =
        "Below 0 with two finite entries or more. A −∞ entry gives −∞; NaN, +∞ or only −∞ in a row give NaN.",
    .inputs = {logits(true)},
    .outputs = {"y"},
    .attributes = {axis_row()},
    .laws = {"shift_invariant x"},
})};

const Row log_softmax_backward{along_axis<BackwardAlongAxis<LogSoftmax>, LogSoftmaxBackward, ByOutput<LogSoftmaxFromOutput, StableLogSoftmax>>({
    .name = "log_softmax_backward",
    .family = "activation",
    .formula = "dx_i = dy_i − s_i Σ_j dy_j",
    .source = "derivative of the logarithm of seed (9)",
    .notes = "Judged by the derivative of the forward formula. Rows with −∞ entries are not judged.",
    .inputs = {gradient(), logits(false)},
    .outputs = {"dx"},
    .attributes = {axis_row()},
    .laws = {"shift_invariant x"},
})};

const Row log_softmax_from_output{along_axis<LogSoftmaxFromOutput>({
    .name = "log_softmax_backward_from_output",
    .family = "activation",
    .formula = "dx_i = dy_i − e^(y_i) Σ_j dy_j",
    .source = "derivative of the logarithm of seed (9)",
    .notes = "In terms of the forward output y = log s, exact on the bits of y that are given.",
    .inputs = {gradient(),
               {.name = "y", .directed = {-0.5, -104, -745}, .typical = {-20, 0}, .domain = {-infinity, 0}, .infinities = false}},
    .outputs = {"dx"},
    .attributes = {axis_row()},
})};

}  // namespace
}  // namespace karat
