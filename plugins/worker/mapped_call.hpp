// SPDX-License-Identifier: MIT
// A call inside the worker: tensors mapped between unmapped pages, and the structs of
// karat_plugin.h that describe them to a kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/karat_plugin.h"
#include "plugins/worker/arena.hpp"
#include "plugins/worker/wire.hpp"

namespace karat::worker {

class MappedCall {
 public:
  struct Tensor {
    std::string name;
    std::int32_t role = 0;
    std::byte* data = nullptr;
    std::size_t bytes = 0;  // from the first to the last element
    bool restored = false;  // in-out, or an input that an output shares storage with
    std::vector<std::int64_t> shape, strides;
  };

  // Reads the message of Request::layout and maps it, in place of whatever the arena holds.
  // Throws wire::Malformed, std::system_error.
  MappedCall(wire::Unpacker& in, Arena& arena, int inputs, int outputs, wire::StatusPage& page);

  int kernel() const { return kernel_; }
  const karat_call* with_data() const { return &with_data_; }        // for scratch_bytes and run
  const karat_call* without_data() const { return &without_data_; }  // for supports
  const std::vector<Tensor>& tensors() const { return tensors_; }
  int threads() const { return with_data_.threads; }

  // Gives the call `bytes` of 64-byte-aligned scratch filled with NaN patterns; throws std::system_error.
  void set_scratch(std::size_t bytes);

 private:
  struct Attribute {
    std::string name, text;
    std::vector<std::int64_t> list;
  };
  void read_tensors(wire::Unpacker& in, int inputs, int outputs);
  void read_attributes(wire::Unpacker& in);

  int kernel_ = 0;
  Arena& arena_;
  wire::StatusPage& page_;
  std::byte* scratch_pages_ = nullptr;
  std::size_t scratch_bytes_ = 0;  // of its pages
  std::vector<Tensor> tensors_;
  std::vector<Attribute> attributes_;
  std::vector<karat_tensor> data_structs_, shape_structs_;
  std::vector<const karat_tensor*> data_pointers_, shape_pointers_;
  std::vector<karat_attribute> attribute_structs_;
  std::vector<const karat_attribute*> attribute_pointers_;
  karat_call with_data_{}, without_data_{};
};

}  // namespace karat::worker
