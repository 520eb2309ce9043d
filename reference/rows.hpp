// SPDX-License-Identifier: MIT
// From a formula's template to its row.  A formula is a struct with
//
//   template <class T> static T value(const T& x, …attributes);             elementwise
//   template <class T> static Values<T> value(const Values<T>& x);          along an axis
//
// and, where they differ from the defaults,
//
//   static Specials special(double x, …)              results the formula does not give: NaN, ∞, −0
//   static Bounds   bounds(const Enclosure& x, …)     strict bounds of the exact result
//   template <class T> static T slope(const T& x, …)  f' as papers print it: a claim that tests compare;
//                                                     of several inputs an array, one slope each
//                                                     (along an axis: gradient(dy, x…))
//
// (along an axis: of Values, returning one a slot).  Default: NaN in, NaN out; no bounds.
//
// elementwise<F, A…>(row): A are the accepted algorithms, the sensible ways to compute F in working
// precision, each a struct with `value` alone.  None given: the formula as it stands.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

#include "reference/numbers/functions.hpp"
#include "reference/numbers/tape.hpp"
#include "reference/operator.hpp"

namespace karat {

template <class T>
using Values = std::vector<T>;

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

inline Specials exactly(double value) { return {{.value = value}}; }
inline Specials either_zero() { return {{.value = 0.0}, {.value = -0.0}}; }
inline Specials by_formula() { return {}; }
// The usual answer: NaN in, NaN out; everything else by the formula.
template <std::same_as<double>... D>
Specials nan_if_nan(D... inputs) {
  return (std::isnan(inputs) || ...) ? exactly(nan_value) : by_formula();
}

namespace rows_detail {

template <class F, class T, std::size_t... I>
T call_value(const T* args, std::index_sequence<I...>) {
  return F::value(args[I]...);
}
template <class F, class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires(const T* a) { F::value(a[I]...); };
}
// How many numbers F::value takes: inputs, then attributes.
template <class F, class T, std::size_t N = 1>
constexpr std::size_t arity() {
  if constexpr (takes<F, T>(std::make_index_sequence<N>{}))
    return N;
  else
    return arity<F, T, N + 1>();
}

// Backward rows name themselves so: they are derivatives, not differentiated again.
template <class F>
constexpr bool is_backward = requires { typename F::Forward; };

template <class T>
T number(const Attributes& attributes, const std::string& name) {
  if constexpr (std::same_as<T, Symbol>)
    return Symbol::variable(name, attributes.number(name));
  else
    return T(attributes.number(name));
}

// Calls visit(element index, inputs and attributes as T's) for each element.
template <std::size_t N, class T, class Visit>
void for_each_element(const Tensors<T>& inputs, const std::vector<AttributeRow>& rows,
                      const Attributes& attributes, Visit visit) {
  T args[N]{};
  for (std::size_t a = 0; a < rows.size(); ++a) args[inputs.size() + a] = number<T>(attributes, rows[a].name);
  for (std::size_t i = 0; i < inputs[0].values.size(); ++i) {
    for (std::size_t t = 0; t < inputs.size(); ++t) args[t] = inputs[t].values[i];
    visit(i, static_cast<const T*>(args));
  }
}

template <class F, class T, std::size_t... I>
constexpr bool has_slope(std::index_sequence<I...>) {
  return requires(const T* a) { F::slope(a[I]...); };
}
// ∂f of each input.
template <class F, std::size_t... I>
auto call_slope(const Real* args, std::index_sequence<I...>) {
  if constexpr (requires { { F::slope(args[I]...) } -> std::same_as<Real>; })
    return std::array<Real, 1>{F::slope(args[I]...)};
  else
    return F::slope(args[I]...);
}

template <class F, class T>
Evaluate<T> elementwise_over(const std::vector<AttributeRow>& rows) {
  return [rows](const Tensors<T>& inputs, const Attributes& attributes) {
    constexpr std::size_t n = arity<F, T>();
    Tensor<T> y(inputs[0].shape);
    for_each_element<n>(inputs, rows, attributes, [&](std::size_t i, const T* args) {
      y.values[i] = call_value<F>(args, std::make_index_sequence<n>{});
    });
    return Tensors<T>{std::move(y)};
  };
}

template <class F, std::size_t... I>
Specials call_special(const double* args, std::index_sequence<I...>) {
  return F::special(args[I]...);
}
template <class F, std::size_t... I>
constexpr bool has_special(std::index_sequence<I...>) {
  return requires(const double* a) { F::special(a[I]...); };
}
template <class F, std::size_t... I>
constexpr bool has_bounds(std::index_sequence<I...>) {
  return requires(const Enclosure* a) { F::bounds(a[I]...); };
}
template <class F, std::size_t... I>
Bounds call_bounds(const Enclosure* args, std::index_sequence<I...>) {
  return F::bounds(args[I]...);
}

template <class T>
Values<T> slice_of(const Tensor<T>& tensor, const Slices& slices, std::int64_t s) {
  Values<T> v;
  v.reserve(static_cast<std::size_t>(slices.length));
  for (std::int64_t k = 0; k < slices.length; ++k) v.push_back(tensor.values[slices.at(s, k)]);
  return v;
}

// Applies `f` (one or two slices → one slice of R) to every slice.
template <class R, class T, class Apply>
Tensor<R> over_slices(const Tensors<T>& inputs, const Attributes& attributes, Apply f) {
  const Slices slices(inputs[0].shape, attributes.integer("axis"));
  Tensor<R> y(inputs[0].shape);
  for (std::int64_t s = 0; s < (slices.length == 0 ? 0 : slices.count); ++s) {
    Values<R> result;
    if constexpr (std::invocable<Apply, Values<T>>)
      result = f(slice_of(inputs[0], slices, s));
    else
      result = f(slice_of(inputs[0], slices, s), slice_of(inputs[1], slices, s));
    for (std::int64_t k = 0; k < slices.length; ++k)
      y.values[slices.at(s, k)] = std::move(result[static_cast<std::size_t>(k)]);
  }
  return y;
}

template <class F, class T>
auto slice_function() {
  if constexpr (requires(Values<T> v) { F::value(v); })
    return [](const Values<T>& x) { return F::value(x); };
  else
    return [](const Values<T>& a, const Values<T>& b) { return F::value(a, b); };
}

}  // namespace rows_detail

