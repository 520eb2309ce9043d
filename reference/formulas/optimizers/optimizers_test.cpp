// SPDX-License-Identifier: MIT
// Steps by hand, and identities; trajectories converge.
#include <catch2/catch.hpp>

#include "reference/evaluate.hpp"
#include "reference/training.hpp"

using namespace karat;
using V = std::vector<double>;

namespace {
Tensor<Real> v(const V& values) { return tensor({static_cast<std::int64_t>(values.size())}, values); }
bool close(const Real& a, const Real& b) { return abs(a - b) <= Real("1e-40") * (1 + abs(a)); }
}  // namespace

TEST_CASE("gradient descent by hand: sum, mean, one sample, a batch") {
  const auto theta = v({1, 2}), g = tensor({2, 2}, {1, 0, 3, -4});
  CHECK(doubles(call("gd", {theta, g}, {{"eta", 0.5}})[0]) == V{-1, 4});
  CHECK(doubles(call("gd", {theta, g}, {{"eta", 0.5}, {"reduction", "mean"}})[0]) == V{0, 3});
  CHECK(doubles(call("minibatch_sgd", {theta, g}, {{"eta", 0.5}})[0]) == V{0, 3});
  CHECK(doubles(call("sgd", {theta, v({1, 0})}, {{"eta", 0.5}})[0]) == V{0.5, 2});
}

TEST_CASE("momentum by hand: v ← βv + g, θ ← θ − ηv, Nesterov, dampening") {
  const auto t2 = std::int64_t{2};
  const auto plain = call("momentum", {v({1}), v({2}), v({4})}, {{"eta", 0.5}, {"beta", 0.5}, {"t", t2}});
  CHECK(doubles(plain[0]) == V{-1});
  CHECK(doubles(plain[1]) == V{4});
  CHECK(doubles(call("momentum", {v({1}), v({2}), v({4})}, {{"eta", 0.5}, {"beta", 0.5}, {"t", t2}, {"nesterov", std::int64_t{1}}})[0]) == V{-1});
  CHECK(doubles(call("momentum", {v({1}), v({2}), v({4})}, {{"eta", 0.5}, {"beta", 0.5}, {"t", t2}, {"dampening", 0.5}})[1]) == V{3});
}

TEST_CASE("Adam: three steps by hand, and the first is η sign g for ε = 0") {
  const PrecisionScope scope(200);
  const Real b1(0.5), b2(0.75), eta(0.125);
  Real theta(1), m(0), s(0);
  Tensors<Real> state{v({1}), v({0}), v({0}), v({0}), v({0})};
  const double g[] = {2, -1, 0.5};
  for (int t = 1; t <= 3; ++t) {
    state[1] = v({g[t - 1]});
    const auto out = call("adam", state, {{"eta", 0.125}, {"beta1", 0.5}, {"beta2", 0.75}, {"eps", 0.0625}, {"t", std::int64_t{t}}});
    m = b1 * m + (1 - b1) * g[t - 1];
    s = b2 * s + (1 - b2) * g[t - 1] * g[t - 1];
    theta = theta - eta * (m / (1 - pow(b1, t))) / (sqrt(Real(s / (1 - pow(b2, t)))) + Real(0.0625));
    CHECK(close(out[0].values[0], theta));
    CHECK(close(out[1].values[0], m));
    CHECK(close(out[2].values[0], s));
    state = {out[0], v({0}), out[1], out[2], out[3]};
  }
  const auto first = call("adam", {v({1, 1, 1}), v({1e-20, -300, 5}), v({0, 0, 0}), v({0, 0, 0}), v({0, 0, 0})}, {{"eta", 0.5}, {"eps", 0.0}});
  for (std::size_t i = 0; i < 3; ++i) CHECK(close(first[0].values[i], Real(i == 1 ? 1.5 : 0.5)));
}

TEST_CASE("AdaGrad with β = 1 sums squares; ε inside or outside of the root") {
  const PrecisionScope scope(200);
  const auto out = call("adagrad", {v({1}), v({3}), v({16})}, {{"eta", 0.5}, {"eps", 0.0}});
  CHECK(doubles(out[0]) == V{0.7});
  CHECK(doubles(out[1]) == V{25});
  CHECK(close(call("adagrad", {v({0}), v({3}), v({16})}, {{"eta", 1.0}, {"eps", 11.0}, {"eps_placement", "inside"}})[0].values[0], Real(-0.5)));
  CHECK(close(call("adagrad", {v({0}), v({3}), v({16})}, {{"eta", 1.0}, {"eps", 1.0}})[0].values[0], Real(-0.5)));
}

TEST_CASE("Adadelta's first step: s first, then g' = √ε/√(s + ε) g") {
  const PrecisionScope scope(200);
  const auto out = call("adadelta", {v({1}), v({2}), v({0}), v({0})}, {{"eta", 1.0}, {"gamma", 0.75}, {"rho", 0.75}, {"eps", 3.0}});
  // s = 1, g' = √3/√4 · 2 = √3; Δ = 3/4.
  CHECK(close(out[0].values[0], Real(1 - sqrt(Real(3)))));
  CHECK(close(out[1].values[0], Real(1)));
  CHECK(close(out[2].values[0], Real(0.75)));
}

TEST_CASE("Newton is exact on quadratics in one step, and refuses a singular or indefinite H") {
  const PrecisionScope scope(200);
  // J = ½θᵀHθ − bᵀθ: g = Hθ − b.
  const auto h = tensor({2, 2}, {4, 1, 1, 3});
  const auto out = call("newton", {v({5, -7}), v({4 * 5 - 7 - 1, 5 - 21 - 2}), h})[0];
  CHECK(close(out.values[0], Real(Real(1) / 11)));
  CHECK(close(out.values[1], Real(Real(7) / 11)));
  CHECK_THROWS_WITH(call("newton", {v({0, 0}), v({1, 1}), tensor({2, 2}, {1, 2, 2, 1})}), Catch::Contains("indefinite"));
  CHECK_THROWS_WITH(call("newton", {v({0, 0}), v({1, 1}), tensor({2, 2}, {1, 1, 1, 1})}), Catch::Contains("singular"));
  CHECK_THROWS_WITH(call("newton", {v({0, 0}), v({1, 1}), tensor({2, 3}, {1, 0, 0, 1, 0, 0})}), Catch::Contains("expected shape (2, 2), got (2, 3)"));
}

TEST_CASE("trajectories: every optimizer lowers the loss; Newton solves least squares at once") {
  const PrecisionScope scope(160);
  int optimizers = 0;
  for (const Operator& op : operators()) {
    if (!is_optimizer(op)) continue;
    ++optimizers;
    for (const char* name : {"linear_regression", "logistic_regression"}) {
      INFO(op.name << " on " << name);
      Attributes a = standard_attributes(op);
      if (op.name == "gd") a.values["eta"] = 0.015625;  // its gradient is a sum
      const auto path = train(op, *find_problem(name), a, 60, 8);
      REQUIRE(path.size() == 61);
      CHECK(path.back().loss < path.front().loss);
    }
  }
  CHECK(optimizers == 9);
  const auto solved = train(*find_operator("newton"), *find_problem("linear_regression"), standard_attributes(*find_operator("newton")), 1, 8);
  CHECK(solved[1].gradient_norm < Real("1e-30"));
  CHECK(close(solved[1].theta[0], Real(1)));
  const auto valley = train(*find_operator("newton"), *find_problem("rosenbrock"), standard_attributes(*find_operator("newton")), 8, 1);
  CHECK(valley.back().loss < Real("1e-30"));
}
