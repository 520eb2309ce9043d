// SPDX-License-Identifier: MIT
// The four ways of differentiating as somebody uses them who has nothing else of Karat: doubles.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "reference/numbers/complex.hpp"
#include "reference/numbers/dual.hpp"
#include "reference/numbers/numerical.hpp"
#include "reference/numbers/symbol.hpp"
#include "reference/numbers/tape.hpp"

namespace {

using karat::Complex;
using karat::Dual;
using karat::Symbol;
using karat::Tape;
using karat::Taped;
using karat::Tangent;

struct F {
  template <class T>
  T operator()(const T& x) const {
    using std::exp, std::log, std::sqrt;
    return exp(-x * x) * sqrt(1 + x * x) / (2 + log(3 + x));
  }
};

// f' by hand: f · (−2x + x/(1+x²) − 1/((3+x)(2+log(3+x))))
double derivative_of_f(double x) { return F()(x) * (-2 * x + x / (1 + x * x) - 1 / ((3 + x) * (2 + std::log(3 + x)))); }

Symbol var(const char* name, double sample = 0.5) { return Symbol::variable(name, sample); }

}  // namespace

TEST_CASE("dual, tape, symbol and complex step give the derivative that pen and paper give") {
  for (const double x : {-1.5, -0.25, 0.0, 0.75, 2.0}) {
    const double truth = derivative_of_f(x);
    CHECK(F()(Dual<double>(x, 1.0)).derivative == Approx(truth).epsilon(1e-14));
    Tape<double> tape;
    const auto in = tape.inputs({x});
    const std::vector<Taped<double>> out{F()(in[0])};
    CHECK(tape.gradient(in, out, std::vector<double>{1.0})[0] == Approx(truth).epsilon(1e-14));
    CHECK(karat::evaluate<double>(karat::derivative(F()(var("x", x)), "x"), {{"x", x}}) == Approx(truth).epsilon(1e-14));
    CHECK(karat::complex_step(F(), x, 1e-100) == Approx(truth).epsilon(1e-14));
    CHECK(karat::richardson(F(), x, 0.1, 5) == Approx(truth).epsilon(1e-9));
  }
}

TEST_CASE("the errors of differences fall with their order") {
  const double x = 0.75, truth = derivative_of_f(x);
  const auto order = [&](auto approximate, double h) { return karat::measured_order(approximate, truth, h); };
  CHECK(order([&](double h) { return karat::forward_difference(F(), x, h); }, 0x1p-10) == Approx(1).margin(0.01));
  CHECK(order([&](double h) { return karat::central_difference(F(), x, h); }, 0x1p-7) == Approx(2).margin(0.01));
  CHECK(order([&](double h) { return karat::complex_step(F(), x, h); }, 0x1p-7) == Approx(2).margin(0.01));
  CHECK(order([&](double h) { return karat::richardson(F(), x, h, 2); }, 0x1p-4) == Approx(4).margin(0.1));
  CHECK_THROWS_AS(karat::richardson(F(), x, 0.1, 0), std::invalid_argument);
}

TEST_CASE("dual numbers carry any number of directions") {
  using D = Dual<double, Tangent<double>>;
  const D x(3.0, Tangent<double>::unit(3, 0)), y(4.0, Tangent<double>::unit(3, 1)), z(2.0, Tangent<double>::unit(3, 2));
  const D r = sqrt(x * x + y * y) / z;
  CHECK(r.value == 2.5);
  CHECK(r.derivative[0] == Approx(0.3));
  CHECK(r.derivative[1] == Approx(0.4));
  CHECK(r.derivative[2] == Approx(-1.25));
}

