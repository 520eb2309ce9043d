// SPDX-License-Identifier: MIT
// oneDNN as a back end: its eltwise and softmax_v2 primitives, one call a primitive; layers.cpp has the others.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "plugins/adapter.hpp"
#include "plugins/onednn/layers.hpp"

// Of the OpenMP library that oneDNN is linked to.  By hand: omp.h comes with the compiler, and
// clang's belongs to another library.
extern "C" void omp_set_num_threads(int);

namespace {

using dnnl::algorithm;
using dnnl::memory;

enum class Kind { eltwise, eltwise_backward, softmax, softmax_backward };

// An operator of the catalogue, and the primitive that computes it.
struct Operator {
  const char* op;
  Kind kind;
  algorithm algorithm_kind;
  bool has_alpha = false;    // attribute alpha is the primitive's alpha
  bool is_softplus = false;  // soft_relu is ln(1+e^x): beta = 1, no threshold
};

constexpr std::array operators{
    Operator{"exp", Kind::eltwise, algorithm::eltwise_exp},
    Operator{"log", Kind::eltwise, algorithm::eltwise_log},
    Operator{"sqrt", Kind::eltwise, algorithm::eltwise_sqrt},
    Operator{"sigmoid", Kind::eltwise, algorithm::eltwise_logistic},
    Operator{"tanh", Kind::eltwise, algorithm::eltwise_tanh},
    Operator{"relu", Kind::eltwise, algorithm::eltwise_relu},
    Operator{.op = "leaky_relu",
             .kind = Kind::eltwise,
             .algorithm_kind = algorithm::eltwise_relu,
             .has_alpha = true},
    Operator{.op = "softplus",
             .kind = Kind::eltwise,
             .algorithm_kind = algorithm::eltwise_soft_relu,
             .is_softplus = true},
    Operator{"softmax", Kind::softmax, algorithm::softmax_accurate},
    Operator{"log_softmax", Kind::softmax, algorithm::softmax_log},
    Operator{"sigmoid_backward", Kind::eltwise_backward, algorithm::eltwise_logistic},
    Operator{"tanh_backward", Kind::eltwise_backward, algorithm::eltwise_tanh},
    Operator{"relu_backward", Kind::eltwise_backward, algorithm::eltwise_relu},
    Operator{.op = "leaky_relu_backward",
             .kind = Kind::eltwise_backward,
             .algorithm_kind = algorithm::eltwise_relu,
             .has_alpha = true},
    Operator{.op = "softplus_backward",
             .kind = Kind::eltwise_backward,
             .algorithm_kind = algorithm::eltwise_soft_relu,
             .is_softplus = true},
    Operator{"sigmoid_backward_from_output", Kind::eltwise_backward,
             algorithm::eltwise_logistic_use_dst_for_bwd},
    Operator{"tanh_backward_from_output", Kind::eltwise_backward, algorithm::eltwise_tanh_use_dst_for_bwd},
    Operator{"relu_backward_from_output", Kind::eltwise_backward, algorithm::eltwise_relu_use_dst_for_bwd},
    Operator{.op = "leaky_relu_backward_from_output",
             .kind = Kind::eltwise_backward,
             .algorithm_kind = algorithm::eltwise_relu_use_dst_for_bwd,
             .has_alpha = true},
    Operator{"softmax_backward_from_output", Kind::softmax_backward, algorithm::softmax_accurate},
    Operator{"log_softmax_backward_from_output", Kind::softmax_backward, algorithm::softmax_log},
};

// A primitive ready to run on tensors of this one description.
struct Prepared {
  dnnl::primitive primitive;
  memory::desc desc;
};

// Everything that a primitive is made for.  The thread count is part of it: oneDNN divides
// the work when it creates the primitive.
using Key = std::vector<std::int64_t>;

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t h = 0xcbf29ce484222325U;  // FNV-1a, a word at a time
    for (std::int64_t word : key) h = (h ^ static_cast<std::uint64_t>(word)) * 0x100000001b3U;
    return static_cast<std::size_t>(h);
  }
};

class Library {
 public:
  // The primitive for this call; made when it is first asked for.  Throws dnnl::error.
  const Prepared& prepare(const karat_kernel& kernel, const karat_call& call) {
    omp_set_num_threads(call.threads);
    const Operator& op = *static_cast<const Operator*>(kernel.user);
    const karat_tensor& x = *call.tensors[0];
    const auto alpha = static_cast<float>(op.has_alpha ? karat::adapter::number(call, "alpha", 0) : 0);
    const auto axis = static_cast<int>(karat::adapter::integer(call, "axis", 0));
    Key key{
        &op - operators.data(), kernel.dtype, call.threads, std::bit_cast<std::int32_t>(alpha), axis, x.rank};
    key.insert(key.end(), x.shape, x.shape + x.rank);
    if (auto found = cache_.find(key); found != cache_.end()) return found->second;
    if (cache_.size() >= cache_limit) cache_.clear();
    return cache_.emplace(std::move(key), create(op, describe(x), alpha, axis)).first->second;
  }

