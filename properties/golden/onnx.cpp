// SPDX-License-Identifier: MIT
#include "properties/golden/onnx.hpp"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>

namespace karat::properties {
namespace {

namespace fs = std::filesystem;
using List = std::vector<std::int64_t>;
using karat::to_text;

[[noreturn]] void refuse(const fs::path& file, const std::string& what) { throw FileError(file.string() + ": " + what); }

// Thrown where a test has no counterpart; the text is the reason.
struct DoesNotApply : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Message>
Message parsed(const fs::path& file) {
  Message message;
  if (!message.ParseFromString(read_text(file, std::size_t{1} << 30))) refuse(file, "expected a protobuf message of ONNX");
  return message;
}

struct Array {
  Shape shape;
  const Format* format = nullptr;  // null: integers
  std::vector<Bits> bits;

  Tensor<Bits> tensor() const { return {shape, bits}; }
  Tensor<Bits> tensor(Shape s) const { return {std::move(s), bits}; }
};

Array array_of(const onnx::TensorProto& t) {
  Array a;
  for (const std::int64_t d : t.dims()) a.shape.push_back(d);
  std::size_t bytes = 0;
  using Type = onnx::TensorProto;
  switch (t.data_type()) {
    case Type::FLOAT: a.format = &format(Dtype::f32); bytes = 4; break;
    case Type::DOUBLE: a.format = &format(Dtype::f64); bytes = 8; break;
    case Type::FLOAT16: a.format = &format(Dtype::f16); bytes = 2; break;
    case Type::BFLOAT16: a.format = &format(Dtype::bf16); bytes = 2; break;
    case Type::INT64: bytes = 8; break;
    case Type::INT32: bytes = 4; break;
    case Type::BOOL: bytes = 1; break;
    default: throw DoesNotApply("its tensors are neither floating-point numbers nor indices");
  }
  for (const std::int64_t d : a.shape)
    if (d < 0 || d > (1 << 24)) throw DoesNotApply("a tensor has an extent below 0 or above 2^24");
  const auto count = static_cast<std::size_t>(element_count(a.shape));
  if (!t.has_raw_data()) {
    if (a.format == &format(Dtype::f32) && static_cast<std::size_t>(t.float_data_size()) == count) {
      for (const float v : t.float_data()) a.bits.push_back(*exact_bits(*a.format, static_cast<double>(v)));
      return a;
    }
    if (!a.format && static_cast<std::size_t>(t.int64_data_size()) == count) {
      for (const std::int64_t v : t.int64_data()) a.bits.push_back(static_cast<Bits>(v));
      return a;
    }
    if (count == 0) return a;
    throw DoesNotApply("a tensor without raw data");
  }
  const std::string& raw = t.raw_data();
  if (raw.size() != count * bytes) throw FileError("a tensor of shape " + to_text(a.shape) + " asks for " + std::to_string(count * bytes) + " bytes, got " + std::to_string(raw.size()));
  for (std::size_t i = 0; i < count; ++i) {
    Bits b = 0;
    std::memcpy(&b, raw.data() + i * bytes, bytes);
    if (!a.format && bytes == 4) b = static_cast<Bits>(static_cast<std::int64_t>(static_cast<std::int32_t>(b)));
    a.bits.push_back(b);
  }
  return a;
}

// A node with its attributes, inputs and expected outputs; absent ones are null.
struct Node {
  const onnx::NodeProto& proto;
  std::vector<std::optional<Array>> inputs, outputs;

