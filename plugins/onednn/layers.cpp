// SPDX-License-Identifier: MIT
// Convolutions, poolings, normalizations and a subtraction: a call is the library's primitive in the layout that the
// library likes best, with what moves the call's plain tensors into that layout and back.
#include "plugins/onednn/layers.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <dnnl.hpp>

#include "plugins/adapter.hpp"

// Of the OpenMP library that oneDNN is linked to (see onednn.cpp).
extern "C" void omp_set_num_threads(int);

namespace karat::onednn {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;

struct Refusal {
  const char* why;
};
void require(bool fulfilled, const char* why) {
  if (!fulfilled) throw Refusal{why};
}

struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};
// Never destroyed: oneDNN's own statics may be gone before its turn.
Device& device() {
  static auto* const the_device = new Device;
  return *the_device;
}

// A call's steps on memory objects; those of tensors get their addresses at each run.
class Steps {
 public:
  explicit Steps(const karat_call& call) : call_(call) {}

  Dims shape(const char* name) const {
    const karat_tensor& t = tensor(name);
    return {t.shape, t.shape + t.rank};
  }
  bool has(const char* name) const { return !adapter::is_absent(tensor(name)); }
  // [height, width], less `off`: oneDNN counts dilations from 0.
  Dims sides(const char* name, std::int64_t off = 0) const {
    const auto list = adapter::list(call_, name);
    require(list.size() == 2, "two sides are expected");
    return {list[0] - off, list[1] - off};
  }
  std::pair<Dims, Dims> padding() const {
    const auto p = adapter::list(call_, "padding");
    require(p.size() == 4, "four paddings are expected");
    return {{p[0], p[1]}, {p[2], p[3]}};
  }
  std::int64_t integer(const char* name, std::int64_t otherwise) const { return adapter::integer(call_, name, otherwise); }
  float number(const char* name) const { return static_cast<float>(adapter::number(call_, name, 0)); }
  std::string_view text(const char* name) const { return adapter::text(call_, name); }

  // The tensor as it lies, seen in these dimensions.
  memory::desc plain(const char* name, Dims dims = {}, Dims strides = {}) const {
    if (dims.empty()) dims = shape(name);
    if (strides.empty()) {
      strides.resize(dims.size());
      std::int64_t step = 1;
      for (std::size_t d = dims.size(); d-- > 0; step *= dims[d]) strides[d] = step;
    }
    return {dims, type(), strides};
  }
  // In whatever layout the primitive likes.
  memory::desc any(const Dims& dims) const { return {dims, type(), memory::format_tag::any}; }

  memory inner(const memory::desc& desc) const { return memory(desc, device().engine); }
  memory bound(const char* name, const memory::desc& desc) {
    memory m(desc, device().engine, DNNL_MEMORY_NONE);
    bound_.emplace_back(m, name);
    return m;
  }
  // The tensor in the layout that is wanted.
  memory read(const char* name, const memory::desc& its, const memory::desc& wanted) {
    const memory m = bound(name, its);
    if (its == wanted) return m;
    const memory moved = inner(wanted);
    add(dnnl::reorder(m, moved), {{DNNL_ARG_FROM, m}, {DNNL_ARG_TO, moved}});
    return moved;
  }
  // What a primitive writes; finish() moves it to its tensor.
  memory written(const char* name, const memory::desc& its, const memory::desc& given) {
    const memory m = bound(name, its);
    if (its == given) return m;
    const memory made = inner(given);
    last_.push_back({dnnl::reorder(made, m), {{DNNL_ARG_FROM, made}, {DNNL_ARG_TO, m}}});
    return made;
  }
  void add(const dnnl::primitive& primitive, std::unordered_map<int, memory> arguments) { steps_.push_back({primitive, std::move(arguments)}); }
  void finish() {
    steps_.insert(steps_.end(), last_.begin(), last_.end());
    last_.clear();
  }

