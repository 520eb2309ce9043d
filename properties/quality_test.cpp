// SPDX-License-Identifier: MIT
// The two-sided measurement: right kernels written in many ways raise no alarm, wrong ones are caught.
// Each is plain float code, judged as a plugin's results are.  `properties_test "[quality]" -s` prints
// the figures of three seeds, `properties_test "[.full]"` those of docs/verdict-quality.md.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>

#include "properties/acceptance.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

using Floats = std::vector<float>;
using Random = std::mt19937_64;

// Orders in which careful kernels add.
struct Order {
  const char* name;
  float (*add)(const Floats&);
};
template <std::size_t Lanes>
float in_lanes(const Floats& v) {
  Floats lane(Lanes, 0.0f);
  for (std::size_t i = 0; i < v.size(); ++i) lane[i % Lanes] += v[i];
  for (std::size_t n = Lanes; n > 1; n /= 2)
    for (std::size_t i = 0; i < n / 2; ++i) lane[i] += lane[i + n / 2];
  return lane[0];
}
template <std::size_t Size>
float in_chunks(const Floats& v) {
  Floats sums;
  for (std::size_t i = 0; i < v.size(); i += Size) {
    float s = 0;
    for (std::size_t k = i; k < std::min(v.size(), i + Size); ++k) s += v[k];
    sums.push_back(s);
  }
  return sums.size() > 1 ? in_chunks<Size>(sums) : sums.empty() ? 0 : sums[0];
}
float pairwise(const Floats& v, std::size_t from, std::size_t n) {
  if (n <= 2) return n == 0 ? 0 : n == 1 ? v[from] : v[from] + v[from + 1];
  return pairwise(v, from, n / 2) + pairwise(v, from + n / 2, n - n / 2);
}
const Order orders[] = {
    {"sequential up to 128", in_chunks<128>},
    {"chunks of 4", in_chunks<4>},
    {"chunks of 16", in_chunks<16>},
    {"chunks of 64", in_chunks<64>},
    {"4 lanes", in_lanes<4>},
    {"8 lanes", in_lanes<8>},
    {"16 lanes", in_lanes<16>},
    {"64 lanes", in_lanes<64>},
    {"pairwise", [](const Floats& v) { return pairwise(v, 0, v.size()); }},
    {"reversed", [](const Floats& v) { return in_chunks<128>(Floats(v.rbegin(), v.rend())); }},
    {"Kahan", [](const Floats& v) {
       float s = 0, c = 0;
       for (const float x : v) {
         const float y = x - c, t = s + y;
         c = (t - s) - y;
         s = t;
       }
       return s;
     }},
    {"double inside", [](const Floats& v) {
       double s = 0;
       for (const float x : v) s += static_cast<double>(x);
       return static_cast<float>(s);
     }},
};
using Add = std::function<float(const Floats&)>;

// Rows of inputs that are easy, hard and hardest.
Floats row(Random& random, std::size_t n, int kind, bool positive) {
  const auto uniform = [&] { return static_cast<float>(random() >> 40) * 0x1p-24f; };
  // Far from 0, on either side.
  const float base = kind == 1 ? std::ldexp(1.0f, static_cast<int>(random() % 12)) : kind == 4 ? -std::ldexp(1.0f, 7 + static_cast<int>(random() % 5)) : 0;
  Floats v(n);
  for (float& x : v) {
    x = base + (uniform() * 2 - 1) * (kind == 2 ? std::ldexp(1.0f, static_cast<int>(random() % 24) - 16) : 1);
    if (kind == 3 && &x != v.data()) x = -v[0] + x * 0x1p-12f;  // cancels
    if (positive) x = std::abs(x) + 0x1p-10f;
  }
  return v;
}

struct Subject {
  const char* op;
  std::map<std::string, Attributes::Value> attributes;
  // Inputs for a row of n; the kernel over them with an order of summation.
  std::function<std::vector<std::pair<Shape, Floats>>(Random&, std::size_t n, int kind)> inputs;
  std::function<Floats(const std::vector<Floats>&, const Add&)> kernel;
};

