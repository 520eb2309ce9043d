// SPDX-License-Identifier: MIT
// What the textbook kernels share: tensors read into plain arrays in the compute type and written
// back with one rounding, sums that are sequential where short and pairwise where long, and rows
// that register themselves.  A kernel is a generic lambda over the compute type W:
//
//   const Row relu("relu", []<class W>(Call<W>& c) { … c.in("x") … c.out("y", y); });
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/adapter.hpp"

namespace karat::plain {

using Extents = std::vector<std::int64_t>;

template <class W>
struct Array {
  Extents shape;
  std::vector<W> v;  // row-major
  std::size_t size() const { return v.size(); }
};

inline std::size_t count(const Extents& shape) {
  std::size_t n = 1;
  for (const std::int64_t e : shape) n *= static_cast<std::size_t>(e);
  return n;
}
template <class W>
Array<W> zeros(Extents shape) {
  const std::size_t n = count(shape);
  return {std::move(shape), std::vector<W>(n, W(0))};
}

// One element of storage.  16-bit formats of p significand bits: every value is a float.
float decode(std::uint16_t bits, int p);
std::uint16_t encode(float value, int p);  // to nearest, ties to even

double load(const karat_tensor& t, std::int64_t offset);
void store(const karat_tensor& t, std::int64_t offset, double value);
// Storage offsets of the elements, in row-major order.
std::vector<std::int64_t> offsets(const karat_tensor& t);

template <class W>
class Call {
 public:
  explicit Call(const karat_call& call) : call_(call) {}

  Array<W> in(const char* name) const {
    const karat_tensor& t = find(name);
    Array<W> a{Extents(t.shape, t.shape + t.rank), {}};
    for (const std::int64_t at : offsets(t)) a.v.push_back(static_cast<W>(load(t, at)));
    return a;
  }
  // Integers: labels, masks, sizes.
  std::vector<std::int64_t> labels(const char* name) const {
    const karat_tensor& t = find(name);
    std::vector<std::int64_t> all;
    for (const std::int64_t at : offsets(t)) all.push_back(static_cast<const std::int64_t*>(t.data)[at]);
    return all;
  }
  bool has(const char* name) const {  // an absent input has rank 1 and no element
    const karat_tensor& t = find(name);
    return !(t.rank == 1 && t.shape[0] == 0);
  }
  Extents shape(const char* name) const {
    const karat_tensor& t = find(name);
    return Extents(t.shape, t.shape + t.rank);
  }
  void out(const char* name, const Array<W>& a) const {
    const karat_tensor& t = find(name);
    const auto at = offsets(t);
    for (std::size_t i = 0; i < at.size(); ++i) store(t, at[i], static_cast<double>(a.v[i]));
  }
  void out(const char* name, W value) const { out(name, Array<W>{{}, {value}}); }

  W number(const char* name) const { return static_cast<W>(attribute(name).number); }
  std::int64_t integer(const char* name) const { return attribute(name).integer; }
  bool is(const char* name, std::string_view choice) const { return attribute(name).text == choice; }
  Extents list(const char* name) const {
    const karat_attribute& a = attribute(name);
    return Extents(a.list, a.list + a.list_length);
  }

 private:
  const karat_tensor& find(const char* name) const {
    const karat_tensor* t = adapter::tensor(call_, name);
    if (!t) throw std::bad_alloc();
    return *t;
  }
  const karat_attribute& attribute(const char* name) const {
    const karat_attribute* a = adapter::attribute(call_, name);
    if (!a) throw std::bad_alloc();
    return *a;
  }
  const karat_call& call_;
};

// Σ term(i): n − 1 roundings up to 128 terms, one more each time n doubles.
template <class W, class Term>
W sum(std::size_t n, Term term, std::size_t from = 0) {
  if (n > 128) return sum<W>(n / 2, term, from) + sum<W>(n - n / 2, term, from + n / 2);
  W total = 0;
  for (std::size_t i = from; i < from + n; ++i) total += term(i);
  return total;
}
template <class W>
W sum(const std::vector<W>& v) {
  return sum<W>(v.size(), [&](std::size_t i) { return v[i]; });
}

// `reduction` of a loss's terms, written as output y; and what reaches term i of dy.
template <class W>
void reduce(const Call<W>& c, Array<W> terms) {
  if (c.is("reduction", "none")) return c.out("y", terms);
  const W total = sum(terms.v);
  c.out("y", c.is("reduction", "mean") ? total / static_cast<W>(terms.size()) : total);
}
template <class W>
W reaching(const Call<W>& c, const Array<W>& dy, std::size_t i, std::size_t terms) {
  if (c.is("reduction", "none")) return dy.v[i];
  return c.is("reduction", "mean") ? dy.v[0] / static_cast<W>(terms) : dy.v[0];
}

// Applied element by element.
template <class W, class F>
Array<W> map(Array<W> a, F f) {
  for (W& v : a.v) v = f(v);
  return a;
}

// Both propagate NaN.
template <class W>
W larger(W x, W y) {
  return x > y || std::isnan(x) ? x : y;
}
template <class W>
W smaller(W x, W y) {
  return x < y || std::isnan(x) ? x : y;
}
template <class W>
W sigmoid(W x) {
  const W e = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
template <class W>
W softplus(W x) {
  return larger(x, W(0)) + std::log1p(std::exp(-std::abs(x)));
}

std::vector<karat_kernel>& rows();

struct Row {
  template <class F>
  Row(const char* op, F) {
    add<F, double>(op, KARAT_F64);
    add<F, float>(op, KARAT_F32);
    add<F, float>(op, KARAT_F16);
    add<F, float>(op, KARAT_BF16);
  }

 private:
  template <class F, class W>
  static void add(const char* op, std::int32_t dtype) {
    rows().push_back(adapter::row(op, "textbook", dtype, KARAT_STRIDED | KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC,
                                  [](const karat_kernel*, const karat_call* call) {
                                    return adapter::guarded([&] {
                                      Call<W> c(*call);
                                      F{}.template operator()<W>(c);
                                    });
                                  }));
  }
};

}  // namespace karat::plain