TEST_CASE("forward over reverse gives the Hessian") {
  // f = x²y + y³ at (2, 3): [[2y, 2x], [2x, 6y]]
  const double expected[2][2] = {{6, 4}, {4, 18}};
  for (int column = 0; column < 2; ++column) {
    Tape<Dual<double>> tape;
    const auto v = tape.inputs({{2.0, column == 0 ? 1.0 : 0.0}, {3.0, column == 1 ? 1.0 : 0.0}});
    const std::vector<Taped<Dual<double>>> f{v[0] * v[0] * v[1] + v[1] * v[1] * v[1]};
    const auto g = tape.gradient(v, f, std::vector<Dual<double>>{Dual<double>(1)});
    CHECK(g[0].value == 12);
    CHECK(g[1].value == 31);
    for (int row = 0; row < 2; ++row) CHECK(g[static_cast<std::size_t>(row)].derivative == expected[column][row]);
  }
}

TEST_CASE("expressions simplify and print") {
  const Symbol x = var("x"), y = var("y");
  CHECK(to_text(x + x - 2 * x) == "0");
  CHECK(to_text(x * x / x) == "x");
  CHECK(to_text(3 * x - y + x * 2) == "5*x - y");
  CHECK(to_text((x + y) * (x + y) / (2 * x + 2 * y)) == "(x + y)/2");
  CHECK(to_text(exp(log(x))) == "x");
  CHECK(to_text(exp(3 * log(x))) == "x^3");
  CHECK(to_text(log(exp(x))) == "x");
  CHECK(to_text(sqrt(x) * sqrt(x)) == "x");
  CHECK(to_text(sqrt(x * x)) == "sqrt(x^2)");  // |x|, not x
  CHECK(to_text(-x) == "-x");
  CHECK(to_text(x - (y - 1)) == "1 + x - y");
  CHECK(to_text(x * (y + 1)) == "x*(1 + y)");
  CHECK(to_text(1 / (x * y)) == "1/(x*y)");
  CHECK(to_text(Symbol(0.001) * x) == "0.001*x");
  CHECK(to_text(x / 3) == "x/3");
  CHECK(to_text((x + y) / 3) == "(x + y)/3");
  CHECK(to_text(max(x, 0)) == "max(x, 0)");
  CHECK(to_text(Symbol(std::numeric_limits<double>::infinity())) == "inf");
  CHECK((x + y).same(y + x) == false);  // order of writing is kept; only equal texts are the same
  CHECK((x * y + 1).same(x * y + 1));
  CHECK_THROWS_AS(karat::evaluate<double>(x, {}), std::invalid_argument);
}

TEST_CASE("derivatives read as textbooks print them") {
  const Symbol x = var("x"), a = var("alpha");
  CHECK(to_text(derivative(1 / (1 + exp(-x)), "x")) == "exp(-x)/(1 + exp(-x))^2");
  CHECK(to_latex(derivative(1 / (1 + exp(-x)), "x")) == "\\frac{e^{-x}}{\\left(1 + e^{-x}\\right)^{2}}");
  const Symbol t = (exp(x) - exp(-x)) / (exp(x) + exp(-x));
  CHECK(to_text(derivative(t, "x")) == "1 - (exp(x) - exp(-x))^2/(exp(x) + exp(-x))^2");
  CHECK(to_text(derivative(max(x, 0) + a * min(x, 0), "x")) == "(x > 0 ? 1 : 0) + alpha*(x > 0 ? 0 : 1)");
  CHECK(to_text(derivative(log(1 + exp(x)), "x")) == "exp(x)/(1 + exp(x))");
  CHECK(to_text(derivative(sqrt(1 + x * x), "x")) == "x/sqrt(1 + x^2)");
  CHECK(to_text(derivative(abs(x), "x")) == "(x > 0 ? 1 : (0 > x ? -1 : 0))");
  CHECK(to_latex(sqrt(a) / 2) == "\\frac{\\sqrt{\\alpha}}{2}");
  CHECK(derivative(x * x, "y").same(Symbol(0)));
}

TEST_CASE("a text stops where it is asked to") {
  Symbol s(0);
  for (int i = 0; i < 100; ++i) s = s + var(("x[" + std::to_string(i) + "]").c_str());
  CHECK(to_text(s, 20) == "x[0] + x[1] + x[2] +…");
  CHECK(karat::node_count(s) == 101);
}
