// SPDX-License-Identifier: MIT
// Symbolic expressions: a number type that remembers the formula.
//
//   const Symbol x = Symbol::variable("x", 0.5);
//   const Symbol y = 1 / (1 + exp(-x));
//   to_text(derivative(y, "x"))                      // exp(-x)/(1 + exp(-x))^2
//   to_latex(y)                                      // \frac{1}{1 + e^{-x}}
//   evaluate<double>(y, {{"x", 2.0}})                // any number type: doubles, reals, balls, duals
//
// An expression is kept simplified: sums are flat with like terms joined, products are flat with
// the exponents of like bases joined, constants are exact rationals.  Simplification assumes
// what the functions themselves ask for (the argument of log and of a root is positive) and that
// no cancelled divisor is zero.  A variable carries a sample value: a formula that branches on a
// comparison follows the sample, so its expression is that of the sample's branch; max, min and
// abs are kept whole.  Derivatives at kinks are those of Dual.  Needs Boost and GMP, nothing of Karat.
#pragma once

#include <boost/multiprecision/gmp.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace karat {

using Rational = boost::multiprecision::number<boost::multiprecision::gmp_rational, boost::multiprecision::et_off>;
using Integer = boost::multiprecision::number<boost::multiprecision::gmp_int, boost::multiprecision::et_off>;

class Symbol {
 public:
  struct Node;
  enum class Kind {
    number,    // value
    special,   // ±∞ or NaN
    variable,  // name
    sum,       // value + Σ weights[k] · parts[k]
    product,   // Π parts[k] ^ weights[k]
    exp, expm1, log, log1p, abs,  // of parts[0]
    max, min,  // of parts[0], parts[1]
    select,    // parts[0] > parts[1] ? parts[2] : parts[3]
  };

  Symbol() : Symbol(0) {}
  Symbol(int constant);  // NOLINT: formulas write 1 + x
  explicit Symbol(double constant);
  explicit Symbol(const Rational& constant);
  static Symbol variable(std::string name, double sample);

  const Node& node() const { return *node_; }
  // The value at the samples of its variables.
  const double& sample() const;
  // The same expression, made in any way: simplified forms are compared, so `true` proves equality.
  bool same(const Symbol& other) const { return node_ == other.node_; }

  friend Symbol operator+(const Symbol& x, const Symbol& y);
  friend Symbol operator-(const Symbol& x, const Symbol& y);
  friend Symbol operator-(const Symbol& x);
  friend Symbol operator*(const Symbol& x, const Symbol& y);
  friend Symbol operator/(const Symbol& x, const Symbol& y);
  friend Symbol exp(const Symbol& x);
  friend Symbol expm1(const Symbol& x);
  friend Symbol log(const Symbol& x);
  friend Symbol log1p(const Symbol& x);
  friend Symbol sqrt(const Symbol& x);
  friend Symbol abs(const Symbol& x);
  friend Symbol max(const Symbol& x, const Symbol& y);
  friend Symbol min(const Symbol& x, const Symbol& y);
  // x > y ? p : q
  friend Symbol select(const Symbol& x, const Symbol& y, const Symbol& p, const Symbol& q);

  // Of the samples.
  friend bool operator<(const Symbol& x, const Symbol& y) { return x.sample() < y.sample(); }
  friend bool operator>(const Symbol& x, const Symbol& y) { return x.sample() > y.sample(); }
  friend bool operator<=(const Symbol& x, const Symbol& y) { return x.sample() <= y.sample(); }
  friend bool operator>=(const Symbol& x, const Symbol& y) { return x.sample() >= y.sample(); }

