// SPDX-License-Identifier: MIT
// Losses by the overlap of masks p and g: (N, …) from 0 to 1, one a mask, and their gradients by p.
//
// With s = smooth, X = Σpg and
//   dice          Δ = Σ p(1 − g) + g(1 − p),  κ = 2
//   dice_squared  Δ = Σ (p − g)²,             κ = 2
//   iou           Δ = Σ p(1 − g) + g(1 − p),  κ = 1
// all three are L = 1 − N/D = Δ/D with N = κX + s and D = Δ + N: no term is negative, and nothing cancels where
// p and g are nearly the same.  The gradients, times dy:
//   dice          N/D² − g·2/D
//   dice_squared  (p − g)·2/D − p·2L/D
//   iou           N/D² − g·(N + D)/D²
#pragma once

#include "kernels/losses/losses.hpp"

namespace karat::kernels {

enum class Overlap { dice, dice_squared, iou };

// Δ and X, of a mask or of a piece of one.
struct OverlapSums {
  Sum difference, shared;
};

// What the loss and its gradient are made of.
class Masks {
 public:
  Masks(std::int32_t dtype, const Arguments& arguments, Overlap overlap);

  Overlap overlap() const { return overlap_; }
  std::int32_t dtype() const { return dtype_; }
  Shape shape() const { return shape_of(p_); }
  std::int64_t number() const { return number_; }
  std::int64_t size() const { return size_; }
  const void* p() const { return p_.data; }
  const void* g() const { return g_.data; }
  int threads() const { return arguments_.threads(); }

  // Masks are worked on by pieces of this many elements.
  static constexpr std::int64_t kPiece = 8192;
  std::int64_t pieces() const { return (size_ + kPiece - 1) / kPiece; }  // of a mask
  // Calls body(mask, piece) for each, those of one part in their order.
  void for_each_piece(const std::function<void(std::int64_t mask, std::int64_t piece)>& body) const;

  std::size_t scratch_bytes() const;
  // Sums each mask's into the scratch.
  const OverlapSums* sums(std::byte* scratch) const;

  // N, D and whether both masks are empty and s = 0.
  struct Ratio {
    double difference, numerator, denominator;
    bool empty() const { return denominator == 0; }
  };
  Ratio ratio(const OverlapSums& sums) const;
  bool formula_if_empty() const { return nan_; }
  double loss(const Ratio& ratio) const;

 private:
  std::int32_t dtype_;
  Arguments arguments_;
  Overlap overlap_;
  const karat_tensor &p_, &g_;
  std::int64_t number_, size_;
  double smooth_;
  bool nan_;
  double loss_if_empty_;
};

class MaskLoss {
 public:
  MaskLoss(std::int32_t dtype, const Arguments& arguments, Overlap overlap);
  std::size_t scratch_bytes() const { return masks_.scratch_bytes() + losses_.scratch_bytes(); }
  void run() const;

 private:
  std::byte* scratch_;
  Masks masks_;
  Losses losses_;
};

class MaskLossGradient {
 public:
  MaskLossGradient(std::int32_t dtype, const Arguments& arguments, Overlap overlap);
  std::size_t scratch_bytes() const {
    return masks_.scratch_bytes() + static_cast<std::size_t>(masks_.number()) * sizeof(double);
  }
  void run() const;

 private:
  std::byte* scratch_;
  Masks masks_;
  LossGradients gradients_;
  const karat_tensor& dp_;
};

}  // namespace karat::kernels
