// SPDX-License-Identifier: MIT
#include "plugins/mutants/mutants.hpp"

namespace karat::mutants {
namespace {

struct Entry {
  std::string op, name;
  const karat_kernel* right;
  Wrong wrong;
};
std::deque<Entry>& entries() {
  static std::deque<Entry> all;
  return all;
}
std::deque<std::pair<std::int32_t, const Entry*>>& dtypes() {
  static std::deque<std::pair<std::int32_t, const Entry*>> all;
  return all;
}
std::vector<std::function<void()>>& adders() {
  static std::vector<std::function<void()>> all;
  return all;
}

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  const auto* entry = static_cast<const Entry*>(self->user);
  std::int32_t code = KARAT_OK;
  const std::int32_t guarded = adapter::guarded([&] {
    code = entry->wrong(*call, [&](const karat_call& changed) { return entry->right->run(entry->right, &changed); });
  });
  return guarded != KARAT_OK ? guarded : code;
}

}  // namespace

Changed::Changed(const karat_call& call) : call_(call) {
  for (std::int32_t i = 0; i < call.attribute_count; ++i) attributes_.push_back(*call.attributes[i]);
  for (std::int32_t i = 0; i < call.tensor_count; ++i) tensors_.push_back(*call.tensors[i]);
}
karat_attribute* Changed::attribute(const char* name) {
  for (karat_attribute& a : attributes_)
    if (std::strcmp(a.name, name) == 0) return &a;
  return nullptr;
}
karat_tensor* Changed::tensor(const char* name) {
  for (karat_tensor& t : tensors_)
    if (std::strcmp(t.name, name) == 0) return &t;
  return nullptr;
}
void Changed::replace(std::size_t input, const std::function<double(double, std::size_t)>& f) {
  karat_tensor& t = tensors_.at(input);
  const karat_tensor old = t;
  const auto at = plain::offsets(old);
  storage_.emplace_back(at.size() + 1);  // wide enough for every type
  strides_.emplace_back(static_cast<std::size_t>(t.rank));
  std::int64_t step = 1;
  for (std::int32_t d = t.rank; d-- > 0;) {
    strides_.back()[static_cast<std::size_t>(d)] = step;
    step *= t.shape[d] > 0 ? t.shape[d] : 1;
  }
  t.data = storage_.back().data();
  t.strides = strides_.back().data();
  for (std::size_t i = 0; i < at.size(); ++i)
    plain::store(t, static_cast<std::int64_t>(i), f(plain::load(old, at[i]), i));
}
const karat_call* Changed::get() {
  attribute_pointers_.clear();
  tensor_pointers_.clear();
  for (const karat_attribute& a : attributes_) attribute_pointers_.push_back(&a);
  for (const karat_tensor& t : tensors_) tensor_pointers_.push_back(&t);
  call_.attributes = attribute_pointers_.data();
  call_.tensors = tensor_pointers_.data();
  return &call_;
}

const karat_kernel* right_kernel(const std::string& op, std::int32_t dtype) {
  for (const karat_kernel& k : plain::rows())
    if (op == k.op && k.dtype == dtype) return &k;
  return nullptr;
}
std::vector<std::string> all_operators() {
  std::vector<std::string> names;
  for (const karat_kernel& k : plain::rows())
    if (k.dtype == KARAT_F32) names.emplace_back(k.op);
  return names;
}

void add(const std::string& op, const std::string& name, std::int32_t dtype, Wrong wrong) {
  const karat_kernel* right = right_kernel(op, dtype);
  if (!right) throw std::bad_alloc();  // a row of an operator that there is not
  entries().push_back({op, name, right, std::move(wrong)});
  dtypes().emplace_back(dtype, &entries().back());
}

Rows::Rows(std::function<void()> add) { adders().push_back(std::move(add)); }

std::vector<karat_kernel> all_rows() {
  for (const auto& add_rows : adders()) add_rows();
  std::vector<karat_kernel> rows;
  for (const auto& [dtype, entry] : dtypes())
    rows.push_back(adapter::row(entry->op.c_str(), entry->name.c_str(), dtype, KARAT_STRIDED | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC, run, entry));
  return rows;
}

}  // namespace karat::mutants
