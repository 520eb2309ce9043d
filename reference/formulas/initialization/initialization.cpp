// SPDX-License-Identifier: MIT
// Initialization of weights, section 2 of the seed.  Given a draw (z standard normal, u uniform on
// [0, 1)) each is exact; the draws themselves are judged by statistics.
#include "reference/whole.hpp"

namespace karat {
namespace {

template <class T, class F>
Tensors<T> each(const Tensor<T>& draw, F f) {
  Tensor<T> w(draw.shape);
  for (std::size_t i = 0; i < w.values.size(); ++i) w.values[i] = f(draw.values[i]);
  return {w};
}
template <class T>
T fans(const Attributes& a) {
  return T(static_cast<double>(a.integer("n_in"))) + T(static_cast<double>(a.integer("n_out")));
}

struct Normal {
  static Shapes shapes(const Shapes& in, const Attributes&) { return {in[0]}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return each(in[0], [&](const T& z) { return T(T(a.number("mean")) + T(a.number("sigma")) * z); });
  }
};
struct XavierNormal {
  static Shapes shapes(const Shapes& in, const Attributes&) { return {in[0]}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T sigma = sqrt(2 / fans<T>(a));
    return each(in[0], [&](const T& z) { return T(sigma * z); });
  }
};
struct XavierUniform {
  static Shapes shapes(const Shapes& in, const Attributes&) { return {in[0]}; }
  static void refuse(const Tensors<double>& in, const Attributes&) { refuse_outside("xavier_uniform", "u", in[0], 0, 0x1.fffffffffffffp-1); }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const T r = sqrt(6 / fans<T>(a));
    return each(in[0], [&](const T& u) { return T(r * (2 * u - 1)); });
  }
};
struct Zeros {
  static Shapes shapes(const Shapes& in, const Attributes&) { return {in[0]}; }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes&) {
    return each(in[0], [](const T&) { return T(0); });
  }
};

InputRow normal_draw() { return {.name = "z", .directed = {0, 1, -1, 8}, .typical = {-3, 3}, .infinities = false, .differentiable = false}; }
std::vector<AttributeRow> fan_rows() {
  const auto fan = [](const char* name) {
    return AttributeRow{.kind = AttributeRow::Kind::integer, .name = name, .standard = 1, .domain = "≥ 1", .valid = [](double n) { return n >= 1 && n <= 1e12; }};
  };
  return {fan("n_in"), fan("n_out")};
}
const std::map<std::string, Attributes::Value> fans_of_example{{"n_in", std::int64_t{3}}, {"n_out", std::int64_t{5}}};

const Row normal{whole<Normal>({
    .name = "normal",
    .family = "initialization",
    .formula = "w = mean + σ z,  z ~ N(0, 1)",
    .source = "seed 2, random normal",
    .notes = "z: a standard normal draw.",
    .inputs = {normal_draw()},
    .outputs = {"w"},
    .attributes = {{.name = "mean", .standard = 0, .domain = "finite", .directed = {0}, .valid = [](double v) { return v - v == 0; }}, not_negative_row("sigma", std::numeric_limits<double>::quiet_NaN())},
    .catalogue = {.printed = "The seed's \"Random Norm\" gives no σ; sigma is an attribute without a standard value"},
    .examples = {{.shapes = {{5}}, .attributes = {{"mean", 0.5}, {"sigma", 0.125}}}},
})};
const Row xavier_normal{whole<XavierNormal>({
    .name = "xavier_normal",
    .family = "initialization",
    .formula = "w = √(2/(n_in + n_out)) z,  z ~ N(0, 1)",
    .source = "seed 2; Glorot & Bengio 2010",
    .notes = "z: a standard normal draw.",
    .inputs = {normal_draw()},
    .outputs = {"w"},
    .attributes = fan_rows(),
    .examples = {{.shapes = {{5}}, .attributes = fans_of_example}},
})};
const Row xavier_uniform{whole<XavierUniform>({
    .name = "xavier_uniform",
    .family = "initialization",
    .formula = "w = r (2u − 1),  r = √(6/(n_in + n_out)),  u ~ U[0, 1)",
    .source = "seed 2; Glorot & Bengio 2010",
    .notes = "The range is [−r, r): closed at −r, open at r.",
    .inputs = {{.name = "u", .directed = {0, 0.5}, .typical = {0, 0.99}, .domain = {0, 0x1.fffffffffffffp-1}, .infinities = false, .differentiable = false}},
    .outputs = {"w"},
    .attributes = fan_rows(),
    .examples = {{.shapes = {{5}}, .attributes = fans_of_example}},
})};
const Row zeros{whole<Zeros>({
    .name = "zeros",
    .family = "initialization",
    .formula = "w = 0",
    .source = "seed 2, biases",
    .notes = "Whatever is drawn.",
    .inputs = {normal_draw()},
    .outputs = {"w"},
    .examples = {{.shapes = {{5}}}},
    .constant = true,
})};

}  // namespace
}  // namespace karat