  void run(const karat_call& call) {
    for (auto& [m, name] : bound_) m.set_data_handle(adapter::tensor(call, name)->data);
    for (Step& s : steps_) s.primitive.execute(device().stream, s.arguments);
    device().stream.wait();
  }

 private:
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };
  const karat_tensor& tensor(const char* name) const {
    const karat_tensor* t = adapter::tensor(call_, name);
    require(t != nullptr, "a tensor of the operator is missing");
    return *t;
  }
  memory::data_type type() const { return call_.tensors[0]->dtype == KARAT_BF16 ? memory::data_type::bf16 : memory::data_type::f32; }

  const karat_call& call_;  // while the steps are made
  std::vector<Step> steps_, last_;
  std::vector<std::pair<memory, const char*>> bound_;
};

// The sides of a convolution that oneDNN asks for.
struct Convolution {
  Dims stride, dilation, before, behind;
  std::int64_t groups;
  explicit Convolution(const Steps& s) : stride(s.sides("stride")), dilation(s.sides("dilation", 1)), groups(s.integer("groups", 1)) { std::tie(before, behind) = s.padding(); }
};
// (M, C/g, kH, kW) by groups.
Dims grouped(Dims w, std::int64_t groups) {
  if (groups == 1) return w;
  return {groups, w[0] / groups, w[1], w[2], w[3]};
}

dnnl::convolution_forward::primitive_desc forward_of(const Steps& s, const Convolution& c, const Dims& x, const Dims& w, const Dims& y, bool bias, prop_kind prop) {
  using P = dnnl::convolution_forward;
  const memory::desc b = bias ? s.any({y[1]}) : memory::desc();
  return {P::desc(prop, algorithm::convolution_direct, s.any(x), s.any(w), b, s.any(y), c.stride, c.dilation, c.before, c.behind), device().engine};
}

void conv2d(Steps& s) {
  const Convolution c(s);
  const Dims w = grouped(s.shape("w"), c.groups);
  const auto p = forward_of(s, c, s.shape("x"), w, s.shape("y"), s.has("b"), prop_kind::forward_inference);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, s.read("x", s.plain("x"), p.src_desc())},
                                            {DNNL_ARG_WEIGHTS, s.read("w", s.plain("w", w), p.weights_desc())},
                                            {DNNL_ARG_DST, s.written("y", s.plain("y"), p.dst_desc())}};
  if (s.has("b")) arguments.emplace(DNNL_ARG_BIAS, s.read("b", s.plain("b"), p.bias_desc()));
  s.add(dnnl::convolution_forward(p), std::move(arguments));
}

void data_gradient(Steps& s, const Convolution& c, const Dims& w) {
  using P = dnnl::convolution_backward_data;
  const Dims x = s.shape("dx"), y = s.shape("dy");
  const auto forward = forward_of(s, c, x, w, y, false, prop_kind::forward_training);
  const P::primitive_desc p({algorithm::convolution_direct, s.any(x), s.any(w), s.any(y), c.stride, c.dilation, c.before, c.behind}, device().engine, forward);
  s.add(P(p), {{DNNL_ARG_DIFF_DST, s.read("dy", s.plain("dy"), p.diff_dst_desc())},
               {DNNL_ARG_WEIGHTS, s.read("w", s.plain("w", w), p.weights_desc())},
               {DNNL_ARG_DIFF_SRC, s.written("dx", s.plain("dx"), p.diff_src_desc())}});
}
void weights_gradient(Steps& s, const Convolution& c, const Dims& w, bool bias) {
  using P = dnnl::convolution_backward_weights;
  const Dims x = s.shape("x"), y = s.shape("dy");
  const auto forward = forward_of(s, c, x, w, y, bias, prop_kind::forward_training);
  const memory::desc b = bias ? s.any({y[1]}) : memory::desc();
  const P::primitive_desc p({algorithm::convolution_direct, s.any(x), s.any(w), b, s.any(y), c.stride, c.dilation, c.before, c.behind}, device().engine, forward);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_DIFF_DST, s.read("dy", s.plain("dy"), p.diff_dst_desc())},
                                            {DNNL_ARG_SRC, s.read("x", s.plain("x"), p.src_desc())},
                                            {DNNL_ARG_DIFF_WEIGHTS, s.written("dw", s.plain("dw", w), p.diff_weights_desc())}};
  if (bias) arguments.emplace(DNNL_ARG_DIFF_BIAS, s.written("db", s.plain("db"), p.diff_bias_desc()));
  s.add(P(p), std::move(arguments));
}
void conv2d_backward(Steps& s) {
  const Convolution c(s);
  const Dims w = grouped(s.shape("w"), c.groups);
  data_gradient(s, c, w);
  weights_gradient(s, c, w, s.has("b"));
}
void conv2d_backward_data(Steps& s) {
  const Convolution c(s);
  data_gradient(s, c, grouped(s.shape("w"), c.groups));
}
void conv2d_backward_weights(Steps& s) {
  const Convolution c(s);
  weights_gradient(s, c, grouped(s.shape("dw"), c.groups), false);
}

