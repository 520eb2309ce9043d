// SPDX-License-Identifier: MIT
// Losses with a term a row, a mask or a box: their reduction, and what of dy reaches each term.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "kernels/arguments.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels {

enum class Reduction { none, sum, mean };
Reduction reduction_of(const Arguments& arguments);

// A dense tensor of the call; refused otherwise.
const karat_tensor& dense(const Arguments& arguments, const char* name, std::int32_t role, std::int32_t dtype);

// Σ terms[i], the roundings kept.
Sum sum_of(const double* terms, std::int64_t n);

// How terms are shared out: parts of so many, whatever the threads.
struct Parts {
  std::int64_t count;  // terms
  std::int64_t grain;  // of a part
  // Of terms of `work` elements each.
  static Parts of(std::int64_t count, std::int64_t work);
  std::int64_t number() const { return count == 0 ? 0 : (count - 1) / grain + 1; }
};

// The output y: a term each where reduction is none, otherwise one number.  `work`: elements of a term.
class Losses {
 public:
  Losses(std::int32_t dtype, const Arguments& arguments, const Shape& terms, std::int64_t work);

  Reduction reduction() const { return reduction_; }
  bool each() const { return reduction_ == Reduction::none; }
  std::int64_t count() const { return parts_.count; }
  // Where only the sum is asked for, other terms may make it up.
  void share(std::int64_t count, std::int64_t work) { parts_ = Parts::of(count, work); }
  std::size_t scratch_bytes() const { return static_cast<std::size_t>(parts_.number()) * sizeof(Sum); }

  // Computes terms begin … end − 1, at most kBlock of them.
  static constexpr std::int64_t kBlock = 64;
  using Terms = std::function<void(std::int64_t begin, std::int64_t end, double* losses)>;
  // Writes y; the mean divides by `divisor`.  `scratch`: scratch_bytes() of memory.
  void run(std::byte* scratch, int threads, double divisor, const Terms& terms) const;
  void run(std::byte* scratch, int threads, const Terms& terms) const {
    run(scratch, threads, static_cast<double>(count()), terms);
  }
  void store(double y) const;

 private:
  Reduction reduction_;
  Parts parts_;
  const karat_tensor& y_;
};

// The input dy, of the shape of y.
class LossGradients {
 public:
  LossGradients(std::int32_t dtype, const Arguments& arguments, const Shape& terms, std::int64_t work);

  Reduction reduction() const { return reduction_; }
  bool each() const { return reduction_ == Reduction::none; }
  std::int64_t count() const { return parts_.count; }
  // Where the same reaches all terms, others may share it.
  void share(std::int64_t count, std::int64_t work) { parts_ = Parts::of(count, work); }

  // Calls terms for at most Losses::kBlock at a time, with what reaches each: dy of the term, dy, or dy/divisor for
  // the mean.
  using Terms = std::function<void(std::int64_t begin, std::int64_t end, const double* dy)>;
  void run(int threads, double divisor, const Terms& terms) const;
  void run(int threads, const Terms& terms) const { run(threads, static_cast<double>(count()), terms); }

 private:
  void read(std::int64_t begin, std::int64_t end, double divisor, double* to) const;
  Reduction reduction_;
  Parts parts_;
  const karat_tensor& dy_;
};

}  // namespace karat::kernels
