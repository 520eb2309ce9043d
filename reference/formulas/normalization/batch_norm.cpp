// SPDX-License-Identifier: MIT
// Batch normalization: (14)–(16) of the seed; Ioffe & Szegedy 2015, arXiv:1502.03167.
// x: (N, C) or (N, C, H, W), statistics a channel.
#include <tuple>

#include "reference/whole.hpp"

namespace karat {
namespace {

struct Channels {
  std::size_t count = 0, inner = 1;
  explicit Channels(const Shape& x) : count(static_cast<std::size_t>(x[1])) {
    for (std::size_t d = 2; d < x.size(); ++d) inner *= static_cast<std::size_t>(x[d]);
  }
  std::size_t of(std::size_t element) const { return element / inner % count; }
};

void expect_channels(const char* op, const Shapes& in, std::initializer_list<const char*> names) {
  if (in[0].size() != 2 && in[0].size() != 4)
    throw Refused(std::string("input x of ") + op + ": expected (N, C) or (N, C, H, W), got shape " + to_text(in[0]));
  std::size_t i = 1;
  for (const char* name : names) expect_shape(op, name, {in[0][1]}, in[i++]);
}

// Σ of term(i) over the elements of each channel.
template <class T, class Term>
std::vector<T> channel_sums(const Channels& channels, std::size_t elements, Term term) {
  std::vector<Sum<T>> sums(channels.count);
  for (std::size_t i = 0; i < elements; ++i) sums[channels.of(i)].add(term(i));
  std::vector<T> totals;
  for (const Sum<T>& s : sums) totals.push_back(s.total());
  return totals;
}

template <class T>
struct Statistics {
  std::vector<T> mean, variance;  // biased
  double values = 0;              // a channel
};

// E[x] and E[(x − E[x])²] of each channel.  `printed`: (16) takes 1/|B| from x in place of the mean.
template <class T>
Statistics<T> statistics(const Tensor<T>& x, bool as_printed = false) {
  const Channels channels(x.shape);
  Statistics<T> s;
  s.values = channels.count == 0 ? 0 : static_cast<double>(x.values.size()) / static_cast<double>(channels.count);
  const T n(s.values);
  s.mean = channel_sums<T>(channels, x.values.size(), [&](std::size_t i) { return x.values[i]; });
  for (T& m : s.mean) m = m / n;
  s.variance = channel_sums<T>(channels, x.values.size(), [&](std::size_t i) {
    const T d = x.values[i] - (as_printed ? T(1 / n) : s.mean[channels.of(i)]);
    return T(d * d);
  });
  for (T& v : s.variance) v = v / n;
  return s;
}

struct BatchNorm {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_channels("batch_norm", in, {"gamma", "beta"});
    return {in[0]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& x = in[0];
    const Channels channels(x.shape);
    const Statistics<T> s = statistics(x, printed(a));
    const T eps(a.number("eps"));
    Tensor<T> y(x.shape);
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const std::size_t c = channels.of(i);
      y.values[i] = printed(a) ? (x.values[i] - s.mean[c]) / s.variance[c]
                               : in[1].values[c] * (x.values[i] - s.mean[c]) / sqrt(s.variance[c] + eps) + in[2].values[c];
    }
    return {y};
  }
  // dx = γ/√(σ² + ε) (dy − mean(dy) − x̂ mean(dy x̂)), dγ = Σ dy x̂, dβ = Σ dy.  As printed, with v = VAR:
  // dx = (dy − mean(dy))/v − 2 (x − 1/n)/n Σ dy (x − μ)/v².
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &dy = in[0].values, &x = in[1].values;
    const Channels channels(in[1].shape);
    const Statistics<T> s = statistics(in[1], printed(a));
    const T eps(a.number("eps")), n(s.values);
    Tensor<T> dx(in[1].shape), dgamma(in[2].shape), dbeta(in[2].shape);
    const auto total = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return dy[i]; });
    const auto along = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return T(dy[i] * (x[i] - s.mean[channels.of(i)])); });
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channels.of(i);
      const T& v = s.variance[c];
      if (printed(a))
        dx.values[i] = (dy[i] - total[c] / n) / v - 2 * (x[i] - 1 / n) / n * along[c] / (v * v);
      else
        dx.values[i] = in[2].values[c] / sqrt(v + eps) * (dy[i] - total[c] / n - (x[i] - s.mean[c]) * along[c] / n / (v + eps));
    }
    if (!printed(a))
      for (std::size_t c = 0; c < channels.count; ++c) {
        dgamma.values[c] = along[c] / sqrt(s.variance[c] + eps);
        dbeta.values[c] = total[c];
      }
    return {dx, dgamma, dbeta};
  }
};

