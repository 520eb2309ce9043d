// SPDX-License-Identifier: MIT
#include "reference/numbers/symbol.hpp"

#include <cmath>
#include <functional>
#include <mutex>

namespace karat {

namespace mp = boost::multiprecision;
using Kind = Symbol::Kind;
using Node = Symbol::Node;

namespace {

std::size_t mixed(std::size_t a, std::size_t b) { return a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2)); }
std::size_t hash_of(const Rational& r) { return std::hash<Rational>()(r); }

std::size_t hash_of(const Node& n) {
  std::size_t h = mixed(static_cast<std::size_t>(n.kind), std::hash<std::string>()(n.name));
  h = mixed(h, hash_of(n.value));
  for (const Symbol& part : n.parts) h = mixed(h, std::hash<const void*>()(&part.node()));
  for (const Rational& w : n.weights) h = mixed(h, hash_of(w));
  return h;
}

bool alike(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.name != b.name || a.value != b.value || a.weights != b.weights) return false;
  if (a.parts.size() != b.parts.size()) return false;
  for (std::size_t k = 0; k < a.parts.size(); ++k)
    if (!a.parts[k].same(b.parts[k])) return false;
  // A variable is its name and its sample: two samples are two variables.
  if (a.kind == Kind::special) return a.sample == b.sample || (a.sample != a.sample && b.sample != b.sample);
  return a.kind != Kind::variable || a.sample == b.sample;
}

// Equal nodes are one node, so that equality is a comparison of pointers and shared parts stay shared.
class Pool {
 public:
  std::shared_ptr<const Node> of(Node n) {
    n.hash = hash_of(n);
    const std::scoped_lock lock(mutex_);
    auto& bucket = nodes_[n.hash];
    for (auto it = bucket.begin(); it != bucket.end();) {
      if (auto kept = it->lock()) {
        if (alike(*kept, n)) return kept;
        ++it;
      } else {
        it = bucket.erase(it);
      }
    }
    auto node = std::make_shared<const Node>(std::move(n));
    bucket.push_back(node);
    if (++made_ > 2 * kept_) sweep();
    return node;
  }

 private:
  void sweep() {
    kept_ = 4096;
    for (auto it = nodes_.begin(); it != nodes_.end();) {
      std::erase_if(it->second, [](const auto& weak) { return weak.expired(); });
      kept_ += it->second.size();
      it = it->second.empty() ? nodes_.erase(it) : std::next(it);
    }
    made_ = kept_;
  }
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<std::weak_ptr<const Node>>> nodes_;
  std::size_t made_ = 0, kept_ = 4096;
};

Pool& pool() {
  static Pool* const one = new Pool;  // outlives every static Symbol
  return *one;
}

double to_double(const Rational& r) { return static_cast<double>(r); }

double sample_of(const Node& n) {
  const auto part = [&](std::size_t k) { return n.parts[k].sample(); };
  switch (n.kind) {
    case Kind::number: return to_double(n.value);
    case Kind::special:
    case Kind::variable: return n.sample;
    case Kind::sum: {
      double total = to_double(n.value);
      for (std::size_t k = 0; k < n.parts.size(); ++k) total += to_double(n.weights[k]) * part(k);
      return total;
    }
    case Kind::product: {
      double total = 1;
      for (std::size_t k = 0; k < n.parts.size(); ++k) total *= std::pow(part(k), to_double(n.weights[k]));
      return total;
    }
    case Kind::exp: return std::exp(part(0));
    case Kind::expm1: return std::expm1(part(0));
    case Kind::log: return std::log(part(0));
    case Kind::log1p: return std::log1p(part(0));
    case Kind::abs: return std::fabs(part(0));
    case Kind::max: return part(0) > part(1) ? part(0) : part(1);
    case Kind::min: return part(0) > part(1) ? part(1) : part(0);
    case Kind::select: return part(0) > part(1) ? part(2) : part(3);
  }
  return 0;
}

}  // namespace

struct SymbolBuilder {
  static Symbol make(Node n) {
    n.sample = sample_of(n);
    return Symbol(pool().of(std::move(n)));
  }
  static Symbol of(Kind kind, std::vector<Symbol> parts) {
    Node n;
    n.kind = kind;
    n.parts = std::move(parts);
    return make(std::move(n));
  }
};