// Fills in the evaluations of a row whose outputs depend on one element of each input.
template <class F, class... Algorithms>
Operator elementwise(Operator op) {
  using namespace rows_detail;
  op.independence = Independence::elementwise;
  op.real = elementwise_over<F, Real>(op.attributes);
  op.enclose = elementwise_over<F, Enclosure>(op.attributes);
  if constexpr (!is_backward<F>) {
    op.dual = elementwise_over<F, Dual<Real>>(op.attributes);
    op.taped = elementwise_over<F, Taped<Real>>(op.attributes);
    op.second_order = elementwise_over<F, Taped<Dual<Real>>>(op.attributes);
    op.symbolic = elementwise_over<F, Symbol>(op.attributes);
    op.complex_step = elementwise_over<F, Complex<Real>>(op.attributes);
  }
  if constexpr (sizeof...(Algorithms) > 0)
    op.algorithms = {elementwise_over<Algorithms, Priced>(op.attributes)...};
  else
    op.algorithms = {elementwise_over<F, Priced>(op.attributes)};
  op.enclosed_algorithms = {elementwise_over<Algorithms, Enclosure>(op.attributes)...};
  op.series = {elementwise_over<Algorithms, Series>(op.attributes)..., elementwise_over<F, Series>(op.attributes)};
  constexpr std::size_t n = arity<F, Real>();
  if constexpr (has_slope<F, Real>(std::make_index_sequence<n>{}))
    op.closed_form = [rows = op.attributes](const Tensors<Real>& inputs, const Attributes& attributes) {
      const Tensors<Real> x(inputs.begin() + 1, inputs.end());
      Tensors<Real> dx(x.size(), Tensor<Real>(inputs[0].shape));
      for_each_element<n>(x, rows, attributes, [&](std::size_t i, const Real* args) {
        const auto slopes = call_slope<F>(args, std::make_index_sequence<n>{});
        for (std::size_t t = 0; t < slopes.size(); ++t) dx[t].values[i] = inputs[0].values[i] * slopes[t];
      });
      return dx;
    };
  op.specials = [rows = op.attributes](const Tensors<double>& inputs, const Attributes& attributes) {
    std::vector<Specials> result(inputs[0].values.size());
    for_each_element<n>(inputs, rows, attributes, [&](std::size_t i, const double* args) {
      if constexpr (has_special<F>(std::make_index_sequence<n>{}))
        result[i] = call_special<F>(args, std::make_index_sequence<n>{});
      else
        for (std::size_t t = 0; t < inputs.size(); ++t)
          if (std::isnan(args[t])) result[i] = exactly(nan_value);
    });
    return result;
  };
  if constexpr (has_bounds<F>(std::make_index_sequence<n>{}))
    op.bounds = [rows = op.attributes](const Tensors<Enclosure>& inputs, const Attributes& attributes) {
      std::vector<Bounds> result(inputs[0].values.size());
      for_each_element<n>(inputs, rows, attributes, [&](std::size_t i, const Enclosure* args) {
        result[i] = call_bounds<F>(args, std::make_index_sequence<n>{});
      });
      return result;
    };
  return op;
}

