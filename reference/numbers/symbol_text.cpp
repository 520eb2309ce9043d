// SPDX-License-Identifier: MIT
// Printing of expressions: plain ascii and LaTeX.
#include <cmath>

#include "reference/numbers/symbol.hpp"

namespace karat {
namespace {

using Kind = Symbol::Kind;
using Node = Symbol::Node;

enum Level { sums = 0, products = 1, powers = 2, atoms = 3 };

class Printer {
 public:
  Printer(bool latex, std::size_t most) : latex_(latex), most_(most) {}

  std::string print(const Symbol& x) {
    expression(x, sums);
    if (text_.size() <= most_) return text_;
    std::size_t end = most_;
    while (end > 0 && (static_cast<unsigned char>(text_[end]) & 0xc0U) == 0x80U) --end;
    return text_.substr(0, end) + "…";
  }

 private:
  void open(bool wanted) {
    if (wanted) text_ += latex_ ? "\\left(" : "(";
  }
  void close(bool wanted) {
    if (wanted) text_ += latex_ ? "\\right)" : ")";
  }
  void times() { text_ += latex_ ? " \\cdot " : "*"; }

  // A decimal where it is exact and short, else p/q.
  static std::string decimal(const Rational& r) {
    const auto d = static_cast<double>(r);
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", d);
    for (int digits = 1; digits < 17; ++digits) {
      char shorter[40];
      std::snprintf(shorter, sizeof shorter, "%.*g", digits, d);
      if (std::strtod(shorter, nullptr) == d) return shorter;
    }
    return text;
  }
  void number(const Rational& r, Level at) {
    if (denominator(r) == 1) {
      const bool wrap = r < 0 && at > sums;
      open(wrap);
      text_ += numerator(r).str();
      close(wrap);
      return;
    }
    // The constants that formulas are given are doubles; short fractions are fractions.
    if (denominator(r) > 1000 && Rational(static_cast<double>(r)) == r) {
      const bool wrap = r < 0 && at > sums;
      open(wrap);
      text_ += decimal(r);
      close(wrap);
      return;
    }
    if (latex_) {
      if (r < 0) text_ += "-";
      text_ += "\\frac{" + Integer(abs(numerator(r))).str() + "}{" + denominator(r).str() + "}";
      return;
    }
    open(at > products || (r < 0 && at > sums));
    text_ += r.str();
    close(at > products || (r < 0 && at > sums));
  }

  // The size that all terms share, if there is more than one; else 1.
  static Rational common_size(const Node& n) {
    if (n.parts.size() + (n.value != 0 ? 1 : 0) < 2) return 1;
    const Rational size(abs(n.weights[0]));
    for (const Rational& w : n.weights)
      if (abs(w) != size) return 1;
    return n.value != 0 && abs(n.value) != size ? Rational(1) : size;
  }

  void sum(const Node& n, Level at) {
    if (const Rational size = common_size(n); size != 1) {
      Node inner = n;
      inner.value /= size;
      for (Rational& w : inner.weights) w /= size;
      const bool outer = at > products;
      open(outer);
      if (numerator(size) == 1 && denominator(size) <= 1000) {
        fraction([&] { sum(inner, latex_ ? sums : products); }, [&] { text_ += denominator(size).str(); });
      } else {
        number(size, powers);
        times();
        sum(inner, products);
      }
      close(outer);
      return;
    }
    const bool one = n.value == 0 && n.parts.size() == 1;
    const bool wrap = at > (one && n.weights[0] > 0 ? products : sums);
    open(wrap);
    bool first = true;
    if (n.value != 0) {
      number(n.value, sums);
      first = false;
    }
    // A positive term first, where there is one.
    std::size_t lead = 0;
    if (first)
      while (lead < n.parts.size() && n.weights[lead] < 0) ++lead;
    if (lead == n.parts.size()) lead = 0;
    for (std::size_t i = 0; i < n.parts.size() && text_.size() <= most_; ++i) {
      const std::size_t k = i == 0 ? lead : i <= lead ? i - 1 : i;
      const Rational& w = n.weights[k];
      const Rational size = w < 0 ? Rational(-w) : w;
      if (first) text_ += w < 0 ? "-" : "";
      else text_ += w < 0 ? " - " : " + ";
      first = false;
      if (size == 1) {
        expression(n.parts[k], products);
      } else if (n.parts[k].node().kind == Kind::product) {
        product(n.parts[k].node(), products, size);
      } else if (numerator(size) == 1 && denominator(size) <= 1000) {
        fraction([&] { expression(n.parts[k], latex_ ? sums : products); }, [&] { text_ += denominator(size).str(); });
      } else {
        number(size, powers);
        times();
        expression(n.parts[k], products);
      }
    }
    close(wrap);
  }

  template <class Above, class Below>
  void fraction(Above above, Below below) {
    if (latex_) text_ += "\\frac{";
    above();
    text_ += latex_ ? "}{" : "/";
    below();
    if (latex_) text_ += "}";
  }

