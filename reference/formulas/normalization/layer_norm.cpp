// SPDX-License-Identifier: MIT
// layer_norm (Ba et al. 2016, arXiv:1607.06450) and rms_norm (Zhang & Sennrich 2019,
// arXiv:1910.07467) over the last axis.
#include "reference/whole.hpp"

namespace karat {
namespace {

void expect_last(const char* op, const Shapes& in, std::initializer_list<const char*> names) {
  if (in[0].empty()) throw Refused(std::string("input x of ") + op + ": expected rank 1 or more, got shape ()");
  std::size_t i = 1;
  for (const char* name : names) expect_shape(op, name, {in[0].back()}, in[i++]);
}

template <class T>
struct Statistics {
  T mean, variance;  // biased
};
// Of the `size` elements from `row` on.
template <class T>
Statistics<T> statistics(const std::vector<T>& x, std::size_t row, std::size_t size) {
  const T n(static_cast<double>(size));
  Sum<T> values, squares;
  for (std::size_t k = 0; k < size; ++k) values.add(x[row + k]);
  const T mean = values.total() / n;
  for (std::size_t k = 0; k < size; ++k) {
    const T d = x[row + k] - mean;
    squares.add(d * d);
  }
  return {mean, T(squares.total() / n)};
}

struct LayerNorm {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_last("layer_norm", in, {"gamma", "beta"});
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[0].values;
    const auto size = static_cast<std::size_t>(in[0].shape.back());
    const T eps(a.number("eps"));
    Tensor<T> y(in[0].shape);
    for (std::size_t row = 0; row + size <= x.size() && size > 0; row += size) {
      const auto [mean, variance] = statistics(x, row, size);
      for (std::size_t k = 0; k < size; ++k)
        y.values[row + k] = in[1].values[k] * (x[row + k] - mean) / sqrt(variance + eps) + in[2].values[k];
    }
    return {y};
  }
  // With r = 1/√(σ² + ε), x̂ = (x − μ) r, g = γ dy: dx = r (g − mean(g) − x̂ mean(g x̂)),
  // dγ = Σ dy x̂ and dβ = Σ dy over the rows.
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &dy = in[0].values, &x = in[1].values, &gamma = in[2].values;
    const auto size = static_cast<std::size_t>(in[1].shape.back());
    const T n(static_cast<double>(size)), eps(a.number("eps"));
    Tensor<T> dx(in[1].shape), dgamma(in[2].shape), dbeta(in[2].shape);
    std::vector<Sum<T>> gammas(size), betas(size);
    for (std::size_t row = 0; row + size <= x.size() && size > 0; row += size) {
      const auto [mean, variance] = statistics(x, row, size);
      const T r = 1 / sqrt(variance + eps);
      std::vector<T> hat, g, g_hat;
      for (std::size_t k = 0; k < size; ++k) {
        hat.push_back((x[row + k] - mean) * r);
        g.push_back(gamma[k] * dy[row + k]);
        g_hat.push_back(g[k] * hat[k]);
        gammas[k].add(dy[row + k] * hat[k]);
        betas[k].add(dy[row + k]);
      }
      const T mean_g = sum(g) / n, mean_g_hat = sum(g_hat) / n;
      for (std::size_t k = 0; k < size; ++k) dx.values[row + k] = r * (g[k] - mean_g - hat[k] * mean_g_hat);
    }
    for (std::size_t k = 0; k < size; ++k) {
      dgamma.values[k] = gammas[k].total();
      dbeta.values[k] = betas[k].total();
    }
    return {dx, dgamma, dbeta};
  }
};

// Welford's recurrence, which moves with the mean's error in first order; up to 128 elements, as a sum
// is sequential.
struct WelfordLayerNorm {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[0].values;
    const auto size = static_cast<std::size_t>(in[0].shape.back());
    if (size > 128) return LayerNorm::value<T>(in, a);
    const T eps(a.number("eps"));
    Tensor<T> y(in[0].shape);
    for (std::size_t row = 0; row + size <= x.size() && size > 0; row += size) {
      T mean = x[row], squares(0);
      for (std::size_t k = 1; k < size; ++k) {
        const T d = x[row + k] - mean;
        mean = mean + d / T(static_cast<double>(k + 1));
        squares = squares + d * (x[row + k] - mean);
      }
      const T root = sqrt(squares / T(static_cast<double>(size)) + eps);
      for (std::size_t k = 0; k < size; ++k) y.values[row + k] = in[1].values[k] * (x[row + k] - mean) / root + in[2].values[k];
    }
    return {y};
  }
};

