// SPDX-License-Identifier: MIT
// Formulas as real libraries once had them; the public thread that reports the bug stands beside each.
#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/mutants/mutants.hpp"

namespace karat::mutants {
namespace {

using Call = plain::Call<float>;
using Array = plain::Array<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();

template <class F>
void formula(const char* op, const char* name, F f) {
  add(op, name, KARAT_F32, [f](const karat_call& call, const Right&) {
    const Call c(call);
    f(c);
    return static_cast<std::int32_t>(KARAT_OK);
  });
}
// y = f(x), element by element.
template <class F>
void elementwise(const char* op, const char* name, F f) {
  formula(op, name, [f](const Call& c) { c.out("y", plain::map(c.in("x"), f)); });
}
// The right results, and then something done to one of the outputs.
template <class F>
void afterwards(const char* op, const char* name, const char* output, F f) {
  add(op, name, KARAT_F32, [f, output](const karat_call& call, const Right& right) {
    const std::int32_t code = right(call);
    if (code != KARAT_OK) return code;
    const Call c(call);
    Array y = c.in(output);
    f(c, y);
    c.out(output, y);
    return code;
  });
}

void activations() {
  // Odd over even polynomials with the argument clamped and the result not.  Coefficients: Eigen 3.3, ptanh.
  elementwise("tanh", "rational_not_clamped", [](float given) {  // tensorflow/tensorflow#23054
    if (std::isnan(given)) return given;
    const float x = std::clamp(given, -9.0f, 9.0f), s = x * x;
    const float p = ((((((-2.76076847742355e-16f * s + 2.00018790482477e-13f) * s + -8.60467152213735e-11f) * s + 5.12229709037114e-08f) * s + 1.48572235717979e-05f) * s +
                      6.37261928875436e-04f) * s + 4.89352455891786e-03f) * x;
    const float q = ((1.19825839466702e-06f * s + 1.18534705686654e-04f) * s + 2.26843463243900e-03f) * s + 4.89352518554385e-03f;
    return p / q;
  });
  elementwise("tanh", "amplitude_of_another_layer", [](float x) { return 1.7159f * std::tanh(x); });  // pfnet-research/menoh#52
  elementwise("tanh", "exponentials_overflow", [](float x) { return (std::exp(2 * x) - 1) / (std::exp(2 * x) + 1); });  // opencv/opencv#28836, in its GELU
  elementwise("sigmoid", "branches_swapped", [](float x) {  // clab/dynet#1525
    const float e = std::exp(std::abs(x));
    return x >= 0 ? e / (1 + e) : 1 / (1 + e);
  });
  elementwise("log", "subnormals_as_0", [](float x) { return std::log(std::abs(x) < 0x1p-126f ? 0.0f * x : x); });    // jax-ml/jax#37762
  elementwise("sqrt", "subnormals_as_0", [](float x) { return std::sqrt(std::abs(x) < 0x1p-126f ? 0.0f * x : x); });  // jax-ml/jax#37762
  formula("softplus", "overflows", [](const Call& c) {  // tracel-ai/burn#5373, Jittor/jittor#174
    const float beta = c.number("beta");
    c.out("y", plain::map(c.in("x"), [&](float x) { return std::log(1 + std::exp(beta * x)) / beta; }));
  });
  formula("softplus", "threshold_belongs_to_the_other_side", [](const Call& c) {  // tenstorrent/tt-metal#54108
    const float beta = c.number("beta"), threshold = c.number("threshold");
    c.out("y", plain::map(c.in("x"), [&](float x) { return beta * x >= threshold || std::isnan(x) ? x : plain::softplus(beta * x) / beta; }));
  });
  elementwise("relu", "nan_as_0", [](float x) { return x > 0 ? x : 0.0f; });  // apache/mxnet#11115, uxlfoundation/oneDNN#5370
  formula("leaky_relu", "maximum_of_both", [](const Call& c) {
    const float alpha = c.number("alpha");
    c.out("y", plain::map(c.in("x"), [&](float x) { return plain::larger(x, alpha * x); }));
  });
}

// Rows of the last axis, if that is the attribute's; other calls are computed rightly.
template <class F>
void last_axis(const char* op, const char* name, F f) {
  add(op, name, KARAT_F32, [f](const karat_call& call, const Right& right) {
    const Call c(call);
    Array x = c.in("x");
    if (x.shape.empty() || c.integer("axis") + 1 != static_cast<std::int64_t>(x.shape.size())) return right(call);
    const auto n = static_cast<std::size_t>(x.shape.back());
    for (std::size_t at = 0; n > 0 && at + n <= x.size(); at += n) f(x.v.data() + at, n);
    c.out("y", x);
    return static_cast<std::int32_t>(KARAT_OK);
  });
}
void softmax_family() {
  const auto from_maximum = [](float* x, std::size_t n, float m) {
    float total = 0;
    for (std::size_t k = 0; k < n; ++k) total += x[k] = std::exp(x[k] - m);
    for (std::size_t k = 0; k < n; ++k) x[k] /= total;
  };
  last_axis("softmax", "maximum_from_0", [=](float* x, std::size_t n) { from_maximum(x, n, std::max(0.0f, *std::max_element(x, x + n))); });  // FluxML/NNlib.jl#43
  last_axis("softmax", "no_maximum", [=](float* x, std::size_t n) { from_maximum(x, n, 0); });
  last_axis("log_softmax", "logarithm_of_softmax", [=](float* x, std::size_t n) {
    from_maximum(x, n, *std::max_element(x, x + n));
    for (std::size_t k = 0; k < n; ++k) x[k] = std::log(x[k]);
  });
  add("log_softmax", "batch_of_one", KARAT_F32, [](const karat_call& call, const Right& right) {  // torch/nn#1089
    Changed changed(call);
    auto* axis = changed.attribute("axis");
    if (call.tensors[0]->rank == 2 && call.tensors[0]->shape[0] == 1 && axis->integer == 1) axis->integer = 0;
    return right(*changed.get());
  });
}

float reduced(const Call& c, const std::vector<float>& terms, float divisor) {
  const float total = plain::sum(terms);
  return c.is("reduction", "mean") ? total / divisor : total;
}
void losses() {
  formula("binary_cross_entropy", "0_times_logarithm_of_0", [](const Call& c) {  // ml-explore/mlx#1280, keras-team/keras#9
    Array t = c.in("t");
    const Array p = c.in("p");
    for (std::size_t i = 0; i < t.size(); ++i) t.v[i] = -t.v[i] * std::log(p.v[i]) - (1 - t.v[i]) * std::log1p(-p.v[i]);
    plain::reduce(c, t);
  });
  formula("cross_entropy", "0_times_logarithm_of_0", [](const Call& c) {
    const Array t = c.in("t"), p = c.in("p");
    const auto classes = static_cast<std::size_t>(t.shape.back());
    Array loss = plain::zeros<float>(plain::Extents(t.shape.begin(), t.shape.end() - 1));
    for (std::size_t i = 0; i < t.size(); ++i) loss.v[i / classes] -= t.v[i] * std::log(p.v[i]);
    plain::reduce(c, loss);
  });
  // Index targets: the share of the target and of every class, and the divisor of the mean.
  const auto indexed = [](const char* name, auto hard, auto soft, auto divisor) {
    formula("softmax_cross_entropy", name, [=](const Call& c) {
      const Array x = c.in("x");
      const auto t = c.labels("t");
      const auto n = static_cast<std::size_t>(x.shape[0]), k = static_cast<std::size_t>(x.shape[1]);
      const std::vector<float> w = c.has("w") ? c.in("w").v : std::vector<float>(k, 1);
      const float s = c.number("label_smoothing");
      Array loss = plain::zeros<float>({x.shape[0]});
      std::vector<float> kept;
      for (std::size_t r = 0; r < n; ++r) {
        if (t[r] == c.integer("ignore_index")) continue;
        const float* row = &x.v[r * k];
        float m = row[0];
        for (std::size_t j = 1; j < k; ++j) m = plain::larger(m, row[j]);
        const float log_total = std::log(plain::sum<float>(k, [&](std::size_t j) { return std::exp(row[j] - m); }));
        const auto of = [&](std::size_t j) { return w[j] * (log_total - (row[j] - m)); };
        const auto target = static_cast<std::size_t>(t[r]);
        loss.v[r] = hard(s, k) * of(target) + (s == 0 ? 0 : soft(s, k) * plain::sum<float>(k, of));
        kept.push_back(w[target]);
      }
      if (c.is("reduction", "none")) return c.out("y", loss);
      c.out("y", kept.empty() && c.is("all_ignored", "zero") ? 0.0f : reduced(c, loss.v, divisor(kept)));
    });
  };
  const auto rest = [](float s, std::size_t) { return 1 - s; };
  const auto share = [](float s, std::size_t k) { return s / static_cast<float>(k); };
  const auto weights = [](const std::vector<float>& kept) { return plain::sum(kept); };
  indexed("mean_by_count", rest, share, [](const std::vector<float>& kept) { return static_cast<float>(kept.size()); });                  // pytorch/pytorch#25571
  indexed("smoothing_over_the_others", rest, [](float s, std::size_t k) { return s / static_cast<float>(k - 1); }, weights);              // fastai/fastai#1814
  indexed("smoothing_taken_twice", [](float s, std::size_t k) { return 1 - s - s / static_cast<float>(k); }, share, weights);             // ildoonet/pytorch-randaugment#30
  formula("focal_loss", "focus_as_a_factor", [](const Call& c) {  // fudannlp16/focal-loss#2
    const auto t = c.labels("t");
    Array p = c.in("p");
    const float gamma = c.number("gamma"), alpha = c.number("alpha");
    for (std::size_t i = 0; i < p.size(); ++i) {
      const bool positive = t[i] == 1;
      const float q = positive ? 1 - p.v[i] : p.v[i], logarithm = positive ? std::log(p.v[i]) : std::log1p(-p.v[i]);
      p.v[i] = -(alpha < 0 ? 1 : positive ? alpha : 1 - alpha) * (q * gamma) * logarithm;
    }
    plain::reduce(c, p);
  });
  formula("focal_loss_with_logits_backward", "power_of_exact_0", [](const Call& c) {  // kornia/kornia#918
    const Array dy = c.in("dy");
    const auto t = c.labels("t");
    Array x = c.in("x");
    const float gamma = c.number("gamma"), alpha = c.number("alpha");
    for (std::size_t i = 0; i < x.size(); ++i) {
      const bool positive = t[i] == 1;
      const float p = plain::sigmoid(positive ? x.v[i] : -x.v[i]), q = 1 - p;
      const float slope = (gamma * std::pow(q, gamma - 1) * std::log(p) - std::pow(q, gamma) / p) * p * q;
      const float d = slope * (alpha < 0 ? 1 : positive ? alpha : 1 - alpha) * plain::reaching(c, dy, i, x.size());
      x.v[i] = positive ? d : -d;
    }
    c.out("dx", x);
  });
}

void normalization() {
  for (const bool clamped : {false, true})  // tensorflow/tensorflow#118701, #3290, google/flax#1491, tenstorrent/tt-metal#45968
    formula("batch_norm", clamped ? "one_pass_variance_clamped" : "one_pass_variance", [clamped](const Call& c) {
      Array x = c.in("x");
      const Array gamma = c.in("gamma"), beta = c.in("beta");
      const auto channels = static_cast<std::size_t>(x.shape[1]);
      std::size_t inner = 1;
      for (std::size_t d = 2; d < x.shape.size(); ++d) inner *= static_cast<std::size_t>(x.shape[d]);
      const std::size_t each = x.size() / channels;
      const Array given = x;
      for (std::size_t k = 0; k < channels; ++k) {
        const auto at = [&](std::size_t i) { return (i / inner * channels + k) * inner + i % inner; };
        const float n = static_cast<float>(each), mean = plain::sum<float>(each, [&](std::size_t i) { return given.v[at(i)]; }) / n;
        float variance = plain::sum<float>(each, [&](std::size_t i) { return given.v[at(i)] * given.v[at(i)]; }) / n - mean * mean;
        if (clamped) variance = plain::larger(variance, 0.0f);
        for (std::size_t i = 0; i < each; ++i) x.v[at(i)] = (given.v[at(i)] - mean) / std::sqrt(variance + c.number("eps")) * gamma.v[k] + beta.v[k];
      }
      c.out("y", x);
    });
}

void convolution() {
  add("conv2d", "padding_dilated", KARAT_F32, [](const karat_call& call, const Right& right) {  // AlexeyAB/darknet#4836
    Changed changed(call);
    std::vector<std::int64_t> padding;
    if (auto *p = changed.attribute("padding"), *d = changed.attribute("dilation"); p && d) {
      for (std::int64_t i = 0; i < p->list_length; ++i) padding.push_back(p->list[i] * d->list[i % 2]);
      p->list = padding.data();
    }
    return right(*changed.get());
  });
  afterwards("conv_transpose2d", "output_padding_left_0", "y", [](const Call& c, Array& y) {  // pytorch/pytorch#98129
    const plain::Extents more = c.list("output_padding");
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto column = static_cast<std::int64_t>(i) % y.shape[3], row = static_cast<std::int64_t>(i) / y.shape[3] % y.shape[2];
      if (row >= y.shape[2] - more[0] || column >= y.shape[3] - more[1]) y.v[i] = 0;
    }
  });
}

// Windows of a pooling: visit(output, its plane's first element, rows and columns of its window).
template <class Visit>
void windows(const Call& c, const plain::Extents& x, const plain::Extents& y, Visit visit) {
  const plain::Extents kernel = c.list("kernel_shape"), stride = c.list("stride"), padding = c.list("padding");
  std::size_t output = 0;
  for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane)
    for (std::int64_t p = 0; p < y[2]; ++p)
      for (std::int64_t q = 0; q < y[3]; ++q) {
        std::vector<std::size_t> seen;
        for (std::int64_t i = 0; i < kernel[0]; ++i)
          for (std::int64_t j = 0; j < kernel[1]; ++j) {
            const std::int64_t h = p * stride[0] + i - padding[0], v = q * stride[1] + j - padding[1];
            if (h >= 0 && v >= 0 && h < x[2] && v < x[3]) seen.push_back(static_cast<std::size_t>((plane * x[2] + h) * x[3] + v));
          }
        visit(output++, seen, static_cast<std::size_t>(kernel[0] * kernel[1]));
      }
}
void pooling() {
  formula("mean_pool2d_backward", "overhang_divided_by_the_whole_window", [](const Call& c) {  // pytorch/pytorch#198119
    const Array dy = c.in("dy");
    Array dx = c.in("x");
    std::fill(dx.v.begin(), dx.v.end(), 0.0f);
    windows(c, dx.shape, dy.shape, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t size) {
      for (const std::size_t i : seen) dx.v[i] += dy.v[o] / static_cast<float>(size);
    });
    c.out("dx", dx);
  });
  afterwards("max_pool2d", "padded_with_0", "y", [](const Call& c, Array& y) {  // tenstorrent/tt-metal#28804
    const Array x = c.in("x");
    const plain::Extents kernel = c.list("kernel_shape"), dilation = c.list("dilation");
    if (dilation != plain::Extents{1, 1}) return;
    windows(c, x.shape, y.shape, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t size) {
      if (seen.size() < size) y.v[o] = plain::larger(y.v[o], 0.0f);
    });
  });
  afterwards("max_pool2d", "nan_dropped_in_the_tail", "y", [](const Call& c, Array& y) {  // tensorflow/tensorflow#125965
    const Array x = c.in("x");
    if (c.list("dilation") != plain::Extents{1, 1}) return;
    const std::size_t body = y.size() / 4 * 4;  // four at a time keep a NaN, the rest do not
    windows(c, x.shape, y.shape, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t) {
      if (o < body || seen.empty()) return;
      float m = -infinity;
      for (const std::size_t i : seen) m = x.v[i] > m ? x.v[i] : m;
      y.v[o] = m;
    });
  });
  formula("l2_pool2d_backward", "0_over_0_in_a_window_of_0", [](const Call& c) {  // pytorch/pytorch#6765
    const Array dy = c.in("dy"), x = c.in("x");
    Array dx = x;
    std::fill(dx.v.begin(), dx.v.end(), 0.0f);
    windows(c, x.shape, dy.shape, [&](std::size_t o, const std::vector<std::size_t>& seen, std::size_t) {
      const float norm = std::sqrt(plain::sum<float>(seen.size(), [&](std::size_t k) { return x.v[seen[k]] * x.v[seen[k]]; }));
      for (const std::size_t i : seen) dx.v[i] += x.v[i] / norm * dy.v[o];
    });
    c.out("dx", dx);
  });
  formula("l1_penalty_backward", "0_over_0_at_the_origin", [](const Call& c) {  // pytorch/pytorch#2421, HIPS/autograd#151; `printed` is the Euclidean norm
    Array theta = c.in("theta");
    const float lambda = c.number("lambda"), dy = c.in("dy").v[0];
    const bool printed = c.is("form", "printed");
    const float norm = std::sqrt(plain::sum<float>(theta.size(), [&](std::size_t i) { return theta.v[i] * theta.v[i]; }));
    c.out("dtheta", plain::map(theta, [&](float t) { return lambda * (printed ? t / norm : static_cast<float>((t > 0) - (t < 0))) * dy; }));
  });
}

