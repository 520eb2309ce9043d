// SPDX-License-Identifier: MIT
// softmax, log_softmax and their gradients against 3000-bit arithmetic: enough for every
// cancellation that a result of a double's range leaves.
// `kernels_rowwise_test "[.measure]"` prints the largest error of each.
#include "kernels/rowwise.hpp"

#include <mpfr.h>
#include <catch2/catch.hpp>

#include <cstdio>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {
namespace {

class Big {
 public:
  Big(double v = 0) {  // NOLINT: numbers mix freely
    mpfr_init2(m_, 3000);
    mpfr_set_d(m_, v, MPFR_RNDN);
  }
  Big(const Big& other) : Big() { mpfr_set(m_, other.m_, MPFR_RNDN); }
  Big& operator=(const Big& other) {
    mpfr_set(m_, other.m_, MPFR_RNDN);
    return *this;
  }
  ~Big() { mpfr_clear(m_); }
  friend Big operator+(Big a, const Big& b) { return mpfr_add(a.m_, a.m_, b.m_, MPFR_RNDN), a; }
  friend Big operator-(Big a, const Big& b) { return mpfr_sub(a.m_, a.m_, b.m_, MPFR_RNDN), a; }
  friend Big operator*(Big a, const Big& b) { return mpfr_mul(a.m_, a.m_, b.m_, MPFR_RNDN), a; }
  friend Big operator/(Big a, const Big& b) { return mpfr_div(a.m_, a.m_, b.m_, MPFR_RNDN), a; }
  friend Big exp(Big a) { return mpfr_exp(a.m_, a.m_, MPFR_RNDN), a; }
  friend Big log1p(Big a) { return mpfr_log1p(a.m_, a.m_, MPFR_RNDN), a; }

  // |got - this| in ulp of this; an overflow to infinity counts as right where half a unit
  // above the largest number is reached.
  double error_of(double got, const Format& f) const {
    if (std::isnan(got)) return INFINITY;
    if (mpfr_inf_p(m_) != 0) return std::isinf(got) && mpfr_sgn(m_) == (got > 0 ? 1 : -1) ? 0 : INFINITY;
    const bool zero = mpfr_zero_p(m_) != 0;
    const long e = zero ? f.min_exponent : std::max<long>(mpfr_get_exp(m_) - 1, f.min_exponent);
    if (std::isinf(got)) return e > f.max_exponent && mpfr_sgn(m_) == (got > 0 ? 1 : -1) ? 0 : INFINITY;
    Big error = Big(got) - *this;
    mpfr_mul_2si(error.m_, error.m_, f.precision - 1 - e, MPFR_RNDN);
    return std::fabs(mpfr_get_d(error.m_, MPFR_RNDU));
  }
  double value() const { return mpfr_get_d(m_, MPFR_RNDN); }

 private:
  mpfr_t m_;
};

using Values = std::vector<double>;
using Bigs = std::vector<Big>;

struct Exps {
  std::size_t top = 0;
  Bigs e;    // e^(x_j - max)
  Big rest;  // their sum, without the first that is 1
};

Exps exps_of(const Values& x) {
  Exps result;
  result.top = static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin());
  for (std::size_t j = 0; j < x.size(); ++j) {
    result.e.push_back(std::isinf(x[j]) ? Big(0) : exp(Big(x[j]) - Big(x[result.top])));
    if (j != result.top) result.rest = result.rest + result.e[j];
  }
  return result;
}

Big total(const Values& v) {
  Big sum;
  for (const double d : v) sum = sum + d;
  return sum;
}

struct Reference {
  const char* op;
  int inputs;
  bool from_output;
  Bigs (*value)(const Values& dy, const Values& x);
};

const Reference kReferences[] = {
    {"softmax", 1, false,
     [](const Values&, const Values& x) {
       const Exps s = exps_of(x);
       Bigs y;
       for (const Big& e : s.e) y.push_back(e / (s.rest + 1));
       return y;
     }},
    {"log_softmax", 1, false,
     [](const Values&, const Values& x) {
       const Exps s = exps_of(x);
       Bigs y;
       for (const double v : x) y.push_back(Big(v) - Big(x[s.top]) - log1p(s.rest));
       return y;
     }},
    {"softmax_backward", 2, false,
     [](const Values& dy, const Values& x) {
       // s_i·Σ_j s_j·(dy_i - dy_j)
       const Exps s = exps_of(x);
       const Big sum = s.rest + 1;
       Bigs dx;
       for (std::size_t i = 0; i < x.size(); ++i) {
         Big t;
         for (std::size_t j = 0; j < x.size(); ++j) t = t + s.e[j] * (Big(dy[i]) - Big(dy[j]));
         dx.push_back(s.e[i] * t / (sum * sum));
       }
       return dx;
     }},
    {"log_softmax_backward", 2, false,
     [](const Values& dy, const Values& x) {
       const Exps s = exps_of(x);
       const Big sum = s.rest + 1, all = total(dy);
       Bigs dx;
       for (std::size_t i = 0; i < x.size(); ++i) dx.push_back((Big(dy[i]) * sum - s.e[i] * all) / sum);
       return dx;
     }},
    {"softmax_backward_from_output", 2, true,
     [](const Values& dy, const Values& y) {
       Big sum;
       for (std::size_t j = 0; j < y.size(); ++j) sum = sum + Big(dy[j]) * y[j];
       Bigs dx;
       for (std::size_t i = 0; i < y.size(); ++i) dx.push_back(Big(y[i]) * (Big(dy[i]) - sum));
       return dx;
     }},
    {"log_softmax_backward_from_output", 2, true,
     [](const Values& dy, const Values& y) {
       const Big all = total(dy);
       Bigs dx;
       for (std::size_t i = 0; i < y.size(); ++i) dx.push_back(Big(dy[i]) - exp(Big(y[i])) * all);
       return dx;
     }},
};

