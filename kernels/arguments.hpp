// SPDX-License-Identifier: MIT
// A call's tensors and attributes by their names, and refusing what cannot be computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "plugins/karat_plugin.h"

namespace karat::kernels {

// Why a call is declined: a static text.
struct Refusal {
  const char* why;
};
inline void require(bool fulfilled, const char* why) {
  if (!fulfilled) throw Refusal{why};
}

// The reason for which `read` refuses, or nullptr.
template <class Read>
const char* reason_of(const Read& read) {
  try {
    read();
    return nullptr;
  } catch (const Refusal& refusal) {
    return refusal.why;
  }
}

using Shape = std::vector<std::int64_t>;
Shape shape_of(const karat_tensor& tensor);
// Elements; a Refusal if an address space has fewer.
std::int64_t count_of(const karat_tensor& tensor);
// True if no strides but those of row-major order are in use.
bool is_dense(const karat_tensor& tensor);
// An optional input that is not given has rank 1 and no element.
inline bool is_absent(const karat_tensor& tensor) { return tensor.rank == 1 && tensor.shape[0] == 0; }

class Arguments {
 public:
  explicit Arguments(const karat_call& call) : call_(&call) {}
  const karat_call& call() const { return *call_; }
  int threads() const { return call_->threads; }
  std::byte* scratch() const { return static_cast<std::byte*>(call_->scratch); }

  // Each refuses where the call has no such thing.
  const karat_tensor& tensor(const char* name) const;
  const karat_tensor& tensor(const char* name, std::int32_t role, std::int32_t dtype) const;  // checked: rank, extents, strides
  double number(const char* name) const;  // of an integer too
  std::int64_t integer(const char* name) const;
  bool flag(const char* name) const { return integer(name) != 0; }
  bool is(const char* name, std::string_view text) const;
  std::span<const std::int64_t> list(const char* name) const;

 private:
  const karat_attribute& attribute(const char* name) const;
  const karat_call* call_;
};

}  // namespace karat::kernels