struct RmsNorm {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_last("rms_norm", in, {"gamma"});
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[0].values;
    const auto size = static_cast<std::size_t>(in[0].shape.back());
    const T n(static_cast<double>(size)), eps(a.number("eps"));
    Tensor<T> y(in[0].shape);
    for (std::size_t row = 0; row + size <= x.size() && size > 0; row += size) {
      Sum<T> squares;
      for (std::size_t k = 0; k < size; ++k) squares.add(x[row + k] * x[row + k]);
      const T root = sqrt(squares.total() / n + eps);
      for (std::size_t k = 0; k < size; ++k) y.values[row + k] = in[1].values[k] * x[row + k] / root;
    }
    return {y};
  }
  // With r = 1/√(mean(x²) + ε), g = γ dy: dx = r g − r³ x mean(g x), dγ = Σ dy x r over the rows.
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &dy = in[0].values, &x = in[1].values, &gamma = in[2].values;
    const auto size = static_cast<std::size_t>(in[1].shape.back());
    const T n(static_cast<double>(size)), eps(a.number("eps"));
    Tensor<T> dx(in[1].shape), dgamma(in[2].shape);
    std::vector<Sum<T>> gammas(size);
    for (std::size_t row = 0; row + size <= x.size() && size > 0; row += size) {
      Sum<T> squares, products;
      for (std::size_t k = 0; k < size; ++k) {
        squares.add(x[row + k] * x[row + k]);
        products.add(gamma[k] * dy[row + k] * x[row + k]);
      }
      const T r = 1 / sqrt(squares.total() / n + eps), along = products.total() / n;
      for (std::size_t k = 0; k < size; ++k) {
        dx.values[row + k] = r * gamma[k] * dy[row + k] - r * r * r * x[row + k] * along;
        gammas[k].add(dy[row + k] * x[row + k] * r);
      }
    }
    for (std::size_t k = 0; k < size; ++k) dgamma.values[k] = gammas[k].total();
    return {dx, dgamma};
  }
};

InputRow numbers(const char* name) { return {.name = name, .directed = {0, 1, 1e4}, .typical = {-4, 4}, .infinities = false}; }

const Operator layer_norm = whole<LayerNorm, LayerNorm, WelfordLayerNorm>({
    .name = "layer_norm",
    .family = "normalization",
    .formula = "y = γ (x − μ) / √(σ² + ε) + β over the last axis",
    .source = "Ba et al. 2016, arXiv:1607.06450",
    .notes = "μ and the biased σ² of each row.",
    .inputs = {numbers("x"), numbers("gamma"), numbers("beta")},
    .outputs = {"y"},
    .attributes = {not_negative_row("eps", 0x1p-17)},
    .catalogue = {.special = "A constant row gives β.", .gradient = "dx = r (γdy − mean(γdy) − x̂ mean(γdy x̂))"},
    .examples = {{.shapes = {{3, 5}, {5}, {5}}}, {.shapes = {{2, 2, 3}, {3}, {3}}, .attributes = {{"eps", 0.125}}}},
    .laws = {"affine_invariant x"},
    .batched = {"x", "y"},
});
const Row layer_forward{layer_norm};
const Row layer_backward{backward_of<LayerNorm>(layer_norm)};

const Operator rms_norm = whole<RmsNorm>({
    .name = "rms_norm",
    .family = "normalization",
    .formula = "y = γ x / √(mean(x²) + ε) over the last axis",
    .source = "Zhang & Sennrich 2019, arXiv:1910.07467",
    .notes = "No mean is taken away, no β.",
    .inputs = {numbers("x"), numbers("gamma")},
    .outputs = {"y"},
    .attributes = {not_negative_row("eps", 0x1p-17)},
    .catalogue = {.special = "A row of zeros with ε = 0 is 0/0: NaN.", .gradient = "dx = r γdy − r³ x mean(γdy x)"},
    .examples = {{.shapes = {{3, 5}, {5}}}, {.shapes = {{2, 2, 3}, {3}}, .attributes = {{"eps", 0.125}}}},
    .laws = {"scale_invariant x"},
    .batched = {"x", "y"},
});
const Row rms_forward{rms_norm};
const Row rms_backward{backward_of<RmsNorm>(rms_norm)};

}  // namespace
}  // namespace karat
