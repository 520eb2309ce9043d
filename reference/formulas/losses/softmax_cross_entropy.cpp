// SPDX-License-Identifier: MIT
// Cross entropy of the softmax of logits: (9) and (21) of the seed, with class weights, label
// smoothing and ignored targets as frameworks offer them.
#include "reference/whole.hpp"

namespace karat {
namespace {

// Softmax and −log softmax of row n of logits, as printed.
struct Printed {
  template <class T>
  static std::vector<T> negative_log(const Tensor<T>& x, std::size_t n) {
    const auto classes = static_cast<std::size_t>(x.shape[1]);
    T total(0);
    for (std::size_t c = 0; c < classes; ++c) total = total + exp(x.values[n * classes + c]);
    std::vector<T> result;
    for (std::size_t c = 0; c < classes; ++c) result.push_back(-log(exp(x.values[n * classes + c]) / total));
    return result;
  }
  template <class T>
  static std::vector<T> softmax(const Tensor<T>& x, std::size_t n) {
    std::vector<T> s = negative_log(x, n);
    for (T& v : s) v = exp(-v);
    return s;
  }
};
// In working precision: after the largest is taken away; softmax as a quotient or as e^(log softmax).
template <bool ByLogarithm>
struct Stable {
  template <class T>
  static std::vector<T> shifted(const Tensor<T>& x, std::size_t n) {
    const auto classes = static_cast<std::size_t>(x.shape[1]);
    const std::vector<T> row(x.values.begin() + static_cast<std::ptrdiff_t>(n * classes), x.values.begin() + static_cast<std::ptrdiff_t>((n + 1) * classes));
    T m = row[0];
    for (const T& v : row) m = max(v, m);
    std::vector<T> z;
    for (const T& v : row) z.push_back(v - m);
    return z;
  }
  template <class T>
  static std::vector<T> negative_log(const Tensor<T>& x, std::size_t n) {
    std::vector<T> z = shifted(x, n), e;
    for (const T& v : z) e.push_back(exp(v));
    const T log_total = log(sum(e));
    for (T& v : z) v = log_total - v;
    return z;
  }
  template <class T>
  static std::vector<T> softmax(const Tensor<T>& x, std::size_t n) {
    std::vector<T> s;
    if constexpr (ByLogarithm) {
      for (const T& l : negative_log(x, n)) s.push_back(exp(-l));
      return s;
    }
    for (const T& v : shifted(x, n)) s.push_back(exp(v));
    const T total = sum(s);
    for (T& v : s) v = v / total;
    return s;
  }
};

// Index targets.  With weights w and smoothing ε a row's loss is
// (1 − ε) w_t (−log s_t) + ε/C Σ_c w_c (−log s_c); the mean divides by Σ w_t of the kept rows.
template <class Rows>
struct IndexedOf {
  static constexpr const char* name = "softmax_cross_entropy";
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank(name, "x", 2, in[0]);
    expect_shape(name, "t", {in[0][0]}, in[1]);
    if (!absent(in[2])) expect_shape(name, "w", {in[0][1]}, in[2]);
    return {reduced({in[0][0]}, a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes& a) {
    for (std::size_t n = 0; n < in[1].values.size(); ++n) {
      const auto t = static_cast<std::int64_t>(in[1].values[n]);
      if (t != a.integer("ignore_index") && (t < 0 || t >= in[0].shape[1]))
        throw Refused(std::string("input t of ") + name + ", element " + std::to_string(n) + ": expected a class from 0 to " +
                      std::to_string(in[0].shape[1] - 1) + " or ignore_index " + std::to_string(a.integer("ignore_index")) +
                      ", got " + std::to_string(t));
    }
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto rows = static_cast<std::size_t>(in[0].shape[0]), classes = static_cast<std::size_t>(in[0].shape[1]);
    const T smoothing(a.number("label_smoothing"));
    const auto weight = [&](std::size_t c) { return absent(in[2]) ? T(1) : in[2].values[c]; };
    Tensor<T> loss(Shape{in[0].shape[0]});
    Sum<T> kept;
    bool any = false;
    for (std::size_t n = 0; n < rows; ++n) {
      const std::int64_t target = to_index(in[1].values[n]);
      if (target == a.integer("ignore_index")) continue;
      any = true;
      const auto t = static_cast<std::size_t>(target);
      const std::vector<T> l = Rows::negative_log(in[0], n);
      Sum<T> smooth;
      if (!vanishes(smoothing))
        for (std::size_t c = 0; c < classes; ++c) smooth.add(weight(c) * l[c]);
      loss.values[n] = (1 - smoothing) * weight(t) * l[t] + smoothing / T(static_cast<double>(classes)) * smooth.total();
      kept.add(weight(t));
    }
    if (a.text("reduction") == "none") return {loss};
    if (a.text("reduction") == "sum") return {Tensor<T>(Shape{}, {sum(loss.values)})};
    if (!any && a.text("all_ignored") == "zero") return {Tensor<T>(Shape{}, {T(0)})};
    return {Tensor<T>(Shape{}, {sum(loss.values) / kept.total()})};
  }
  // dx_c = (1 − ε) w_t (s_c − [c = t]) + ε/C (s_c Σ w − w_c), over Σ w_t of the kept rows for the mean
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &dy = in[0], &x = in[1], &t = in[2], &w = in[3];
    const auto rows = static_cast<std::size_t>(x.shape[0]), classes = static_cast<std::size_t>(x.shape[1]);
    const T smoothing(a.number("label_smoothing"));
    const auto weight = [&](std::size_t c) { return absent(w) ? T(1) : w.values[c]; };
    const auto target = [&](std::size_t n) { return static_cast<std::size_t>(to_index(t.values[n])); };
    const auto ignored = [&](std::size_t n) { return to_index(t.values[n]) == a.integer("ignore_index"); };
    Sum<T> all, kept;
    for (std::size_t c = 0; c < classes; ++c) all.add(weight(c));
    for (std::size_t n = 0; n < rows; ++n)
      if (!ignored(n)) kept.add(weight(target(n)));
    const T all_weights = all.total(), kept_weights = kept.total();
    Tensor<T> dx(x.shape);
    for (std::size_t n = 0; n < rows; ++n) {
      if (ignored(n)) continue;
      const std::vector<T> s = Rows::softmax(x, n);
      for (std::size_t c = 0; c < classes; ++c) {
        const T hard = weight(target(n)) * (s[c] - T(c == target(n) ? 1 : 0));
        const T soft = vanishes(smoothing) ? T(0) : T((s[c] * all_weights - weight(c)) / T(static_cast<double>(classes)));
        const T d = ((1 - smoothing) * hard + smoothing * soft) * dy.values[a.text("reduction") == "none" ? n : 0];
        dx.values[n * classes + c] = a.text("reduction") == "mean" ? T(d / kept_weights) : d;
      }
    }
    return {dx};
  }
};

// Probability targets: −Σ_c w_c t'_c log s_c with t' = (1 − ε) t + ε/C; the mean divides by N.
template <class Rows>
struct ProbabilitiesOf {
  static constexpr const char* name = "softmax_cross_entropy_probabilities";
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank(name, "x", 2, in[0]);
    expect_shape(name, "t", in[0], in[1]);
    if (!absent(in[2])) expect_shape(name, "w", {in[0][1]}, in[2]);
    return {reduced({in[0][0]}, a)};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside(name, "t", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto rows = static_cast<std::size_t>(in[0].shape[0]), classes = static_cast<std::size_t>(in[0].shape[1]);
    const T smoothing(a.number("label_smoothing"));
    Tensor<T> loss(Shape{in[0].shape[0]});
    for (std::size_t n = 0; n < rows; ++n) {
      const std::vector<T> l = Rows::negative_log(in[0], n);
      Sum<T> row;
      for (std::size_t c = 0; c < classes; ++c) {
        const T t = (1 - smoothing) * in[1].values[n * classes + c] + smoothing / T(static_cast<double>(classes));
        if (vanishes(t)) continue;
        row.add((absent(in[2]) ? t : T(in[2].values[c] * t)) * l[c]);
      }
      loss.values[n] = row.total();
    }
    return {reduce(std::move(loss), a)};
  }
  // dx_c = s_c Σ_k w_k t'_k − w_c t'_c
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &x = in[1], &t = in[2], &w = in[3];
    const auto rows = static_cast<std::size_t>(x.shape[0]), classes = static_cast<std::size_t>(x.shape[1]);
    const T smoothing(a.number("label_smoothing"));
    Tensor<T> dx(x.shape);
    for (std::size_t n = 0; n < rows; ++n) {
      const std::vector<T> s = Rows::softmax(x, n);
      std::vector<T> wt;
      for (std::size_t c = 0; c < classes; ++c) {
        const T smooth = (1 - smoothing) * t.values[n * classes + c] + smoothing / T(static_cast<double>(classes));
        wt.push_back(absent(w) ? smooth : T(w.values[c] * smooth));
      }
      const T total = sum(wt);
      for (std::size_t c = 0; c < classes; ++c) dx.values[n * classes + c] = (s[c] * total - wt[c]) * dy_of_term(in[0], n, rows, a);
    }
    return {dx};
  }
};

using Indexed = IndexedOf<Printed>;
using Probabilities = ProbabilitiesOf<Printed>;
// The gradient as an algorithm.
template <class F>
struct GradientOf {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return F::template gradient<T>(in, a);
  }
};