  const onnx::AttributeProto* find(const char* name) const {
    for (const auto& a : proto.attribute())
      if (a.name() == name) return &a;
    return nullptr;
  }
  std::int64_t integer(const char* name, std::int64_t standard) const { return find(name) ? find(name)->i() : standard; }
  double number(const char* name, float standard) const { return static_cast<double>(find(name) ? find(name)->f() : standard); }
  std::string text(const char* name, const char* standard) const { return find(name) ? find(name)->s() : standard; }
  List list(const char* name, List standard) const {
    const auto* a = find(name);
    return a ? List(a->ints().begin(), a->ints().end()) : standard;
  }
  bool has(std::size_t i) const { return i < inputs.size() && inputs[i].has_value(); }
  const Array& input(std::size_t i) const {
    if (!has(i)) throw DoesNotApply("input " + std::to_string(i) + " is absent");
    return *inputs[i];
  }
  const Array& output(std::size_t i) const {
    if (i >= outputs.size() || !outputs[i]) throw DoesNotApply("output " + std::to_string(i) + " is absent");
    return *outputs[i];
  }
};

Tensor<Bits> constant(const Format& f, const Shape& shape, double value) {
  return {shape, std::vector<Bits>(static_cast<std::size_t>(element_count(shape)), *exact_bits(f, value))};
}
Tensor<Bits> absent_tensor() { return {Shape{0}, {}}; }

struct Call {
  const char* op;
  Tensors<Bits> inputs;
  std::vector<std::pair<std::string, Attributes::Value>> attributes;
};

OnnxCase case_of(const Node& n, Call call, Tensors<Bits> expected) {
  const Operator* op = find_operator(call.op);
  if (!op) throw std::logic_error(std::string("no operator ") + call.op);
  OnnxCase c;
  c.question = {op, n.input(0).format, std::move(call.inputs), standard_attributes(*op)};
  if (!c.question.format) throw DoesNotApply("integers: the catalogue's operators take floating-point numbers");
  for (auto& [name, value] : call.attributes) c.question.attributes.values.at(name) = std::move(value);
  if (const auto wrong = invalid(c.question)) throw DoesNotApply(*wrong);
  c.expected = std::move(expected);
  return c;
}
OnnxCase case_of(const Node& n, Call call) { return case_of(n, std::move(call), {n.output(0).tensor()}); }

void expect_image(const Node& n) {
  if (n.input(0).shape.size() != 4) throw DoesNotApply("the catalogue's operator is two-dimensional, x: (N, C, H, W)");
}

// [top, left, bottom, right], explicit or by auto_pad, of a window over the input.
List pads(const Node& n, const List& kernel, const List& stride, const List& dilation) {
  const std::string mode = n.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") return n.list("pads", {0, 0, 0, 0});
  if (mode == "VALID") return {0, 0, 0, 0};
  List p(4);
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int64_t in = n.input(0).shape[2 + d], out = (in + stride[d] - 1) / stride[d];
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1 - in);
    p[d] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    p[2 + d] = total - p[d];
  }
  return p;
}

OnnxCase unary(const Node& n, const char* op) { return case_of(n, {op, {n.input(0).tensor()}, {}}); }

OnnxCase softmax(const Node& n, const char* op) {
  std::int64_t axis = n.integer("axis", -1);
  if (axis < 0) axis += static_cast<std::int64_t>(n.input(0).shape.size());
  return case_of(n, {op, {n.input(0).tensor()}, {{"axis", axis}}});
}

OnnxCase convolution(const Node& n) {
  expect_image(n);
  const List kernel{n.input(1).shape.at(2), n.input(1).shape.at(3)}, stride = n.list("strides", {1, 1}), dilation = n.list("dilations", {1, 1});
  return case_of(n, {"conv2d", {n.input(0).tensor(), n.input(1).tensor(), n.has(2) ? n.input(2).tensor() : absent_tensor()},
                     {{"stride", stride}, {"dilation", dilation}, {"padding", pads(n, kernel, stride, dilation)}, {"groups", n.integer("group", 1)}}});
}

OnnxCase transposed_convolution(const Node& n) {
  expect_image(n);
  const Shape& x = n.input(0).shape;
  const List kernel{n.input(1).shape.at(2), n.input(1).shape.at(3)}, stride = n.list("strides", {1, 1}), dilation = n.list("dilations", {1, 1});
  List extra = n.list("output_padding", {0, 0}), padding = n.list("pads", {0, 0, 0, 0}), size = n.list("output_shape", {});
  const std::string mode = n.text("auto_pad", "NOTSET");
  if (size.size() == 4) size = {size[2], size[3]};
  if (size.empty() && mode.starts_with("SAME")) size = {x[2] * stride[0], x[3] * stride[1]};
  if (!size.empty())
    for (std::size_t d = 0; d < 2; ++d) {
      std::int64_t total = stride[d] * (x[2 + d] - 1) + extra[d] + (kernel[d] - 1) * dilation[d] + 1 - size[d];
      if (total < 0) {  // larger than the windows reach: more output padding
        extra[d] -= total;
        total = 0;
      }
      padding[d] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      padding[2 + d] = total - padding[d];
    }
  return case_of(n, {"conv_transpose2d", {n.input(0).tensor(), n.input(1).tensor(), n.has(2) ? n.input(2).tensor() : absent_tensor()},
                     {{"stride", stride}, {"dilation", dilation}, {"padding", padding}, {"groups", n.integer("group", 1)}, {"output_padding", extra}}});
}

