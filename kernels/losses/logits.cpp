// SPDX-License-Identifier: MIT
#include "kernels/losses/logits.hpp"

namespace karat::kernels {
namespace {
constexpr std::int64_t kBehind = 16;  // doubles that lanes may read behind the last weight
}  // namespace

ClassWeights::ClassWeights(std::int32_t dtype, const Arguments& arguments, std::int64_t classes)
    : dtype_(dtype), classes_(classes) {
  const karat_tensor& w = dense(arguments, "w", KARAT_INPUT, dtype);
  w_ = is_absent(w) ? nullptr : &w;
  require(w_ == nullptr || shape_of(w) == Shape{classes}, "w is not one weight a class");
}

std::size_t ClassWeights::scratch_bytes() const { return static_cast<std::size_t>(classes_ + kBehind) * sizeof(double); }

void ClassWeights::read(std::byte* scratch) {
  auto* const values = reinterpret_cast<double*>(scratch);
  if (w_ != nullptr)
    widen(dtype_, w_->data, static_cast<std::size_t>(classes_), values);
  else
    std::fill_n(values, classes_, 1.0);
  std::fill_n(values + classes_, kBehind, 0.0);
  values_ = values;
  total_ = kernels::total(sum_of(values, classes_));
}

double smoothing_of(const Arguments& arguments) {
  const double smoothing = arguments.number("label_smoothing");
  require(smoothing >= 0 && smoothing <= 1, "label_smoothing is not from 0 to 1");
  return smoothing;
}

}  // namespace karat::kernels
