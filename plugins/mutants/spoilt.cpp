// SPDX-License-Identifier: MIT
// Right kernels whose results or inputs are spoilt on the way: the same few defects for every operator.
#include "plugins/mutants/mutants.hpp"

namespace karat::mutants {
namespace {

// Outputs of a call, in-outs included.
template <class F>
void spoil_outputs(const karat_call& call, F f) {
  for (std::int32_t t = 0; t < call.tensor_count; ++t)
    if (call.tensors[t]->role != KARAT_INPUT) spoil(*call.tensors[t], f);
}
double to_bf16(double v) { return static_cast<double>(plain::decode(plain::encode(static_cast<float>(v), 8), 8)); }
bool computes_nothing(const std::string& op) { return op == "zeros"; }  // every defect of a constant 0 is another constant 0
// Results that are inputs moved about, or small integers: nothing to lose in bf16 inputs of those.
const char* const counts[] = {"early_stopping", "conv_output_size"};
bool counts_only(const std::string& op) { return op == counts[0] || op == counts[1]; }

// Whether a dense tensor's element lies behind the first 128 of an axis.
bool behind_128(const karat_tensor& tensor, std::size_t i) {
  for (std::int32_t d = tensor.rank; d-- > 0;) {
    const auto extent = static_cast<std::size_t>(tensor.shape[d]);
    if (i % extent >= 128) return true;
    i /= extent;
  }
  return false;
}

void add_all() {
  for (const std::string& op : all_operators()) {
    const auto spoilt = [&](const char* name, auto f) {
      add(op, name, KARAT_F32, [f](const karat_call& call, const Right& right) {
        const std::int32_t code = right(call);
        if (code == KARAT_OK) spoil_outputs(call, f);
        return code;
      });
    };
    if (!computes_nothing(op)) {
      spoilt("zeros", [](double, std::size_t) { return 0.0; });
      spoilt("scaled_by_1_plus_2^-16", [](double v, std::size_t) { return v * (1 + 0x1p-16); });
      if (!counts_only(op)) spoilt("result_in_bf16", [](double v, std::size_t) { return to_bf16(v); });
      if (op != "log_softmax")  // it is never positive
        spoilt("sign_lost", [](double v, std::size_t) { return v > 0 ? -v : v; });
      add(op, "last_element_skipped", KARAT_F32, [](const karat_call& call, const Right& right) {
        const std::int32_t code = right(call);
        if (code == KARAT_OK)
          for (std::int32_t t = 0; t < call.tensor_count; ++t) {
            const karat_tensor& y = *call.tensors[t];
            if (y.role == KARAT_INPUT) continue;
            const auto n = static_cast<std::size_t>(adapter::element_count(y));
            spoil(y, [&](double v, std::size_t i) { return i + 1 == n ? 0.0 : v; });
          }
        return code;
      });
    }
    if (!computes_nothing(op) && !counts_only(op))
      add(op, "inputs_in_bf16", KARAT_F32, [](const karat_call& call, const Right& right) {
        Changed changed(call);
        for (std::size_t t = 0; t < changed.tensors(); ++t)
          if (changed.tensor(t).role == KARAT_INPUT && changed.tensor(t).dtype == KARAT_F32) changed.replace(t, [](double v, std::size_t) { return to_bf16(v); });
        return right(*changed.get());
      });
    // A block of lanes, a partial sum, and nothing behind it.  A Hessian of so many parameters is not tried.
    if (!computes_nothing(op) && !counts_only(op) && op != "newton")
      add(op, "behind_128_of_an_axis_as_0", KARAT_F32, [](const karat_call& call, const Right& right) {
        Changed changed(call);
        for (std::size_t t = 0; t < changed.tensors(); ++t) {
          const karat_tensor& tensor = changed.tensor(t);
          if (tensor.role == KARAT_INPUT && tensor.dtype == KARAT_F32) changed.replace(t, [&tensor](double v, std::size_t i) { return behind_128(tensor, i) ? 0.0 : v; });
        }
        return right(*changed.get());
      });
  }
  // Storage of 16 bits: the lower half cut off (stillwater-sc/universal#1133, groonga/groonga#2961).
  for (const char* op : {"softmax", "layer_norm", "conv2d", "adam", "mse_loss", "mean_pool2d", "batch_norm", "softplus"})
    add(op, "cut_off_to_bf16", KARAT_BF16, [op](const karat_call& call, const Right&) {
      const karat_kernel* wide = right_kernel(op, KARAT_F32);
      Changed changed(call);
      std::deque<std::vector<float>> storage;
      std::deque<std::vector<std::int64_t>> strides;
      for (std::size_t t = 0; t < changed.tensors(); ++t) {
        karat_tensor& tensor = changed.tensor(t);
        if (tensor.dtype != KARAT_BF16) continue;
        const karat_tensor old = tensor;
        const auto at = plain::offsets(old);
        storage.emplace_back(at.size() + 1);
        strides.emplace_back(static_cast<std::size_t>(tensor.rank));
        std::int64_t step = 1;
        for (std::int32_t d = tensor.rank; d-- > 0; step *= old.shape[d]) strides.back()[static_cast<std::size_t>(d)] = step;
        tensor.dtype = KARAT_F32;
        tensor.data = storage.back().data();
        tensor.strides = strides.back().data();
        if (old.role != KARAT_OUTPUT)
          for (std::size_t i = 0; i < at.size(); ++i) storage.back()[i] = static_cast<float>(plain::load(old, at[i]));
      }
      const std::int32_t code = wide->run(wide, changed.get());
      if (code != KARAT_OK) return code;
      for (std::int32_t t = 0; t < call.tensor_count; ++t) {
        const karat_tensor& y = *call.tensors[t];
        if (y.role == KARAT_INPUT || y.dtype != KARAT_BF16) continue;
        const auto* results = static_cast<const float*>(changed.tensor(static_cast<std::size_t>(t)).data);
        const auto at = plain::offsets(y);
        for (std::size_t i = 0; i < at.size(); ++i) {
          std::uint32_t bits = 0;
          std::memcpy(&bits, &results[i], sizeof bits);
          static_cast<std::uint16_t*>(y.data)[at[i]] = static_cast<std::uint16_t>(bits >> 16);
        }
      }
      return code;
    });
}

const Rows rows(add_all);

}  // namespace
}  // namespace karat::mutants
