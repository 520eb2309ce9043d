// SPDX-License-Identifier: MIT
// The output size of a convolution or pooling along one dimension, (54) of the seed.
#include "reference/sizes.hpp"
#include "reference/whole.hpp"

namespace karat {
namespace {

struct ConvOutputSize {
  static std::int64_t size(std::int64_t input, const Attributes& a) {
    const std::string& mode = a.text("mode");
    const Window w{a.integer("kernel_size"), a.integer("stride"), a.integer("before"), a.integer("after"), a.integer("dilation")};
    return conv_output_size(input, w, mode == "exact" ? SizeMode::exact : mode == "ceil" ? SizeMode::ceil : SizeMode::floor);
  }
  static Shapes shapes(const Shapes& in, const Attributes&) { return {in[0]}; }
  static void refuse(const Tensors<double>& in, const Attributes& a) {
    for (const double w : in[0].values) size(static_cast<std::int64_t>(w), a);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> o(in[0].shape);
    for (std::size_t i = 0; i < o.values.size(); ++i) o.values[i] = T(static_cast<double>(size(to_index(in[0].values[i]), a)));
    return {o};
  }
};

AttributeRow count(const char* name, double standard, const char* domain, double least) {
  return {.kind = AttributeRow::Kind::integer, .name = name, .standard = standard, .domain = domain, .valid = [=](double v) { return v >= least && v <= 1e9; }};
}

const Row conv_output_size_row{whole<ConvOutputSize>({
    .name = "conv_output_size",
    .family = "convolution",
    .formula = "O = (W − K + P_before + P_after)/S + 1",
    .source = "seed (54)",
    .notes = "K: the effective kernel, (kernel_size − 1) · dilation + 1.  floor as frameworks' convolutions, ceil as pooling, exact as printed.",
    .inputs = {{.name = "W", .domain = {1, 1e6}, .index = true, .differentiable = false}},
    .outputs = {"O"},
    .attributes = {count("kernel_size", 3, "K ≥ 1", 1), count("stride", 1, "S ≥ 1", 1), count("before", 0, "P ≥ 0", 0), count("after", 0, "P ≥ 0", 0),
                   count("dilation", 1, "D ≥ 1", 1), choice_row("mode", {"floor", "exact", "ceil"}, "floor, exact or ceil")},
    .catalogue = {.printed = "No rounding: mode exact refuses W = 4, K = 2, P = 0, S = 3, for which (54) gives 5/3",
                  .variants = "mode = floor, exact, ceil; asymmetric padding; dilation",
                  .special = "Refused: a kernel larger than the padded input, a size beyond 64 bits.  ceil: a last window must start inside the input or the leading padding."},
    .examples = {{.shapes = {{3}}, .values = {{"W", {5, 7, 28}}}},
                 {.shapes = {{2}}, .attributes = {{"stride", std::int64_t{2}}, {"before", std::int64_t{1}}, {"mode", "ceil"}}, .values = {{"W", {6, 224}}}},
                 {.shapes = {{3}}, .attributes = {{"stride", std::int64_t{3}}, {"dilation", std::int64_t{2}}, {"before", std::int64_t{1}}, {"after", std::int64_t{3}}}, .values = {{"W", {5, 9, 100}}}},
                 {.shapes = {{2}}, .attributes = {{"stride", std::int64_t{3}}, {"mode", "ceil"}}, .values = {{"W", {7, 11}}}}},
})};

}  // namespace
}  // namespace karat