// w is (C, M/g, kH, kW); oneDNN names the outputs first.
void conv_transpose2d(Steps& s) {
  using P = dnnl::deconvolution_forward;
  Convolution c(s);
  const Dims more = s.sides("output_padding");
  for (std::size_t d = 0; d < 2; ++d) c.behind[d] -= more[d];
  const Dims w = s.shape("w");
  const std::int64_t g = c.groups, plane = w[2] * w[3];
  Dims dims{g, w[1], w[0] / g, w[2], w[3]}, strides{w[0] / g * w[1] * plane, plane, w[1] * plane, w[3], 1};
  if (g == 1) dims.erase(dims.begin()), strides.erase(strides.begin());
  const memory::desc b = s.has("b") ? s.any({s.shape("y")[1]}) : memory::desc();
  const P::primitive_desc p({prop_kind::forward_inference, algorithm::deconvolution_direct, s.any(s.shape("x")), s.any(dims), b, s.any(s.shape("y")), c.stride, c.dilation, c.before, c.behind},
                            device().engine);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, s.read("x", s.plain("x"), p.src_desc())},
                                            {DNNL_ARG_WEIGHTS, s.read("w", s.plain("w", dims, strides), p.weights_desc())},
                                            {DNNL_ARG_DST, s.written("y", s.plain("y"), p.dst_desc())}};
  if (s.has("b")) arguments.emplace(DNNL_ARG_BIAS, s.read("b", s.plain("b"), p.bias_desc()));
  s.add(P(p), std::move(arguments));
}

struct Window {
  Dims kernel, stride, dilation{0, 0}, before, behind;
  explicit Window(const Steps& s, const char* y) : kernel(s.sides("kernel_shape")), stride(s.sides("stride")) {
    require(s.integer("ceil_mode", 0) == 0, "oneDNN rounds sizes down: no ceil_mode");
    std::tie(before, behind) = s.padding();
    require(s.shape(y).size() == 4, "oneDNN pools images of four dimensions");
  }
};
dnnl::pooling_v2_forward::primitive_desc pooling_of(const memory::desc& x, const memory::desc& y, const Window& w, algorithm a, prop_kind prop) {
  return {{prop, a, x, y, w.stride, w.kernel, w.dilation, w.before, w.behind}, device().engine};
}
algorithm mean_of(const Steps& s) { return s.integer("count_include_pad", 0) != 0 ? algorithm::pooling_avg_include_padding : algorithm::pooling_avg_exclude_padding; }

