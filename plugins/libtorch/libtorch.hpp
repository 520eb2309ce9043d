// SPDX-License-Identifier: MIT
// What the adapter's files share: a call's tensors as libtorch's over the same memory, and rows that
// register themselves.
//
// What the library computes in which dtype, supports() asks of itself: the row's function runs on zeros.  A
// function first requires what it needs of shapes and attributes, then takes tensors.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/adapter.hpp"

namespace karat::libtorch {

struct Refusal {
  const char* why;
};
inline void require(bool fulfilled, const char* why) {
  if (!fulfilled) throw Refusal{why};
}

// Thrown by in() and out() where a question is answered without computing.
struct Answered {};

class Task {
 public:
  enum class Mode { run, ask, ask_shapes_only };
  Task(const karat_call& call, Mode mode) : call_(call), mode_(mode) {}

  // A tensor over the call's memory, of any strides; zeros when asked.
  at::Tensor in(const char* name) const;
  at::Tensor out(const char* name) const { return in(name); }
  // The optional input, or an undefined tensor.
  c10::optional<at::Tensor> maybe(const char* name) const;
  void write(const char* name, const at::Tensor& value) const { out(name).copy_(value); }

  std::vector<std::int64_t> shape(const char* name) const;
  bool has(const char* name) const { return !adapter::is_absent(find(name)); }
  double number(const char* name) const { return adapter::number(call_, name, 0); }
  std::int64_t integer(const char* name) const { return adapter::integer(call_, name, 0); }
  bool is(const char* name, std::string_view choice) const { return adapter::text(call_, name) == choice; }
  std::vector<std::int64_t> list(const char* name) const;
  // [top, left, bottom, right] as [height, width]: libtorch pads both ends alike.
  std::vector<std::int64_t> symmetric_padding() const;
  std::int64_t reduction() const;  // at::Reduction

 private:
  const karat_tensor& find(const char* name) const;
  const karat_call& call_;
  Mode mode_;
};

// The gradients of y by the inputs, by the library's own differentiation.  An input counts if it
// requires_grad_().
std::vector<at::Tensor> gradients(const at::Tensor& y, const std::vector<at::Tensor>& inputs,
                                  const at::Tensor& dy);
inline at::Tensor leaf(const Task& task, const char* name) { return task.in(name).requires_grad_(true); }

// A row in f64, f32, f16 and bf16, any strides.
struct Row {
  using Body = void (*)(const Task&);
  Row(const char* op, const char* kernel, Body body, std::uint32_t capabilities = 0);
};

}  // namespace karat::libtorch