struct Inference {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_channels("batch_norm_inference", in, {"gamma", "beta", "mean", "var"});
    return {in[0]};
  }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside("batch_norm_inference", "var", in[4], 0, std::numeric_limits<double>::infinity());
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const Channels channels(in[0].shape);
    const T eps(a.number("eps"));
    Tensor<T> y(in[0].shape);
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      const std::size_t c = channels.of(i);
      y.values[i] = in[1].values[c] * (in[0].values[i] - in[3].values[c]) / sqrt(in[4].values[c] + eps) + in[2].values[c];
    }
    return {y};
  }
  // With r = 1/√(var + ε): dx = γ r dy, dγ = r Σ dy (x − mean), dβ = Σ dy, dmean = −γ r Σ dy,
  // dvar = −γ r³/2 Σ dy (x − mean).
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const auto &dy = in[0].values, &x = in[1].values, &gamma = in[2].values, &mean = in[4].values, &var = in[5].values;
    const Channels channels(in[1].shape);
    const T eps(a.number("eps"));
    Tensor<T> dx(in[1].shape), dgamma(in[2].shape), dbeta(in[2].shape), dmean(in[2].shape), dvar(in[2].shape);
    const auto total = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return dy[i]; });
    const auto along = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return T(dy[i] * (x[i] - mean[channels.of(i)])); });
    for (std::size_t c = 0; c < channels.count; ++c) {
      const T r = 1 / sqrt(var[c] + eps);
      dgamma.values[c] = r * along[c];
      dbeta.values[c] = total[c];
      dmean.values[c] = -(gamma[c] * r * total[c]);
      dvar.values[c] = -(gamma[c] * r * r * r / 2 * along[c]);
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channels.of(i);
      dx.values[i] = gamma[c] / sqrt(var[c] + eps) * dy[i];
    }
    return {dx, dgamma, dbeta, dmean, dvar};
  }
};

struct Running {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_channels("batch_norm_statistics", in, {"running_mean", "running_var"});
    const std::int64_t values = in[0][1] == 0 ? 2 : element_count(in[0]) / in[0][1];
    if (a.text("variance") == "unbiased" && values < 2)
      throw Refused("batch_norm_statistics: the unbiased variance needs 2 values a channel or more, got " + std::to_string(values));
    return {in[1], in[2]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const Statistics<T> s = statistics(in[0]);
    const T momentum(a.number("momentum"));
    const T n(s.values);
    Tensor<T> mean(in[1].shape), variance(in[2].shape);
    for (std::size_t c = 0; c < mean.values.size(); ++c) {
      const T v = a.text("variance") == "unbiased" ? T(s.variance[c] * n / (n - 1)) : s.variance[c];
      mean.values[c] = (1 - momentum) * in[1].values[c] + momentum * s.mean[c];
      variance.values[c] = (1 - momentum) * in[2].values[c] + momentum * v;
    }
    return {mean, variance};
  }
};

// From the saved mean and r = 1/√(σ² + ε): with x̂ = (x − μ) r,
// dx = γ r (dy − mean(dy) − x̂ mean(dy x̂)), dγ = Σ dy x̂, dβ = Σ dy.
struct FromStatistics {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    const char* name = "batch_norm_backward_from_statistics";
    expect_channels(name, {in[1], in[2], in[3], in[4]}, {"gamma", "mean", "rstd"});
    expect_shape(name, "dy", in[1], in[0]);
    return {in[1], in[2], in[2]};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes&) {
    const auto& [dy, x, gamma, mean, rstd] = std::tie(in[0].values, in[1].values, in[2].values, in[3].values, in[4].values);
    const Channels channels(in[1].shape);
    Tensor<T> dx(in[1].shape), dgamma(in[2].shape), dbeta(in[2].shape);
    const auto hat = [&](std::size_t i) { return T((x[i] - mean[channels.of(i)]) * rstd[channels.of(i)]); };
    dgamma.values = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return T(dy[i] * hat(i)); });
    dbeta.values = channel_sums<T>(channels, x.size(), [&](std::size_t i) { return dy[i]; });
    const T n(channels.count == 0 ? 1.0 : static_cast<double>(x.size()) / static_cast<double>(channels.count));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channels.of(i);
      dx.values[i] = gamma[c] * rstd[c] * (dy[i] - dbeta.values[c] / n - hat(i) * dgamma.values[c] / n);
    }
    return {dx, dgamma, dbeta};
  }
};

