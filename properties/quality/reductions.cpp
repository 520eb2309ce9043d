// SPDX-License-Identifier: MIT
// Reductions, right and wrong: penalties, softmax, norms, convolution.
#include "properties/quality/kernels.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::properties::quality {
namespace {

std::vector<Subject> reductions() {
  const auto one = [](bool positive, bool flat) {
    return [=](Random& r, std::size_t n, int kind) {
      return std::vector<std::pair<Shape, Floats>>{{flat ? of(n) : one_by(n), row(r, n, kind, positive)}};
    };
  };
  const auto normalized = [](Random& r, std::size_t n, int kind) {
    return std::vector<std::pair<Shape, Floats>>{{one_by(n), row(r, n, kind, false)}, {of(n), row(r, n, 0, true)}, {of(n), row(r, n, 0, false)}};
  };
  return {
      {"mse_loss", {},
       [](Random& r, std::size_t n, int kind) {
         std::vector<std::pair<Shape, Floats>> in{{of(n), row(r, n, kind, false)}, {of(n), row(r, n, kind, false)}};
         if (kind == 4)  // targets that are nearly met, far from 0
           for (std::size_t i = 0; i < n; ++i) in[1].second[i] = in[0].second[i] + in[1].second[i] * 0x1p-14f;
         return in;
       },
       [](const std::vector<Floats>& in, const Way& way) {
         return Floats{way.add(each(in[0].size(), [&](std::size_t i) { return (in[0][i] - in[1][i]) * (in[0][i] - in[1][i]); })) / static_cast<float>(in[0].size())};
       }},
      {"l2_penalty", {}, one(false, true), [](const std::vector<Floats>& in, const Way& way) {
         return Floats{0.5f * way.add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[0][i]; }))};
       }},
      {"l1_penalty", {}, one(false, true), [](const std::vector<Floats>& in, const Way& way) {
         return Floats{0.5f * way.add(each(in[0].size(), [&](std::size_t i) { return std::abs(in[0][i]); }))};
       }},
      {"softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Way& way) { return softmax(in[0], way); }},
      {"log_softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Way& way) {
         const float m = largest(in[0]), l = way.log(way.add(each(in[0].size(), [&](std::size_t i) { return way.exp(in[0][i] - m); })));
         return each(in[0].size(), [&](std::size_t i) { return (in[0][i] - m) - l; });
       }},
      {"softmax_backward", {{"axis", std::int64_t{0}}},
       [](Random& r, std::size_t n, int kind) { return std::vector<std::pair<Shape, Floats>>{{of(n), row(r, n, kind, false)}, {of(n), row(r, n, kind % 2, false)}}; },
       [](const std::vector<Floats>& in, const Way& way) {
         const Floats y = softmax(in[1], way);
         const float along = way.add(each(y.size(), [&](std::size_t i) { return in[0][i] * y[i]; }));
         return each(y.size(), [&](std::size_t i) { return y[i] * (in[0][i] - along); });
       }},
      {"layer_norm", {{"eps", static_cast<double>(eps)}}, normalized, [](const std::vector<Floats>& in, const Way& way) {
         const auto [mean, variance] = moments(in[0], way);
         return each(in[0].size(), [&, m = mean, v = variance](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(v + eps) + in[2][i]; });
       }},
      {"layer_norm", {{"eps", static_cast<double>(eps)}}, normalized, [](const std::vector<Floats>& in, const Way& way) {
         const auto [mean, variance] = moments(in[0], way);
         const float r = 1 / std::sqrt(variance + eps);
         return each(in[0].size(), [&, m = mean](std::size_t i) { return (in[0][i] - m) * r * in[1][i] + in[2][i]; });
       }},
      {"layer_norm", {{"eps", static_cast<double>(eps)}}, normalized, [](const std::vector<Floats>& in, const Way& way) {
         const auto [mean, variance] = moments(in[0], way, true);  // Welford
         return each(in[0].size(), [&, m = mean, v = variance](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(v + eps) + in[2][i]; });
       }},
      {"softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Way& way) {
         const float m = largest(in[0]);
         Floats e = each(in[0].size(), [&](std::size_t i) { return way.exp(in[0][i] - m); });
         const float reciprocal = 1 / way.add(e);
         for (float& v : e) v *= reciprocal;
         return e;
       }},
      {"softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Way& way) {
         float m = in[0][0], total = 0;  // online: one pass
         for (const float x : in[0]) {
           if (x > m) {
             total *= way.exp(m - x);
             m = x;
           }
           total += way.exp(x - m);
         }
         return each(in[0].size(), [&](std::size_t i) { return way.exp(in[0][i] - m) / total; });
       }},
      {"batch_norm", {{"eps", static_cast<double>(eps)}},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{static_cast<std::int64_t>(n), 1}, row(r, n, kind, false)}, {{1}, row(r, 1, 0, true)}, {{1}, row(r, 1, 0, false)}};
       },
       [](const std::vector<Floats>& in, const Way& way) {
         const auto [mean, variance] = moments(in[0], way);
         const float scale = in[1][0] / std::sqrt(variance + eps), shift = in[2][0] - mean * scale;  // folded
         return each(in[0].size(), [&](std::size_t i) { return in[0][i] * scale + shift; });
       }},
      {"rms_norm", {{"eps", static_cast<double>(eps)}},
       [](Random& r, std::size_t n, int kind) { return std::vector<std::pair<Shape, Floats>>{{one_by(n), row(r, n, kind, false)}, {of(n), row(r, n, 0, true)}}; },
       [](const std::vector<Floats>& in, const Way& way) {
         const float root = std::sqrt(way.add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[0][i]; })) / static_cast<float>(in[0].size()) + eps);
         return each(in[0].size(), [&](std::size_t i) { return in[1][i] * in[0][i] / root; });
       }},
      {"batch_norm", {{"eps", static_cast<double>(eps)}},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{static_cast<std::int64_t>(n), 1}, row(r, n, kind, false)}, {{1}, row(r, 1, 0, true)}, {{1}, row(r, 1, 0, false)}};
       },
       [](const std::vector<Floats>& in, const Way& way) {
         const auto [mean, variance] = moments(in[0], way);
         const float r = 1 / std::sqrt(variance + eps);
         return each(in[0].size(), [&, m = mean](std::size_t i) { return (in[0][i] - m) * r * in[1][0] + in[2][0]; });
       }},
      {"conv2d", {},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{0}, {}}};
       },
       [](const std::vector<Floats>& in, const Way& way) { return Floats{way.add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][i]; }))}; }},
      {"conv2d", {},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{0}, {}}};
       },
       [](const std::vector<Floats>& in, const Way& way) {
         Floats chains;  // fused multiply-add, eight chains as vector registers hold them
         for (std::size_t lane = 0; lane < std::min<std::size_t>(8, in[0].size()); ++lane) {
           float s = 0;
           for (std::size_t i = lane; i < in[0].size(); i += 8) s = std::fma(in[0][i], in[1][i], s);
           chains.push_back(s);
         }
         return Floats{way.add(chains)};
       }},
  };
}

