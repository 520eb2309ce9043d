// SPDX-License-Identifier: MIT
// What the adapter's files share.  A kernel is a function of a Task; it makes XNNPACK's operator, which
// throws a Refusal where the library lacks it for this processor or these parameters, and, unless it was
// only asked, runs it.
#pragma once

#include <xnnpack.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "plugins/adapter.hpp"

namespace karat::xnnpack {

struct Refusal {
  const char* why;
};
inline void require(bool fulfilled, const char* why) {
  if (!fulfilled) throw Refusal{why};
}
// Throws unless the status is that of success.
void check(xnn_status status);

// Workers sleep after each call.
constexpr std::uint32_t flags = XNN_FLAG_YIELD_WORKERS;
constexpr float infinity = std::numeric_limits<float>::infinity();

// Threads for one call; nullptr: the calling thread alone.
pthreadpool_t pool(std::int32_t threads);

class Task {
 public:
  Task(const karat_call& call, bool asked) : call_(call), asked_(asked) {}
  const karat_call& call() const { return call_; }
  bool asked() const { return asked_; }  // by supports(): no data, nothing to run
  pthreadpool_t threads() const { return pool(call_.threads); }

  const karat_tensor& tensor(const char* name) const;
  template <class E>
  const E* in(const char* name) const {
    return static_cast<const E*>(tensor(name).data);
  }
  template <class E>
  E* out(const char* name) const {
    return static_cast<E*>(tensor(name).data);
  }
  std::size_t extent(const char* name, int d) const {
    return static_cast<std::size_t>(tensor(name).shape[d]);
  }
  std::size_t count(const char* name) const {
    return static_cast<std::size_t>(adapter::element_count(tensor(name)));
  }
  // Element d of a list, as XNNPACK takes it.
  std::uint32_t at(const char* list, std::size_t d) const {
    return static_cast<std::uint32_t>(adapter::list(call_, list)[d]);
  }
  float number(const char* name) const { return static_cast<float>(adapter::number(call_, name, 0)); }
  std::int64_t integer(const char* name) const { return adapter::integer(call_, name, 0); }

 private:
  const karat_call& call_;
  bool asked_;
};

// An operator of XNNPACK's, deleted with this object.
class Handle {
 public:
  Handle() = default;
  Handle(const Handle&) = delete;
  ~Handle() {
    if (op_) xnn_delete_operator(op_);
  }
  xnn_operator_t* out() { return &op_; }
  operator xnn_operator_t() const { return op_; }
  void run(const Task& task) const { check(xnn_run_operator(op_, task.threads())); }

 private:
  xnn_operator_t op_ = nullptr;
};

// Room for `count` elements and what XNNPACK may read behind them.
template <class E>
std::vector<E> room(std::size_t count) {
  return std::vector<E>(count + XNN_EXTRA_BYTES / sizeof(E));
}

std::vector<karat_kernel>& rows();

// A row that registers itself.  f16 rows compute in f16: XNNPACK rounds each accumulation to it.
struct Row {
  Row(const char* op, const char* kernel, std::int32_t dtype, void (*body)(const Task&));
};

}  // namespace karat::xnnpack