InputRow logits() {
  return {.name = "x", .directed = {0, 88, -104, 1e4, -1e4}, .typical = {-10, 10}, .infinities = false};
}
InputRow weights() {
  return {.name = "w", .typical = {0.25, 4}, .domain = {0, 1e30}, .infinities = false, .differentiable = false, .optional = true};
}
AttributeRow smoothing_row() {
  return {.name = "label_smoothing", .standard = 0, .domain = "0 ≤ ε ≤ 1", .directed = {0, 0.125},
          .valid = [](double e) { return e >= 0 && e <= 1; }};
}

const Operator indexed = whole<Indexed, IndexedOf<Stable<false>>>({
    .name = Indexed::name,
    .family = "loss",
    .formula = "L = −w_t log s_t, s = softmax(x)",
    .source = "seed (9), (21)",
    .notes = "x: (N, C) logits, t: (N) classes, w: (C) weights or absent.",
    .inputs = {logits(), {.name = "t", .index = true, .differentiable = false}, weights()},
    .outputs = {"y"},
    .attributes = {reduction_row(), smoothing_row(),
                   {.kind = AttributeRow::Kind::integer, .name = "ignore_index", .standard = -100, .domain = "any integer",
                    .valid = [](double) { return true; }},
                   {.kind = AttributeRow::Kind::text, .name = "all_ignored", .domain = "nan (0/0) or zero", .choices = {"nan", "zero"}}},
    .catalogue = {.variants = "label_smoothing ε: (1 − ε) w_t l_t + ε/C Σ_c w_c l_c, l = −log s; mean divides by Σ w_t of the rows "
                              "that are kept; all_ignored = nan or zero",
                  .special = "A row whose target is ignore_index counts 0.  All ignored: the mean is NaN (variant: 0).",
                  .gradient = "dx_c = w_t (s_c − [c = t]) dy / Σ w_t (mean, no smoothing)"},
    .examples = {{.shapes = {{3, 4}, {3}, {0}}, .values = {{"t", {0, 3, 1}}}},
                 {.shapes = {{3, 4}, {3}, {4}}, .values = {{"t", {2, 2, 1}}}},
                 {.shapes = {{3, 4}, {3}, {4}}, .attributes = {{"label_smoothing", 0.125}}, .values = {{"t", {2, -100, 1}}}},
                 {.shapes = {{3, 4}, {3}, {0}}, .attributes = {{"reduction", "sum"}}, .values = {{"t", {0, 3, 1}}}},
                 {.shapes = {{3, 4}, {3}, {4}}, .attributes = {{"reduction", "none"}, {"ignore_index", std::int64_t{3}}}, .values = {{"t", {0, 3, 1}}}},
                 {.shapes = {{2, 3}, {2}, {0}}, .values = {{"t", {-100, -100}}}},
                 {.shapes = {{2, 3}, {2}, {0}}, .attributes = {{"all_ignored", "zero"}}, .values = {{"t", {-100, -100}}}}},
    .laws = {"shift_invariant x", "nonnegative"},
    .batched = {"x", "t", "y"},
});
const Row forward{indexed};
const Row backward{backward_of<Indexed, GradientOf<IndexedOf<Stable<false>>>, GradientOf<IndexedOf<Stable<true>>>>(indexed)};