  // coefficient · Π parts^weights, coefficient > 0.
  void product(const Node& n, Level at, const Rational& coefficient = 1) {
    std::vector<std::pair<const Symbol*, Rational>> above, below;
    for (std::size_t k = 0; k < n.parts.size(); ++k) {
      if (n.weights[k] > 0) above.emplace_back(&n.parts[k], n.weights[k]);
      else below.emplace_back(&n.parts[k], Rational(-n.weights[k]));
    }
    const bool decimal_size = denominator(coefficient) > 1000;
    const Rational top = decimal_size ? coefficient : Rational(numerator(coefficient));
    const Rational bottom = decimal_size ? Rational(1) : Rational(denominator(coefficient));
    const bool alone = above.size() + below.size() == 1 && below.empty() && coefficient == 1;
    const bool wrap = at > (alone ? powers : products);
    open(wrap);
    const auto print_all = [&](const auto& factors, const Rational& lead, bool inside) {
      bool first = true;
      const bool only = factors.size() == 1 && lead == 1;
      if (lead != 1 || factors.empty()) {
        number(lead, products);
        first = false;
      }
      for (const auto& [base, weight] : factors) {
        if (text_.size() > most_) return;
        if (!first) times();
        power(*base, weight, only && inside ? sums : products);
        first = false;
      }
    };
    if (below.empty() && bottom == 1) {
      print_all(above, top, false);
    } else {
      const bool many = below.size() + (bottom == 1 ? 0U : 1U) > 1;
      fraction([&] { print_all(above, top, latex_); },
               [&] {
                 open(many && !latex_);
                 if (many || latex_) print_all(below, bottom, latex_);
                 else if (bottom != 1) number(bottom, powers);
                 else power(*below[0].first, below[0].second, powers);
                 close(many && !latex_);
               });
    }
    close(wrap);
  }

  void power(const Symbol& base, const Rational& weight, Level at) {
    if (weight == 1) return expression(base, at);
    if (weight == Rational(1, 2)) return function("sqrt", base);
    if (latex_ && base.node().kind == Kind::exp && denominator(weight) == 1) {
      open(true);
      expression(base, sums);
      close(true);
    } else {
      expression(base, atoms);
    }
    text_ += latex_ ? "^{" : "^";
    number(weight, latex_ ? sums : atoms);
    if (latex_) text_ += "}";
  }

  void function(const char* name, const Symbol& x) {
    if (!latex_) {
      text_ += std::string(name) + "(";
      expression(x, sums);
      text_ += ")";
      return;
    }
    const std::string n = name;
    if (n == "exp") {
      text_ += "e^{";
      expression(x, sums);
      text_ += "}";
    } else if (n == "sqrt") {
      text_ += "\\sqrt{";
      expression(x, sums);
      text_ += "}";
    } else if (n == "abs") {
      text_ += "\\left|";
      expression(x, sums);
      text_ += "\\right|";
    } else if (n == "expm1") {
      text_ += "\\left(e^{";
      expression(x, sums);
      text_ += "} - 1\\right)";
    } else if (n == "log1p") {
      text_ += "\\log\\left(1 + ";
      expression(x, products);
      text_ += "\\right)";
    } else {
      text_ += "\\" + n + "\\left(";
      expression(x, sums);
      text_ += "\\right)";
    }
  }

  void pair(const char* name, const Node& n) {
    text_ += latex_ ? "\\" + std::string(name) + "\\left(" : std::string(name) + "(";
    expression(n.parts[0], sums);
    text_ += ", ";
    expression(n.parts[1], sums);
    text_ += latex_ ? "\\right)" : ")";
  }

  void choice(const Node& n) {
    if (latex_) {
      text_ += "\\begin{cases} ";
      expression(n.parts[2], sums);
      text_ += " & ";
      condition(n);
      text_ += " \\\\ ";
      expression(n.parts[3], sums);
      text_ += " & \\text{otherwise} \\end{cases}";
    } else {
      text_ += "(";
      condition(n);
      text_ += " ? ";
      expression(n.parts[2], sums);
      text_ += " : ";
      expression(n.parts[3], sums);
      text_ += ")";
    }
  }
  void condition(const Node& n) {
    expression(n.parts[0], sums);
    text_ += " > ";
    expression(n.parts[1], sums);
  }

  // x_3 of a tensor x prints as x[3]; in LaTeX as an index.
  void variable(const std::string& name) {
    const std::size_t bracket = name.find('[');
    if (!latex_ || bracket == std::string::npos) {
      static const std::map<std::string, std::string> greek{{"alpha", "\\alpha"}, {"beta", "\\beta"}, {"gamma", "\\gamma"}, {"theta", "\\theta"},
                                                            {"lambda", "\\lambda"}, {"delta", "\\delta"}, {"eta", "\\eta"}, {"eps", "\\varepsilon"}};
      const auto letter = latex_ ? greek.find(name) : greek.end();
      text_ += letter == greek.end() ? name : letter->second;
      return;
    }
    variable(name.substr(0, bracket));
    text_ += "_{" + name.substr(bracket + 1, name.size() - bracket - 2) + "}";
  }

  void expression(const Symbol& x, Level at) {
    if (text_.size() > most_) return;
    const Node& n = x.node();
    switch (n.kind) {
      case Kind::number: return number(n.value, at);
      case Kind::special: text_ += n.sample != n.sample ? "nan" : n.sample > 0 ? "inf" : "(-inf)"; return;
      case Kind::variable: return variable(n.name);
      case Kind::sum: return sum(n, at);
      case Kind::product: return product(n, at);
      case Kind::exp: return function("exp", n.parts[0]);
      case Kind::expm1: return function("expm1", n.parts[0]);
      case Kind::log: return function("log", n.parts[0]);
      case Kind::log1p: return function("log1p", n.parts[0]);
      case Kind::abs: return function("abs", n.parts[0]);
      case Kind::max: return pair("max", n);
      case Kind::min: return pair("min", n);
      case Kind::select: return choice(n);
    }
  }

  bool latex_;
  std::size_t most_;
  std::string text_;
};

}  // namespace

std::string to_text(const Symbol& expression, std::size_t most) { return Printer(false, most).print(expression); }
std::string to_latex(const Symbol& expression, std::size_t most) { return Printer(true, most).print(expression); }

}  // namespace karat