template <class F>
Floats each(std::size_t n, F f) {
  Floats v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = f(i);
  return v;
}
float largest(const Floats& x) {
  float m = x[0];
  for (const float v : x) m = v > m ? v : m;
  return m;
}
Floats softmax(const Floats& x, const Add& add) {
  const float m = largest(x);
  Floats e = each(x.size(), [&](std::size_t i) { return std::exp(x[i] - m); });
  const float total = add(e);
  for (float& v : e) v /= total;
  return e;
}
constexpr float eps = 0x1p-17f;
// Mean and variance of a row: two passes, or Welford's.
std::pair<float, float> moments(const Floats& x, const Add& add, bool welford = false) {
  const auto n = static_cast<float>(x.size());
  if (welford) {
    float mean = 0, m2 = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float d = x[i] - mean;
      mean += d / static_cast<float>(i + 1);
      m2 += d * (x[i] - mean);
    }
    return {mean, m2 / n};
  }
  const float mean = add(x) / n;
  return {mean, add(each(x.size(), [&](std::size_t i) { return (x[i] - mean) * (x[i] - mean); })) / n};
}
Shape of(std::size_t n) { return {static_cast<std::int64_t>(n)}; }
Shape one_by(std::size_t n) { return {1, static_cast<std::int64_t>(n)}; }

std::vector<Subject> subjects() {
  const auto one = [](bool positive, bool flat) {
    return [=](Random& r, std::size_t n, int kind) {
      return std::vector<std::pair<Shape, Floats>>{{flat ? of(n) : one_by(n), row(r, n, kind, positive)}};
    };
  };
  const auto normalized = [](Random& r, std::size_t n, int kind) {
    return std::vector<std::pair<Shape, Floats>>{{one_by(n), row(r, n, kind, false)}, {of(n), row(r, n, 0, true)}, {of(n), row(r, n, 0, false)}};
  };
  return {
      {"mse_loss", {}, [](Random& r, std::size_t n, int kind) { return std::vector<std::pair<Shape, Floats>>{{of(n), row(r, n, kind, false)}, {of(n), row(r, n, kind, false)}}; },
       [](const std::vector<Floats>& in, const Add& add) {
         return Floats{add(each(in[0].size(), [&](std::size_t i) { return (in[0][i] - in[1][i]) * (in[0][i] - in[1][i]); })) / static_cast<float>(in[0].size())};
       }},
      {"l2_penalty", {}, one(false, true), [](const std::vector<Floats>& in, const Add& add) {
         return Floats{0.5f * add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[0][i]; }))};
       }},
      {"l1_penalty", {}, one(false, true), [](const std::vector<Floats>& in, const Add& add) {
         return Floats{0.5f * add(each(in[0].size(), [&](std::size_t i) { return std::abs(in[0][i]); }))};
       }},
      {"softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Add& add) { return softmax(in[0], add); }},
      {"log_softmax", {{"axis", std::int64_t{0}}}, one(false, true), [](const std::vector<Floats>& in, const Add& add) {
         const float m = largest(in[0]), l = std::log(add(each(in[0].size(), [&](std::size_t i) { return std::exp(in[0][i] - m); })));
         return each(in[0].size(), [&](std::size_t i) { return (in[0][i] - m) - l; });
       }},
      {"softmax_backward", {{"axis", std::int64_t{0}}},
       [](Random& r, std::size_t n, int kind) { return std::vector<std::pair<Shape, Floats>>{{of(n), row(r, n, kind, false)}, {of(n), row(r, n, kind % 2, false)}}; },
       [](const std::vector<Floats>& in, const Add& add) {
         const Floats y = softmax(in[1], add);
         const float along = add(each(y.size(), [&](std::size_t i) { return in[0][i] * y[i]; }));
         return each(y.size(), [&](std::size_t i) { return y[i] * (in[0][i] - along); });
       }},
      {"layer_norm", {{"eps", static_cast<double>(eps)}}, normalized, [](const std::vector<Floats>& in, const Add& add) {
         const auto [mean, variance] = moments(in[0], add);
         return each(in[0].size(), [&, m = mean, v = variance](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(v + eps) + in[2][i]; });
       }},
      {"rms_norm", {{"eps", static_cast<double>(eps)}},
       [](Random& r, std::size_t n, int kind) { return std::vector<std::pair<Shape, Floats>>{{one_by(n), row(r, n, kind, false)}, {of(n), row(r, n, 0, true)}}; },
       [](const std::vector<Floats>& in, const Add& add) {
         const float root = std::sqrt(add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[0][i]; })) / static_cast<float>(in[0].size()) + eps);
         return each(in[0].size(), [&](std::size_t i) { return in[1][i] * in[0][i] / root; });
       }},
      {"batch_norm", {{"eps", static_cast<double>(eps)}},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{static_cast<std::int64_t>(n), 1}, row(r, n, kind, false)}, {{1}, row(r, 1, 0, true)}, {{1}, row(r, 1, 0, false)}};
       },
       [](const std::vector<Floats>& in, const Add& add) {
         const auto [mean, variance] = moments(in[0], add);
         const float r = 1 / std::sqrt(variance + eps);
         return each(in[0].size(), [&, m = mean](std::size_t i) { return (in[0][i] - m) * r * in[1][0] + in[2][0]; });
       }},
      {"conv2d", {},
       [](Random& r, std::size_t n, int kind) {
         return std::vector<std::pair<Shape, Floats>>{{{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{1, 1, 1, static_cast<std::int64_t>(n)}, row(r, n, kind, false)}, {{0}, {}}};
       },
       [](const std::vector<Floats>& in, const Add& add) { return Floats{add(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][i]; }))}; }},
  };
}

