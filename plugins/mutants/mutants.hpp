// SPDX-License-Identifier: MIT
// What wrong kernels are made with: the right one of `plain`, and a copy of its call that can be changed.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "plugins/plain/plain.hpp"

namespace karat::mutants {

// A call whose attributes and tensors may be changed; the original stays as it is.
class Changed {
 public:
  explicit Changed(const karat_call& call);
  karat_attribute* attribute(const char* name);  // nullptr: it has none
  karat_tensor* tensor(const char* name);
  karat_tensor& tensor(std::size_t i) { return tensors_[i]; }
  std::size_t tensors() const { return tensors_.size(); }
  // Dense copies of an input's numbers, in the tensor's own type, that may be changed; the call sees them.
  void replace(std::size_t input, const std::function<double(double, std::size_t)>& f);
  const karat_call* get();

 private:
  karat_call call_;
  std::vector<karat_attribute> attributes_;
  std::vector<karat_tensor> tensors_;
  std::vector<const karat_attribute*> attribute_pointers_;
  std::vector<const karat_tensor*> tensor_pointers_;
  std::deque<std::vector<double>> storage_;
  std::deque<std::vector<std::int64_t>> strides_;
};

// How a mutant computes a call: it may ask the right kernel, with another call.
using Right = std::function<std::int32_t(const karat_call&)>;
using Wrong = std::function<std::int32_t(const karat_call& call, const Right& right)>;

// The right kernel of an operator; nullptr if there is none.
const karat_kernel* right_kernel(const std::string& op, std::int32_t dtype);
std::vector<std::string> all_operators();

// Adds a kernel.  Called while the plugin is loaded, after the right ones are there.
void add(const std::string& op, const std::string& name, std::int32_t dtype, Wrong wrong);

// Files register functions that add rows.
struct Rows {
  explicit Rows(std::function<void()> add);
};
std::vector<karat_kernel> all_rows();

// Numbers of an output, read and written.
template <class F>
void spoil(const karat_tensor& y, F f) {
  const auto at = plain::offsets(y);
  for (std::size_t i = 0; i < at.size(); ++i) plain::store(y, at[i], f(plain::load(y, at[i]), i));
}

}  // namespace karat::mutants
