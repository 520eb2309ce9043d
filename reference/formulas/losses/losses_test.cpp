// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/evaluate.hpp"

using namespace karat;
using V = std::vector<double>;

namespace {

const Tensor<Real> none = tensor({0}, {});
bool close(const Real& a, const Real& b) { return abs(a - b) <= Real("1e-45") * (1 + abs(a)); }
std::string refusal(const std::string& op, const Tensors<Real>& in, const Named& a = {}) {
  try {
    call(op, in, a);
  } catch (const Refused& e) {
    return e.what();
  }
  return "accepted";
}
double nan_or(const Tensor<Real>& t) { return static_cast<double>(t.values.at(0)); }

}  // namespace

TEST_CASE("mean square error by hand: mean, sum, none, printed") {
  const Tensors<Real> in{tensor({2, 2}, {1, 2, 3, 5}), tensor({2, 2}, {0, 0, 3, 1})};
  CHECK(doubles(call("mse_loss", in)[0]) == V{5.25});
  CHECK(doubles(call("mse_loss", in, {{"reduction", "sum"}})[0]) == V{21});
  CHECK(doubles(call("mse_loss", in, {{"reduction", "none"}})[0]) == V{1, 4, 0, 16});
  CHECK(doubles(call("mse_loss", in, {{"form", "printed"}})[0]) == V{21});
  CHECK(doubles(call("mse_loss_backward", {scalar(1), in[0], in[1]})[0]) == V{0.5, 1, 0, 2});
  // (3)–(6): the gradient of the linear regression loss is −2 Σ (y − θx) x.
  const auto g = call("linear_regression_loss_backward", {scalar(1), tensor({2, 1}, {1, 2}), tensor({2}, {3, 4}), tensor({1}, {1})}, {{"reduction", "sum"}});
  CHECK(doubles(g.back()) == V{-12});
}

TEST_CASE("cross entropy is minus the log-likelihood, and 0 log 0 is 0") {
  const PrecisionScope scope(200);
  const auto p = tensor({2, 3}, {0.25, 0.5, 0.25, 0.125, 0.125, 0.75});
  const auto ce = call("cross_entropy", {tensor({2, 3}, {0, 1, 0, 0, 0, 1}), p}, {{"reduction", "sum"}})[0].values[0];
  CHECK(close(ce, Real(-log(Real(0.5) * Real(0.75)))));
  CHECK(doubles(call("cross_entropy", {tensor({1, 2}, {0, 1}), tensor({1, 2}, {0, 1})})[0]) == V{0});
  CHECK(nan_or(call("cross_entropy", {tensor({1, 2}, {1, 0}), tensor({1, 2}, {0, 1})})[0]) == HUGE_VAL);
  CHECK_THAT(refusal("cross_entropy", {tensor({1, 2}, {1, 0}), tensor({1, 2}, {2, -1})}), Catch::Contains("p") && Catch::Contains("got 2"));
}

TEST_CASE("binary cross entropy from logits is that of their sigmoid, and focal loss with γ = 0 is both") {
  const PrecisionScope scope(300);
  for (const double x : {-3.0, -0.5, 0.0, 2.0})
    for (const double t : {0.0, 1.0}) {
      const Tensors<Real> p{tensor({1}, {t}), call("sigmoid", {tensor({1}, {x})})[0]}, logits{tensor({1}, {t}), tensor({1}, {x})};
      const Real bce = call("binary_cross_entropy", p)[0].values[0];
      CHECK(close(call("binary_cross_entropy_with_logits", logits)[0].values[0], bce));
      CHECK(close(call("focal_loss", p, {{"gamma", 0.0}, {"alpha", -1.0}})[0].values[0], bce));
      CHECK(close(call("focal_loss_with_logits", logits, {{"gamma", 0.0}, {"alpha", -1.0}})[0].values[0], bce));
      // Lin et al., eq. 5: α_t (1 − p_t)^γ times it.
      const Real pt = t == 1 ? p[1].values[0] : Real(1 - p[1].values[0]);
      CHECK(close(call("focal_loss", p, {{"gamma", 2.0}, {"alpha", 0.25}})[0].values[0], Real((t == 1 ? 0.25 : 0.75) * (1 - pt) * (1 - pt) * bce)));
    }
  // p = t = 0: loss 0, gradient 1.
  CHECK(doubles(call("binary_cross_entropy", {tensor({1}, {0}), tensor({1}, {0})})[0]) == V{0});
  CHECK(doubles(call("binary_cross_entropy_backward", {scalar(1), tensor({1}, {0}), tensor({1}, {0})}).back()) == V{1});
}