std::vector<Mutant> wrong_reductions() {
  const auto part = [](const Floats& v, std::size_t from, std::size_t to) { return Floats(v.begin() + static_cast<std::ptrdiff_t>(from), v.begin() + static_cast<std::ptrdiff_t>(to)); };
  const auto squares = [](const Floats& a) { return each(a.size(), [&](std::size_t i) { return a[i] * a[i]; }); };
  const auto differences = [](const std::vector<Floats>& in) { return each(in[0].size(), [&](std::size_t i) { return (in[0][i] - in[1][i]) * (in[0][i] - in[1][i]); }); };
  const auto norm = [](const std::vector<Floats>& in, float mean, float root) { return each(in[0].size(), [&](std::size_t i) { return in[1][i] * (in[0][i] - mean) / root + in[2][i]; }); };
  return {
      {"mse_loss", "divided by n − 1", [=](const auto& in) { return Floats{plain_sum(differences(in)) / static_cast<float>(in[0].size() - 1)}; }},
      {"mse_loss", "last element left out", [=](const auto& in) { const auto d = differences(in); return Floats{plain_sum(part(d, 0, d.size() - 1)) / static_cast<float>(d.size())}; }},
      {"mse_loss", "sum in place of mean", [=](const auto& in) { return Floats{plain_sum(differences(in))}; }},
      {"mse_loss", "a root too much", [=](const auto& in) { return Floats{std::sqrt(plain_sum(differences(in)) / static_cast<float>(in[0].size()))}; }},
      {"mse_loss", "x² − 2xt + t²", [=](const auto& in) {
         return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[0][i] - 2 * in[0][i] * in[1][i] + in[1][i] * in[1][i]; })) / static_cast<float>(in[0].size())};
       }},
      {"l2_penalty", "half forgotten", [=](const auto& in) { return Floats{plain_sum(squares(in[0]))}; }},
      {"l2_penalty", "first element twice", [=](const auto& in) { return Floats{0.5f * (plain_sum(squares(in[0])) + in[0][0] * in[0][0])}; }},
      {"l2_penalty", "squares in bf16", [=](const auto& in) {
         return Floats{0.5f * plain_sum(each(in[0].size(), [&](std::size_t i) { return static_cast<float>(to_double(format(Dtype::bf16), round_nearest(format(Dtype::bf16), truncated(static_cast<double>(in[0][i]) * static_cast<double>(in[0][i]))))); }))};
       }},
      {"l1_penalty", "a sum without absolute values", [=](const auto& in) { return Floats{0.5f * plain_sum(in[0])}; }},
      {"l1_penalty", "the Euclidean norm", [=](const auto& in) { return Floats{0.5f * std::sqrt(plain_sum(squares(in[0])))}; }},
      {"softmax", "no maximum", [=](const auto& in) {
         Floats e = each(in[0].size(), [&](std::size_t i) { return std::exp(in[0][i]); });
         const float total = plain_sum(e);
         for (float& v : e) v /= total;
         return e;
       }},
      {"softmax", "running maximum from 0", [=](const auto& in) {
         const float m = std::fmax(largest(in[0]), 0.0f) + (largest(in[0]) < 0 ? 100.0f : 0.0f);
         Floats e = each(in[0].size(), [&](std::size_t i) { return std::exp(in[0][i] - m); });
         const float total = plain_sum(e);
         for (float& v : e) v /= total;
         return e;
       }},
      {"softmax", "last element left out of the sum", [=](const auto& in) {
         const float m = largest(in[0]);
         Floats e = each(in[0].size(), [&](std::size_t i) { return std::exp(in[0][i] - m); });
         const float total = plain_sum(part(e, 0, e.size() - 1));
         for (float& v : e) v /= total;
         return e;
       }},
      {"softmax", "zeros", [](const auto& in) { return Floats(in[0].size(), 0.0f); }},
      {"log_softmax", "x − (m + log Σ)", [=](const auto& in) {
         const float m = largest(in[0]), l = m + std::log(plain_sum(each(in[0].size(), [&](std::size_t i) { return std::exp(in[0][i] - m); })));
         return each(in[0].size(), [&](std::size_t i) { return in[0][i] - l; });
       }},
      {"log_softmax", "log of softmax", [=](const auto& in) {
         Floats s = softmax(in[0]);
         for (float& v : s) v = std::log(v + 1e-7f);
         return s;
       }},
      {"softmax_backward", "y dy without the sum", [=](const auto& in) {
         const Floats y = softmax(in[1]);
         return each(y.size(), [&](std::size_t i) { return y[i] * in[0][i]; });
       }},
      {"softmax_backward", "the sum without y", [=](const auto& in) {
         const Floats y = softmax(in[1]);
         const float total = plain_sum(in[0]);
         return each(y.size(), [&](std::size_t i) { return y[i] * (in[0][i] - total); });
       }},
      {"layer_norm", "one-pass variance", [=](const auto& in) {
         const auto n = static_cast<float>(in[0].size());
         const float mean = plain_sum(in[0]) / n, v = std::fmax(plain_sum(squares(in[0])) / n - mean * mean, 0.0f);
         return norm(in, mean, std::sqrt(v + eps));
       }},
      {"layer_norm", "unbiased variance", [=](const auto& in) {
         const auto n = static_cast<float>(in[0].size());
         const auto [mean, v] = moments(in[0]);
         return norm(in, mean, std::sqrt(v * n / (n - 1) + eps));
       }},
      {"layer_norm", "ε outside of the root", [=](const auto& in) {
         const auto [mean, v] = moments(in[0]);
         return norm(in, mean, std::sqrt(v) + eps);
       }},
      {"layer_norm", "no ε", [=](const auto& in) {
         const auto [mean, v] = moments(in[0]);
         return norm(in, mean, std::sqrt(v));
       }},
      {"layer_norm", "β forgotten", [=](const auto& in) {
         const auto [mean, v] = moments(in[0]);
         return each(in[0].size(), [&, m = mean, w = v](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(w + eps); });
       }},
      {"rms_norm", "mean taken away", [=](const auto& in) {
         const auto [mean, v] = moments(in[0]);
         return each(in[0].size(), [&, m = mean, w = v](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(w + eps); });
       }},
      {"rms_norm", "sum in place of mean", [=](const auto& in) {
         const float root = std::sqrt(plain_sum(squares(in[0])) + eps);
         return each(in[0].size(), [&](std::size_t i) { return in[1][i] * in[0][i] / root; });
       }},
      {"rms_norm", "γ forgotten", [=](const auto& in) {
         const float root = std::sqrt(plain_sum(squares(in[0])) / static_cast<float>(in[0].size()) + eps);
         return each(in[0].size(), [&](std::size_t i) { return in[0][i] / root; });
       }},
      {"batch_norm", "one-pass variance", [=](const auto& in) {
         const auto n = static_cast<float>(in[0].size());
         const float mean = plain_sum(in[0]) / n, v = std::fmax(plain_sum(squares(in[0])) / n - mean * mean, 0.0f), r = 1 / std::sqrt(v + eps);
         return each(in[0].size(), [&](std::size_t i) { return (in[0][i] - mean) * r * in[1][0] + in[2][0]; });
       }},
      {"batch_norm", "γ and β changed places", [=](const auto& in) {
         const auto [mean, v] = moments(in[0]);
         return each(in[0].size(), [&, m = mean, w = v](std::size_t i) { return (in[0][i] - m) / std::sqrt(w + eps) * in[2][0] + in[1][0]; });
       }},
      {"conv2d", "filter turned", [=](const auto& in) { return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][in[1].size() - 1 - i]; }))}; }},
      {"conv2d", "last tap left out", [=](const auto& in) { return Floats{plain_sum(each(in[0].size() - 1, [&](std::size_t i) { return in[0][i] * in[1][i]; }))}; }},
      {"conv2d", "products in bf16", [=](const auto& in) {
         return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return static_cast<float>(to_double(format(Dtype::bf16), round_nearest(format(Dtype::bf16), truncated(static_cast<double>(in[0][i]) * static_cast<double>(in[1][i]))))); }))};
       }},
  };
}

const AddTo all(reductions(), wrong_reductions());

}  // namespace
}  // namespace karat::properties::quality