 private:
  friend struct SymbolBuilder;
  explicit Symbol(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

struct Symbol::Node {
  Kind kind = Kind::number;
  Rational value;
  std::string name;
  std::vector<Symbol> parts;
  std::vector<Rational> weights;
  double sample = 0;
  std::size_t hash = 0;
};

bool is_exact_zero(const Symbol& x);  // the constant 0
inline bool is_nan(const Symbol& x) { return x.sample() != x.sample(); }
inline const double& plain_value(const Symbol& x) { return x.sample(); }

// d expression / d variable.
Symbol derivative(const Symbol& expression, const std::string& variable);
// For each variable; shared parts are differentiated once each.
std::vector<Symbol> gradient(const Symbol& expression, const std::vector<std::string>& variables);

// Ascii that computer algebra and programming languages read; LaTeX.  Beyond `most` characters
// the text ends in "…".
std::string to_text(const Symbol& expression, std::size_t most = 100'000);
std::string to_latex(const Symbol& expression, std::size_t most = 100'000);
// Different nodes, shared ones once.
std::size_t node_count(const Symbol& expression);

namespace symbol_detail {

// Exact where T is wide enough: by digits of 32 bits.
template <class T>
T whole_number(Integer n) {
  if (n < 0) return T(0) - whole_number<T>(Integer(-n));
  std::vector<double> digits;
  for (; n > 0; n >>= 32) digits.push_back(static_cast<double>(static_cast<std::uint64_t>(Integer(n & 0xffffffffU))));
  T result(0);
  for (std::size_t k = digits.size(); k-- > 0;) result = result * T(4294967296.0) + T(digits[k]);
  return result;
}
template <class T>
T number(const Rational& r) {
  const T n = whole_number<T>(numerator(r));
  return denominator(r) == 1 ? n : T(n / whole_number<T>(denominator(r)));
}

// base ^ weight for weight > 0.
template <class T>
T to_power(const T& base, const Rational& weight) {
  using std::sqrt, std::exp, std::log;
  const bool whole = denominator(weight) == 1, half = denominator(weight) == 2;
  if (!whole && !half) return T(exp(number<T>(weight) * log(base)));
  if (numerator(weight) > 1'000'000) return T(exp(number<T>(weight) * log(base)));
  T square = whole ? base : T(sqrt(base)), result(1);
  for (auto n = static_cast<std::int64_t>(numerator(weight)); n > 0; n >>= 1) {
    if (n & 1) result = result * square;
    if (n > 1) square = square * square;
  }
  return result;
}

template <class T>
class Evaluation {
 public:
  explicit Evaluation(const std::map<std::string, T>& variables) : variables_(variables) {}

  const T& operator()(const Symbol& x) {
    const Symbol::Node& n = x.node();
    const auto found = known_.find(&n);
    if (found != known_.end()) return found->second;
    T value = of(n);
    return known_.emplace(&n, std::move(value)).first->second;
  }

 private:
  T of(const Symbol::Node& n) {
    using Kind = Symbol::Kind;
    using std::exp, std::expm1, std::log, std::log1p, std::abs, std::max, std::min;
    switch (n.kind) {
      case Kind::number: return number<T>(n.value);
      case Kind::special: return T(n.sample);
      case Kind::variable: {
        const auto found = variables_.find(n.name);
        if (found == variables_.end()) throw std::invalid_argument("no value for variable " + n.name);
        return found->second;
      }
      case Kind::sum: {
        T total = number<T>(n.value);
        for (std::size_t k = 0; k < n.parts.size(); ++k) {
          if (n.weights[k] == 1) total = total + (*this)(n.parts[k]);
          else if (n.weights[k] == -1) total = total - (*this)(n.parts[k]);
          else total = total + number<T>(n.weights[k]) * (*this)(n.parts[k]);
        }
        return total;
      }
      case Kind::product: {
        T above(1), below(1);
        bool divided = false;
        for (std::size_t k = 0; k < n.parts.size(); ++k) {
          const T& base = (*this)(n.parts[k]);
          if (n.weights[k] > 0) above = above * to_power(base, n.weights[k]);
          else below = below * to_power(base, Rational(-n.weights[k])), divided = true;
        }
        return divided ? T(above / below) : above;
      }
      case Kind::exp: return T(exp((*this)(n.parts[0])));
      case Kind::expm1: return T(expm1((*this)(n.parts[0])));
      case Kind::log: return T(log((*this)(n.parts[0])));
      case Kind::log1p: return T(log1p((*this)(n.parts[0])));
      case Kind::abs: return T(abs((*this)(n.parts[0])));
      case Kind::max: {
        const T a = (*this)(n.parts[0]), b = (*this)(n.parts[1]);
        return a > b ? a : b;
      }
      case Kind::min: {
        const T a = (*this)(n.parts[0]), b = (*this)(n.parts[1]);
        return a > b ? b : a;
      }
      case Kind::select: {
        const T a = (*this)(n.parts[0]), b = (*this)(n.parts[1]);
        return a > b ? (*this)(n.parts[2]) : (*this)(n.parts[3]);
      }
    }
    throw std::logic_error("an expression of no kind");
  }

  const std::map<std::string, T>& variables_;
  std::unordered_map<const Symbol::Node*, T> known_;
};

}  // namespace symbol_detail

// The value over any number type that has the functions used.  Throws std::invalid_argument for
// a variable without a value.
template <class T>
T evaluate(const Symbol& expression, const std::map<std::string, T>& variables) {
  return symbol_detail::Evaluation<T>(variables)(expression);
}
// Several expressions at once: shared parts are evaluated once.
template <class T>
std::vector<T> evaluate(const std::vector<Symbol>& expressions, const std::map<std::string, T>& variables) {
  symbol_detail::Evaluation<T> evaluation(variables);
  std::vector<T> values;
  values.reserve(expressions.size());
  for (const Symbol& x : expressions) values.push_back(evaluation(x));
  return values;
}

}  // namespace karat