void pool(Steps& s, algorithm a, bool dilates) {
  Window w(s, "y");
  if (dilates) w.dilation = s.sides("dilation", 1);
  const auto p = pooling_of(s.plain("x"), s.any(s.shape("y")), w, a, prop_kind::forward_inference);
  s.add(dnnl::pooling_v2_forward(p), {{DNNL_ARG_SRC, s.bound("x", s.plain("x"))}, {DNNL_ARG_DST, s.written("y", s.plain("y"), p.dst_desc())}});
}
void pool_backward(Steps& s, algorithm a, bool dilates) {
  using P = dnnl::pooling_v2_backward;
  Window w(s, "dy");
  if (dilates) w.dilation = s.sides("dilation", 1);
  const auto forward = pooling_of(s.plain("x"), s.plain("dy"), w, a, prop_kind::forward_training);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_DIFF_DST, s.bound("dy", s.plain("dy"))}, {DNNL_ARG_DIFF_SRC, s.bound("dx", s.plain("dx"))}};
  if (a == algorithm::pooling_max) {  // which element it was, the forward step says
    const memory workspace = s.inner(forward.workspace_desc());
    s.add(dnnl::pooling_v2_forward(forward), {{DNNL_ARG_SRC, s.bound("x", s.plain("x"))}, {DNNL_ARG_DST, s.inner(forward.dst_desc())}, {DNNL_ARG_WORKSPACE, workspace}});
    arguments.emplace(DNNL_ARG_WORKSPACE, workspace);
  }
  const P::primitive_desc p({a, s.plain("dx"), s.plain("dy"), w.stride, w.kernel, w.dilation, w.before, w.behind}, device().engine, forward);
  s.add(P(p), std::move(arguments));
}
void max_pool2d(Steps& s) { pool(s, algorithm::pooling_max, true); }
void max_pool2d_backward(Steps& s) { pool_backward(s, algorithm::pooling_max, true); }
void mean_pool2d(Steps& s) { pool(s, mean_of(s), false); }
void mean_pool2d_backward(Steps& s) { pool_backward(s, mean_of(s), false); }

const auto scaled = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;