  void run(const karat_kernel& kernel, const karat_call& call) {
    const Prepared& p = prepare(kernel, call);
    const auto on = [&](int tensor) { return memory(p.desc, engine_, call.tensors[tensor]->data); };
    switch (static_cast<const Operator*>(kernel.user)->kind) {
      case Kind::eltwise:
      case Kind::softmax:
        p.primitive.execute(stream_, {{DNNL_ARG_SRC, on(0)}, {DNNL_ARG_DST, on(1)}});
        break;
      case Kind::eltwise_backward:
        // The second input is the forward's source or its result: oneDNN takes it from the
        // argument that the algorithm names.
        p.primitive.execute(stream_, {{DNNL_ARG_DIFF_DST, on(0)},
                                      {DNNL_ARG_SRC, on(1)},
                                      {DNNL_ARG_DST, on(1)},
                                      {DNNL_ARG_DIFF_SRC, on(2)}});
        break;
      case Kind::softmax_backward:
        p.primitive.execute(stream_,
                            {{DNNL_ARG_DIFF_DST, on(0)}, {DNNL_ARG_DST, on(1)}, {DNNL_ARG_DIFF_SRC, on(2)}});
        break;
    }
    stream_.wait();
  }

 private:
  static constexpr std::size_t cache_limit = 256;

  static memory::desc describe(const karat_tensor& x) {
    memory::dims shape(x.shape, x.shape + x.rank), strides(static_cast<std::size_t>(x.rank));
    if (x.rank == 0) shape = strides = {1};
    std::int64_t step = 1;  // dense, last axis fastest
    for (std::size_t d = shape.size(); d-- > 0; step *= shape[d] > 0 ? shape[d] : 1) strides[d] = step;
    return {shape, x.dtype == KARAT_BF16 ? memory::data_type::bf16 : memory::data_type::f32, strides};
  }

  Prepared create(const Operator& op, const memory::desc& desc, float alpha, int axis) {
    const auto inference = dnnl::prop_kind::forward_inference;
    const auto training = dnnl::prop_kind::forward_training;
    const algorithm a = op.algorithm_kind;
    switch (op.kind) {
      case Kind::eltwise: {
        using P = dnnl::eltwise_forward;
        return {P({{inference, a, desc, alpha}, engine_}), desc};
      }
      case Kind::eltwise_backward: {
        using P = dnnl::eltwise_backward;
        const dnnl::eltwise_forward::primitive_desc forward({training, a, desc, alpha}, engine_);
        return {P({{a, desc, desc, alpha}, engine_, forward}), desc};
      }
      case Kind::softmax: {
        using P = dnnl::softmax_v2_forward;
        return {P({{inference, a, desc, desc, axis}, engine_}), desc};
      }
      case Kind::softmax_backward: {
        using P = dnnl::softmax_v2_backward;
        const dnnl::softmax_v2_forward::primitive_desc forward({training, a, desc, desc, axis}, engine_);
        return {P({{a, desc, desc, desc, axis}, engine_, forward}), desc};
      }
    }
    throw dnnl::error(dnnl_invalid_arguments, "no such kind");
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::unordered_map<Key, Prepared, KeyHash> cache_;
};

// Made at the first call: rows can be listed without an engine.  Never destroyed, since
// oneDNN's own statics may be gone before this object's turn.
Library& library() {
  static auto* const the_library = new Library;
  return *the_library;
}

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  const Operator& op = *static_cast<const Operator*>(self->user);
  const karat_tensor& x = *call->tensors[0];
  if (x.rank > DNNL_MAX_NDIMS) {
    *reason = "oneDNN has at most 12 dimensions";
    return 0;
  }
  if (op.is_softplus &&
      (karat::adapter::number(*call, "beta", 1) != 1 ||
       karat::adapter::number(*call, "threshold", std::numeric_limits<double>::infinity()) !=
           std::numeric_limits<double>::infinity())) {
    *reason = "oneDNN's soft_relu is ln(1+e^x): beta = 1, no threshold";
    return 0;
  }
  static std::string text;  // valid until the next call, as static texts are
  try {
    library().prepare(*self, *call);
    return 1;
  } catch (const dnnl::error& e) {
    text = std::string(e.status == dnnl_unimplemented ? "oneDNN has no primitive descriptor for "
                                                      : "oneDNN refuses ") +
           self->op + (self->dtype == KARAT_BF16 ? " in bf16" : " in f32") +
           " on this processor and shape: " + e.what();
  } catch (const std::exception& e) {
    text = std::string("oneDNN cannot be used: ") + e.what();
  }
  *reason = text.c_str();
  return 0;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  try {
    library().run(*self, *call);
    return KARAT_OK;
  } catch (const dnnl::error& e) {
    return e.status == dnnl_out_of_memory ? KARAT_OUT_OF_MEMORY : KARAT_FAILED;
  } catch (const std::bad_alloc&) {
    return KARAT_OUT_OF_MEMORY;
  } catch (...) {
    return KARAT_FAILED;
  }
}

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  static std::string version;
  const dnnl_version_t* v = dnnl_version();
  version = std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  // f64 and f16 are no types of oneDNN 2's processor primitives.  bf16 depends on the
  // processor: the rows are there, and supports() asks.
  std::vector<karat_kernel> rows;
  for (const Operator& op : operators)
    for (std::int32_t dtype : {KARAT_F32, KARAT_BF16}) {
      const bool softmax = op.kind == Kind::softmax || op.kind == Kind::softmax_backward;
      const bool forward = op.kind == Kind::eltwise || op.kind == Kind::softmax;
      // Not KARAT_DETERMINISTIC: oneDNN promises equal bits only for an equal thread count.
      karat_kernel row = karat::adapter::row(op.op, softmax ? "softmax_v2" : "eltwise", dtype,
                                             forward ? KARAT_IN_PLACE : 0, run, &op);
      row.supports = supports;
      rows.push_back(row);
    }
  for (const karat_kernel& row : karat::onednn::layer_rows()) rows.push_back(row);
  return karat::adapter::publish("onednn", version.c_str(), "oneDNN's primitives",
                                 std::move(rows));
}
