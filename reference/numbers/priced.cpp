// SPDX-License-Identifier: MIT
#include "reference/numbers/priced.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace karat {
namespace {

// ±2^k: multiplying by it only scales.
bool is_power_of_two(double c) {
  int exponent = 0;
  return std::isfinite(c) && c != 0 && std::abs(std::frexp(c, &exponent)) == 0.5;
}
bool is_constant(const Priced& x) { return x.tape == nullptr; }

Priced constant_of(double value) {
  Priced c(value);
  c.derived = true;
  return c;
}
Priced scaled(const Priced& x, double c) {
  Priced y = x;
  y.value *= c;
  y.factor *= c;
  if (c != -1) {  // what has overflowed is lost, whatever scales it back
    const bool made = x.node >= 0 || x.factor != 1;
    y.beyond = x.beyond || (x.tape->overflows(x.value) ? made : x.tape->overflows(y.value));
  }
  return y;
}

// Roundings of a sum of n terms in the orders that a careful kernel takes.
double sum_roundings(std::size_t n, const Care& care) {
  if (n < 2) return 0;
  const auto terms = static_cast<double>(n);
  if (n <= 128 || care.sequential_sums) return terms - 1;
  return 127 + std::ceil(std::log2(terms / 128));
}

}  // namespace

PriceTape::PriceTape(const Format& compute, bool stored, Care care, std::uint64_t seed)
    : compute_(compute), stored_(stored), care_(care), moves_(seed != 0), random_(seed),
      unit_(std::ldexp(1.0L, -compute.precision)), smallest_(std::ldexp(1.0, compute.e_min)),
      largest_(to_double(compute, compute.max_finite())) {}

Priced PriceTape::input(double value) {
  Priced x(value);
  x.tape = this;
  return x;
}

long double PriceTape::magnitude(double value) const {
  const long double top = std::ldexp(1.0L, compute_.e_max + 1);
  const auto v = static_cast<long double>(std::abs(value));
  return v < top ? v : top;
}

void PriceTape::connect(Node& node, const Operand& operand, bool& beyond) {
  const Priced& x = operand.number;
  // An input may be infinite; what was made of it and does not fit has overflowed.
  const bool made = x.node >= 0 || x.factor != 1;
  beyond = beyond || x.beyond || (made && overflows(x.value));
  if (x.node < 0) return;
  edges_.push_back({x.node, operand.partial * static_cast<long double>(x.factor)});
  ++node.edges;
}

Priced PriceTape::finish(Node node, double wobble) {
  if (moves_) node.value += wobble;
  nodes_.push_back(node);
  Priced y(node.value);
  y.tape = this;
  y.node = static_cast<int>(nodes_.size()) - 1;
  return y;
}

Priced PriceTape::constant(const Priced& c) {
  const bool exact = !c.derived || c.value == 0 || !std::isfinite(c.value) ||
                     (compute_.dtype != Dtype::f64 && exact_bits(compute_, c.value).has_value());
  if (exact) {
    Priced x = c;
    x.tape = this;
    return x;
  }
  Node node{"constant", c.value, edges_.size(), 0, 0, 0, 0};
  node.inside = node.last = unit_ * magnitude(c.value);
  const double sign = (random_() & 1) != 0 ? 1 : -1;
  return finish(node, sign * static_cast<double>(node.inside));
}

Priced PriceTape::push(const char* what, double value, std::initializer_list<Operand> operands, double inside, double last,
                       bool exact_if_small, bool exact) {
  Node node{what, value, edges_.size(), 0, 0, 0, 0, exact};
  bool beyond = false;
  for (const Operand& operand : operands) connect(node, operand, beyond);
  long double mag = magnitude(value);
  if (exact_if_small)
    mag = mag <= static_cast<long double>(smallest_) ? 0 : mag;
  else
    mag = std::max(mag, static_cast<long double>(smallest_));
  node.inside = static_cast<long double>(inside) * unit_ * mag;
  node.last = static_cast<long double>(last) * unit_ * mag;
  const double sign = (random_() & 1) != 0 ? 1 : -1;
  Priced y = finish(node, sign * static_cast<double>(node.inside));
  y.beyond = beyond;
  return y;
}

