// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

// x: (N, C) or (N, C, …): the elements of channel c.
template <class W>
struct Channels {
  std::size_t count, inner, each;
  explicit Channels(const Array<W>& x) : count(static_cast<std::size_t>(x.shape[1])), inner(1), each(count ? x.size() / count : 0) {
    for (std::size_t d = 2; d < x.shape.size(); ++d) inner *= static_cast<std::size_t>(x.shape[d]);
  }
  std::size_t at(std::size_t c, std::size_t i) const { return (i / inner * count + c) * inner + i % inner; }
  std::size_t of(std::size_t element) const { return element / inner % count; }
  template <class Term>
  std::vector<W> sums(Term term) const {
    std::vector<W> all;
    for (std::size_t c = 0; c < count; ++c) all.push_back(sum<W>(each, [&](std::size_t i) { return term(at(c, i), c); }));
    return all;
  }
};

// Two passes.
template <class W>
struct Statistics {
  std::vector<W> mean, variance;
  Statistics(const Channels<W>& channels, const Array<W>& x, bool printed = false) {
    const W n = static_cast<W>(channels.each);
    mean = channels.sums([&](std::size_t i, std::size_t) { return x.v[i]; });
    for (W& m : mean) m /= n;
    variance = channels.sums([&](std::size_t i, std::size_t c) {
      const W d = x.v[i] - (printed ? 1 / n : mean[c]);
      return d * d;
    });
    for (W& v : variance) v /= n;
  }
};