TEST_CASE("softmax cross entropy: index and probability targets agree; weights, smoothing, ignored rows") {
  const PrecisionScope scope(300);
  const auto x = tensor({2, 3}, {1, 2, -1, 0, 0.5, 3});
  const Real l0 = -call("log_softmax", {tensor({3}, {1, 2, -1})})[0].values[1], l1 = -call("log_softmax", {tensor({3}, {0, 0.5, 3})})[0].values[0];
  const auto t = tensor({2}, {1, 0}), one_hot = tensor({2, 3}, {0, 1, 0, 1, 0, 0});
  CHECK(close(call("softmax_cross_entropy", {x, t, none})[0].values[0], Real((l0 + l1) / 2)));
  CHECK(close(call("softmax_cross_entropy_probabilities", {x, one_hot, none})[0].values[0], Real((l0 + l1) / 2)));
  CHECK(close(call("softmax_cross_entropy", {x, t, tensor({3}, {3, 1, 2})})[0].values[0], Real((l0 + 3 * l1) / 4)));
  CHECK(close(call("softmax_cross_entropy", {x, t, none}, {{"label_smoothing", 0.25}})[0].values[0],
              call("softmax_cross_entropy_probabilities", {x, one_hot, none}, {{"label_smoothing", 0.25}})[0].values[0]));
  const auto ignored = tensor({2}, {1, -100});
  CHECK(close(call("softmax_cross_entropy", {x, ignored, none})[0].values[0], l0));
  const auto nothing = tensor({2}, {-100, -100});
  CHECK(std::isnan(nan_or(call("softmax_cross_entropy", {x, nothing, none})[0])));
  CHECK(nan_or(call("softmax_cross_entropy", {x, nothing, none}, {{"all_ignored", "zero"}})[0]) == 0);
  CHECK_THAT(refusal("softmax_cross_entropy", {x, tensor({2}, {1, 3}), none}), Catch::Contains("element 1: expected a class from 0 to 2") && Catch::Contains("got 3"));
  CHECK_THAT(refusal("softmax_cross_entropy", {x, tensor({3}, {1, 2, 0}), none}), Catch::Contains("expected shape (2), got (3)"));
}

TEST_CASE("dice and IoU: D = 2J/(1 + J) for soft masks; empty masks and boxes") {
  const PrecisionScope scope(200);
  const Tensors<Real> masks{tensor({1, 4}, {0.5, 0.25, 0, 1}), tensor({1, 4}, {1, 0, 0, 1})};
  const Real j = 1 - call("mask_iou_loss", masks)[0].values[0], d = 1 - call("dice_loss", masks)[0].values[0];
  CHECK(close(d, Real(2 * j / (1 + j))));
  CHECK(close(d, Real(Real(3) / Real(3.75))));
  const Tensors<Real> empty{tensor({1, 2}, {0, 0}), tensor({1, 2}, {0, 0})};
  for (const char* op : {"mask_iou_loss", "dice_loss"}) {
    CHECK(std::isnan(nan_or(call(op, empty)[0])));
    CHECK(nan_or(call(op, empty, {{"empty", "zero"}})[0]) == 0);
    CHECK(nan_or(call(op, empty, {{"empty", "one"}})[0]) == 1);
  }
  // Two unit-height boxes that share half: J = 1/3.
  const Tensors<Real> boxes{tensor({1, 4}, {0, 0, 2, 1}), tensor({1, 4}, {1, 0, 3, 1})};
  CHECK(close(call("box_iou_loss", boxes)[0].values[0], Real(Real(2) / 3)));
  CHECK(close(call("box_iou_loss", boxes, {{"kind", "log"}})[0].values[0], Real(log(Real(3)))));
  const Tensors<Real> apart{tensor({1, 4}, {0, 0, 1, 1}), tensor({1, 4}, {2, 2, 3, 3})};
  CHECK(nan_or(call("box_iou_loss", apart)[0]) == 1);
  CHECK(nan_or(call("box_iou_loss", apart, {{"kind", "log"}})[0]) == HUGE_VAL);
}

TEST_CASE("an empty batch: none is empty, the sum 0, the mean NaN") {
  for (const char* op : {"mse_loss", "cross_entropy"}) {
    const Tensors<Real> in{tensor({0, 3}, {}), tensor({0, 3}, {})};
    CHECK(call(op, in, {{"reduction", "none"}})[0].values.empty());
    CHECK(nan_or(call(op, in, {{"reduction", "sum"}})[0]) == 0);
    CHECK(std::isnan(nan_or(call(op, in)[0])));
  }
}
