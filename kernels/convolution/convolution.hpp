// SPDX-License-Identifier: MIT
// The sums of two-dimensional convolutions.  A convolution, its transpose and its gradients are one relation
// of three tensors, each the sum of products of the other two:
//
//     big[n, c, S·p + D·k − P]   small[n, m, p]   w[m, c, k]      (p, k: height and width)
//
// conv2d sums to small, its gradients to big (data) and to w; the transposed convolution sums to big.
//
// Method: a matrix product whose one factor, the patches of big or small, is made block by block where it is
// needed.  f32, f16 and bf16 are multiplied in f32 in chains of at most 128 products, whose sums are added in
// double and rounded once; f64 in double, and the chains' sums in pairs of doubles.  So a sum of n products is
// off by at most min(n, 128) units of Σ|products|, whatever n is.  Chains depend on what is summed over alone:
// not on the batch (except to w, which is summed over it), not on threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace karat::kernels {

struct Convolution {
  struct Axis {
    std::int64_t big, small, kernel;  // extents
    std::int64_t stride = 1;          // S ≥ 1
    std::int64_t dilation = 1;        // D, P: of either sign
    std::int64_t padding = 0;
  };

  std::int64_t batch = 0;
  std::int64_t groups = 1;
  std::int64_t big_channels = 0, small_channels = 0;  // of one group
  Axis height, width;
  // w lies as (small channels, big channels of a group, height, width); or, of one group, as (big, small, …).
  bool weights_by_big = false;
  // Between its elements small has S − 1 zeros that are multiplied too: 0 · NaN and 0 · ∞ are NaN in big.
  bool inserted_zeros = false;

  std::int64_t big_count() const { return batch * groups * big_channels * height.big * width.big; }
  std::int64_t small_count() const { return batch * groups * small_channels * height.small * width.small; }
  std::int64_t weights_count() const { return groups * big_channels * small_channels * height.kernel * width.kernel; }
};

// Tensors are dense and of `dtype`; `bias`, one a channel of the result, may be nullptr.
std::size_t scratch_to_small(const Convolution& convolution, std::int32_t dtype);
std::size_t scratch_to_big(const Convolution& convolution, std::int32_t dtype);
std::size_t scratch_to_weights(const Convolution& convolution, std::int32_t dtype);
void sum_to_small(const Convolution& convolution, std::int32_t dtype, const void* big, const void* weights, const void* bias,
                  void* small, std::byte* scratch, int threads);
void sum_to_big(const Convolution& convolution, std::int32_t dtype, const void* small, const void* weights, const void* bias,
                void* big, std::byte* scratch, int threads);
void sum_to_weights(const Convolution& convolution, std::int32_t dtype, const void* big, const void* small, void* weights,
                    std::byte* scratch, int threads);

}  // namespace karat::kernels