OnnxCase pooling(const Node& n, const char* op) {
  expect_image(n);
  const List kernel = n.list("kernel_shape", {}), stride = n.list("strides", {1, 1}), dilation = n.list("dilations", {1, 1});
  if (kernel.size() != 2) throw DoesNotApply("kernel_shape is not two-dimensional");
  Call call{op, {n.input(0).tensor()},
            {{"kernel_shape", kernel}, {"stride", stride}, {"padding", pads(n, kernel, stride, dilation)}, {"ceil_mode", n.integer("ceil_mode", 0)}}};
  if (std::string(op) == "max_pool2d") call.attributes.emplace_back("dilation", dilation);
  else call.attributes.emplace_back("count_include_pad", n.integer("count_include_pad", 0));
  return case_of(n, std::move(call));
}

OnnxCase global_pooling(const Node& n, const char* op) {
  expect_image(n);
  return case_of(n, {op, {n.input(0).tensor()}, {{"kernel_shape", List{n.input(0).shape[2], n.input(0).shape[3]}}, {"stride", List{1, 1}}}});
}

OnnxCase batch_norm(const Node& n) {
  const double eps = n.number("epsilon", 1e-5F);
  if (n.integer("training_mode", 0) != 0)  // the running statistics mix by 1 − momentum, which f32 does not hold exactly
    return case_of(n, {"batch_norm", {n.input(0).tensor(), n.input(1).tensor(), n.input(2).tensor()}, {{"eps", eps}}});
  Tensors<Bits> in;
  for (std::size_t i = 0; i < 5; ++i) in.push_back(n.input(i).tensor());
  return case_of(n, {"batch_norm_inference", std::move(in), {{"eps", eps}}});
}

// The axes from `axis` on are one.
OnnxCase layer_norm(const Node& n) {
  const Shape& shape = n.input(0).shape;
  std::int64_t axis = n.integer("axis", -1);
  if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
  Shape flat{1, 1};
  for (std::size_t d = 0; d < shape.size(); ++d) flat[static_cast<std::int64_t>(d) < axis ? 0 : 1] *= shape[d];
  const Tensor<Bits> beta = n.has(2) ? n.input(2).tensor({flat[1]}) : constant(*n.input(0).format, {flat[1]}, 0);
  return case_of(n, {"layer_norm", {n.input(0).tensor(flat), n.input(1).tensor({flat[1]}), beta}, {{"eps", n.number("epsilon", 1e-5F)}}}, {n.output(0).tensor(flat)});
}

// (N, C, d…) → rows of classes.
OnnxCase softmax_cross_entropy(const Node& n) {
  const Array& x = n.input(0);
  const std::int64_t samples = x.shape.at(0), classes = x.shape.at(1);
  const std::int64_t places = samples * classes > 0 ? element_count(x.shape) / (samples * classes) : 0;
  Tensor<Bits> rows(Shape{samples * places, classes});
  for (std::int64_t s = 0; s < samples; ++s)
    for (std::int64_t c = 0; c < classes; ++c)
      for (std::int64_t p = 0; p < places; ++p)
        rows.values[static_cast<std::size_t>((s * places + p) * classes + c)] = x.bits[static_cast<std::size_t>((s * classes + c) * places + p)];
  const std::string reduction = n.text("reduction", "mean");
  const Tensor<Bits> expected = reduction == "none" ? n.output(0).tensor({samples * places}) : n.output(0).tensor(Shape{});
  return case_of(n, {"softmax_cross_entropy", {rows, n.input(1).tensor({samples * places}), n.has(2) ? n.input(2).tensor() : absent_tensor()},
                     {{"reduction", reduction}, {"ignore_index", n.integer("ignore_index", -100)}}},
                 {expected});
}

OnnxCase dropout(const Node& n) {
  const Array& x = n.input(0);
  if (!x.format) throw DoesNotApply("integers");
  const auto all = static_cast<std::size_t>(element_count(x.shape));
  const bool training = n.has(2) && n.input(2).bits.at(0) != 0;
  if (!training)  // keeps everything
    return case_of(n, {"dropout", {x.tensor(), {x.shape, std::vector<Bits>(all, 1)}}, {{"p", 1.0}}});
  const double ratio = n.has(1) ? to_double(*n.input(1).format, n.input(1).bits.at(0)) : 0.5;
  if (n.outputs.size() < 2 || !n.outputs[1]) throw DoesNotApply("a mask is drawn and not given");
  return case_of(n, {"dropout", {x.tensor(), n.output(1).tensor()}, {{"p", 1 - ratio}}});
}

