// SPDX-License-Identifier: MIT
// layer_norm and rms_norm: each row, the last axis of x, by its own sums, and by γ and β.
//
//   layer_norm  y = γ·x̂ + β, x̂ = (x − μ)r, r = 1/√(σ² + ε);  dx = r(g − mean(g) − x̂·mean(g·x̂)), g = γ·dy
//   rms_norm    y = γ·x̂,     x̂ = x·r, r = 1/√(mean(x²) + ε);  dx = r(g − x̂·mean(g·x̂))
//   dγ = Σdy·x̂, dβ = Σdy over the rows
//
// A row is summed (moments.hpp) and then computed while a cache has it.  A long row is shared by the threads.
// dγ and dβ: up to 64 parts of the rows are added up by themselves, and then in their order; where rows are long
// or few, strips of columns down all rows.  How the work is cut up depends on shape and dtype alone, y and dx of a
// row on its length alone.
//
// f32, f16, bf16: elements in double, 0.5 ulp and 2^-28 of the terms that cancel.
// f64: sums and elements in pairs of doubles, 0.5 ulp and 2^-90 of the terms that cancel.
//
// Memory, in scratch: γ, β and sums for dγ and dβ as doubles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/arguments.hpp"
#include "kernels/normalization/moments.hpp"

namespace karat::kernels {

class RowNorm {
 public:
  // Centred: layer_norm; otherwise rms_norm.  Reads and checks the call.
  RowNorm(std::int32_t dtype, const Arguments& arguments, bool centred, bool backward);
  std::size_t scratch_bytes() const;
  void run() const;

 private:
  friend class RowNormRun;
  static constexpr std::int64_t kPart = 65536;  // of a row
  std::int64_t padded() const { return whole_groups(length_); }
  std::int64_t parts() const { return (length_ + kPart - 1) / kPart; }
  // Doubles that are added up for each column of dγ and dβ.
  std::int64_t column_sums() const { return backward_ ? (centred_ ? 2 : 1) * (storage_ == Storage::doubles ? 2 : 1) : 0; }
  std::int64_t group() const;
  bool by_parts() const;

  std::int32_t dtype_;
  Arguments arguments_;
  bool centred_, backward_;
  Storage storage_;
  const karat_tensor* x_ = nullptr;
  const karat_tensor* dy_ = nullptr;
  const karat_tensor* out_ = nullptr;  // y or dx
  const karat_tensor* gamma_ = nullptr;
  const karat_tensor* beta_ = nullptr;
  const karat_tensor* dgamma_ = nullptr;
  const karat_tensor* dbeta_ = nullptr;
  double eps_ = 0;
  std::int64_t rows_ = 0, length_ = 0;
  std::int64_t sections_ = 1, rows_of_section_ = 1;  // parts of the rows with column sums of their own
};

}  // namespace karat::kernels