const Row batch_norm("batch_norm", []<class W>(Call<W>& c) {
  const Array<W> x = c.in("x"), gamma = c.in("gamma"), beta = c.in("beta");
  const Channels<W> channels(x);
  const bool printed = c.is("form", "printed");
  const Statistics<W> s(channels, x, printed);
  Array<W> y = x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = channels.of(i);
    y.v[i] = printed ? (x.v[i] - s.mean[k]) / s.variance[k]
                     : (x.v[i] - s.mean[k]) * (1 / std::sqrt(s.variance[k] + c.number("eps"))) * gamma.v[k] + beta.v[k];
  }
  c.out("y", y);
});
const Row batch_norm_backward("batch_norm_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), gamma = c.in("gamma");
  const Channels<W> channels(x);
  const bool printed = c.is("form", "printed");
  const Statistics<W> s(channels, x, printed);
  const W n = static_cast<W>(channels.each), eps = c.number("eps");
  const auto total = channels.sums([&](std::size_t i, std::size_t) { return dy.v[i]; });
  const auto along = channels.sums([&](std::size_t i, std::size_t k) { return dy.v[i] * (x.v[i] - s.mean[k]); });
  Array<W> dx = x, dgamma = zeros<W>(gamma.shape), dbeta = dgamma;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = channels.of(i);
    const W v = s.variance[k];
    dx.v[i] = printed ? (dy.v[i] - total[k] / n) / v - 2 * (x.v[i] - 1 / n) / n * along[k] / (v * v)
                      : gamma.v[k] / std::sqrt(v + eps) * (dy.v[i] - total[k] / n - (x.v[i] - s.mean[k]) * along[k] / n / (v + eps));
  }
  if (!printed)
    for (std::size_t k = 0; k < channels.count; ++k) {
      dgamma.v[k] = along[k] / std::sqrt(s.variance[k] + eps);
      dbeta.v[k] = total[k];
    }
  c.out("dx", dx);
  c.out("dgamma", dgamma);
  c.out("dbeta", dbeta);
});
const Row from_statistics("batch_norm_backward_from_statistics", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), gamma = c.in("gamma"), mean = c.in("mean"), rstd = c.in("rstd");
  const Channels<W> channels(x);
  const auto hat = [&](std::size_t i, std::size_t k) { return (x.v[i] - mean.v[k]) * rstd.v[k]; };
  Array<W> dx = x, dgamma{gamma.shape, channels.sums([&](std::size_t i, std::size_t k) { return dy.v[i] * hat(i, k); })};
  Array<W> dbeta{gamma.shape, channels.sums([&](std::size_t i, std::size_t) { return dy.v[i]; })};
  const W n = static_cast<W>(channels.each);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = channels.of(i);
    dx.v[i] = gamma.v[k] * rstd.v[k] * (dy.v[i] - dbeta.v[k] / n - hat(i, k) * dgamma.v[k] / n);
  }
  c.out("dx", dx);
  c.out("dgamma", dgamma);
  c.out("dbeta", dbeta);
});
const Row inference("batch_norm_inference", []<class W>(Call<W>& c) {
  const Array<W> gamma = c.in("gamma"), beta = c.in("beta"), mean = c.in("mean"), var = c.in("var");
  Array<W> x = c.in("x");
  const Channels<W> channels(x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = channels.of(i);
    x.v[i] = (x.v[i] - mean.v[k]) * (1 / std::sqrt(var.v[k] + c.number("eps"))) * gamma.v[k] + beta.v[k];
  }
  c.out("y", x);
});
const Row inference_backward("batch_norm_inference_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), gamma = c.in("gamma"), mean = c.in("mean"), var = c.in("var");
  const Channels<W> channels(x);
  Array<W> dx = x, dgamma = zeros<W>(gamma.shape), dbeta = dgamma, dmean = dgamma, dvar = dgamma;
  const auto total = channels.sums([&](std::size_t i, std::size_t) { return dy.v[i]; });
  const auto along = channels.sums([&](std::size_t i, std::size_t k) { return dy.v[i] * (x.v[i] - mean.v[k]); });
  for (std::size_t k = 0; k < channels.count; ++k) {
    const W r = 1 / std::sqrt(var.v[k] + c.number("eps"));
    dgamma.v[k] = r * along[k];
    dbeta.v[k] = total[k];
    dmean.v[k] = -(gamma.v[k] * r * total[k]);
    dvar.v[k] = -(gamma.v[k] * r * r * r / 2 * along[k]);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = channels.of(i);
    dx.v[i] = gamma.v[k] / std::sqrt(var.v[k] + c.number("eps")) * dy.v[i];
  }
  c.out("dx", dx);
  c.out("dgamma", dgamma);
  c.out("dbeta", dbeta);
  c.out("dmean", dmean);
  c.out("dvar", dvar);
});
const Row running("batch_norm_statistics", []<class W>(Call<W>& c) {
  const Array<W> x = c.in("x");
  Array<W> mean = c.in("running_mean"), variance = c.in("running_var");
  const Channels<W> channels(x);
  const Statistics<W> s(channels, x);
  const W m = c.number("momentum"), n = static_cast<W>(channels.each);
  for (std::size_t k = 0; k < channels.count; ++k) {
    const W v = c.is("variance", "unbiased") ? s.variance[k] * n / (n - 1) : s.variance[k];
    mean.v[k] = (1 - m) * mean.v[k] + m * s.mean[k];
    variance.v[k] = (1 - m) * variance.v[k] + m * v;
  }
  c.out("running_mean", mean);
  c.out("running_var", variance);
});

