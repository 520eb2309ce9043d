// SPDX-License-Identifier: MIT
// Rows of operators that take tensors of any shapes.  A formula is a struct with
//
//   static Shapes shapes(const Shapes& in, const Attributes& a);          outputs' shapes, or throws Refused
//   template <class T>
//   static Tensors<T> value(const Tensors<T>& in, const Attributes& a);   the formula, over any number type
//
// and, where they are needed,
//
//   static void refuse(const Tensors<double>& in, const Attributes& a);   throws Refused for values it does not take
//   template <class T>
//   static Tensors<T> gradient(const Tensors<T>& dy_in, const Attributes& a);
//       the closed form, as papers print it: a claim that tests compare with the tape, never the reference
//
// whole<F, A…>(row) and backward_of<F, A…>(forward): A are the accepted algorithms, each a struct with
// `value` alone.  None given: the formula, or the closed form of the gradient.
//
// `value` and `gradient` are called with shapes that `shapes` accepted.  Backward rows follow
// from the forward formula by the tape: backward_of<F>(forward).
#pragma once

#include <string>
#include <tuple>
#include <utility>

#include "reference/numbers/functions.hpp"
#include "reference/operator.hpp"

namespace karat {

// An input that was left out: rank 1, no element.
inline bool absent(const Shape& shape) { return shape.size() == 1 && shape[0] == 0; }
template <class T>
bool absent(const Tensor<T>& tensor) {
  return absent(tensor.shape);
}

// Throws Refused: "input t of mse_loss: expected shape (2, 3), got (3)".
void expect_shape(const char* op, const char* input, const Shape& expected, const Shape& got);
void expect_rank(const char* op, const char* input, std::size_t expected, const Shape& got);

// `reduction` of losses: each term, their sum, or their mean.
AttributeRow reduction_row();
// The shape of a loss whose terms have this shape.
Shape reduced(const Shape& terms, const Attributes& a);
template <class T>
Tensor<T> reduce(Tensor<T> terms, const Attributes& a) {
  const std::string& reduction = a.text("reduction");
  if (reduction == "none") return terms;
  T total = sum(terms.values);
  if (reduction == "mean") total = total / T(static_cast<double>(terms.values.size()));
  return Tensor<T>(Shape{}, {std::move(total)});
}
// The derivative of the reduced loss by term i, times dy: for closed forms of gradients.
template <class T>
T dy_of_term(const Tensor<T>& dy, std::size_t i, std::size_t terms, const Attributes& a) {
  const std::string& reduction = a.text("reduction");
  if (reduction == "none") return dy.values[i];
  return reduction == "mean" ? T(dy.values[0] / T(static_cast<double>(terms))) : dy.values[0];
}
// `form`: the standard one, or what the seed prints.
AttributeRow form_row();
inline bool printed(const Attributes& a) { return a.text("form") == "printed"; }

AttributeRow flag_row(const char* name);  // integer, 0 or 1
AttributeRow list_row(const char* name, std::vector<std::int64_t> standard, const char* domain);
AttributeRow choice_row(const char* name, std::vector<std::string> choices, const char* domain);
AttributeRow not_negative_row(const char* name, double standard);  // NaN: a call must say it
// Throws Refused for a value outside of [low, high]; NaN passes.
void refuse_outside(const char* op, const char* input, const Tensor<double>& x, double low, double high);

namespace whole_detail {

template <class F, class T>
Evaluate<T> value_of() {
  return [](const Tensors<T>& in, const Attributes& a) { return F::template value<T>(in, a); };
}
template <class F, class T>
Evaluate<T> closed_form_of() {
  return [](const Tensors<T>& in, const Attributes& a) { return F::template gradient<T>(in, a); };
}

// Inputs: dy of every output, then the forward's inputs.  Outputs: dx of every differentiable one.
template <class F, class T>
Evaluate<T> gradient_of(std::size_t outputs, std::vector<bool> differentiable) {
  return [outputs, differentiable](const Tensors<T>& in, const Attributes& a) {
    Tape<T> tape;
    Tensors<Taped<T>> x;
    for (std::size_t i = 0; i < differentiable.size(); ++i) {
      const Tensor<T>& tensor = in[outputs + i];
      if (differentiable[i]) {
        x.push_back(tape.input(tensor));
      } else {
        Tensor<Taped<T>> constant;
        constant.shape = tensor.shape;
        for (const T& v : tensor.values) constant.values.push_back(Taped<T>(v));
        x.push_back(std::move(constant));
      }
    }
    const Tensors<Taped<T>> y = F::template value<Taped<T>>(x, a);
    std::vector<Taped<T>> all_y, all_x;
    std::vector<T> dy;
    for (std::size_t j = 0; j < outputs; ++j) {
      all_y.insert(all_y.end(), y[j].values.begin(), y[j].values.end());
      dy.insert(dy.end(), in[j].values.begin(), in[j].values.end());
    }
    for (std::size_t i = 0; i < differentiable.size(); ++i)
      if (differentiable[i]) all_x.insert(all_x.end(), x[i].values.begin(), x[i].values.end());
    const std::vector<T> gradient = tape.gradient(all_x, all_y, dy);
    Tensors<T> dx;
    auto next = gradient.begin();
    for (std::size_t i = 0; i < differentiable.size(); ++i) {
      if (!differentiable[i]) continue;
      const auto n = static_cast<std::ptrdiff_t>(x[i].values.size());
      dx.emplace_back(x[i].shape, std::vector<T>(next, next + n));
      next += n;
    }
    return dx;
  };
}

Operator backward_row(const Operator& forward);

}  // namespace whole_detail

// Fills in the evaluations of a row.
template <class F, class... Algorithms>
Operator whole(Operator op) {
  using namespace whole_detail;
  op.independence = Independence::whole;
  op.shapes = F::shapes;
  if constexpr (requires { &F::refuse; }) op.refuse = F::refuse;
  op.real = value_of<F, Real>();
  op.enclose = value_of<F, Enclosure>();
  if constexpr (sizeof...(Algorithms) > 0)
    op.algorithms = {value_of<Algorithms, Priced>()...};
  else
    op.algorithms = {value_of<F, Priced>()};
  op.compensated = value_of<std::tuple_element_t<0, std::tuple<Algorithms..., F>>, Compensated>();
  op.series = {value_of<Algorithms, Series>()..., value_of<F, Series>()};
  op.enclosed_algorithms = {value_of<Algorithms, Enclosure>()...};
  bool any = false;
  for (const InputRow& row : op.inputs) any = any || row.differentiable;
  if (any) {
    op.dual = value_of<F, Dual<Real>>();
    op.taped = value_of<F, Taped<Real>>();
    op.second_order = value_of<F, Taped<Dual<Real>>>();
    op.symbolic = value_of<F, Symbol>();
    op.complex_step = value_of<F, Complex<Real>>();
    if constexpr (requires(const Tensors<Real>& in, const Attributes& a) { F::template gradient<Real>(in, a); })
      op.closed_form = closed_form_of<F, Real>();
  }
  return op;
}

// The row NAME_backward: inputs dy (one an output, named d<output>) and the forward's own,
// outputs d<input> for each differentiable input; examples from the forward's.
template <class F, class... Algorithms>
Operator backward_of(const Operator& forward) {
  using namespace whole_detail;
  Operator op = backward_row(forward);
  std::vector<bool> differentiable;
  for (const InputRow& row : forward.inputs) differentiable.push_back(row.differentiable);
  op.real = gradient_of<F, Real>(forward.outputs.size(), differentiable);
  op.enclose = gradient_of<F, Enclosure>(forward.outputs.size(), differentiable);
  if constexpr (sizeof...(Algorithms) > 0) {
    op.algorithms = {value_of<Algorithms, Priced>()...};
    op.compensated = value_of<std::tuple_element_t<0, std::tuple<Algorithms...>>, Compensated>();
    op.series = {value_of<Algorithms, Series>()...};
    op.enclosed_algorithms = {value_of<Algorithms, Enclosure>()...};
  } else {
    op.algorithms = {closed_form_of<F, Priced>()};
    op.compensated = closed_form_of<F, Compensated>();
    op.series = {closed_form_of<F, Series>()};
    op.enclosed_algorithms = {closed_form_of<F, Enclosure>()};
  }
  return op;
}

}  // namespace karat