namespace {

bool is_number(const Symbol& x) { return x.node().kind == Kind::number; }
const Rational& number_of(const Symbol& x) { return x.node().value; }

// Terms or factors under way: like parts join their weights, in the order of first appearance.
struct Joined {
  std::vector<Symbol> parts;
  std::vector<Rational> weights;
  std::unordered_map<const Node*, std::size_t> place;

  void add(const Symbol& part, const Rational& weight) {
    const auto [it, fresh] = place.try_emplace(&part.node(), parts.size());
    if (fresh) {
      parts.push_back(part);
      weights.push_back(weight);
    } else {
      weights[it->second] += weight;
    }
  }
  void drop_zeros() {
    std::size_t kept = 0;
    for (std::size_t k = 0; k < parts.size(); ++k)
      if (weights[k] != 0) {
        parts[kept] = parts[k];
        weights[kept++] = weights[k];
      }
    parts.resize(kept, Symbol());
    weights.resize(kept);
  }
};

Symbol sum_of(Rational constant, Joined terms) {
  terms.drop_zeros();
  if (terms.parts.empty()) return Symbol(constant);
  if (constant == 0 && terms.parts.size() == 1 && terms.weights[0] == 1) return terms.parts[0];
  Node n;
  n.kind = Kind::sum;
  n.value = std::move(constant);
  n.parts = std::move(terms.parts);
  n.weights = std::move(terms.weights);
  return SymbolBuilder::make(std::move(n));
}

void add_terms(Rational& constant, Joined& terms, const Symbol& x, const Rational& weight) {
  const Node& n = x.node();
  if (n.kind == Kind::number) {
    constant += weight * n.value;
  } else if (n.kind == Kind::sum) {
    constant += weight * n.value;
    for (std::size_t k = 0; k < n.parts.size(); ++k) terms.add(n.parts[k], Rational(weight * n.weights[k]));
  } else {
    terms.add(x, weight);
  }
}

Symbol weighted_sum(const Symbol& x, const Rational& a, const Symbol& y, const Rational& b) {
  Rational constant = 0;
  Joined terms;
  add_terms(constant, terms, x, a);
  add_terms(constant, terms, y, b);
  return sum_of(std::move(constant), std::move(terms));
}

Symbol scaled(const Symbol& x, const Rational& factor) {
  if (factor == 1) return x;
  return weighted_sum(x, factor, Symbol(0), 0);
}

// A rational coefficient and what it multiplies: 2x → (2, x); 2 + 2x → (2, 1 + x), so that like
// factors are found.
std::pair<Rational, Symbol> split(const Symbol& x) {
  const Node& n = x.node();
  if (n.kind != Kind::sum) return {1, x};
  Rational common = n.weights[0];
  if (n.value != 0 || n.parts.size() > 1) {
    // Only a sign or size that all terms share comes out.
    for (const Rational& w : n.weights)
      if (mp::abs(w) != mp::abs(common)) return {1, x};
    if (n.value != 0 && mp::abs(n.value) != mp::abs(common)) return {1, x};
    if (n.value != 0) common = n.value;
  }
  if (common == 1) return {1, x};
  return {common, scaled(x, Rational(1 / common))};
}

Rational whole_power(Rational base, std::int64_t n) {
  Rational result = 1;
  if (n < 0) {
    base = 1 / base;
    n = -n;
  }
  for (; n > 0; n >>= 1) {
    if (n & 1) result *= base;
    if (n > 1) base *= base;
  }
  return result;
}

bool is_whole(const Rational& r) { return denominator(r) == 1 && mp::abs(numerator(r)) <= 64; }

void multiply_in(Rational& factor, Joined& factors, const Symbol& x, const Rational& weight);

void multiply_parts(Rational& factor, Joined& factors, const Node& n, const Rational& weight) {
  for (std::size_t k = 0; k < n.parts.size(); ++k) multiply_in(factor, factors, n.parts[k], Rational(weight * n.weights[k]));
}

// factor · Π factors, times x ^ weight.
void multiply_in(Rational& factor, Joined& factors, const Symbol& x, const Rational& weight) {
  const Node& n = x.node();
  if (n.kind == Kind::number && is_whole(weight) && !(n.value == 0 && weight < 0)) {
    factor *= whole_power(n.value, static_cast<std::int64_t>(numerator(weight)));
    return;
  }
  // (Π p^w)^weight = Π p^(w·weight) for whole powers; of roots the inside might be negative.
  if (n.kind == Kind::product && is_whole(weight)) return multiply_parts(factor, factors, n, weight);
  if (n.kind == Kind::sum && is_whole(weight)) {
    const auto [common, rest] = split(x);
    if (common != 1) {
      factor *= whole_power(common, static_cast<std::int64_t>(numerator(weight)));
      return multiply_in(factor, factors, rest, weight);
    }
  }
  factors.add(x, weight);
}

Symbol product_of(Rational factor, Joined factors) {
  factors.drop_zeros();
  if (factor == 0) return Symbol(0);
  Symbol base(1);
  if (factors.parts.size() == 1 && factors.weights[0] == 1) {
    base = factors.parts[0];
  } else if (!factors.parts.empty()) {
    Node n;
    n.kind = Kind::product;
    n.parts = std::move(factors.parts);
    n.weights = std::move(factors.weights);
    base = SymbolBuilder::make(std::move(n));
  }
  return scaled(base, factor);
}

Symbol powers(const Symbol& x, const Rational& a, const Symbol& y, const Rational& b) {
  Rational factor = 1;
  Joined factors;
  multiply_in(factor, factors, x, a);
  multiply_in(factor, factors, y, b);
  return product_of(std::move(factor), std::move(factors));
}

// log u of c · log u, for exp: e^(c log u) = u^c.
bool is_scaled_log(const Symbol& x) {
  const Node& n = x.node();
  if (n.kind == Kind::log) return true;
  return n.kind == Kind::sum && n.value == 0 && n.parts.size() == 1 && n.parts[0].node().kind == Kind::log;
}

}  // namespace