// The accepted algorithms of (x − μ) r γ + β: as it stands, and folded into x·a + b.
template <bool Folded>
struct Normalized {
  template <class T>
  static Tensors<T> with(const Tensors<T>& in, const std::vector<T>& mean, const std::vector<T>& variance, const Attributes& a) {
    const Channels channels(in[0].shape);
    const T eps(a.number("eps"));
    std::vector<T> r, scale, shift;
    for (std::size_t c = 0; c < channels.count; ++c) {
      r.push_back(1 / sqrt(variance[c] + eps));
      scale.push_back(in[1].values[c] * r[c]);
      shift.push_back(in[2].values[c] - mean[c] * scale[c]);
    }
    Tensor<T> y(in[0].shape);
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      const std::size_t c = channels.of(i);
      y.values[i] = Folded ? T(in[0].values[i] * scale[c] + shift[c]) : T((in[0].values[i] - mean[c]) * r[c] * in[1].values[c] + in[2].values[c]);
    }
    return {y};
  }
};
template <bool Folded>
struct StableBatchNorm {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    if (printed(a)) return BatchNorm::value<T>(in, a);
    const Statistics<T> s = statistics(in[0]);
    return Normalized<Folded>::with(in, s.mean, s.variance, a);
  }
};
// Welford's recurrence, which moves with the mean's error in first order; up to 128 values, as a sum is
// sequential.
struct WelfordBatchNorm {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const Channels channels(in[0].shape);
    const std::size_t values = channels.count == 0 ? 0 : in[0].values.size() / channels.count;
    if (printed(a) || values > 128) return StableBatchNorm<false>::value<T>(in, a);
    std::vector<T> mean(channels.count, T(0)), variance(channels.count, T(0));
    std::vector<double> seen(channels.count, 0);
    for (std::size_t i = 0; i < in[0].values.size(); ++i) {
      const std::size_t c = channels.of(i);
      const T d = in[0].values[i] - mean[c];
      seen[c] += 1;
      mean[c] = seen[c] == 1 ? in[0].values[i] : T(mean[c] + d / T(seen[c]));
      if (seen[c] > 1) variance[c] = variance[c] + d * (in[0].values[i] - mean[c]);
    }
    for (T& v : variance) v = v / T(static_cast<double>(values));
    return Normalized<false>::with(in, mean, variance, a);
  }
};
template <bool Folded>
struct StableInference {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return Normalized<Folded>::with(in, in[3].values, in[4].values, a);
  }
};
// With dy centred before it is summed: Σ (dy − mean(dy))(x − μ).
struct CentredGradient {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    if (printed(a)) return BatchNorm::gradient<T>(in, a);
    Tensors<T> d = BatchNorm::gradient<T>(in, a);
    const auto &dy = in[0].values, &x = in[1].values;
    const Channels channels(in[1].shape);
    const Statistics<T> s = statistics(in[1]), of_dy = statistics(in[0]);
    const T eps(a.number("eps")), n(s.values);
    const auto along = channel_sums<T>(channels, x.size(), [&](std::size_t i) {
      const std::size_t c = channels.of(i);
      return T((dy[i] - of_dy.mean[c]) * (x[i] - s.mean[c]));
    });
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channels.of(i);
      const T r = 1 / sqrt(s.variance[c] + eps);
      d[0].values[i] = in[2].values[c] * r * ((dy[i] - of_dy.mean[c]) - (x[i] - s.mean[c]) * r * r * along[c] / n);
    }
    return d;
  }
};
struct TwoReductions {
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return BatchNorm::gradient<T>(in, a);
  }
};

InputRow numbers(const char* name, bool differentiable = true) {
  return {.name = name, .directed = {0, 1, 1e4}, .typical = {-4, 4}, .infinities = false, .differentiable = differentiable};
}
InputRow positive(const char* name, bool differentiable = true) {
  return {.name = name, .directed = {0, 1, 1e-8}, .typical = {0.25, 4}, .domain = {0, 1e30}, .infinities = false, .differentiable = differentiable};
}
AttributeRow eps_row() { return not_negative_row("eps", 0x1p-17); }

