// SPDX-License-Identifier: MIT
// Newton's method: (53) of the seed, θ − H⁻¹∇J.  H is factored and the system solved, never inverted.
#include "reference/optimizer.hpp"

namespace karat {
namespace {

// Solves H d = g by H = L D Lᵀ; `pivot(k, d_k)` sees each element of D.
template <class T, class See>
std::vector<T> solve(std::vector<T> h, std::vector<T> d, See pivot) {
  const std::size_t n = d.size();
  for (std::size_t k = 0; k < n; ++k) {
    pivot(k, h[k * n + k]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const T factor = h[i * n + k] / h[k * n + k];
      for (std::size_t j = k; j < n; ++j) h[i * n + j] = h[i * n + j] - factor * h[k * n + j];
      d[i] = d[i] - factor * d[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) d[k] = d[k] - h[k * n + j] * d[j];
    d[k] = d[k] / h[k * n + k];
  }
  return d;
}

struct Newton {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_rank("newton", "theta", 1, in[0]);
    expect_shape("newton", "g", in[0], in[1]);
    expect_shape("newton", "H", {in[0][0], in[0][0]}, in[2]);
    return {in[0]};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    const std::size_t n = in[0].values.size();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (!(in[2].values[i * n + j] == in[2].values[j * n + i]))
          throw Refused("input H of newton: expected a symmetric matrix, but H[" + std::to_string(i) + ", " + std::to_string(j) +
                        "] differs from H[" + std::to_string(j) + ", " + std::to_string(i) + "]");
    // Exact enough to know the signs of the pivots: 4096 bits.
    const PrecisionScope scope(4096);
    std::vector<Real> h, d(n, Real(0));
    for (const double v : in[2].values) h.emplace_back(v);
    solve(h, d, [](std::size_t k, const Real& pivot) {
      if (!(pivot > 0))
        throw Refused("input H of newton: expected a positive definite matrix, but pivot " + std::to_string(k) +
                      (pivot < 0 ? " is negative (indefinite)" : " is 0 or NaN (singular)"));
    });
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T eta(a.number("eta"));
    const std::vector<T> d = solve(in[2].values, in[1].values, [](std::size_t, const T&) {});
    Tensor<T> theta(in[0].shape);
    for (std::size_t i = 0; i < d.size(); ++i) theta.values[i] = in[0].values[i] - eta * d[i];
    return {theta};
  }
};

const Row newton{whole<Newton>({
    .name = "newton",
    .family = "optimizer",
    .formula = "θ ← θ − η d with H d = ∇J",
    .source = "seed (53)",
    .notes = "H: (D, D), symmetric and positive definite; a singular or indefinite H is refused.",
    .inputs = {parameter("theta"), parameter("g"), parameter("H")},
    .outputs = {"theta"},
    .attributes = {{.name = "eta", .standard = 1, .domain = "η finite", .directed = {1}, .valid = [](double v) { return v - v == 0; }}},
    .catalogue = {.printed = "(53) writes Δ for ∇", .variants = "eta: a damped step"},
    .examples = {{.shapes = {{2}, {2}, {2, 2}}, .values = {{"H", {2, 1, 1, 3}}}},
                 {.shapes = {{3}, {3}, {3, 3}}, .attributes = {{"eta", 0.5}}, .values = {{"H", {4, 1, 0.5, 1, 3, 0.25, 0.5, 0.25, 2}}}}},
})};

}  // namespace
}  // namespace karat