enum class Kind { typical, wide, any_bits, few_values, dominated, one_hot, tiny, huge, cancelling };
constexpr Kind kKinds[] = {Kind::typical, Kind::wide, Kind::any_bits, Kind::few_values, Kind::dominated,
                           Kind::one_hot, Kind::tiny, Kind::huge,     Kind::cancelling};
constexpr const char* kKindNames[] = {"typical", "wide", "any bits", "few values", "dominated",
                                      "one-hot", "tiny", "huge",     "cancelling"};

struct RowCase {
  Values dy, x;
};

RowCase make_row(std::mt19937_64& random, std::int32_t dtype, Kind kind, std::size_t n, bool log_output,
                 bool from_output) {
  const Format f = format_of(dtype);
  const auto uniform = [&](double low, double high) { return random_between(random, dtype, low, high); };
  const auto slim = [&](double v) { return static_cast<double>(rounded(v, f)); };
  RowCase row;
  for (std::size_t i = 0; i < n; ++i) {
    double dy = uniform(-2, 2), x = uniform(-20, 20);
    switch (kind) {
      case Kind::typical:
      case Kind::cancelling:
        break;
      case Kind::wide:
        x = uniform(-750, 750);
        break;
      case Kind::any_bits:
        dy = random_bits(random, dtype), x = random_bits(random, dtype);
        break;
      case Kind::few_values:
        dy = static_cast<double>(random() % 3) - 1, x = static_cast<double>(random() % 3);
        break;
      case Kind::dominated:
        x = i == n / 2 ? 8 : uniform(-200, -20);
        break;
      case Kind::one_hot:
        dy = i == n / 2 ? -1 : 0, x = i == n / 2 ? 20 : uniform(-100, 20);
        break;
      case Kind::tiny:
        dy = slim(std::ldexp(dy, f.min_exponent - 2)), x = uniform(-300, 300);
        break;
      case Kind::huge:
        dy = slim(std::ldexp(dy, f.max_exponent - 1)), x = slim(std::ldexp(x, f.max_exponent - 6));
        break;
    }
    row.dy.push_back(dy);
    row.x.push_back(x);
  }
  if (from_output && kind != Kind::any_bits) {
    // What the forward kernel would hand over, rounded to the storage type.
    const Bigs y = kReferences[log_output ? 1 : 0].value({}, row.x);
    for (std::size_t i = 0; i < n; ++i) row.x[i] = std::clamp(slim(y[i].value()), -0x1p1000, 0x1p1000);
    for (double& v : row.x)
      if (!std::isfinite(slim(v))) v = 0;
  }
  if (kind == Kind::cancelling && n > 1) {
    // dy_i such that dx_i nearly vanishes, in as many digits as leave the f64 kernels enough
    // of theirs; i is the place of the largest logit, or any.
    const std::size_t i = static_cast<std::size_t>(
        random() % 2 == 0
            ? random() % n
            : static_cast<std::uint64_t>(std::max_element(row.x.begin(), row.x.end()) - row.x.begin()));
    row.dy[i] = 0;
    const Bigs s = from_output && log_output ? Bigs() : kReferences[0].value({}, row.x);
    const auto weight = [&](std::size_t j) {
      return !from_output ? s[j].value() : log_output ? std::exp(row.x[j]) : row.x[j];
    };
    double others = 0;
    for (std::size_t j = 0; j < n; ++j) others += log_output ? row.dy[j] : row.dy[j] * weight(j);
    const double wanted = (log_output ? others * weight(i) : others) / (1 - weight(i));
    const double kept = static_cast<double>(rounded(wanted, {24, -1022, 1023, 8}));
    row.dy[i] = std::isfinite(kept) && std::fabs(kept) < 0x1p15 ? slim(kept) : 0;
  }
  return row;
}

struct Measured {
  double max_ulp = 0;
  std::string worst;
};