const Operator batch_norm = whole<BatchNorm, StableBatchNorm<false>, StableBatchNorm<true>, WelfordBatchNorm>({
    .name = "batch_norm",
    .family = "normalization",
    .formula = "y = γ (x − μ) / √(σ² + ε) + β",
    .source = "seed (14)–(16); Ioffe & Szegedy 2015, arXiv:1502.03167",
    .notes = "Training: μ and the biased σ² of each channel of the batch.",
    .inputs = {numbers("x"), numbers("gamma"), numbers("beta")},
    .outputs = {"y"},
    .attributes = {eps_row(), form_row()},
    .catalogue = {.printed = "(14) (a − E)/VAR: no root, no ε, γ, β; (16) takes 1/|B| from x in place of the mean and sums over j; (15)'s summand "
                             "carries no i.  x = (1, 3) gives (−1, 1) by the standard with ε = 0, (−4/13, 4/13) as printed.  \"Re-scale to [−1, 1]\" is false: |y| ≤ √(n − 1)",
                  .variants = "form = standard, printed",
                  .special = "One value a channel: y = β.", .gradient = "dx = γ/√(σ² + ε) (dy − mean(dy) − x̂ mean(dy x̂));  dγ = Σ dy x̂;  dβ = Σ dy"},
    .examples = {{.shapes = {{4, 3}, {3}, {3}}},
                 {.shapes = {{2, 2, 2, 3}, {2}, {2}}},
                 {.shapes = {{3, 2}, {2}, {2}}, .attributes = {{"form", "printed"}}},
                 {.shapes = {{3, 2}, {2}, {2}}, .attributes = {{"eps", 0.0}}}},
    .laws = {"affine_invariant x"},
});
const Row forward{batch_norm};
const Row backward{backward_of<BatchNorm, TwoReductions, CentredGradient>(batch_norm)};

const Operator inference = whole<Inference, StableInference<false>, StableInference<true>>({
    .name = "batch_norm_inference",
    .family = "normalization",
    .formula = "y = γ (x − mean) / √(var + ε) + β",
    .source = "Ioffe & Szegedy 2015, arXiv:1502.03167",
    .notes = "With running statistics.",
    .inputs = {numbers("x"), numbers("gamma"), numbers("beta"), numbers("mean"), positive("var")},
    .outputs = {"y"},
    .attributes = {eps_row()},
    .catalogue = {.gradient = "dx = γ r dy, dγ = r Σ dy (x − mean), dβ = Σ dy, dmean = −γ r Σ dy, dvar = −γ r³/2 Σ dy (x − mean), r = 1/√(var + ε)"},
    .examples = {{.shapes = {{4, 3}, {3}, {3}, {3}, {3}}}, {.shapes = {{1, 2, 2, 3}, {2}, {2}, {2}, {2}}}},
    .laws = {"linear_in x"},
    .batched = {"x", "y"},
});
const Row inference_forward{inference};
const Row inference_backward{backward_of<Inference>(inference)};

const Row running{whole<Running>({
    .name = "batch_norm_statistics",
    .family = "normalization",
    .formula = "running ← (1 − m) running + m statistic",
    .source = "Ioffe & Szegedy 2015, arXiv:1502.03167; seed (15), (16)",
    .notes = "The variance that is kept is unbiased (n/(n − 1)) or biased.",
    .inputs = {numbers("x", false), numbers("running_mean", false), positive("running_var", false)},
    .outputs = {"running_mean", "running_var"},
    .attributes = {{.name = "momentum", .standard = 0.125, .domain = "from 0 to 1", .directed = {0.125}, .valid = [](double m) { return m >= 0 && m <= 1; }},
                   choice_row("variance", {"unbiased", "biased"}, "unbiased or biased")},
    .catalogue = {.variants = "variance = unbiased, biased", .special = "One value a channel: the unbiased variance is refused."},
    .examples = {{.shapes = {{4, 3}, {3}, {3}}}, {.shapes = {{2, 2, 2, 2}, {2}, {2}}, .attributes = {{"variance", "biased"}}}},
})};

const Row from_statistics{whole<FromStatistics>({
    .name = "batch_norm_backward_from_statistics",
    .family = "normalization",
    .formula = "dx = γ r (dy − mean(dy) − x̂ mean(dy x̂)),  x̂ = (x − μ) r",
    .source = "Ioffe & Szegedy 2015, arXiv:1502.03167",
    .notes = "In terms of the saved mean μ and r = 1/√(σ² + ε) (rstd), exact on the bits that are given.",
    .inputs = {numbers("dy", false), numbers("x", false), numbers("gamma", false), numbers("mean", false), positive("rstd", false)},
    .outputs = {"dx", "dgamma", "dbeta"},
    .examples = {{.shapes = {{4, 3}, {4, 3}, {3}, {3}, {3}}}, {.shapes = {{2, 2, 2, 2}, {2, 2, 2, 2}, {2}, {2}, {2}}}},
})};

}  // namespace
}  // namespace karat
