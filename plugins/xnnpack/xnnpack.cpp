// SPDX-License-Identifier: MIT
#include "plugins/xnnpack/xnnpack.hpp"

#include <memory>

namespace karat::xnnpack {

void check(xnn_status status) {
  switch (status) {
    case xnn_status_success:
      return;
    case xnn_status_unsupported_hardware:
      throw Refusal{"XNNPACK has no kernel for it on this processor"};
    case xnn_status_unsupported_parameter:
      throw Refusal{"XNNPACK does not support these parameters"};
    case xnn_status_invalid_parameter:
      throw Refusal{"XNNPACK takes these parameters for invalid"};
    case xnn_status_out_of_memory:
      throw std::bad_alloc();
    default:
      throw Refusal{"XNNPACK is not initialized"};
  }
}

pthreadpool_t pool(std::int32_t threads) {
  if (threads <= 1) return nullptr;
  // One pool at a time, of as many threads as the last call had.
  static std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> current(nullptr, pthreadpool_destroy);
  if (!current || pthreadpool_get_threads_count(current.get()) != static_cast<std::size_t>(threads)) {
    current.reset();
    current.reset(pthreadpool_create(static_cast<std::size_t>(threads)));
    if (!current) throw std::bad_alloc();
  }
  return current.get();
}

const karat_tensor& Task::tensor(const char* name) const {
  const karat_tensor* t = adapter::tensor(call_, name);
  if (!t) throw Refusal{"a tensor of the operator is missing"};
  return *t;
}

std::vector<karat_kernel>& rows() {
  static std::vector<karat_kernel> all;
  return all;
}

namespace {

using Body = void (*)(const Task&);
Body body_of(const karat_kernel* row) { return reinterpret_cast<Body>(row->user); }

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  try {
    for (std::int32_t i = 0; i < call->tensor_count; ++i)
      for (std::int32_t d = 0; d < call->tensors[i]->rank; ++d)
        require(call->tensors[i]->shape[d] <= std::numeric_limits<std::int32_t>::max(),
                "XNNPACK's sizes have 32 bits");
    body_of(self)(Task(*call, true));
    return 1;
  } catch (const Refusal& refusal) {
    *reason = refusal.why;
  } catch (const std::exception& e) {
    *reason = "XNNPACK found no memory for the operator";
  }
  return 0;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return adapter::guarded([&] { body_of(self)(Task(*call, false)); });
}

}  // namespace

Row::Row(const char* op, const char* kernel, std::int32_t dtype, Body body) {
  // Not thread-safe: the pool is one.
  karat_kernel row = adapter::row(op, kernel, dtype, 0, run);
  row.user = reinterpret_cast<void*>(body);
  row.supports = supports;
  row.over_read = XNN_EXTRA_BYTES;
  if (dtype == KARAT_F16) row.compute_dtype = KARAT_F16;
  rows().push_back(row);
}

}  // namespace karat::xnnpack

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  if (xnn_initialize(nullptr) != xnn_status_success) return nullptr;
  return karat::adapter::publish("xnnpack", KARAT_XNNPACK_VERSION,
                                 "XNNPACK's operators, one call an operator", karat::xnnpack::rows());
}