bool PriceTape::sums_exactly(std::span<const double> terms) const {
  int quantum = 0;
  bool any = false;
  double total = 0;
  for (const double t : terms) {
    if (!std::isfinite(t)) return false;
    if (t == 0) continue;
    int exponent = 0;
    double m = std::ldexp(std::frexp(t, &exponent), 53);
    exponent -= 53;
    while (std::fmod(m, 2) == 0) {
      m /= 2;
      ++exponent;
    }
    quantum = any ? std::min(quantum, exponent) : exponent;
    any = true;
    total += std::abs(t);
  }
  return !any || (quantum >= compute_.quantum() && total <= std::ldexp(1.0, std::min(quantum + compute_.precision, compute_.e_max)));
}

Priced PriceTape::push_sum(const std::vector<Priced>& terms) {
  std::vector<Priced> kept;
  for (const Priced& t : terms)
    if (!(is_constant(t) && t.value == 0)) kept.push_back(is_constant(t) ? constant(t) : t);
  if (kept.size() == 1) return kept[0];
  long double absolute = 0;
  long double total = 0;
  std::vector<double> values;
  for (const Priced& t : kept) values.push_back(t.value);
  Node node{"sum", 0, edges_.size(), 0, kept.size(), 0, 0, sums_exactly(values)};
  bool beyond = false;
  for (const Priced& t : kept) {
    absolute += magnitude(t.value);
    total += static_cast<long double>(t.value);
    connect(node, {t, 1}, beyond);
  }
  node.value = static_cast<double>(total);
  // In some order a partial sum overflows, though the sum does not.
  beyond = beyond || (std::isfinite(node.value) && !overflows(node.value) && absolute > static_cast<long double>(largest_));
  const auto roundings = static_cast<long double>(sum_roundings(kept.size(), care_));
  const bool small = absolute <= static_cast<long double>(smallest_);  // exact among subnormals
  node.inside = small ? 0 : roundings * unit_ * absolute;
  node.last = small ? 0 : (roundings - 1) * unit_ * absolute;
  const double share = static_cast<double>(random_() >> 11) * 0x1p-52 - 1;
  Priced y = finish(node, small ? 0 : share * std::ceil(std::log2(static_cast<double>(kept.size()))) * static_cast<double>(unit_ * absolute));
  y.beyond = beyond;
  return y;
}

// Sees (node, ∂y/∂node) for every node behind y, y's own first.
template <class See>
void PriceTape::sweep(const Priced& y, See see) {
  if (y.node < 0) return;
  adjoint_.resize(nodes_.size(), 0);
  touched_.resize(nodes_.size(), 0);
  const auto start = static_cast<std::size_t>(y.node);
  adjoint_[start] = static_cast<long double>(y.factor);
  touched_[start] = 1;
  std::size_t waiting = 1;
  for (std::size_t n = start; waiting > 0; --n) {  // what a node was made from comes before it
    if (!touched_[n]) continue;
    touched_[n] = 0;
    --waiting;
    const long double adjoint = std::exchange(adjoint_[n], 0);
    if (adjoint == 0) continue;  // 0·∞ must not reach an unrelated node
    const Node& node = nodes_[n];
    see(node, adjoint, n == start);
    for (std::size_t e = node.first; e < node.first + node.edges; ++e) {
      const auto parent = static_cast<std::size_t>(edges_[e].parent);
      adjoint_[parent] += adjoint * edges_[e].partial;
      waiting += touched_[parent] ? 0 : 1;
      touched_[parent] = 1;
    }
  }
}

long double PriceTape::budget(const Priced& y) {
  long double total = 0;
  sweep(y, [&](const Node& node, long double adjoint, bool last) {
    const long double cost = last && stored_ ? node.last : node.inside;
    if (cost != 0) total += std::abs(adjoint) * cost;
  });
  return total;
}

long double PriceTape::last_rounding(const Priced& y) const {
  if (y.node < 0 || !stored_) return 0;
  const Node& node = nodes_[static_cast<std::size_t>(y.node)];
  return std::abs(static_cast<long double>(y.factor)) * (node.inside - node.last);
}

bool PriceTape::exact(const Priced& y) {
  bool all = true;
  sweep(y, [&](const Node& node, long double, bool) { all = all && node.exact; });
  return all;
}

std::vector<PriceTape::Share> PriceTape::shares(const Priced& y) {
  std::vector<Share> all;
  sweep(y, [&](const Node& node, long double adjoint, bool last) {
    all.push_back({node.what, node.value, node.terms, adjoint, std::abs(adjoint) * (last && stored_ ? node.last : node.inside)});
  });
  return all;
}

Priced operator-(const Priced& x) { return is_constant(x) ? (x.derived ? constant_of(-x.value) : Priced(-x.value)) : scaled(x, -1); }