const Operator probabilities = whole<Probabilities, ProbabilitiesOf<Stable<false>>>({
    .name = Probabilities::name,
    .family = "loss",
    .formula = "L = −Σ_c w_c t_c log s_c, s = softmax(x)",
    .source = "seed (9), (21)",
    .notes = "x: (N, C) logits, t: (N, C) probabilities, w: (C) weights or absent.",
    .inputs = {logits(),
               {.name = "t", .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false, .differentiable = false},
               weights()},
    .outputs = {"y"},
    .attributes = {reduction_row(), smoothing_row()},
    .catalogue = {.variants = "label_smoothing ε: targets (1 − ε) t + ε/C; reduction = mean (over N), sum, none",
                  .special = "Terms with target 0 vanish, value and gradient.",
                  .gradient = "dx_c = (s_c Σ_k w_k t_k − w_c t_c) dy"},
    .examples = {{.shapes = {{3, 4}, {3, 4}, {0}}},
                 {.shapes = {{2, 3}, {2, 3}, {3}}, .attributes = {{"label_smoothing", 0.125}, {"reduction", "sum"}}},
                 {.shapes = {{2, 3}, {2, 3}, {3}}, .attributes = {{"reduction", "none"}}}},
    .laws = {"shift_invariant x", "nonnegative"},
    .batched = {"x", "t", "y"},
});
const Row forward_probabilities{probabilities};
const Row backward_probabilities{backward_of<Probabilities, GradientOf<ProbabilitiesOf<Stable<false>>>, GradientOf<ProbabilitiesOf<Stable<true>>>>(probabilities)};

}  // namespace
}  // namespace karat
