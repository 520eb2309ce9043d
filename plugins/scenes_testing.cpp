// SPDX-License-Identifier: MIT
// Calls of every operator that some library has, small, with uneven sizes and each attribute at work.
#include "plugins/scene_testing.hpp"

namespace karat::plugin_testing {
namespace {

using List = Extents;
using Values = std::vector<std::pair<std::string, AttributeValue>>;
Values with(Values all, const Values& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void add_elementwise(std::vector<Scene>& all) {
  for (const Extents& shape : {Extents{}, {1}, {7}, {33}, {1000}, {3, 5}, {2, 0, 3}, {2, 3, 4, 5}}) {
    for (const char* op : {"exp", "expm1", "sigmoid", "tanh", "relu"})
      all.push_back({op, {given("x", shape, -5, 5), output("y", shape)}});
    for (const char* op : {"log", "log1p", "sqrt"})
      all.push_back({op, {given("x", shape, 0.125, 6), output("y", shape)}});
    all.push_back({"zeros", {given("z", shape), output("w", shape)}});
    for (const char* op : {"sigmoid_backward", "tanh_backward", "relu_backward"})
      all.push_back({op, {given("dy", shape), given("x", shape, -5, 5), output("dx", shape)}});
    for (const char* op :
         {"sigmoid_backward_from_output", "tanh_backward_from_output", "relu_backward_from_output"})
      all.push_back({op, {given("dy", shape), given("y", shape, 0, 0.9), output("dx", shape)}});
    for (const double alpha : {0.25, 3.0}) {
      all.push_back({"leaky_relu", {given("x", shape, -5, 5), output("y", shape)}, {{"alpha", alpha}}});
      all.push_back({"leaky_relu_backward",
                     {given("dy", shape), given("x", shape, -5, 5), output("dx", shape)},
                     {{"alpha", alpha}}});
      all.push_back({"leaky_relu_backward_from_output",
                     {given("dy", shape), given("y", shape, -5, 5), output("dx", shape)},
                     {{"alpha", alpha}}});
    }
    const double infinity = std::numeric_limits<double>::infinity();
    for (const auto& [beta, threshold] : {std::pair{1.0, infinity}, {2.0, 1.0}}) {
      all.push_back({"softplus",
                     {given("x", shape, -5, 5), output("y", shape)},
                     {{"beta", beta}, {"threshold", threshold}}});
      all.push_back({"softplus_backward",
                     {given("dy", shape), given("x", shape, -5, 5), output("dx", shape)},
                     {{"beta", beta}, {"threshold", threshold}}});
    }
    all.push_back({"generalization_gap", {given("E_out", shape), given("E_in", shape), output("y", shape)}});
    all.push_back({"normal", {given("z", shape), output("w", shape)}, {{"mean", 0.5}, {"sigma", 0.125}}});
    all.push_back({"xavier_normal",
                   {given("z", shape), output("w", shape)},
                   {integer("n_in", 3), integer("n_out", 5)}});
  }
}

void add_softmax(std::vector<Scene>& all) {
  for (const Extents& shape : {Extents{1}, {17}, {3, 5}, {2, 3, 4}, {5, 1}, {2, 33, 3}})
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(shape.size()); ++axis)
      for (const std::string op : {"softmax", "log_softmax"}) {
        const Values at{integer("axis", axis)};
        all.push_back({op, {given("x", shape, -5, 5), output("y", shape)}, at});
        all.push_back(
            {op + "_backward", {given("dy", shape), given("x", shape, -5, 5), output("dx", shape)}, at});
        all.push_back({op + "_backward_from_output",
                       {given("dy", shape),
                        given("y", shape, op == "softmax" ? 0.0 : -4.0, op == "softmax" ? 1.0 : 0.0),
                        output("dx", shape)},
                       at});
      }
}

void add_losses(std::vector<Scene>& all) {
  for (const std::string reduction : {"mean", "sum", "none"}) {
    const Extents shape{3, 5}, y = reduction == "none" ? shape : Extents{},
                               rows = reduction == "none" ? Extents{3} : Extents{};
    const Values r{{"reduction", reduction}};
    for (const char* form : {"standard", "printed"}) {
      const Extents result = std::string(form) == "printed" ? Extents{} : y;
      const Values a = with(r, {{"form", form}});
      all.push_back({"mse_loss", {given("x", shape), given("t", shape), output("y", result)}, a});
      all.push_back({"mse_loss_backward",
                     {given("dy", result), given("x", shape), given("t", shape), output("dx", shape),
                      output("dt", shape)},
                     a});
    }
    const Values clamped = with(r, {{"log_clamp", -100.0}});
    all.push_back({"binary_cross_entropy",
                   {given("t", shape, 0, 1), given("p", shape, 0.05, 0.95), output("y", y)},
                   clamped});
    all.push_back(
        {"binary_cross_entropy_backward",
         {given("dy", y), given("t", shape, 0, 1), given("p", shape, 0.05, 0.95), output("dp", shape)},
         clamped});
    all.push_back({"binary_cross_entropy_with_logits",
                   {given("t", shape, 0, 1), given("x", shape, -5, 5), output("y", y)},
                   r});
    all.push_back({"binary_cross_entropy_with_logits_backward",
                   {given("dy", y), given("t", shape, 0, 1), given("x", shape, -5, 5), output("dx", shape)},
                   r});
    for (const Extents& w : {Extents{0}, {5}})
      for (const double smoothing : {0.0, 0.125}) {
        const Given x = given("x", shape, -5, 5), weights = given("w", w, 0.25, 4);
        const Values smooth = with(r, {{"label_smoothing", smoothing}});
        const Values a = with(smooth, {integer("ignore_index", 3), {"all_ignored", "nan"}});
        all.push_back({"softmax_cross_entropy", {x, indices("t", {3}, 5), weights, output("y", rows)}, a});
        all.push_back({"softmax_cross_entropy_backward",
                       {given("dy", rows), x, indices("t", {3}, 5), weights, output("dx", shape)},
                       a});
        all.push_back({"softmax_cross_entropy_probabilities",
                       {x, given("t", shape, 0, 1), weights, output("y", rows)},
                       smooth});
        all.push_back({"softmax_cross_entropy_probabilities_backward",
                       {given("dy", rows), x, given("t", shape, 0, 1), weights, output("dx", shape)},
                       smooth});
      }
    if (reduction == "none") continue;
    all.push_back({"linear_regression_loss",
                   {given("X", {7, 3}), given("Y", {7}), given("theta", {3}), output("y", {})},
                   r});
    all.push_back(
        {"linear_regression_loss_backward",
         {given("dy", {}), given("X", {7, 3}), given("Y", {7}), given("theta", {3}), output("dtheta", {3})},
         r});
  }
}

void add_norms(std::vector<Scene>& all) {
  for (const Extents& shape : {Extents{4, 3}, {2, 3, 2, 5}}) {
    const Given x = given("x", shape), dy = given("dy", shape), gamma = given("gamma", {3}),
                beta = given("beta", {3});
    const std::vector<Given> gradients{output("dx", shape), output("dgamma", {3}), output("dbeta", {3})};
    const auto backward = [&](std::vector<Given> in) {
      in.insert(in.end(), gradients.begin(), gradients.end());
      return in;
    };
    const Values a{{"eps", 0.125}, {"form", "standard"}};
    all.push_back({"batch_norm", {x, gamma, beta, output("y", shape)}, a});
    all.push_back({"batch_norm_backward", backward({dy, x, gamma, beta}), a});
    all.push_back({"batch_norm_backward_from_statistics",
                   backward({dy, x, gamma, given("mean", {3}), given("rstd", {3}, 0.25, 4)})});
    all.push_back({"batch_norm_inference",
                   {x, gamma, beta, given("mean", {3}), given("var", {3}, 0.25, 4), output("y", shape)},
                   {{"eps", 0.125}}});
    all.push_back({"batch_norm_statistics",
                   {x, state("running_mean", {3}), state("running_var", {3}, 0.25, 4)},
                   {{"momentum", 0.125}, {"variance", "unbiased"}}});
  }
  for (const Extents& shape : {Extents{7}, {4, 7}, {2, 3, 7}}) {
    const Given x = given("x", shape), gamma = given("gamma", {7}), beta = given("beta", {7});
    all.push_back({"layer_norm", {x, gamma, beta, output("y", shape)}, {{"eps", 0.125}}});
    all.push_back({"layer_norm_backward",
                   {given("dy", shape), x, gamma, beta, output("dx", shape), output("dgamma", {7}),
                    output("dbeta", {7})},
                   {{"eps", 0.125}}});
  }
}

struct Convolution {
  Extents x, w, y;
  List stride{1, 1}, padding{0, 0, 0, 0}, dilation{1, 1};
  std::int64_t groups = 1;
  List extra{0, 0};
};
void add_convolutions(std::vector<Scene>& all) {
  const std::vector<Convolution> forward{
      {{2, 3, 5, 6}, {4, 3, 1, 1}, {2, 4, 5, 6}},
      {{2, 3, 5, 6}, {4, 3, 3, 2}, {2, 4, 3, 5}},
      {{1, 4, 6, 5}, {6, 2, 3, 3}, {1, 6, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2},
      {{1, 4, 7, 5}, {4, 1, 3, 3}, {1, 4, 7, 5}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
      {{1, 2, 7, 8}, {3, 2, 2, 3}, {1, 3, 6, 6}, {1, 1}, {1, 2, 0, 0}, {2, 2}}};
  const std::vector<Convolution> backward{
      {{2, 3, 4, 3}, {3, 2, 2, 2}, {2, 2, 5, 4}},
      {{1, 4, 3, 4}, {4, 2, 3, 3}, {1, 4, 6, 8}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2, {1, 1}},
      {{1, 2, 3, 3}, {2, 3, 2, 2}, {1, 3, 5, 4}, {1, 1}, {0, 1, 0, 0}, {2, 2}}};
  for (const bool transposed : {false, true})
    for (const Convolution& c : transposed ? backward : forward)
      for (const Extents& b : {Extents{0}, Extents{c.y[1]}}) {
        const Given x = given("x", c.x), w = given("w", c.w), dy = given("dy", c.y), bias = given("b", b);
        const Values a{{"stride", c.stride},
                       {"padding", c.padding},
                       {"dilation", c.dilation},
                       integer("groups", c.groups)};
        const std::string name = transposed ? "conv_transpose2d" : "conv2d";
        const Values own = transposed ? with(a, {{"output_padding", c.extra}}) : a;
        all.push_back({name, {x, w, bias, output("y", c.y)}, own});
        all.push_back({name + "_backward",
                       {dy, x, w, bias, output("dx", c.x), output("dw", c.w), output("db", b)},
                       own});
        if (transposed) continue;
        all.push_back({"conv2d_backward_data",
                       {dy, w, output("dx", c.x)},
                       with(a, {{"input_size", List{c.x[2], c.x[3]}}})});
        all.push_back({"conv2d_backward_weights",
                       {dy, x, output("dw", c.w)},
                       with(a, {{"kernel_shape", List{c.w[2], c.w[3]}}})});
      }
  const Values a{integer("inverse_stride", 2), integer("padding", 1)};
  const Given x = given("x", {2, 3, 3, 4}), w = given("w", {2, 3, 3, 2});
  all.push_back({"fractionally_strided_conv2d", {x, w, output("y", {2, 2, 5, 8})}, a});
  all.push_back({"fractionally_strided_conv2d_backward",
                 {given("dy", {2, 2, 5, 8}), x, w, output("dx", {2, 3, 3, 4}), output("dw", {2, 3, 3, 2})},
                 a});
}

void add_pooling(std::vector<Scene>& all) {
  struct Pool {
    Extents x, y;
    List kernel, stride, padding;
    std::int64_t ceil = 0;
  };
  for (const Pool& p : {Pool{{2, 3, 6, 4}, {2, 3, 3, 2}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
                        {{1, 2, 5, 5}, {1, 2, 3, 3}, {3, 3}, {2, 2}, {1, 1, 1, 1}},
                        {{1, 2, 5, 4}, {1, 2, 2, 3}, {3, 2}, {2, 1}, {0, 0, 0, 0}},
                        {{1, 3, 5, 5}, {1, 3, 3, 3}, {2, 2}, {2, 2}, {0, 0, 0, 0}, 1},
                        {{2, 3, 4, 5}, {2, 3, 1, 1}, {4, 5}, {4, 5}, {0, 0, 0, 0}},
                        {{1, 1, 4, 4}, {1, 1, 2, 2}, {2, 2}, {2, 2}, {1, 1, 0, 0}}}) {
    const Values a{{"kernel_shape", p.kernel},
                   {"stride", p.stride},
                   {"padding", p.padding},
                   integer("ceil_mode", p.ceil)};
    const auto both = [&](const std::string& op, const Values& own) {
      all.push_back({op, {given("x", p.x), output("y", p.y)}, own});
      all.push_back({op + "_backward", {given("dy", p.y), given("x", p.x), output("dx", p.x)}, own});
    };
    both("max_pool2d", with(a, {{"dilation", List{1, 1}}}));
    for (const std::int64_t count : {0, 1})
      both("mean_pool2d", with(a, {integer("count_include_pad", count)}));
    both("l2_pool2d", a);
  }
  const Values dilated{{"kernel_shape", List{2, 2}},
                       {"stride", List{1, 2}},
                       {"padding", List{0, 0, 0, 0}},
                       integer("ceil_mode", 0),
                       {"dilation", List{2, 1}}};
  all.push_back({"max_pool2d", {given("x", {1, 2, 5, 4}), output("y", {1, 2, 3, 2})}, dilated});
}

void add_optimizers(std::vector<Scene>& all) {
  const Extents shape{2, 5};
  const Given theta = state("theta", shape), g = given("g", shape), s = state("s", shape, 0, 2);
  all.push_back({"sgd", {theta, g}, {{"eta", 0.125}}});
  for (const char* reduction : {"sum", "mean"})
    all.push_back(
        {"gd", {state("theta", {3}), given("g", {4, 3})}, {{"eta", 0.125}, {"reduction", reduction}}});
  all.push_back({"minibatch_sgd", {state("theta", {3}), given("g", {4, 3})}, {{"eta", 0.125}}});
  for (const std::int64_t t : {1, 2})
    for (const auto& [dampening, nesterov] : {std::pair{0.0, 0}, {0.5, 0}, {0.0, 1}})
      all.push_back({"momentum",
                     {theta, g, state("v", shape)},
                     {{"eta", 0.125},
                      {"beta", 0.875},
                      {"dampening", dampening},
                      integer("nesterov", nesterov),
                      {"weight_decay", 0.25},
                      integer("t", t)}});
  const Values step{{"eta", 0.125}, {"eps", 0x1p-20}, {"eps_placement", "outside"}, {"weight_decay", 0.25}};
  all.push_back({"adagrad", {theta, g, s}, with(step, {{"beta", 1.0}})});
  for (const std::int64_t centered : {0, 1})
    for (const double momentum : {0.0, 0.5})
      all.push_back({"rmsprop",
                     {theta, g, state("s", shape, 1, 2), state("m", shape, -0.25, 0.25), state("b", shape)},
                     with(step, {{"gamma", 0.875}, integer("centered", centered), {"momentum", momentum}})});
  for (const char* decay : {"coupled", "decoupled"})
    for (const std::int64_t amsgrad : {0, 1})
      all.push_back({"adam",
                     {theta, g, state("v", shape), s, state("s_max", shape, 0, 2)},
                     with(step, {{"beta1", 0.875},
                                 {"beta2", 0.9375},
                                 integer("amsgrad", amsgrad),
                                 {"decay", decay},
                                 integer("t", 3)})});
  const auto h = [](std::int64_t i) { return i / 3 == i % 3 ? 4.0 : 0.5; };
  all.push_back({"newton",
                 {state("theta", {3}), given("g", {3}), {"H", {3, 3}, KARAT_INPUT, 0, 0, 0, h}},
                 {{"eta", 0.5}}});
}

void add_penalties_and_images(std::vector<Scene>& all) {
  const Given theta = given("theta", {3, 5}, -4, 4), dy = given("dy", {}), dtheta = output("dtheta", {3, 5});
  for (const char* form : {"standard", "printed"})
    all.push_back({"l1_penalty", {theta, output("y", {})}, {{"lambda", 0.5}, {"form", form}}});
  all.push_back({"l2_penalty", {theta, output("y", {})}, {{"lambda", 0.5}}});
  all.push_back({"l2_penalty_backward", {dy, theta, dtheta}, {{"lambda", 0.5}}});
  for (const char* penalty : {"l2", "l1"}) {
    all.push_back({"regularized_loss",
                   {given("loss", {}), theta, output("y", {})},
                   {{"lambda", 0.5}, {"penalty", penalty}}});
    all.push_back({"regularized_loss_backward",
                   {dy, given("loss", {}), theta, output("dloss", {}), dtheta},
                   {{"lambda", 0.5}, {"penalty", penalty}}});
  }
  all.push_back({"dropout_backward",
                 {given("dy", {3, 5}), given("x", {3, 5}), indices("mask", {3, 5}, 2), output("dx", {3, 5})},
                 {{"p", 0.75}, {"form", "standard"}}});
  const Given x = given("x", {2, 2, 4, 3});
  for (const char* direction : {"horizontal", "vertical"}) {
    all.push_back({"flip", {x, output("y", {2, 2, 4, 3})}, {{"direction", direction}}});
    all.push_back({"flip_backward",
                   {given("dy", {2, 2, 4, 3}), x, output("dx", {2, 2, 4, 3})},
                   {{"direction", direction}}});
  }
  const Values box{{"box", List{1, 0, 2, 2}}}, padding{{"padding", List{1, 0, 2, 3}}, {"value", 0.5}};
  all.push_back({"crop", {x, output("y", {2, 2, 2, 2})}, box});
  all.push_back({"crop_backward", {given("dy", {2, 2, 2, 2}), x, output("dx", {2, 2, 4, 3})}, box});
  all.push_back({"pad", {x, output("y", {2, 2, 7, 6})}, padding});
  all.push_back({"pad_backward", {given("dy", {2, 2, 7, 6}), x, output("dx", {2, 2, 4, 3})}, padding});
}

}  // namespace

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> all = [] {
    std::vector<Scene> scenes;
    add_elementwise(scenes);
    add_softmax(scenes);
    add_losses(scenes);
    add_norms(scenes);
    add_convolutions(scenes);
    add_pooling(scenes);
    add_optimizers(scenes);
    add_penalties_and_images(scenes);
    return scenes;
  }();
  return all;
}

}  // namespace karat::plugin_testing
