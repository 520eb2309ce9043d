// SPDX-License-Identifier: MIT
// Short ways for the tests to describe calls.
#pragma once

#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "plugins/karat_plugin.h"

namespace karat::host::testing {

using Status = Outcome::Status;

inline constexpr std::uint64_t kPoison = 0x7fc0'1234;  // a NaN of f32

inline std::string plugin(const std::string& name) { return KARAT_PLUGIN_DIR "/testing/" + name + ".so"; }

inline int kernel(const Worker& worker, const std::string& name) {
  for (const auto& row : worker.info().kernels)
    if (row.kernel == name) return row.index;
  throw std::runtime_error("no test kernel " + name);
}

inline TensorSpec tensor(std::string name, std::int32_t role, std::int64_t size, std::int64_t stride = 1,
                         Placement placement = {}) {
  return {std::move(name), role, KARAT_F32, {size}, {stride}, placement};
}

inline AttributeSpec integer(std::string name, std::int64_t value) {
  return {std::move(name), KARAT_INTEGER, 0, value, {}, {}};
}

// y = f(x) on vectors of `size` floats.
inline CallSpec unary(const Worker& worker, const std::string& name, std::int64_t size,
                      std::vector<AttributeSpec> attributes = {}, Placement placement = {},
                      std::int64_t stride = 1) {
  CallSpec call;
  call.kernel = kernel(worker, name);
  call.tensors = {tensor("x", KARAT_INPUT, size, stride, placement),
                  tensor("y", KARAT_OUTPUT, size, stride, placement)};
  call.attributes = std::move(attributes);
  return call;
}

inline std::span<float> floats(std::span<std::byte> bytes) {
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

// Fills the first tensor with 1, 2, 3 …
inline void fill(const std::vector<std::span<std::byte>>& spans) {
  float value = 0;
  for (float& x : floats(spans[0])) x = value += 1;
}

// Prepares, fills and runs.
inline Outcome run(Worker& worker, const CallSpec& call) {
  fill(worker.prepare(call));
  return worker.run(kPoison);
}

}  // namespace karat::host::testing
