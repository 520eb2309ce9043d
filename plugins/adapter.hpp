// SPDX-License-Identifier: MIT
// For adapters in C++: finding tensors and attributes of a call, loops over strides, a
// table of rows.  A convenience on top of karat_plugin.h; C++20, standard library only.
#pragma once

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/karat_plugin.h"

namespace karat::adapter {

// The call's tensor or attribute of that name; nullptr if it has none.
inline const karat_tensor* tensor(const karat_call& call, const char* name) {
  for (std::int32_t i = 0; i < call.tensor_count; ++i)
    if (std::strcmp(call.tensors[i]->name, name) == 0) return call.tensors[i];
  return nullptr;
}

inline const karat_attribute* attribute(const karat_call& call, const char* name) {
  for (std::int32_t i = 0; i < call.attribute_count; ++i)
    if (std::strcmp(call.attributes[i]->name, name) == 0) return call.attributes[i];
  return nullptr;
}

inline double number(const karat_call& call, const char* name, double otherwise) {
  const karat_attribute* a = attribute(call, name);
  return a ? a->number : otherwise;
}

inline std::int64_t integer(const karat_call& call, const char* name, std::int64_t otherwise) {
  const karat_attribute* a = attribute(call, name);
  return a ? a->integer : otherwise;
}

inline std::string_view text(const karat_call& call, const char* name) {
  const karat_attribute* a = attribute(call, name);
  return a && a->text ? a->text : "";
}

inline std::span<const std::int64_t> list(const karat_call& call, const char* name) {
  const karat_attribute* a = attribute(call, name);
  return a ? std::span(a->list, static_cast<std::size_t>(a->list_length)) : std::span<const std::int64_t>();
}

// An optional input that is not given has rank 1 and no element.
inline bool is_absent(const karat_tensor& t) { return t.rank == 1 && t.shape[0] == 0; }

inline std::int64_t element_count(const karat_tensor& t) {
  std::int64_t count = 1;
  for (std::int32_t d = 0; d < t.rank; ++d) count *= t.shape[d];
  return count;
}

// y[i] = f(x[i]) for every index i; x and y have one shape, each its own strides.
template <class T, class F>
void map(const karat_tensor& x, const karat_tensor& y, F f) {
  if (element_count(x) == 0) return;
  const T* in = static_cast<const T*>(x.data);
  T* out = static_cast<T*>(y.data);
  const std::int32_t inner = x.rank - 1;
  const std::int64_t n = inner < 0 ? 1 : x.shape[inner];
  const std::int64_t in_step = inner < 0 ? 1 : x.strides[inner];
  const std::int64_t out_step = inner < 0 ? 1 : y.strides[inner];
  std::vector<std::int64_t> index(inner < 0 ? 0 : static_cast<std::size_t>(inner), 0);
  for (;;) {
    for (std::int64_t i = 0; i < n; ++i) out[i * out_step] = f(in[i * in_step]);
    std::int32_t d = inner - 1;
    for (; d >= 0; --d) {
      in += x.strides[d];
      out += y.strides[d];
      if (++index[static_cast<std::size_t>(d)] < x.shape[d]) break;
      in -= x.strides[d] * x.shape[d];
      out -= y.strides[d] * x.shape[d];
      index[static_cast<std::size_t>(d)] = 0;
    }
    if (d < 0) return;
  }
}

// The body of a run() as C sees it: no exception leaves.
template <class F>
std::int32_t guarded(F body) noexcept {
  try {
    body();
    return KARAT_OK;
  } catch (const std::bad_alloc&) {
    return KARAT_OUT_OF_MEMORY;
  } catch (...) {
    return KARAT_FAILED;
  }
}

// A row with its lengths filled in; the caller sets what else it has.
inline karat_kernel row(const char* op, const char* kernel, std::int32_t dtype, std::uint32_t capabilities,
                        decltype(karat_kernel::run) run, const void* user = nullptr) {
  karat_kernel r{};
  r.struct_size = sizeof r;
  r.op = op;
  r.kernel = kernel;
  r.dtype = dtype;
  r.capabilities = capabilities;
  r.user = const_cast<void*>(user);
  r.run = run;
  return r;
}

// The description that karat_plugin_entry returns.  To be called once; texts must be static.
inline const karat_plugin* publish(const char* name, const char* version, const char* description,
                                   std::vector<karat_kernel> kernels) {
  static std::vector<karat_kernel> rows;
  static karat_plugin plugin{};
  rows = std::move(kernels);
  plugin.struct_size = sizeof plugin;
  plugin.abi_major = KARAT_ABI_MAJOR;
  plugin.abi_minor = KARAT_ABI_MINOR;
  plugin.name = name;
  plugin.version = version;
  plugin.description = description;
  plugin.kernel_count = static_cast<std::int32_t>(rows.size());
  plugin.kernel = [](std::int32_t index) -> const karat_kernel* {
    return index >= 0 && static_cast<std::size_t>(index) < rows.size()
               ? &rows[static_cast<std::size_t>(index)]
               : nullptr;
  };
  return &plugin;
}

}  // namespace karat::adapter
