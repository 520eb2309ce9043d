// SPDX-License-Identifier: MIT
// Right kernels that take an attribute for another: ignored, mixed up, off by one.
#include "plugins/mutants/mutants.hpp"

namespace karat::mutants {
namespace {

using Change = std::function<void(Changed&)>;
using List = std::vector<std::int64_t>;

Change number(const char* name, double value) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->number = value; };
}
Change times(const char* name, double factor) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->number *= factor; };
}
Change complement(const char* name) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->number = 1 - a->number; };
}
Change integer(const char* name, std::int64_t value) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->integer = value; };
}
Change plus(const char* name, std::int64_t step) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->integer += step; };
}
Change text(const char* name, const char* value) {
  return [=](Changed& c) { if (auto* a = c.attribute(name)) a->text = value; };
}
Change swapped(const char* one, const char* other) {
  return [=](Changed& c) {
    auto *a = c.attribute(one), *b = c.attribute(other);
    if (a && b) std::swap(a->number, b->number), std::swap(a->integer, b->integer);
  };
}
// Lists live as long as the plugin: a few distinct ones.
const std::int64_t* kept(List list) {
  static std::deque<List> all;
  for (const List& known : all)
    if (known == list) return known.data();
  all.push_back(std::move(list));
  return all.back().data();
}
Change list(const char* name, std::function<List(List)> f) {
  return [=](Changed& c) {
    auto* a = c.attribute(name);
    if (!a || a->list_length == 0) return;
    a->list = kept(f(List(a->list, a->list + a->list_length)));
  };
}
List ones(List l) { return List(l.size(), 1); }
List first_for_all(List l) { return List(l.size(), l[0]); }
List ends_swapped(List l) { return l.size() == 4 ? List{l[2], l[3], l[0], l[1]} : l; }
List axes_swapped(List l) { return l.size() == 4 ? List{l[1], l[0], l[3], l[2]} : List(l.rbegin(), l.rend()); }
List nothing(List l) { return List(l.size(), 0); }
List one_more(List l) {
  ++l[0];
  return l;
}

