// SPDX-License-Identifier: MIT
#include "kernels/losses/losses.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

namespace karat::kernels {
namespace {

constexpr std::int64_t kGrain = 16384;  // elements that are worth a task of their own

std::int64_t count_of(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

// y or dy of a loss with these terms.
const karat_tensor& reduced(const Arguments& arguments, const char* name, std::int32_t role, std::int32_t dtype,
                            const Shape& terms, Reduction reduction) {
  const karat_tensor& t = dense(arguments, name, role, dtype);
  if (reduction == Reduction::none)
    require(shape_of(t) == terms, "reduction none has a loss for each term");
  else
    require(count_of(shape_of(t)) == 1, "reduction sum or mean has one loss");
  return t;
}

}  // namespace

Reduction reduction_of(const Arguments& arguments) {
  if (arguments.is("reduction", "none")) return Reduction::none;
  if (arguments.is("reduction", "sum")) return Reduction::sum;
  require(arguments.is("reduction", "mean"), "reduction is none, sum or mean");
  return Reduction::mean;
}

Sum sum_of(const double* terms, std::int64_t n) {
  double hi[4] = {}, lo[4] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    const Sum sum = two_sum(hi[i % 4], terms[i]);
    hi[i % 4] = sum.hi;
    lo[i % 4] += sum.lo;
  }
  Sum sum;
  for (int i = 0; i < 4; ++i) sum = add_terms(sum, Sum{hi[i], std::isfinite(hi[i]) ? lo[i] : 0});
  return sum;
}

const karat_tensor& dense(const Arguments& arguments, const char* name, std::int32_t role, std::int32_t dtype) {
  const karat_tensor& t = arguments.tensor(name, role, dtype);
  require(is_dense(t), "a tensor is not dense");
  return t;
}

Parts Parts::of(std::int64_t count, std::int64_t work) {
  return {count, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, work))};
}

Losses::Losses(std::int32_t dtype, const Arguments& arguments, const Shape& terms, std::int64_t work)
    : reduction_(reduction_of(arguments)),
      parts_(Parts::of(count_of(terms), work)),
      y_(reduced(arguments, "y", KARAT_OUTPUT, dtype, terms, reduction_)) {}

void Losses::run(std::byte* scratch, int threads, double divisor, const Terms& terms) const {
  auto* const sums = reinterpret_cast<Sum*>(scratch);
  const auto size = static_cast<std::int64_t>(element_size(y_.dtype));
  for_each_part(count(), parts_.grain, threads, [&](std::int64_t first, std::int64_t last) {
    alignas(64) double losses[kBlock];
    Sum sum;
    for (std::int64_t begin = first; begin < last; begin += kBlock) {
      const std::int64_t end = std::min(last, begin + kBlock);
      terms(begin, end, losses);
      if (reduction_ == Reduction::none)
        narrow(y_.dtype, losses, static_cast<std::size_t>(end - begin), static_cast<std::byte*>(y_.data) + begin * size);
      else
        sum = add_terms(sum, sum_of(losses, end - begin));
    }
    if (reduction_ != Reduction::none) sums[first / parts_.grain] = sum;
  });
  if (reduction_ == Reduction::none) return;
  Sum sum;
  for (std::int64_t i = 0; i < parts_.number(); ++i) sum = add_terms(sum, sums[i]);
  store(reduction_ == Reduction::mean ? total(sum) / divisor : total(sum));
}

void Losses::store(double y) const { narrow(y_.dtype, &y, 1, y_.data); }

LossGradients::LossGradients(std::int32_t dtype, const Arguments& arguments, const Shape& terms, std::int64_t work)
    : reduction_(reduction_of(arguments)),
      parts_(Parts::of(count_of(terms), work)),
      dy_(reduced(arguments, "dy", KARAT_INPUT, dtype, terms, reduction_)) {}

void LossGradients::read(std::int64_t begin, std::int64_t end, double divisor, double* to) const {
  if (each()) {
    const auto size = static_cast<std::int64_t>(element_size(dy_.dtype));
    return widen(dy_.dtype, static_cast<const std::byte*>(dy_.data) + begin * size, static_cast<std::size_t>(end - begin), to);
  }
  double dy = 0;
  widen(dy_.dtype, dy_.data, 1, &dy);
  std::fill(to, to + (end - begin), reduction_ == Reduction::mean ? dy / divisor : dy);
}

void LossGradients::run(int threads, double divisor, const Terms& terms) const {
  for_each_part(parts_.count, parts_.grain, threads, [&](std::int64_t first, std::int64_t last) {
    alignas(64) double dy[Losses::kBlock] = {};
    for (std::int64_t begin = first; begin < last; begin += Losses::kBlock) {
      const std::int64_t end = std::min(last, begin + Losses::kBlock);
      read(begin, end, divisor, dy);
      terms(begin, end, dy);
    }
  });
}

}  // namespace karat::kernels