OnnxCase padded(const Node& n) {
  expect_image(n);
  if (n.text("mode", "constant") != "constant") throw DoesNotApply("mode " + n.text("mode", "") + ": the catalogue pads with a constant");
  const auto& p = n.input(1).bits;
  const auto at = [&](std::size_t i) { return static_cast<std::int64_t>(p.at(i)); };
  if (at(0) != 0 || at(1) != 0 || at(4) != 0 || at(5) != 0) throw DoesNotApply("pads the batch or the channels");
  const double value = n.has(2) ? to_double(*n.input(2).format, n.input(2).bits.at(0)) : 0;
  return case_of(n, {"pad", {n.input(0).tensor()}, {{"padding", List{at(2), at(3), at(6), at(7)}}, {"value", value}}});
}

double scalar_of(const Node& n, std::size_t i) { return to_double(*n.input(i).format, n.input(i).bits.at(0)); }

// Inputs R, T, then all X, all G, all states; outputs all X, all states.
std::vector<OnnxCase> optimizer(const Node& n, const char* op, std::size_t states, const std::vector<std::pair<std::string, Attributes::Value>>& attributes,
                                std::size_t more_states = 0) {
  const std::size_t tensors = (n.inputs.size() - 2) / (2 + states);
  std::vector<OnnxCase> cases;
  for (std::size_t k = 0; k < tensors; ++k) {
    Call call{op, {}, attributes};
    Tensors<Bits> expected;
    const Shape shape = n.input(2 + k).shape;
    for (std::size_t j = 0; j < 2 + states; ++j) call.inputs.push_back(n.input(2 + j * tensors + k).tensor());
    for (std::size_t j = 0; j < more_states; ++j) call.inputs.push_back(constant(*n.input(0).format, shape, 0));
    for (std::size_t j = 0; j < 1 + states; ++j) expected.push_back(n.output(j * tensors + k).tensor());
    call.attributes.emplace_back("eta", scalar_of(n, 0));
    cases.push_back(case_of(n, std::move(call), std::move(expected)));
  }
  return cases;
}

std::vector<OnnxCase> adam(const Node& n) {
  const auto t = static_cast<std::int64_t>(n.input(1).bits.at(0));
  if (t < 1) throw DoesNotApply("step T = 0, which leaves the bias correction out; (47)-(52) count steps from 1");
  return optimizer(n, "adam", 2, {{"beta1", n.number("alpha", 0.9F)}, {"beta2", n.number("beta", 0.999F)}, {"eps", n.number("epsilon", 0)},
                                  {"eps_placement", std::string("hat")}, {"weight_decay", n.number("norm_coefficient", 0)}, {"t", t}}, 1);
}
std::vector<OnnxCase> adagrad(const Node& n) {
  if (n.input(1).bits.at(0) != 0 && n.number("decay_factor", 0) != 0) throw DoesNotApply("the learning rate decays");
  return optimizer(n, "adagrad", 1, {{"eps", n.number("epsilon", 0)}, {"weight_decay", n.number("norm_coefficient", 0)}});
}
std::vector<OnnxCase> momentum(const Node& n) {
  if (n.input(1).bits.at(0) != 0) throw DoesNotApply("beta is a factor of the gradient from step 1 on, as no choice of dampening has it");
  // At T = 0 the factor of g is 1; our step 1 would drop βv.
  return optimizer(n, "momentum", 1, {{"beta", n.number("alpha", 0)}, {"weight_decay", n.number("norm_coefficient", 0)},
                                      {"nesterov", std::int64_t{n.text("mode", "standard") == "nesterov"}}, {"t", std::int64_t{2}}});
}

using Map = std::function<std::vector<OnnxCase>(const Node&)>;
template <class F, class... A>
Map one(F f, A... a) {
  return [=](const Node& n) { return std::vector<OnnxCase>{f(n, a...)}; };
}

// ONNX's operators that the catalogue has.
const std::map<std::string, Map>& shared_operators() {
  static const std::map<std::string, Map> all{
      {"Exp", one(unary, "exp")}, {"Log", one(unary, "log")}, {"Sqrt", one(unary, "sqrt")}, {"Sigmoid", one(unary, "sigmoid")},
      {"Tanh", one(unary, "tanh")}, {"Relu", one(unary, "relu")}, {"Softplus", one(unary, "softplus")},
      {"LeakyRelu", one([](const Node& n) { return case_of(n, {"leaky_relu", {n.input(0).tensor()}, {{"alpha", n.number("alpha", 0.01F)}}}); })},
      {"Softmax", one(softmax, "softmax")}, {"LogSoftmax", one(softmax, "log_softmax")}, {"Conv", one(convolution)},
      {"ConvTranspose", one(transposed_convolution)}, {"MaxPool", one(pooling, "max_pool2d")}, {"AveragePool", one(pooling, "mean_pool2d")},
      {"GlobalMaxPool", one(global_pooling, "max_pool2d")}, {"GlobalAveragePool", one(global_pooling, "mean_pool2d")},
      {"BatchNormalization", one(batch_norm)}, {"LayerNormalization", one(layer_norm)},
      {"SoftmaxCrossEntropyLoss", one(softmax_cross_entropy)}, {"Dropout", one(dropout)}, {"Pad", one(padded)},
      {"Adam", adam}, {"Adagrad", adagrad}, {"Momentum", momentum}};
  return all;
}