struct Entry {
  const char* op;
  const char* name;
  Change change;
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> all{
      // Optimizers: ε, corrections, decay, momentum.
      {"adam", "epsilon_inside_root", text("eps_placement", "inside")},
      {"adam", "epsilon_outside_root", text("eps_placement", "outside")},
      {"adam", "no_epsilon", number("eps", 0)},
      {"adam", "epsilon_times_10", times("eps", 10)},
      {"adam", "always_second_step", integer("t", 2)},
      {"adam", "step_counted_from_0", plus("t", 1)},
      {"adam", "betas_swapped", swapped("beta1", "beta2")},
      {"adam", "decay_coupled", text("decay", "coupled")},
      {"adam", "decay_decoupled", text("decay", "decoupled")},
      {"adam", "no_decay", number("weight_decay", 0)},
      {"adam", "amsgrad_ignored", integer("amsgrad", 0)},
      {"adam", "uphill", times("eta", -1)},
      {"momentum", "nesterov_ignored", integer("nesterov", 0)},
      {"momentum", "no_dampening", number("dampening", 0)},
      {"momentum", "dampened_at_first_step", integer("t", 2)},  // ml-explore/mlx#473
      {"momentum", "always_first_step", integer("t", 1)},
      {"momentum", "no_decay", number("weight_decay", 0)},  // ml-explore/mlx#473
      {"momentum", "beta_complement", complement("beta")},
      {"rmsprop", "epsilon_inside_root", text("eps_placement", "inside")},
      {"rmsprop", "not_centered", integer("centered", 0)},
      {"rmsprop", "no_momentum", number("momentum", 0)},
      {"rmsprop", "gamma_complement", complement("gamma")},
      {"rmsprop", "no_decay", number("weight_decay", 0)},
      {"rmsprop", "no_epsilon", number("eps", 0)},
      {"adagrad", "epsilon_inside_root", text("eps_placement", "inside")},
      {"adagrad", "no_epsilon", number("eps", 0)},
      {"adagrad", "no_decay", number("weight_decay", 0)},
      {"adagrad", "squares_decay", times("beta", 0.5)},
      {"adadelta", "rates_swapped", swapped("gamma", "rho")},
      {"adadelta", "epsilon_times_10", times("eps", 10)},
      {"adadelta", "gamma_complement", complement("gamma")},
      {"gd", "mean_for_sum", text("reduction", "mean")},
      {"gd", "sum_for_mean", text("reduction", "sum")},
      {"gd", "uphill", times("eta", -1)},
      {"minibatch_sgd", "twice_the_rate", times("eta", 2)},
      {"sgd", "uphill", times("eta", -1)},
      {"newton", "half_a_step", times("eta", 0.5)},
      // Normalization.
      {"batch_norm", "no_epsilon", number("eps", 0)},
      {"batch_norm", "epsilon_squared", [](Changed& c) { if (auto* a = c.attribute("eps")) a->number *= a->number; }},
      {"batch_norm_backward", "no_epsilon", number("eps", 0)},
      {"batch_norm_inference", "no_epsilon", number("eps", 0)},
      {"batch_norm_inference_backward", "no_epsilon", number("eps", 0)},
      {"batch_norm_statistics", "momentum_of_the_other", complement("momentum")},
      {"batch_norm_statistics", "biased_variance", text("variance", "biased")},      // apache/mxnet#18751
      {"batch_norm_statistics", "unbiased_variance", text("variance", "unbiased")},  // apache/mxnet#21111
      {"layer_norm", "no_epsilon", number("eps", 0)},
      {"layer_norm_backward", "no_epsilon", number("eps", 0)},
      {"rms_norm", "no_epsilon", number("eps", 0)},
      {"rms_norm_backward", "no_epsilon", number("eps", 0)},
      // Losses.
      {"mse_loss", "sum_for_mean", text("reduction", "sum")},
      {"mse_loss_backward", "mean_forgotten", text("reduction", "sum")},
      {"binary_cross_entropy", "mean_for_sum", text("reduction", "mean")},
      {"binary_cross_entropy", "no_clamp", number("log_clamp", -1e30)},  // ml-explore/mlx#1280, keras-team/keras#9
      {"binary_cross_entropy_backward", "no_clamp", number("log_clamp", -1e30)},
      {"binary_cross_entropy_with_logits", "mean_for_sum", text("reduction", "mean")},
      {"softmax_cross_entropy", "smoothing_ignored", number("label_smoothing", 0)},
      {"softmax_cross_entropy", "ignore_index_of_another", integer("ignore_index", -1000)},
      {"softmax_cross_entropy", "all_ignored_as_0", text("all_ignored", "zero")},  // pytorch/pytorch#116349
      {"softmax_cross_entropy", "all_ignored_as_nan", text("all_ignored", "nan")},
      {"softmax_cross_entropy_backward", "smoothing_ignored", number("label_smoothing", 0)},
      {"softmax_cross_entropy_backward", "mean_forgotten", text("reduction", "sum")},
      {"softmax_cross_entropy_probabilities", "smoothing_ignored", number("label_smoothing", 0)},
      {"softmax_cross_entropy_probabilities_backward", "smoothing_ignored", number("label_smoothing", 0)},
      {"cross_entropy", "mean_for_sum", text("reduction", "mean")},
      {"cross_entropy_backward", "mean_forgotten", text("reduction", "sum")},
      {"focal_loss", "gamma_times_2", times("gamma", 2)},
      {"focal_loss", "balance_ignored", number("alpha", -1)},
      {"focal_loss", "balance_of_the_other_class", [](Changed& c) { if (auto* a = c.attribute("alpha"); a && a->number >= 0) a->number = 1 - a->number; }},
      {"focal_loss_backward", "gamma_times_2", times("gamma", 2)},
      {"focal_loss_with_logits", "gamma_ignored", number("gamma", 0)},
      {"focal_loss_with_logits", "balance_ignored", number("alpha", -1)},
      {"focal_loss_with_logits_backward", "gamma_ignored", number("gamma", 0)},
      {"focal_loss_with_logits_backward", "balance_ignored", number("alpha", -1)},
      {"dice_loss", "not_smoothed", number("smooth", 0)},
      {"dice_loss", "squared_denominator", text("denominator", "squared")},
      {"dice_loss", "plain_denominator", text("denominator", "sum")},
      {"dice_loss_backward", "not_smoothed", number("smooth", 0)},
      {"mask_iou_loss", "smoothed", number("smooth", 1)},
      {"box_iou_loss", "linear", text("kind", "linear")},
      {"box_iou_loss", "logarithm", text("kind", "log")},
      {"box_iou_loss_backward", "linear", text("kind", "linear")},
      {"linear_regression_loss", "mean_for_sum", text("reduction", "mean")},
      {"linear_regression_loss_backward", "mean_for_sum", text("reduction", "mean")},
      // Regularization.
      {"l1_penalty", "lambda_halved", times("lambda", 0.5)},
      {"l2_penalty", "lambda_halved", times("lambda", 0.5)},
      {"l2_penalty_backward", "lambda_halved", times("lambda", 0.5)},
      {"regularized_loss", "l1_for_l2", text("penalty", "l1")},
      {"regularized_loss_backward", "l2_for_l1", text("penalty", "l2")},
      {"dropout", "kept_for_dropped", complement("p")},
      {"dropout_backward", "kept_for_dropped", complement("p")},
      {"dropout", "never_scaled", text("form", "printed")},
      {"early_stopping", "one_less_patience", plus("patience", 1)},
      {"early_stopping", "min_delta_ignored", number("min_delta", 0)},
      // Convolution and its sizes.
      {"conv2d", "dilation_ignored", list("dilation", ones)},
      {"conv2d", "padding_ends_swapped", list("padding", ends_swapped)},
      {"conv2d", "padding_axes_swapped", list("padding", axes_swapped)},
      {"conv2d", "padding_one_more", list("padding", one_more)},
      {"conv2d", "stride_of_the_first_axis", list("stride", first_for_all)},
      {"conv2d_backward", "dilation_ignored", list("dilation", ones)},
      {"conv2d_backward", "padding_ends_swapped", list("padding", ends_swapped)},
      {"conv2d_backward_data", "dilation_ignored", list("dilation", ones)},  // AlexeyAB/darknet#4836
      {"conv2d_backward_data", "padding_ends_swapped", list("padding", ends_swapped)},
      {"conv2d_backward_weights", "dilation_ignored", list("dilation", ones)},
      {"conv2d_backward_weights", "stride_of_the_first_axis", list("stride", first_for_all)},
      {"conv_transpose2d", "dilation_ignored", list("dilation", ones)},  // apache/mxnet#11203
      {"conv_transpose2d", "padding_ends_swapped", list("padding", ends_swapped)},
      {"conv_transpose2d", "stride_of_the_first_axis", list("stride", first_for_all)},
      {"conv_transpose2d_backward", "dilation_ignored", list("dilation", ones)},
      {"fractionally_strided_conv2d", "padding_one_more", plus("padding", 1)},
      {"conv_output_size", "dilation_ignored", integer("dilation", 1)},  // onnx/onnx#2043
      {"conv_output_size", "padding_once", integer("after", 0)},
      {"conv_output_size", "rounded_up", text("mode", "ceil")},
      {"conv_output_size", "rounded_down", text("mode", "floor")},
      // Pooling.
      {"mean_pool2d", "padding_counted", integer("count_include_pad", 1)},
      {"mean_pool2d", "padding_not_counted", integer("count_include_pad", 0)},
      {"mean_pool2d", "padding_ends_swapped", list("padding", ends_swapped)},  // ROCm/AMDMIGraphX#5007
      {"mean_pool2d_backward", "padding_counted", integer("count_include_pad", 1)},
      {"mean_pool2d_backward", "padding_not_counted", integer("count_include_pad", 0)},
      {"max_pool2d", "dilation_ignored", list("dilation", ones)},
      {"max_pool2d", "padding_ends_swapped", list("padding", ends_swapped)},
      {"max_pool2d_backward", "dilation_of_the_first_axis", list("dilation", first_for_all)},  // tracel-ai/burn#4466
      {"max_pool2d_backward", "padding_none", list("padding", nothing)},
      {"l2_pool2d", "padding_ends_swapped", list("padding", ends_swapped)},
      {"median_pool2d", "lower_of_two", text("even", "lower")},
      {"median_pool2d", "mean_of_two", text("even", "mean")},
      {"median_pool2d_backward", "lower_of_two", text("even", "lower")},
      // Augmentation and initialization.
      {"flip", "the_other_way", [](Changed& c) { if (auto* a = c.attribute("direction")) a->text = std::strcmp(a->text, "horizontal") == 0 ? "vertical" : "horizontal"; }},
      {"flip_backward", "always_horizontal", text("direction", "horizontal")},
      {"pad", "zeros_for_value", number("value", 0)},
      {"pad", "ends_swapped", list("padding", ends_swapped)},
      {"normal", "no_mean", number("mean", 0)},
      {"normal", "variance_for_deviation", [](Changed& c) { if (auto* a = c.attribute("sigma")) a->number *= a->number; }},
      {"xavier_uniform", "fan_in_alone", [](Changed& c) { if (auto *a = c.attribute("n_in"), *b = c.attribute("n_out"); a && b) b->integer = a->integer; }},
      {"xavier_normal", "fan_in_alone", [](Changed& c) { if (auto *a = c.attribute("n_in"), *b = c.attribute("n_out"); a && b) b->integer = a->integer; }},
      {"xavier_normal", "fan_in_plus_1", plus("n_in", 1)},
      // Activations.
      {"leaky_relu", "slope_doubled", times("alpha", 2)},
      {"leaky_relu_backward", "slope_doubled", times("alpha", 2)},
      {"leaky_relu_backward_from_output", "slope_of_relu", number("alpha", 0)},
      {"softplus", "beta_ignored", number("beta", 1)},
      {"softplus_backward", "beta_ignored", number("beta", 1)},
      {"softplus", "threshold_20", number("threshold", 20)},
  };
  return all;
}

const Rows rows([] {
  for (const Entry& entry : table())
    add(entry.op, entry.name, KARAT_F32, [&entry](const karat_call& call, const Right& right) {
      Changed changed(call);
      entry.change(changed);
      return right(*changed.get());
    });
});

}  // namespace
}  // namespace karat::mutants