Measured measure(const Reference& reference, std::int32_t dtype, Kind kind, int rows_of_a_length) {
  std::mt19937_64 random(11);
  const Format f = format_of(dtype);
  Measured result;
  const bool log_output = std::string_view(reference.op).find("log") == 0;
  for (const std::size_t n : {1, 2, 3, 5, 16, 17, 33}) {
    const auto rows = static_cast<std::size_t>(rows_of_a_length);
    Values all_dy, all_x;
    Bigs exact;
    for (std::size_t r = 0; r < rows; ++r) {
      const RowCase row = make_row(random, dtype, kind, n, log_output, reference.from_output);
      all_dy.insert(all_dy.end(), row.dy.begin(), row.dy.end());
      all_x.insert(all_x.end(), row.x.begin(), row.x.end());
      for (const Big& y : reference.value(row.dy, row.x)) exact.push_back(y);
    }
    Job job{.op = reference.op, .dtype = dtype, .inputs = {all_x}, .attributes = {{"axis", 1}}};
    job.shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(n)};
    if (reference.inputs == 2) job.inputs = {all_dy, all_x};
    for (const std::int64_t target : targets()) {
      const OnTarget on(target);
      const Values got = run(job);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double error = exact[i].error_of(got[i], f);
        if (error <= result.max_ulp) continue;
        result.max_ulp = error;
        char text[300];
        std::snprintf(
            text, sizeof text, "%s %s %s on %s, element %zu of %zu, x %a dy %a: got %a, exact %a, %.3g ulp",
            reference.op, name_of(dtype), kKindNames[static_cast<int>(kind)], hwy::TargetName(target), i % n,
            n, all_x[i], all_dy[i], got[i], exact[i].value(), error);
        result.worst = text;
      }
    }
  }
  return result;
}

// Measured, and a margin: f64 rounds more than once, the others once, from double; where the
// terms cancel to the last digit of dy, what is promised.
double bound_of(std::int32_t dtype, Kind kind) {
  return kind == Kind::cancelling ? 4 : dtype == KARAT_F64 ? 1.5 : 0.501;
}

TEST_CASE("The softmax family stays within its stated bounds in every dtype on every target") {
  for (const Reference& reference : kReferences)
    for (const std::int32_t dtype : kDtypes)
      for (const Kind kind : kKinds) {
        const Measured m = measure(reference, dtype, kind, 12);
        INFO(m.worst);
        CHECK(m.max_ulp <= bound_of(dtype, kind));
      }
}

TEST_CASE("An element whose gradient is the mean of every group of equal logits gets exactly nothing") {
  std::mt19937_64 random(5);
  for (const std::int32_t dtype : kDtypes)
    for (int repetition = 0; repetition < 200; ++repetition) {
      Values x, dy;
      for (int group = 0; group < 5; ++group) {
        const double logit = random_between(random, dtype, -40, 40);
        x.insert(x.end(), 5, logit);
        dy.push_back(3);
        for (int pair = 0; pair < 2; ++pair) {
          // 3 ± away, both numbers of the format, in the same binade.
          const double unit = static_cast<double>(ulp_of(3, format_of(dtype)));
          const double away = unit * std::ceil(random_between(random, KARAT_F64, 0.01, 0.99) / unit);
          dy.push_back(3 + away);
          dy.push_back(3 - away);
        }
      }
      const std::uint64_t seed = random();
      std::shuffle(x.begin(), x.end(), std::mt19937_64(seed));
      std::shuffle(dy.begin(), dy.end(), std::mt19937_64(seed));
      const Values dx =
          run({.op = "softmax_backward", .dtype = dtype, .inputs = {dy, x}, .attributes = {{"axis", 0}}});
      for (std::size_t i = 0; i < dx.size(); ++i) {
        INFO(name_of(dtype) << " x " << x[i] << " dy " << dy[i] << " dx " << dx[i]);
        if (dy[i] == 3) CHECK(dx[i] == 0);
      }
    }
}

TEST_CASE("A gradient of 2^-771 is not lost beside one of 1 that a probability of 1 takes away") {
  // dx_0 = dy_0·(1 - 1) - dy_3·y_3.
  const Values dy = {0x1.5d63de8796c7cp+0, 0, -16, 0x1.30f9051bb2767p-771};
  const Values y = {1, 0x1.9e482803140bcp-1, 0, 0x1.a700ffe83dd8ep-1};
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    const Values dx =
        run({.op = "softmax_backward_from_output", .inputs = {dy, y}, .attributes = {{"axis", 0}}});
    CHECK(kReferences[4].value(dy, y)[0].error_of(dx[0], format_of(KARAT_F64)) <= 1);
  }
}

TEST_CASE("Largest errors of the softmax family", "[.measure]") {
  for (const Reference& reference : kReferences)
    for (const std::int32_t dtype : kDtypes)
      for (const Kind kind : kKinds) {
        const Measured m = measure(reference, dtype, kind, 60);
        std::printf("%-33s %-4s %-10s max %.3f ulp  %s\n", reference.op, name_of(dtype),
                    kKindNames[static_cast<int>(kind)], m.max_ulp, m.max_ulp > 3 ? m.worst.c_str() : "");
        CHECK(m.max_ulp <= bound_of(dtype, kind));
      }
}

}  // namespace
}  // namespace karat::kernels::testing