// Over the last axis.
template <class W>
struct Rows {
  std::size_t size, count;
  explicit Rows(const Array<W>& x) : size(static_cast<std::size_t>(x.shape.back())), count(size ? x.size() / size : 0) {}
};
template <class W>
struct Moments {
  W mean, variance;
  Moments(const W* x, std::size_t size) {
    const W n = static_cast<W>(size);
    mean = sum<W>(size, [&](std::size_t k) { return x[k]; }) / n;
    variance = sum<W>(size, [&](std::size_t k) { return (x[k] - mean) * (x[k] - mean); }) / n;
  }
};
const Row layer_norm("layer_norm", []<class W>(Call<W>& c) {
  const Array<W> x = c.in("x"), gamma = c.in("gamma"), beta = c.in("beta");
  const Rows<W> rows(x);
  Array<W> y = x;
  for (std::size_t r = 0; r < rows.count; ++r) {
    const Moments<W> m(&x.v[r * rows.size], rows.size);
    for (std::size_t k = 0; k < rows.size; ++k) {
      const std::size_t i = r * rows.size + k;
      y.v[i] = gamma.v[k] * (x.v[i] - m.mean) / std::sqrt(m.variance + c.number("eps")) + beta.v[k];
    }
  }
  c.out("y", y);
});
const Row layer_norm_backward("layer_norm_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), gamma = c.in("gamma");
  const Rows<W> rows(x);
  const W n = static_cast<W>(rows.size);
  Array<W> dx = x, hat = x, dgamma = gamma, dbeta = gamma;
  for (std::size_t r = 0; r < rows.count; ++r) {
    const std::size_t at = r * rows.size;
    const Moments<W> m(&x.v[at], rows.size);
    const W rstd = 1 / std::sqrt(m.variance + c.number("eps"));
    for (std::size_t k = 0; k < rows.size; ++k) hat.v[at + k] = (x.v[at + k] - m.mean) * rstd;
    const auto g = [&](std::size_t k) { return gamma.v[k] * dy.v[at + k]; };
    const W mean_g = sum<W>(rows.size, g) / n, mean_g_hat = sum<W>(rows.size, [&](std::size_t k) { return g(k) * hat.v[at + k]; }) / n;
    for (std::size_t k = 0; k < rows.size; ++k) dx.v[at + k] = rstd * (g(k) - mean_g - hat.v[at + k] * mean_g_hat);
  }
  for (std::size_t k = 0; k < rows.size; ++k) {
    dgamma.v[k] = sum<W>(rows.count, [&](std::size_t r) { return dy.v[r * rows.size + k] * hat.v[r * rows.size + k]; });
    dbeta.v[k] = sum<W>(rows.count, [&](std::size_t r) { return dy.v[r * rows.size + k]; });
  }
  c.out("dx", dx);
  c.out("dgamma", dgamma);
  c.out("dbeta", dbeta);
});
const Row rms_norm("rms_norm", []<class W>(Call<W>& c) {
  const Array<W> gamma = c.in("gamma");
  Array<W> x = c.in("x");
  const Rows<W> rows(x);
  for (std::size_t r = 0; r < rows.count; ++r) {
    W* row = &x.v[r * rows.size];
    const W root = std::sqrt(sum<W>(rows.size, [&](std::size_t k) { return row[k] * row[k]; }) / static_cast<W>(rows.size) + c.number("eps"));
    for (std::size_t k = 0; k < rows.size; ++k) row[k] = gamma.v[k] * row[k] / root;
  }
  c.out("y", x);
});
const Row rms_norm_backward("rms_norm_backward", []<class W>(Call<W>& c) {
  const Array<W> dy = c.in("dy"), x = c.in("x"), gamma = c.in("gamma");
  const Rows<W> rows(x);
  const W n = static_cast<W>(rows.size);
  Array<W> dx = x, dgamma = gamma;
  std::vector<W> rstd;
  for (std::size_t at = 0; at < rows.count * rows.size; at += rows.size) {
    const W r = 1 / std::sqrt(sum<W>(rows.size, [&](std::size_t k) { return x.v[at + k] * x.v[at + k]; }) / n + c.number("eps"));
    const W along = sum<W>(rows.size, [&](std::size_t k) { return gamma.v[k] * dy.v[at + k] * x.v[at + k]; }) / n;
    for (std::size_t k = 0; k < rows.size; ++k) dx.v[at + k] = r * gamma.v[k] * dy.v[at + k] - r * r * r * x.v[at + k] * along;
    rstd.push_back(r);
  }
  for (std::size_t k = 0; k < rows.size; ++k)
    dgamma.v[k] = sum<W>(rows.count, [&](std::size_t r) { return dy.v[r * rows.size + k] * x.v[r * rows.size + k] * rstd[r]; });
  c.out("dx", dx);
  c.out("dgamma", dgamma);
});

}  // namespace
}  // namespace karat::plain