std::optional<Array> stored(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    return array_of(parsed<onnx::TensorProto>(file));
  } catch (const FileError& e) {
    refuse(file, e.what());
  }
}

OnnxTest read_test(const fs::path& folder) {
  OnnxTest test;
  test.name = folder.filename().string();
  const auto model = parsed<onnx::ModelProto>(folder / "model.onnx");
  const auto& graph = model.graph();
  if (graph.node_size() != 1) {
    test.reason = "its model has " + std::to_string(graph.node_size()) + " nodes";
    return test;
  }
  const onnx::NodeProto& node = graph.node(0);
  test.onnx_operator = node.op_type();
  const auto found = shared_operators().find(node.op_type());
  test.shared = found != shared_operators().end();
  if (!test.shared) {
    test.reason = "the catalogue has no " + node.op_type();
    return test;
  }
  try {
    for (int set = 0; fs::is_directory(folder / ("test_data_set_" + std::to_string(set))); ++set) {
      const fs::path data = folder / ("test_data_set_" + std::to_string(set));
      Node n{node, {}, {}};
      // The files count the graph's inputs; the node may leave some out by an empty name.
      const auto collect = [&](const auto& names, const auto& graph_values, const char* prefix, auto& into) {
        for (const std::string& name : names) {
          into.emplace_back();
          for (int i = 0; i < graph_values.size(); ++i)
            if (!name.empty() && graph_values[i].name() == name) into.back() = stored(data / (prefix + std::to_string(i) + ".pb"));
        }
      };
      collect(node.input(), graph.input(), "input_", n.inputs);
      collect(node.output(), graph.output(), "output_", n.outputs);
      for (OnnxCase& c : found->second(n)) test.cases.push_back(std::move(c));
    }
    if (test.cases.empty()) test.reason = "it has no data";
    else test.op = test.cases[0].question.op->name;
  } catch (const DoesNotApply& why) {
    test.cases.clear();
    test.reason = why.what();
  }
  return test;
}

}  // namespace

std::vector<OnnxTest> read_onnx(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) refuse(folder, "is no folder of ONNX node tests");
  if (fs::exists(folder / "model.onnx")) return {read_test(folder)};
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx")) folders.push_back(entry.path());
  if (folders.empty()) refuse(folder, "has no folder with a model.onnx");
  std::sort(folders.begin(), folders.end());
  std::vector<OnnxTest> tests;
  for (const fs::path& f : folders) tests.push_back(read_test(f));
  return tests;
}

OnnxAgreement agreement(const OnnxTest& test) {
  OnnxAgreement a;
  for (const OnnxCase& c : test.cases) {
    const Format& f = *c.question.format;
    const Tensors<Bits> exact = rounded_outputs(c.question, format(Dtype::f64));
    for (std::size_t j = 0; j < c.expected.size(); ++j) {
      if (c.expected[j].shape != exact[j].shape)
        throw FileError(test.name + ": output " + std::to_string(j) + ": expected shape " + to_text(exact[j].shape) + ", got " + to_text(c.expected[j].shape));
      for (std::size_t i = 0; i < exact[j].values.size(); ++i) {
        ++a.results;
        const double right = to_double(format(Dtype::f64), exact[j].values[i]), got = to_double(f, c.expected[j].values[i]);
        if (right == got || (right != right && got != got)) continue;
        const double off = std::fabs(got - right), share = off / (1e-7 + 1e-3 * std::fabs(right));
        a.of_tolerance = share <= a.of_tolerance ? a.of_tolerance : share;  // NaN and ∞ stay
        int exponent = 0;
        std::frexp(right, &exponent);
        const double ulp = std::ldexp(1.0, std::max(exponent - f.precision, f.quantum()));
        a.ulps = off / ulp <= a.ulps ? a.ulps : off / ulp;
      }
    }
  }
  return a;
}

}  // namespace karat::properties
