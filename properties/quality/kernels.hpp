// SPDX-License-Identifier: MIT
// What the two-sided measurement is made of: float kernels over rows of inputs, with the orders in which
// careful kernels add, and deliberate mistakes.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "reference/operator.hpp"

namespace karat::properties::quality {

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
inline float pairwise(const Floats& v, std::size_t from, std::size_t n) {
  if (n <= 2) return n == 0 ? 0 : n == 1 ? v[from] : v[from] + v[from + 1];
  return pairwise(v, from, n / 2) + pairwise(v, from + n / 2, n - n / 2);
}
inline const Order orders[] = {
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
// Libraries of primitives that careful kernels call: each within one ulp.
struct Library {
  const char* name;
  float (*exp)(float);
  float (*log)(float);
  float (*log1p)(float);
  float (*expm1)(float);
  float (*tanh)(float);
};
inline const Library system_library{"the system's", std::exp, std::log, std::log1p, std::expm1, std::tanh};
extern const Library sleef, rounded_from_double;

// An order of summation and a library: what a right kernel leaves open.
struct Way {
  std::string name;
  float (*sum)(const Floats&);
  const Library* library;
  float add(const Floats& v) const { return sum(v); }
  float exp(float x) const { return library->exp(x); }
  float log(float x) const { return library->log(x); }
  float log1p(float x) const { return library->log1p(x); }
  float expm1(float x) const { return library->expm1(x); }
  float tanh(float x) const { return library->tanh(x); }
};
inline const Way plain{"plain", in_chunks<128>, &system_library};
// Every order with the system's library; sequential sums with the others.
std::vector<Way> ways();

// Rows of inputs that are easy, hard and hardest.
inline Floats row(Random& random, std::size_t n, int kind, bool positive) {
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
  // Inputs for a row of n; the kernel over them, in one of the ways.
  std::function<std::vector<std::pair<Shape, Floats>>(Random&, std::size_t n, int kind)> inputs;
  std::function<Floats(const std::vector<Floats>&, const Way&)> kernel;
};

template <class F>
Floats each(std::size_t n, F f) {
  Floats v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = f(i);
  return v;
}
inline float largest(const Floats& x) {
  float m = x[0];
  for (const float v : x) m = v > m ? v : m;
  return m;
}
inline Floats softmax(const Floats& x, const Way& way = plain) {
  const float m = largest(x);
  Floats e = each(x.size(), [&](std::size_t i) { return way.exp(x[i] - m); });
  const float total = way.add(e);
  for (float& v : e) v /= total;
  return e;
}
inline constexpr float eps = 0x1p-17f;
// Mean and variance of a row: two passes, or Welford's.
inline std::pair<float, float> moments(const Floats& x, const Way& way = plain, bool welford = false) {
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
  const float mean = way.add(x) / n;
  return {mean, way.add(each(x.size(), [&](std::size_t i) { return (x[i] - mean) * (x[i] - mean); })) / n};
}
inline Shape of(std::size_t n) { return {static_cast<std::int64_t>(n)}; }
inline Shape one_by(std::size_t n) { return {1, static_cast<std::int64_t>(n)}; }

// Deliberate mistakes, each on the subject that it is named after.
struct Mutant {
  const char* op;
  const char* what;
  std::function<Floats(const std::vector<Floats>&)> kernel;
};
inline float plain_sum(const Floats& v) { return in_chunks<128>(v); }

// Registered by the files that define them.
std::vector<Subject>& subjects();
std::vector<Mutant>& mutants();
struct AddTo {
  AddTo(std::vector<Subject> s, std::vector<Mutant> m) {
    subjects().insert(subjects().end(), s.begin(), s.end());
    mutants().insert(mutants().end(), m.begin(), m.end());
  }
};

}  // namespace karat::properties::quality