// Fills in the evaluations of a row that works on slices along attribute `axis`.
template <class F, class... Algorithms>
Operator along_axis(Operator op) {
  using namespace rows_detail;
  op.independence = Independence::along_axis;
  const auto over_of = []<class G, class T>(std::type_identity<G>, T) -> Evaluate<T> {
    return [](const Tensors<T>& inputs, const Attributes& attributes) {
      return Tensors<T>{over_slices<T>(inputs, attributes, slice_function<G, T>())};
    };
  };
  const auto over = [&]<class T>(T zero) { return over_of(std::type_identity<F>(), zero); };
  op.real = over(Real());
  op.enclose = over(Enclosure());
  if constexpr (!is_backward<F>) {
    op.dual = over(Dual<Real>());
    op.taped = over(Taped<Real>());
    op.second_order = over(Taped<Dual<Real>>());
    op.symbolic = over(Symbol());
    op.complex_step = over(Complex<Real>());
  }
  if constexpr (sizeof...(Algorithms) > 0)
    op.algorithms = {over_of(std::type_identity<Algorithms>(), Priced())...};
  else
    op.algorithms = {over(Priced())};
  if constexpr (requires(const Values<Real>& v) { F::gradient(v, v); })
    op.closed_form = [](const Tensors<Real>& inputs, const Attributes& attributes) {
      return Tensors<Real>{over_slices<Real>(inputs, attributes, [](const Values<Real>& dy, const Values<Real>& x) { return F::gradient(dy, x); })};
    };
  if constexpr (requires(const Values<Real>& v) { F::gradient(v, v, v); })
    op.closed_form = [](const Tensors<Real>& inputs, const Attributes& attributes) {
      const Slices slices(inputs[0].shape, attributes.integer("axis"));
      Tensors<Real> dx(2, Tensor<Real>(inputs[0].shape));
      for (std::int64_t s = 0; s < slices.count; ++s) {
        const auto d = F::gradient(slice_of(inputs[0], slices, s), slice_of(inputs[1], slices, s), slice_of(inputs[2], slices, s));
        for (std::size_t t = 0; t < dx.size(); ++t)
          for (std::int64_t k = 0; k < slices.length; ++k) dx[t].values[slices.at(s, k)] = d[t][static_cast<std::size_t>(k)];
      }
      return dx;
    };
  op.specials = [](const Tensors<double>& inputs, const Attributes& attributes) {
    return over_slices<Specials>(inputs, attributes, F::special).values;
  };
  if constexpr (requires { &F::bounds; })
    op.bounds = [](const Tensors<Enclosure>& inputs, const Attributes& attributes) {
      return over_slices<Bounds>(inputs, attributes, F::bounds).values;
    };
  return op;
}

// dx = dy · f'(x), f' by dual numbers.  The formula may give `derivative_special(dy, x, …)` and
// `derivative_bounds(x, …)`: strict bounds of f'(x).
template <class F>
struct Backward {
  using Forward = F;
  template <class T, std::same_as<T>... A>
  requires requires(const Dual<T>& x, const A&... a) { F::value(x, Dual<T>(a)...); }
  static T value(const T& dy, const T& x, const A&... attributes) {
    return dy * F::value(Dual<T>(x, T(1)), Dual<T>(attributes)...).derivative;
  }

  template <std::same_as<double>... A>
  requires requires(double d, A... a) { F::derivative_special(d, d, a...); }
  static Specials special(double dy, double x, A... attributes) {
    return F::derivative_special(dy, x, attributes...);
  }

  template <std::same_as<Enclosure>... A>
  requires requires(const Enclosure& x, const A&... a) { F::derivative_bounds(x, a...); }
  static Bounds bounds(const Enclosure& dy, const Enclosure& x, const A&... attributes) {
    Bounds product;
    if (!dy.is_exact() || is_exact_zero(dy)) return product;
    const Bounds f = F::derivative_bounds(x, attributes...);
    const auto& low = dy > 0 ? f.above : f.below;
    const auto& high = dy > 0 ? f.below : f.above;
    if (low) product.above = dy * *low;
    if (high) product.below = dy * *high;
    return product;
  }
};

// The same for formulas along an axis: Σ_j dy_j ∂y_j/∂x_i, by the tape.
template <class F>
struct BackwardAlongAxis {
  using Forward = F;
  template <class T>
  static Values<T> value(const Values<T>& dy, const Values<T>& x) {
    Tape<T> tape;
    const auto taped = tape.inputs(x);
    const auto y = F::value(taped);
    return tape.gradient(taped, y, dy);
  }
  static Values<Specials> special(const Values<double>& dy, const Values<double>& x) {
    return F::derivative_special(dy, x);
  }
};

}  // namespace karat