// Deliberate mistakes, each on the subject that it is named after.
struct Mutant {
  const char* op;
  const char* what;
  std::function<Floats(const std::vector<Floats>&)> kernel;
};
float plain_sum(const Floats& v) { return in_chunks<128>(v); }

std::vector<Mutant> mutants() {
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
         Floats s = softmax(in[0], plain_sum);
         for (float& v : s) v = std::log(v + 1e-7f);
         return s;
       }},
      {"softmax_backward", "y dy without the sum", [=](const auto& in) {
         const Floats y = softmax(in[1], plain_sum);
         return each(y.size(), [&](std::size_t i) { return y[i] * in[0][i]; });
       }},
      {"softmax_backward", "the sum without y", [=](const auto& in) {
         const Floats y = softmax(in[1], plain_sum);
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
         const auto [mean, v] = moments(in[0], plain_sum);
         return norm(in, mean, std::sqrt(v * n / (n - 1) + eps));
       }},
      {"layer_norm", "ε outside of the root", [=](const auto& in) {
         const auto [mean, v] = moments(in[0], plain_sum);
         return norm(in, mean, std::sqrt(v) + eps);
       }},
      {"layer_norm", "no ε", [=](const auto& in) {
         const auto [mean, v] = moments(in[0], plain_sum);
         return norm(in, mean, std::sqrt(v));
       }},
      {"layer_norm", "β forgotten", [=](const auto& in) {
         const auto [mean, v] = moments(in[0], plain_sum);
         return each(in[0].size(), [&, m = mean, w = v](std::size_t i) { return in[1][i] * (in[0][i] - m) / std::sqrt(w + eps); });
       }},
      {"rms_norm", "mean taken away", [=](const auto& in) {
         const auto [mean, v] = moments(in[0], plain_sum);
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
         const auto [mean, v] = moments(in[0], plain_sum);
         return each(in[0].size(), [&, m = mean, w = v](std::size_t i) { return (in[0][i] - m) / std::sqrt(w + eps) * in[2][0] + in[1][0]; });
       }},
      {"conv2d", "filter turned", [=](const auto& in) { return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return in[0][i] * in[1][in[1].size() - 1 - i]; }))}; }},
      {"conv2d", "last tap left out", [=](const auto& in) { return Floats{plain_sum(each(in[0].size() - 1, [&](std::size_t i) { return in[0][i] * in[1][i]; }))}; }},
      {"conv2d", "products in bf16", [=](const auto& in) {
         return Floats{plain_sum(each(in[0].size(), [&](std::size_t i) { return static_cast<float>(to_double(format(Dtype::bf16), round_nearest(format(Dtype::bf16), truncated(static_cast<double>(in[0][i]) * static_cast<double>(in[1][i]))))); }))};
       }},
  };
}

constexpr std::size_t lengths[] = {2, 3, 7, 33, 129, 300};