void batch_norm(Steps& s) {
  using P = dnnl::batch_normalization_forward;
  require(s.text("form") != "printed", "oneDNN normalizes by the standard form");
  const P::primitive_desc p({prop_kind::forward_training, s.plain("x"), s.number("eps"), scaled}, device().engine);
  s.add(P(p), {{DNNL_ARG_SRC, s.bound("x", s.plain("x"))},
               {DNNL_ARG_SCALE, s.bound("gamma", s.plain("gamma"))},
               {DNNL_ARG_SHIFT, s.bound("beta", s.plain("beta"))},
               {DNNL_ARG_MEAN, s.inner(p.mean_desc())},
               {DNNL_ARG_VARIANCE, s.inner(p.variance_desc())},
               {DNNL_ARG_DST, s.bound("y", s.plain("y"))}});
}
void batch_norm_backward(Steps& s) {
  using F = dnnl::batch_normalization_forward;
  using P = dnnl::batch_normalization_backward;
  require(s.text("form") != "printed", "oneDNN normalizes by the standard form");
  const F::primitive_desc f({prop_kind::forward_training, s.plain("x"), s.number("eps"), scaled}, device().engine);
  const P::primitive_desc p({prop_kind::backward, s.plain("dy"), s.plain("x"), s.number("eps"), scaled}, device().engine, f);
  const memory x = s.bound("x", s.plain("x")), gamma = s.bound("gamma", s.plain("gamma")), beta = s.bound("beta", s.plain("beta")), mean = s.inner(f.mean_desc()), variance = s.inner(f.variance_desc());
  s.add(F(f), {{DNNL_ARG_SRC, x}, {DNNL_ARG_SCALE, gamma}, {DNNL_ARG_SHIFT, beta}, {DNNL_ARG_MEAN, mean}, {DNNL_ARG_VARIANCE, variance}, {DNNL_ARG_DST, s.inner(f.dst_desc())}});
  s.add(P(p), {{DNNL_ARG_SRC, x},
               {DNNL_ARG_MEAN, mean},
               {DNNL_ARG_VARIANCE, variance},
               {DNNL_ARG_SCALE, gamma},
               {DNNL_ARG_SHIFT, beta},  // asked for, though nothing depends on it
               {DNNL_ARG_DIFF_DST, s.bound("dy", s.plain("dy"))},
               {DNNL_ARG_DIFF_SRC, s.bound("dx", s.plain("dx"))},
               {DNNL_ARG_DIFF_SCALE, s.bound("dgamma", s.plain("dgamma"))},
               {DNNL_ARG_DIFF_SHIFT, s.bound("dbeta", s.plain("dbeta"))}});
}
void layer_norm(Steps& s) {
  using P = dnnl::layer_normalization_forward;
  const P::primitive_desc p({prop_kind::forward_training, s.plain("x"), s.number("eps"), scaled}, device().engine);
  s.add(P(p), {{DNNL_ARG_SRC, s.bound("x", s.plain("x"))},
               {DNNL_ARG_SCALE, s.bound("gamma", s.plain("gamma"))},
               {DNNL_ARG_SHIFT, s.bound("beta", s.plain("beta"))},
               {DNNL_ARG_MEAN, s.inner(p.mean_desc())},
               {DNNL_ARG_VARIANCE, s.inner(p.variance_desc())},
               {DNNL_ARG_DST, s.bound("y", s.plain("y"))}});
}
void layer_norm_backward(Steps& s) {
  using F = dnnl::layer_normalization_forward;
  using P = dnnl::layer_normalization_backward;
  const F::primitive_desc f({prop_kind::forward_training, s.plain("x"), s.number("eps"), scaled}, device().engine);
  const P::primitive_desc p({prop_kind::backward, s.plain("x"), s.plain("dy"), f.mean_desc(), s.number("eps"), scaled}, device().engine, f);
  const memory x = s.bound("x", s.plain("x")), gamma = s.bound("gamma", s.plain("gamma")), beta = s.bound("beta", s.plain("beta")), mean = s.inner(f.mean_desc()), variance = s.inner(f.variance_desc());
  s.add(F(f), {{DNNL_ARG_SRC, x}, {DNNL_ARG_SCALE, gamma}, {DNNL_ARG_SHIFT, beta}, {DNNL_ARG_MEAN, mean}, {DNNL_ARG_VARIANCE, variance}, {DNNL_ARG_DST, s.inner(f.dst_desc())}});
  s.add(P(p), {{DNNL_ARG_SRC, x},
               {DNNL_ARG_MEAN, mean},
               {DNNL_ARG_VARIANCE, variance},
               {DNNL_ARG_SCALE, gamma},
               {DNNL_ARG_SHIFT, beta},  // asked for, though nothing depends on it
               {DNNL_ARG_DIFF_DST, s.bound("dy", s.plain("dy"))},
               {DNNL_ARG_DIFF_SRC, s.bound("dx", s.plain("dx"))},
               {DNNL_ARG_DIFF_SCALE, s.bound("dgamma", s.plain("dgamma"))},
               {DNNL_ARG_DIFF_SHIFT, s.bound("dbeta", s.plain("dbeta"))}});
}

void generalization_gap(Steps& s) {
  using P = dnnl::binary;
  require(!s.shape("y").empty(), "oneDNN has no tensors of rank 0");
  const P::primitive_desc p({algorithm::binary_sub, s.plain("E_out"), s.plain("E_in"), s.plain("y")}, device().engine);
  s.add(P(p), {{DNNL_ARG_SRC_0, s.bound("E_out", s.plain("E_out"))}, {DNNL_ARG_SRC_1, s.bound("E_in", s.plain("E_in"))}, {DNNL_ARG_DST, s.bound("y", s.plain("y"))}});
}