Symbol::Symbol(int constant) : Symbol(Rational(constant)) {}
Symbol::Symbol(const Rational& constant) {
  Node n;
  n.value = constant;
  *this = SymbolBuilder::make(std::move(n));
}
Symbol::Symbol(double constant) {
  Node n;
  if (std::isfinite(constant)) {
    n.value = Rational(constant);
  } else {
    n.kind = Kind::special;
    n.sample = constant;
  }
  *this = SymbolBuilder::make(std::move(n));
}
Symbol Symbol::variable(std::string name, double sample) {
  Node n;
  n.kind = Kind::variable;
  n.name = std::move(name);
  n.sample = sample;
  return SymbolBuilder::make(std::move(n));
}
const double& Symbol::sample() const { return node_->sample; }

bool is_exact_zero(const Symbol& x) { return is_number(x) && number_of(x) == 0; }

Symbol operator+(const Symbol& x, const Symbol& y) { return weighted_sum(x, 1, y, 1); }
Symbol operator-(const Symbol& x, const Symbol& y) { return weighted_sum(x, 1, y, -1); }
Symbol operator-(const Symbol& x) { return scaled(x, -1); }
Symbol operator*(const Symbol& x, const Symbol& y) { return powers(x, 1, y, 1); }
Symbol operator/(const Symbol& x, const Symbol& y) {
  if (is_exact_zero(y)) return Symbol(x.sample() / 0.0);
  return powers(x, 1, y, -1);
}
Symbol exp(const Symbol& x) {
  if (is_exact_zero(x)) return Symbol(1);
  if (is_scaled_log(x)) {
    const Node& n = x.node();
    return n.kind == Kind::log ? n.parts[0] : powers(n.parts[0].node().parts[0], n.weights[0], Symbol(1), 1);
  }
  return SymbolBuilder::of(Kind::exp, {x});
}
Symbol expm1(const Symbol& x) { return is_exact_zero(x) ? Symbol(0) : SymbolBuilder::of(Kind::expm1, {x}); }
Symbol log(const Symbol& x) {
  if (is_number(x) && number_of(x) == 1) return Symbol(0);
  if (x.node().kind == Kind::exp) return x.node().parts[0];
  return SymbolBuilder::of(Kind::log, {x});
}
Symbol log1p(const Symbol& x) { return is_exact_zero(x) ? Symbol(0) : SymbolBuilder::of(Kind::log1p, {x}); }
Symbol sqrt(const Symbol& x) {
  if (is_exact_zero(x) || (is_number(x) && number_of(x) == 1)) return x;
  return powers(x, Rational(1, 2), Symbol(1), 1);
}
Symbol abs(const Symbol& x) {
  if (is_number(x)) return Symbol(Rational(mp::abs(number_of(x))));
  return SymbolBuilder::of(Kind::abs, {x});
}
Symbol max(const Symbol& x, const Symbol& y) {
  if (is_number(x) && is_number(y)) return x > y ? x : y;
  return x.same(y) ? x : SymbolBuilder::of(Kind::max, {x, y});
}
Symbol min(const Symbol& x, const Symbol& y) {
  if (is_number(x) && is_number(y)) return x > y ? y : x;
  return x.same(y) ? x : SymbolBuilder::of(Kind::min, {x, y});
}
Symbol select(const Symbol& x, const Symbol& y, const Symbol& p, const Symbol& q) {
  if (p.same(q)) return p;
  if (is_number(x) && is_number(y)) return x > y ? p : q;
  return SymbolBuilder::of(Kind::select, {x, y, p, q});
}

