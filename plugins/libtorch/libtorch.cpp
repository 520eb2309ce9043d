// SPDX-License-Identifier: MIT
#include "plugins/libtorch/libtorch.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/csrc/autograd/autograd.h>

#include <deque>
#include <string>

namespace karat::libtorch {
namespace {

// What is known of a row.
struct Known {
  Row::Body body;
  bool computes = false;  // the library computed a call
  std::string why;        // it did not compute the last call it was asked
};
std::deque<Known>& known() {
  static std::deque<Known> all;
  return all;
}
std::vector<karat_kernel>& rows() {
  static std::vector<karat_kernel> all;
  return all;
}

at::ScalarType scalar_type(std::int32_t dtype) {
  switch (dtype) {
    case KARAT_F64:
      return at::kDouble;
    case KARAT_F32:
      return at::kFloat;
    case KARAT_F16:
      return at::kHalf;
    case KARAT_BF16:
      return at::kBFloat16;
    case KARAT_I32:
      return at::kInt;
    default:
      return at::kLong;
  }
}

// OpenMP's threads, and those of the BLAS behind it where that is OpenBLAS with threads of its own.
void set_threads(std::int32_t threads) {
  using Set = void (*)(int);
  static const Set blas = [] {
    void* library = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD);
    return library ? reinterpret_cast<Set>(dlsym(library, "openblas_set_num_threads")) : nullptr;
  }();
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  if (blas) blas(threads);
}

// Beyond so many elements a question is answered from what is known of the row: computing it would take time.
constexpr std::int64_t small = 4096;

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  Known& row = *static_cast<Known*>(self->user);
  std::int64_t elements = 0;
  for (std::int32_t i = 0; i < call->tensor_count; ++i) elements += adapter::element_count(*call->tensors[i]);
  try {
    set_threads(1);
    row.body(Task(*call, elements > small && row.computes ? Task::Mode::ask_shapes_only : Task::Mode::ask));
    row.computes = true;
    return 1;
  } catch (const Answered&) {
    return 1;
  } catch (const Refusal& refusal) {
    *reason = refusal.why;
    return 0;
  } catch (const c10::Error& e) {
    row.why = e.what_without_backtrace();
  } catch (const std::exception& e) {
    row.why = e.what();
  }
  row.why = row.why.substr(0, row.why.find('\n'));
  *reason = row.why.c_str();
  return 0;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return adapter::guarded([&] {
    set_threads(call->threads);
    static_cast<const Known*>(self->user)->body(Task(*call, Task::Mode::run));
  });
}

}  // namespace

const karat_tensor& Task::find(const char* name) const {
  const karat_tensor* t = adapter::tensor(call_, name);
  if (!t) throw Refusal{"a tensor of the operator is missing"};
  return *t;
}

at::Tensor Task::in(const char* name) const {
  const karat_tensor& t = find(name);
  const at::IntArrayRef shape(t.shape, static_cast<std::size_t>(t.rank)),
      strides(t.strides, static_cast<std::size_t>(t.rank));
  const at::TensorOptions options(scalar_type(t.dtype));
  if (mode_ == Mode::ask_shapes_only) throw Answered{};
  return mode_ == Mode::ask ? at::zeros(shape, options) : at::from_blob(t.data, shape, strides, options);
}

c10::optional<at::Tensor> Task::maybe(const char* name) const {
  return has(name) ? c10::optional<at::Tensor>(in(name)) : c10::nullopt;
}

std::vector<std::int64_t> Task::shape(const char* name) const {
  const karat_tensor& t = find(name);
  return {t.shape, t.shape + t.rank};
}

std::vector<std::int64_t> Task::list(const char* name) const {
  const auto values = adapter::list(call_, name);
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> Task::symmetric_padding() const {
  const auto p = list("padding");
  require(p.size() == 4 && p[0] == p[2] && p[1] == p[3], "libtorch pads both ends alike");
  return {p[0], p[1]};
}

std::int64_t Task::reduction() const {
  return is("reduction", "none")   ? at::Reduction::None
         : is("reduction", "mean") ? at::Reduction::Mean
                                   : at::Reduction::Sum;
}

std::vector<at::Tensor> gradients(const at::Tensor& y, const std::vector<at::Tensor>& inputs,
                                  const at::Tensor& dy) {
  return torch::autograd::grad({y}, inputs, {dy});
}

Row::Row(const char* op, const char* kernel, Body body, std::uint32_t capabilities) {
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32, KARAT_F16, KARAT_BF16}) {
    // Not KARAT_DETERMINISTIC: sums are divided among threads.  Not thread-safe: the thread count is one.
    karat_kernel row = adapter::row(op, kernel, dtype, KARAT_STRIDED | capabilities, run,
                                    &known().emplace_back(Known{body, false, {}}));
    row.supports = supports;
    rows().push_back(row);
  }
}

}  // namespace karat::libtorch

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  return karat::adapter::publish(
      "libtorch", KARAT_TORCH_VERSION,
      "PyTorch's C++ library: its operators, their gradients by autograd, its optimizers",
      karat::libtorch::rows());
}
