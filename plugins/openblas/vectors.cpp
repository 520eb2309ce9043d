// SPDX-License-Identifier: MIT
// Operators that are calls on vectors and matrices: penalties, losses of linear models, linear optimizers.
// The adapter's own arithmetic is scalars: λ, η/N, 2λ dy, and a total divided by N.
#include <cmath>

#include "plugins/openblas/openblas.hpp"

namespace karat::openblas {
namespace {

// ---- optimizers

const Row sgd("sgd", "axpy", []<class T>(const Call<T>& c) {
  axpy(c.count("theta"), -c.number("eta"), c.in("g"), c.out("theta"));
});

// θ ← θ − η gᵀ(1, …, 1)
template <class T>
void descend(const Call<T>& c, bool mean) {
  const auto samples = static_cast<blasint>(c.shape("g")[0]), size = c.count("theta");
  const std::vector<T> ones(static_cast<std::size_t>(samples), T(1));
  const T eta = mean ? c.number("eta") / static_cast<T>(samples) : c.number("eta");
  if (size > 0) gemv(CblasTrans, samples, size, -eta, c.in("g"), ones.data(), T(1), c.out("theta"));
}
const char* no_samples(const karat_call& call) {
  const karat_tensor* g = adapter::tensor(call, "g");
  return g && g->shape[0] == 0 && adapter::text(call, "reduction") != "sum"
             ? "gemv leaves θ as it is where there are no samples"
             : nullptr;
}
const Row gd(
    "gd", "gemv", []<class T>(const Call<T>& c) { descend(c, c.is("reduction", "mean")); }, no_samples);
const Row minibatch(
    "minibatch_sgd", "gemv", []<class T>(const Call<T>& c) { descend(c, true); }, no_samples);

const Row momentum("momentum", "axpby", []<class T>(const Call<T>& c) {
  const blasint n = c.count("theta");
  const T beta = c.number("beta"), eta = c.number("eta"), decay = c.number("weight_decay");
  T *theta = c.out("theta"), *v = c.out("v");
  std::vector<T> g = copy(c.in("g"), n);
  axpy(n, decay, theta, g.data());
  if (c.integer("t") == 1)
    std::copy(g.begin(), g.end(), v);
  else
    axpby(n, 1 - c.number("dampening"), g.data(), beta, v);
  if (!c.integer("nesterov")) return axpy(n, -eta, v, theta);
  axpy(n, beta, v, g.data());
  axpy(n, -eta, g.data(), theta);
});

// H d = g by LAPACK, then θ ← θ − η d.  Where it finds no factors, θ becomes NaN.
extern "C" {
void sgesv_(const blasint* n, const blasint* columns, float* a, const blasint* lda, blasint* pivots, float* b,
            const blasint* ldb, blasint* info);
void dgesv_(const blasint* n, const blasint* columns, double* a, const blasint* lda, blasint* pivots,
            double* b, const blasint* ldb, blasint* info);
void sposv_(const char* half, const blasint* n, const blasint* columns, float* a, const blasint* lda,
            float* b, const blasint* ldb, blasint* info);
void dposv_(const char* half, const blasint* n, const blasint* columns, double* a, const blasint* lda,
            double* b, const blasint* ldb, blasint* info);
}
void gesv(blasint n, float* a, blasint* pivots, float* b, blasint* info) {
  const blasint one = 1;
  sgesv_(&n, &one, a, &n, pivots, b, &n, info);
}
void gesv(blasint n, double* a, blasint* pivots, double* b, blasint* info) {
  const blasint one = 1;
  dgesv_(&n, &one, a, &n, pivots, b, &n, info);
}
void posv(blasint n, float* a, float* b, blasint* info) {
  const blasint one = 1;
  sposv_("L", &n, &one, a, &n, b, &n, info);
}
void posv(blasint n, double* a, double* b, blasint* info) {
  const blasint one = 1;
  dposv_("L", &n, &one, a, &n, b, &n, info);
}
template <class T>
void newton(const Call<T>& c, bool cholesky) {
  const blasint n = c.count("theta");
  if (n == 0) return;
  std::vector<T> h = copy(c.in("H"), n * n), d = copy(c.in("g"), n);
  std::vector<blasint> pivots(static_cast<std::size_t>(n));
  blasint info = 0;
  if (cholesky)
    posv(n, h.data(), d.data(), &info);
  else
    gesv(n, h.data(), pivots.data(), d.data(), &info);
  if (info != 0) std::fill(d.begin(), d.end(), std::numeric_limits<T>::quiet_NaN());
  axpy(n, -c.number("eta"), d.data(), c.out("theta"));
}
const char* too_wide(const karat_call& call) {
  const karat_tensor* theta = adapter::tensor(call, "theta");
  return theta && theta->shape[0] > 16384 ? "the adapter copies H, and would copy more than 2 GiB" : nullptr;
}
const Row newton_lu(
    "newton", "gesv", []<class T>(const Call<T>& c) { newton(c, false); }, too_wide);
const Row newton_cholesky(
    "newton", "posv", []<class T>(const Call<T>& c) { newton(c, true); }, too_wide);

// ---- losses of linear models

template <class T>
T total_of(const Call<T>& c, T total, blasint terms) {
  return c.is("reduction", "mean") ? total / static_cast<T>(terms) : total;
}

// Y − Xθ, X: (samples, size)
template <class T>
std::vector<T> residuals(const T* x, const T* y, const T* theta, blasint samples, blasint size) {
  std::vector<T> r = copy(y, samples);
  if (samples > 0 && size > 0) gemv(CblasNoTrans, samples, size, T(-1), x, theta, T(1), r.data());
  return r;
}
// d ← factor Xᵀ r
template <class T>
void along(const T* x, const std::vector<T>& r, blasint size, T factor, T* d) {
  std::fill(d, d + size, T(0));
  if (!r.empty() && size > 0)
    gemv(CblasTrans, static_cast<blasint>(r.size()), size, factor, x, r.data(), T(0), d);
}
const Row regression("linear_regression_loss", "gemv_dot", []<class T>(const Call<T>& c) {
  const blasint samples = c.count("Y");
  const auto r = residuals(c.in("X"), c.in("Y"), c.in("theta"), samples, c.count("theta"));
  *c.out("y") = total_of(c, dot(samples, r.data(), r.data()), samples);
});
const Row regression_backward(
    "linear_regression_loss_backward", "gemv",
    []<class T>(const Call<T>& c) {
      const blasint samples = c.count("Y"), size = c.count("theta");
      const auto r = residuals(c.in("X"), c.in("Y"), c.in("theta"), samples, size);
      along(c.in("X"), r, size, total_of(c, -2 * *c.in("dy"), samples), c.out("dtheta"));
    },
    [](const karat_call& call) -> const char* {
      const karat_tensor* y = adapter::tensor(call, "Y");
      return y && y->shape[0] == 0 ? "gemv gives 0 where there are no samples, whatever the factor" : nullptr;
    });
template <class T>
std::vector<T> differences(const Call<T>& c) {
  std::vector<T> r = copy(c.in("x"), c.count("x"));
  axpy(c.count("x"), T(-1), c.in("t"), r.data());
  return r;
}
const char* single_terms(const karat_call& call) {
  return adapter::text(call, "reduction") == "none" && adapter::text(call, "form") != "printed"
             ? "BLAS has no product element by element"
             : nullptr;
}
const Row mse(
    "mse_loss", "axpy_dot",
    []<class T>(const Call<T>& c) {
      const std::vector<T> r = differences(c);
      const auto n = static_cast<blasint>(r.size());
      const T total = dot(n, r.data(), r.data());
      *c.out("y") = c.is("form", "printed") ? total : total_of(c, total, n);
    },
    single_terms);
const Row mse_backward(
    "mse_loss_backward", "axpy_scal",
    []<class T>(const Call<T>& c) {
      std::vector<T> r = differences(c);
      const auto n = static_cast<blasint>(r.size());
      const T dy = *c.in("dy");
      scal(n, 2 * (c.is("form", "printed") ? dy : total_of(c, dy, n)), r.data());
      std::copy(r.begin(), r.end(), c.out("dx"));
      scal(n, T(-1), r.data());
      std::copy(r.begin(), r.end(), c.out("dt"));
    },
    single_terms);
const Row gap("generalization_gap", "axpy", []<class T>(const Call<T>& c) {
  const blasint n = c.count("y");
  std::copy_n(c.in("E_out"), n, c.out("y"));
  axpy(n, T(-1), c.in("E_in"), c.out("y"));
});

// ---- penalties

const Row l1("l1_penalty", "asum", []<class T>(const Call<T>& c) {
  const blasint n = c.count("theta");
  *c.out("y") =
      c.number("lambda") * (c.is("form", "printed") ? nrm2(n, c.in("theta")) : asum(n, c.in("theta")));
});
const Row l2("l2_penalty", "dot", []<class T>(const Call<T>& c) {
  *c.out("y") = c.number("lambda") * dot(c.count("theta"), c.in("theta"), c.in("theta"));
});
template <class T>
void l2_gradient(const Call<T>& c) {
  const blasint n = c.count("theta");
  std::copy_n(c.in("theta"), n, c.out("dtheta"));
  scal(n, 2 * c.number("lambda") * *c.in("dy"), c.out("dtheta"));
}
const Row l2_backward("l2_penalty_backward", "scal", []<class T>(const Call<T>& c) { l2_gradient(c); });
// Ω is added by BLAS too: λ θᵀθ as a matrix of one row, or λ (Σ|θ|).
const Row regularized("regularized_loss", "gemv", []<class T>(const Call<T>& c) {
  const blasint n = c.count("theta");
  T* y = c.out("y");
  *y = *c.in("loss");
  if (n == 0) return;
  if (c.is("penalty", "l2"))
    return gemv(CblasNoTrans, 1, n, c.number("lambda"), c.in("theta"), c.in("theta"), T(1), y);
  const T total = asum(n, c.in("theta"));
  axpy(1, c.number("lambda"), &total, y);
});
const Row regularized_backward(
    "regularized_loss_backward", "scal",
    []<class T>(const Call<T>& c) {
      *c.out("dloss") = *c.in("dy");
      l2_gradient(c);
    },
    [](const karat_call& call) -> const char* {
      return adapter::text(call, "penalty") == "l1" ? "BLAS has no signs" : nullptr;
    });

// ---- weights from given draws

const Row normal("normal", "axpy", []<class T>(const Call<T>& c) {
  const blasint n = c.count("z");
  std::fill_n(c.out("w"), n, c.number("mean"));
  axpy(n, c.number("sigma"), c.in("z"), c.out("w"));
});
const Row xavier("xavier_normal", "scal", []<class T>(const Call<T>& c) {
  const blasint n = c.count("z");
  std::copy_n(c.in("z"), n, c.out("w"));
  const double fans = static_cast<double>(c.integer("n_in")) + static_cast<double>(c.integer("n_out"));
  scal(n, static_cast<T>(std::sqrt(2 / fans)), c.out("w"));
});

}  // namespace
}  // namespace karat::openblas
