// SPDX-License-Identifier: MIT
#include "kernels/rows.hpp"

#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "kernels/call.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

std::vector<const Operator*>& operators() {
  static std::vector<const Operator*> all;
  return all;
}

const Operator& operator_of(const karat_kernel* self) { return *static_cast<const Operator*>(self->user); }

// Why this process computes nothing, or nullptr.
const char* wrong_instruction_set() {
  return instruction_set() == nullptr ? "KARAT_ISA names an instruction set that this processor or build does not have" : nullptr;
}

struct Addresses {
  std::uintptr_t begin = 0, end = 0;
  bool meet(const Addresses& other) const { return begin < other.end && other.begin < end; }
};

// From a tensor's first element to its last; none if it has no elements.
Addresses addresses_of(const karat_tensor& t) {
  const std::size_t size = t.dtype == KARAT_I64 ? 8 : element_size(t.dtype);
  std::uintptr_t last = 0;
  for (std::int32_t d = 0; d < t.rank; ++d) {
    if (t.shape[d] == 0) return {};
    last += static_cast<std::uintptr_t>((t.shape[d] - 1) * t.strides[d]) * size;
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(t.data);
  return {begin, begin + last + size};
}

bool alike(const karat_tensor& a, const karat_tensor& b) {
  return a.data == b.data && a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape) && std::equal(a.strides, a.strides + a.rank, b.strides);
}

// Whether something that is written lies among something else, other than in place where the row allows it.
// supports() sees no addresses.
bool tensors_overlap(const karat_kernel& row, const karat_call& call) {
  for (std::int32_t i = 0; i < call.tensor_count; ++i) {
    const karat_tensor& written = *call.tensors[i];
    if (written.role == KARAT_INPUT) continue;
    const Addresses its = addresses_of(written);
    for (std::int32_t j = 0; j < call.tensor_count; ++j) {
      const karat_tensor& other = *call.tensors[j];
      if (i == j || !its.meet(addresses_of(other))) continue;
      const bool in_place = (row.capabilities & KARAT_IN_PLACE) != 0 && written.role == KARAT_OUTPUT && other.role == KARAT_INPUT && alike(written, other);
      if (!in_place) return true;
    }
  }
  return false;
}

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  const char* why = wrong_instruction_set();
  if (why == nullptr) why = operator_of(self).declines(self->dtype, *call);
  if (why != nullptr && reason != nullptr) *reason = why;
  return why == nullptr;
}

std::size_t scratch_bytes(const karat_kernel* self, const karat_call* call) {
  return supports(self, call, nullptr) ? operator_of(self).scratch_bytes(self->dtype, *call) : 0;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) try {
  if (wrong_instruction_set() != nullptr) return KARAT_FAILED;
  if (tensors_overlap(*self, *call)) return KARAT_FAILED;
  operator_of(self).run(self->dtype, *call);
  return KARAT_OK;
} catch (const std::bad_alloc&) {
  return KARAT_OUT_OF_MEMORY;
} catch (...) {
  return KARAT_FAILED;  // a Refusal among them
}

std::vector<karat_kernel> make_rows() {
  std::vector<karat_kernel> rows;
  for (const Operator* op : operators()) {
    const About& about = op->about();
    for (const std::int32_t dtype : {KARAT_F64, KARAT_F32, KARAT_F16, KARAT_BF16}) {
      if ((about.dtypes & bit_of(dtype)) == 0) continue;
      karat_kernel row{};
      row.struct_size = sizeof row;
      row.op = about.op;
      row.kernel = about.kernel;
      row.dtype = dtype;
      row.capabilities = about.capabilities;
      row.claim = dtype == KARAT_F64 ? about.claim_f64 : about.claim_narrow;
      row.user = const_cast<Operator*>(op);
      row.supports = supports;
      row.scratch_bytes = scratch_bytes;
      row.run = run;
      rows.push_back(row);
    }
  }
  // Static objects of different files are constructed in no particular order.
  std::sort(rows.begin(), rows.end(), [](const karat_kernel& a, const karat_kernel& b) {
    const int op = std::strcmp(a.op, b.op), kernel = std::strcmp(a.kernel, b.kernel);
    return op != 0 ? op < 0 : a.dtype != b.dtype ? a.dtype < b.dtype : kernel < 0;
  });
  return rows;
}

const char* choose_instruction_set() {
  std::int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  if (const char* wanted = std::getenv("KARAT_ISA"); wanted != nullptr && *wanted != '\0') {
    std::int64_t named = 0;
    for (std::int64_t rest = usable; rest != 0; rest &= rest - 1) {
      const std::int64_t target = rest & -rest;
      if (std::string_view(hwy::TargetName(target)) == wanted) named = target;
    }
    if (named == 0) return nullptr;
    hwy::DisableTargets(~named);
    usable = named;
  }
  return hwy::TargetName(usable & -usable);  // a better target has a lower bit
}

}  // namespace

Operator::Operator(const About& about) : about_(about) {
  operators().push_back(this);
}

std::span<const karat_kernel> rows() {
  static const std::vector<karat_kernel> all = make_rows();
  return all;
}

const char* instruction_set() {
  static const char* const chosen = choose_instruction_set();
  return chosen;
}

}  // namespace karat::kernels