void optimizers() {
  formula("adam", "times_the_second_moment", [](const Call& c) {  // oracle/tribuo#401
    Array theta = c.in("theta"), v = c.in("v"), s = c.in("s"), s_max = c.in("s_max");
    const Array g = c.in("g");
    const float beta1 = c.number("beta1"), beta2 = c.number("beta2"), t = static_cast<float>(c.integer("t"));
    for (std::size_t i = 0; i < theta.size(); ++i) {
      v.v[i] = beta1 * v.v[i] + (1 - beta1) * g.v[i];
      s.v[i] = beta2 * s.v[i] + (1 - beta2) * g.v[i] * g.v[i];
      theta.v[i] -= c.number("eta") * (v.v[i] / (1 - std::pow(beta1, t))) * std::sqrt(s.v[i] / (1 - std::pow(beta2, t)));
    }
    c.out("theta", theta);
    c.out("v", v);
    c.out("s", s);
    c.out("s_max", s_max);
  });
  for (const char* state : {"v", "s"})
    afterwards("adam", state[0] == 'v' ? "first_moment_stored_corrected" : "second_moment_stored_corrected", state, [state](const Call& c, Array& moment) {  // frgfm/holocron#1
      const float beta = c.number(state[0] == 'v' ? "beta1" : "beta2");
      for (float& m : moment.v) m /= 1 - std::pow(beta, static_cast<float>(c.integer("t")));
    });
  formula("adam", "powers_in_f32", [](const Call& c) {  // 1 − βᵗ with both roundings of f32
    Array theta = c.in("theta"), v = c.in("v"), s = c.in("s"), s_max = c.in("s_max");
    const Array grad = c.in("g");
    const float beta1 = c.number("beta1"), beta2 = c.number("beta2"), t = static_cast<float>(c.integer("t")), eps = c.number("eps"), eta = c.number("eta"), decay = c.number("weight_decay");
    const float correction1 = 1 - std::pow(beta1, t), correction2 = 1 - std::pow(beta2, t);
    const bool decoupled = c.is("decay", "decoupled");
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const float g = decoupled ? grad.v[i] : grad.v[i] + decay * theta.v[i];
      if (decoupled) theta.v[i] -= eta * decay * theta.v[i];
      v.v[i] = beta1 * v.v[i] + (1 - beta1) * g;
      s.v[i] = beta2 * s.v[i] + (1 - beta2) * g * g;
      if (c.integer("amsgrad")) s_max.v[i] = plain::larger(s_max.v[i], s.v[i]);
      const float second = c.integer("amsgrad") ? s_max.v[i] : s.v[i];
      if (c.is("eps_placement", "hat"))
        theta.v[i] -= eta * std::sqrt(correction2) / correction1 * v.v[i] / (std::sqrt(second) + eps);
      else if (c.is("eps_placement", "inside"))
        theta.v[i] -= eta * (v.v[i] / correction1) / std::sqrt(second / correction2 + eps);
      else
        theta.v[i] -= eta * (v.v[i] / correction1) / (std::sqrt(second / correction2) + eps);
    }
    c.out("theta", theta);
    c.out("v", v);
    c.out("s", s);
    c.out("s_max", s_max);
  });
}

const Rows rows([] {
  activations();
  softmax_family();
  losses();
  normalization();
  convolution();
  pooling();
  optimizers();
});

}  // namespace
}  // namespace karat::mutants