struct Asked {
  Question question;
  std::vector<Floats> inputs;
  Unit whole;
};
Asked ask(const Subject& s, std::uint64_t seed, std::size_t n, int kind) {
  Random random(seed * 1000003 + n * 31 + static_cast<std::uint64_t>(kind));
  Asked asked;
  const Format& f = format(Dtype::f32);
  asked.question = {find_operator(s.op), &f, {}, standard_attributes(*find_operator(s.op))};
  for (const auto& [name, value] : s.attributes) asked.question.attributes.values[name] = value;
  for (const auto& [shape, values] : s.inputs(random, n, kind)) {
    Tensor<Bits> t(shape);
    for (std::size_t i = 0; i < values.size(); ++i) t.values[i] = *exact_bits(f, static_cast<double>(values[i]));
    asked.question.inputs.push_back(std::move(t));
    asked.inputs.push_back(values);
  }
  REQUIRE(invalid(asked.question).value_or("") == "");
  asked.whole = unit(asked.question, 0);
  return asked;
}
bool accepted(const Asked& asked, const Floats& got) {
  std::vector<Bits> bits;
  for (const float v : got) bits.push_back(std::isnan(v) ? format(Dtype::f32).quiet_nan() : *exact_bits(format(Dtype::f32), static_cast<double>(v)));
  for (const Judgement& j : judge_unit(asked.whole, bits, default_level)) {
    REQUIRE_FALSE(j.error);
    if (!j.ok) return false;
  }
  return true;
}
// torch.testing.assert_close with its defaults for f32: |a − e| ≤ 1e-5 + 1.3e-6 |e|.
bool close_enough(const Asked& asked, const Floats& got) {
  const PrecisionScope scope(200);
  const auto y = witness(asked.question);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto e = static_cast<double>(y[i]);
    if (!(std::abs(static_cast<double>(got[i]) - e) <= 1e-5 + 1.3e-6 * std::abs(e))) return false;
  }
  return true;
}

struct Figures {
  int right = 0, right_cases = 0, alarms = 0, alarms_of_close = 0;
  int wrong = 0, caught = 0, caught_by_close = 0;  // pairs of mutant and seed
};
Figures measure(std::uint64_t seeds) {
  Figures figures;
  const auto all = subjects();
  for (const Subject& s : all)
    for (const Order& order : orders) {
      ++figures.right;
      for (std::uint64_t seed = 1; seed <= seeds; ++seed)
        for (const std::size_t n : lengths)
          for (int kind = 0; kind < 5; ++kind) {
            const Asked asked = ask(s, seed, n, kind);
            const Floats got = s.kernel(asked.inputs, order.add);
            ++figures.right_cases;
            const bool ok = accepted(asked, got);
            INFO(s.op << ", " << order.name << ", seed " << seed << ", n " << n << ", kind " << kind);
            CHECK(ok);
            figures.alarms += ok ? 0 : 1;
            figures.alarms_of_close += close_enough(asked, got) ? 0 : 1;
          }
    }
  for (const Mutant& m : mutants()) {
    const Subject& s = *std::find_if(all.begin(), all.end(), [&](const Subject& t) { return std::string(t.op) == m.op; });
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      ++figures.wrong;
      bool caught = false, by_close = false;
      for (const std::size_t n : lengths)
        for (int kind = 0; kind < 5; ++kind) {
          const Asked asked = ask(s, seed, n, kind);
          const Floats got = m.kernel(asked.inputs);
          if (!caught) caught = !accepted(asked, got);
          if (!by_close) by_close = !close_enough(asked, got);
        }
      INFO(m.op << ": " << m.what << ", seed " << seed);
      CHECK(caught);
      figures.caught += caught ? 1 : 0;
      figures.caught_by_close += by_close ? 1 : 0;
    }
  }
  return figures;
}
void print(const Figures& f, std::uint64_t seeds) {
  std::printf("%llu seeds: %d right variants, %d cases: stable alarms at %d, assert_close at %d; %zu mutants × seeds %d: stable catches %d, assert_close %d\n",
              static_cast<unsigned long long>(seeds), f.right, f.right_cases, f.alarms, f.alarms_of_close, mutants().size(), f.wrong, f.caught, f.caught_by_close);
}

}  // namespace

TEST_CASE("right kernels in many orders of summation raise no alarm, and wrong ones are caught on every seed", "[quality]") {
  const Figures f = measure(3);
  CHECK(f.right >= 60);
  CHECK(f.alarms == 0);
  CHECK(f.caught == f.wrong);
  print(f, 3);
}

TEST_CASE("the measurement of docs/verdict-quality.md", "[.full]") {
  const Figures f = measure(200);
  CHECK(f.alarms == 0);
  CHECK(f.caught == f.wrong);
  print(f, 200);
}