Priced operator+(const Priced& x, const Priced& y) {
  if (is_constant(x) && is_constant(y)) return constant_of(x.value + y.value);
  if (is_constant(x) && x.value == 0) return y;
  if (is_constant(y) && y.value == 0) return x;
  PriceTape* tape = x.tape ? x.tape : y.tape;
  const Priced a = is_constant(x) ? tape->constant(x) : x, b = is_constant(y) ? tape->constant(y) : y;
  const double terms[] = {a.value, b.value};
  return tape->push("+", a.value + b.value, {{a, 1}, {b, 1}}, 1, 0, true, tape->sums_exactly(terms));
}
Priced operator-(const Priced& x, const Priced& y) { return x + (-y); }

Priced operator*(const Priced& x, const Priced& y) {
  if (is_constant(x) && is_constant(y)) return constant_of(x.value * y.value);
  for (const auto* c : {&x, &y})
    if (is_constant(*c) && is_power_of_two(c->value)) return scaled(c == &x ? y : x, c->value);
  PriceTape* tape = x.tape ? x.tape : y.tape;
  const Priced a = is_constant(x) ? tape->constant(x) : x, b = is_constant(y) ? tape->constant(y) : y;
  if ((is_constant(x) && x.value == 0) || (is_constant(y) && y.value == 0)) return Priced(a.value * b.value);
  const double product = a.value * b.value;
  const bool exact = std::isfinite(product) && std::fma(a.value, b.value, -product) == 0 && exact_bits(tape->compute_, product).has_value();
  return tape->push("×", product, {{a, static_cast<long double>(b.value)}, {b, static_cast<long double>(a.value)}}, tape->roundings_of_product(product), 0, false, exact);
}

Priced operator/(const Priced& x, const Priced& y) {
  if (is_constant(x) && is_constant(y)) return constant_of(x.value / y.value);
  if (is_constant(y) && is_power_of_two(y.value)) return scaled(x, 1 / y.value);
  PriceTape* tape = x.tape ? x.tape : y.tape;
  const Priced a = is_constant(x) ? tape->constant(x) : x, b = is_constant(y) ? tape->constant(y) : y;
  const double ratio = a.value / b.value;
  const auto below = static_cast<long double>(b.value);
  return tape->push("÷", ratio, {{a, 1 / below}, {b, -static_cast<long double>(ratio) / below}}, tape->roundings_of_product(ratio), 0, false);
}

Priced sqrt(const Priced& x) {
  const double root = std::sqrt(x.value);
  if (is_constant(x)) return constant_of(root);
  // At 0 an error moves the root by no more than the root of the smallest quantum.
  const long double least = std::sqrt(std::ldexp(1.0L, x.tape->compute_.quantum()));
  return x.tape->push("√", root, {{x, 1 / (2 * std::max(static_cast<long double>(root), least))}}, 1, 0, false);
}

namespace {

template <class Push>
Priced primitive(const Priced& x, double value, Push push) {
  return is_constant(x) ? constant_of(value) : push(value);
}

}  // namespace

Priced exp(const Priced& x) {
  return primitive(x, std::exp(x.value), [&](double v) {
    const double n = x.tape->care_.primitive_ulps;
    return x.tape->push("exp", v, {{x, static_cast<long double>(v)}}, 2 * n, 2 * n - 1, false);
  });
}
Priced expm1(const Priced& x) {
  return primitive(x, std::expm1(x.value), [&](double v) {
    const double n = x.tape->care_.primitive_ulps;
    return x.tape->push("expm1", v, {{x, static_cast<long double>(v) + 1}}, 2 * n, 2 * n - 1, false);
  });
}
Priced log(const Priced& x) {
  return primitive(x, std::log(x.value), [&](double v) {
    const double n = x.tape->care_.primitive_ulps;
    return x.tape->push("log", v, {{x, 1 / static_cast<long double>(x.value)}}, 2 * n, 2 * n - 1, false);
  });
}
Priced log1p(const Priced& x) {
  return primitive(x, std::log1p(x.value), [&](double v) {
    const double n = x.tape->care_.primitive_ulps;
    return x.tape->push("log1p", v, {{x, 1 / (1 + static_cast<long double>(x.value))}}, 2 * n, 2 * n - 1, false);
  });
}

Priced sum(const std::vector<Priced>& terms) {
  PriceTape* tape = nullptr;
  double total = 0;
  bool computed = false;
  for (const Priced& t : terms) {
    if (t.tape) tape = t.tape;
    computed = computed || t.value != 0;
    total += t.value;
  }
  if (tape) return tape->push_sum(terms);
  return computed ? constant_of(total) : Priced(0);
}

}  // namespace karat