namespace {

class Derivative {
 public:
  explicit Derivative(const std::string& variable) : variable_(variable) {}

  const Symbol& operator()(const Symbol& x) {
    const auto found = known_.find(&x.node());
    if (found != known_.end()) return found->second;
    Symbol d = of(x);
    return known_.emplace(&x.node(), std::move(d)).first->second;
  }

 private:
  Symbol of(const Symbol& x) {
    const Node& n = x.node();
    const auto d = [&](std::size_t k) { return (*this)(n.parts[k]); };
    const auto chained = [](const Symbol& inner, const Symbol& outer) {
      return is_exact_zero(inner) ? Symbol(0) : inner * outer;
    };
    switch (n.kind) {
      case Kind::number:
      case Kind::special: return Symbol(0);
      case Kind::variable: return Symbol(n.name == variable_ ? 1 : 0);
      case Kind::sum: {
        Rational constant = 0;
        Joined terms;
        for (std::size_t k = 0; k < n.parts.size(); ++k) add_terms(constant, terms, d(k), n.weights[k]);
        return sum_of(std::move(constant), std::move(terms));
      }
      case Kind::product: return of_product(n);
      case Kind::exp: return chained(d(0), x);
      case Kind::expm1: return chained(d(0), exp(n.parts[0]));
      case Kind::log: return is_exact_zero(d(0)) ? Symbol(0) : d(0) / n.parts[0];
      case Kind::log1p: return is_exact_zero(d(0)) ? Symbol(0) : d(0) / (1 + n.parts[0]);
      case Kind::abs: return select(n.parts[0], 0, d(0), select(0, n.parts[0], -d(0), 0));
      case Kind::max: return select(n.parts[0], n.parts[1], d(0), d(1));
      case Kind::min: return select(n.parts[0], n.parts[1], d(1), d(0));
      case Kind::select: return select(n.parts[0], n.parts[1], d(2), d(3));
    }
    return Symbol(0);
  }

  // Σ_k w_k f_k^(w_k − 1) f_k' Π_{j≠k} f_j^w_j
  Symbol of_product(const Node& n) {
    Symbol total(0);
    for (std::size_t k = 0; k < n.parts.size(); ++k) {
      const Symbol dk = (*this)(n.parts[k]);
      if (is_exact_zero(dk)) continue;
      Rational factor = n.weights[k];
      Joined factors;
      for (std::size_t j = 0; j < n.parts.size(); ++j)
        multiply_in(factor, factors, n.parts[j], j == k ? Rational(n.weights[j] - 1) : n.weights[j]);
      multiply_in(factor, factors, dk, 1);
      total = total + product_of(std::move(factor), std::move(factors));
    }
    return total;
  }

  const std::string& variable_;
  std::unordered_map<const Node*, Symbol> known_;
};

}  // namespace

Symbol derivative(const Symbol& expression, const std::string& variable) { return Derivative(variable)(expression); }

std::vector<Symbol> gradient(const Symbol& expression, const std::vector<std::string>& variables) {
  std::vector<Symbol> all;
  all.reserve(variables.size());
  for (const std::string& v : variables) all.push_back(derivative(expression, v));
  return all;
}

std::size_t node_count(const Symbol& expression) {
  std::unordered_map<const Node*, bool> seen;
  std::vector<const Node*> left{&expression.node()};
  while (!left.empty()) {
    const Node* n = left.back();
    left.pop_back();
    if (!seen.try_emplace(n, true).second) continue;
    for (const Symbol& part : n->parts) left.push_back(&part.node());
  }
  return seen.size();
}

}  // namespace karat