struct Layer {
  const char *op, *kernel;
  void (*make)(Steps&);
};
constexpr Layer layers[] = {
    {"conv2d", "convolution_direct", conv2d},
    {"conv2d_backward", "convolution_direct", conv2d_backward},
    {"conv2d_backward_data", "convolution_direct", conv2d_backward_data},
    {"conv2d_backward_weights", "convolution_direct", conv2d_backward_weights},
    {"conv_transpose2d", "deconvolution_direct", conv_transpose2d},
    {"max_pool2d", "pooling_v2", max_pool2d},
    {"max_pool2d_backward", "pooling_v2", max_pool2d_backward},
    {"mean_pool2d", "pooling_v2", mean_pool2d},
    {"mean_pool2d_backward", "pooling_v2", mean_pool2d_backward},
    {"batch_norm", "batch_normalization", batch_norm},
    {"batch_norm_backward", "batch_normalization", batch_norm_backward},
    {"layer_norm", "layer_normalization", layer_norm},
    {"layer_norm_backward", "layer_normalization", layer_norm_backward},
    {"generalization_gap", "binary_sub", generalization_gap},
};

// Everything that the steps are made for, as text.
std::string key_of(const karat_kernel& kernel, const karat_call& call) {
  std::string key(reinterpret_cast<const char*>(&kernel.user), sizeof kernel.user);
  const auto put = [&](auto v) { key.append(reinterpret_cast<const char*>(&v), sizeof v); };
  put(kernel.dtype), put(call.threads);
  for (std::int32_t t = 0; t < call.tensor_count; ++t) {
    put(call.tensors[t]->rank);
    for (std::int32_t d = 0; d < call.tensors[t]->rank; ++d) put(call.tensors[t]->shape[d]);
  }
  for (std::int32_t i = 0; i < call.attribute_count; ++i) {
    const karat_attribute& a = *call.attributes[i];
    put(a.number), put(a.integer), put(a.list_length);
    for (std::int32_t k = 0; k < a.list_length; ++k) put(a.list[k]);
    if (a.text) key += a.text;
  }
  return key;
}

Steps& prepared(const karat_kernel& kernel, const karat_call& call) {
  static auto* const cache = new std::map<std::string, Steps>;
  omp_set_num_threads(call.threads);
  std::string key = key_of(kernel, call);
  if (const auto found = cache->find(key); found != cache->end()) return found->second;
  for (std::int32_t t = 0; t < call.tensor_count; ++t)
    require(adapter::element_count(*call.tensors[t]) > 0 || adapter::is_absent(*call.tensors[t]), "oneDNN's primitives are not asked for empty tensors");
  Steps steps(call);
  static_cast<const Layer*>(kernel.user)->make(steps);
  steps.finish();
  if (cache->size() >= 64) cache->clear();
  return cache->emplace(std::move(key), std::move(steps)).first->second;
}

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  static std::string text;  // valid until the next call, as static texts are
  try {
    prepared(*self, *call);
    return 1;
  } catch (const Refusal& r) {
    text = r.why;
  } catch (const dnnl::error& e) {
    text = std::string(e.status == dnnl_unimplemented ? "oneDNN has no primitive descriptor for " : "oneDNN refuses ") + self->op +
           (self->dtype == KARAT_BF16 ? " in bf16" : " in f32") + " on this processor and shape: " + e.what();
  } catch (const std::exception& e) {
    text = std::string("oneDNN cannot be used: ") + e.what();
  }
  *reason = text.c_str();
  return 0;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return adapter::guarded([&] { prepared(*self, *call).run(*call); });
}

}  // namespace

std::vector<karat_kernel> layer_rows() {
  std::vector<karat_kernel> rows;
  for (const Layer& layer : layers)
    for (const std::int32_t dtype : {KARAT_F32, KARAT_BF16}) {
      karat_kernel row = adapter::row(layer.op, layer.kernel, dtype, 0, run, &layer);
      row.supports = supports;
      rows.push_back(row);
    }
  return rows;
}

}  // namespace karat::onednn
