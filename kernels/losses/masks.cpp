// SPDX-License-Identifier: MIT
#include "kernels/losses/masks.hpp"

#include <cmath>
#include <limits>

#include "kernels/blocks.hpp"
#include "kernels/losses/logits.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/masks.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/logits-inl.h"

#ifndef KARAT_KERNELS_MASKS_  // this file is read once a target
#define KARAT_KERNELS_MASKS_
namespace karat::kernels {
namespace {

// dp = a + b·p + c·g + d·(p − g).
struct Slopes {
  double a = 0, b = 0, c = 0, d = 0;
};

constexpr std::int64_t kChunks = Masks::kPiece / kRowChunk;  // of a piece

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <class T, class Difference>
OverlapSums SumPiece(const Masks& masks, std::int64_t mask, std::int64_t piece, const Difference& difference_of) {
  RowsIn<T> p(masks.dtype(), masks.p(), masks.size()), g(masks.dtype(), masks.g(), masks.size());
  TermSum<T> difference = NoTerms<T>(), shared = difference;
  for (std::int64_t i = piece * kChunks; i < std::min((piece + 1) * kChunks, p.number()); ++i) {
    const RowChunk chunk = p.chunk(i);
    const T *const p_i = p.read(mask, chunk), *const g_i = g.read(mask, chunk);
    for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
      const V a = ElementsOr(p_i, c, chunk.n, T(0)), b = ElementsOr(g_i, c, chunk.n, T(0));
      difference.Add(difference_of(a, b));
      shared.Add(hn::Mul(a, b));
    }
  }
  return {SumOf(difference), SumOf(shared)};
}

template <class T>
OverlapSums SumPieceOf(const Masks& masks, std::int64_t mask, std::int64_t piece) {
  if (masks.overlap() == Overlap::dice_squared)
    return SumPiece<T>(masks, mask, piece, [](V a, V b) HWY_ATTR {
      const V difference = hn::Sub(a, b);
      return hn::Mul(difference, difference);
    });
  return SumPiece<T>(masks, mask, piece,
                     [](V a, V b) HWY_ATTR { return hn::MulAdd(a, hn::Sub(Num(1), b), hn::Mul(b, hn::Sub(Num(1), a))); });
}

template <class T>
void WritePiece(const Masks& masks, std::int64_t mask, std::int64_t piece, const Slopes& slopes, void* dp) {
  RowsIn<T> p(masks.dtype(), masks.p(), masks.size()), g(masks.dtype(), masks.g(), masks.size());
  RowsOut<T> out(masks.dtype(), dp, masks.size());
  const V first = Num(slopes.a), by_p = Num(slopes.b), by_g = Num(slopes.c), by_difference = Num(slopes.d);
  const bool squared = masks.overlap() == Overlap::dice_squared;
  for (std::int64_t i = piece * kChunks; i < std::min((piece + 1) * kChunks, p.number()); ++i) {
    const RowChunk chunk = p.chunk(i);
    const T* const g_i = g.read(mask, chunk);
    T* const to = out.start(mask, chunk);
    if (squared) {
      const T* const p_i = p.read(mask, chunk);
      for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
        const V a = ElementsOr(p_i, c, chunk.n, T(0)), b = ElementsOr(g_i, c, chunk.n, T(0));
        ElementsUpTo(hn::MulAdd(hn::Sub(a, b), by_difference, hn::Mul(a, by_p)), to, c, chunk.n);
      }
    } else {
      for (size_t c = 0; c < chunk.n; c += hn::Lanes(D()))
        ElementsUpTo(hn::MulAdd(ElementsOr(g_i, c, chunk.n, T(0)), by_g, first), to, c, chunk.n);
    }
    out.finish(mask, chunk);
  }
}

void SumOfPiece(const Masks& masks, std::int64_t mask, std::int64_t piece, OverlapSums& to) {
  to = masks.dtype() == KARAT_F64 ? SumPieceOf<double>(masks, mask, piece) : SumPieceOf<float>(masks, mask, piece);
}
void WriteGradients(const Masks& masks, std::int64_t mask, std::int64_t piece, const Slopes& slopes, void* dp) {
  if (masks.dtype() == KARAT_F64)
    WritePiece<double>(masks, mask, piece, slopes, dp);
  else
    WritePiece<float>(masks, mask, piece, slopes, dp);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(SumOfPiece);
HWY_EXPORT(WriteGradients);

namespace {

const karat_tensor& masks_of(const Arguments& arguments, const char* name, std::int32_t dtype) {
  const karat_tensor& t = dense(arguments, name, KARAT_INPUT, dtype);
  require(t.rank >= 1, "p has no axis of masks");
  return t;
}

std::int64_t size_of(const karat_tensor& p) {
  std::int64_t size = 1;
  for (std::int32_t d = 1; d < p.rank; ++d) size *= p.shape[d];
  return size;
}

}  // namespace

Masks::Masks(std::int32_t dtype, const Arguments& arguments, Overlap overlap)
    : dtype_(dtype),
      arguments_(arguments),
      overlap_(overlap),
      p_(masks_of(arguments, "p", dtype)),
      g_(dense(arguments, "g", KARAT_INPUT, dtype)),
      number_(p_.shape[0]),
      size_(number_ == 0 ? 0 : size_of(p_)),
      smooth_(arguments.number("smooth")),
      nan_(arguments.is("empty", "nan")),
      loss_if_empty_(arguments.is("empty", "one") ? 1 : 0) {
  require(shape_of(g_) == shape_of(p_), "g has not the shape of p");
  require(smooth_ >= 0 && std::isfinite(smooth_), "smooth is negative or not finite");
  require(nan_ || loss_if_empty_ == 1 || arguments.is("empty", "zero"), "empty is nan, zero or one");
}

void Masks::for_each_piece(const std::function<void(std::int64_t, std::int64_t)>& body) const {
  const std::int64_t each = pieces();
  if (each == 0) return;
  const Parts parts = Parts::of(number_ * each, std::min(size_, kPiece));
  for_each_part(parts.count, parts.grain, threads(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(i / each, i % each);
  });
}

std::size_t Masks::scratch_bytes() const {
  return static_cast<std::size_t>(number_ * std::max<std::int64_t>(1, pieces())) * sizeof(OverlapSums);
}

const OverlapSums* Masks::sums(std::byte* scratch) const {
  auto* const sums = reinterpret_cast<OverlapSums*>(scratch);
  const std::int64_t each = pieces();
  if (each == 0) {
    std::fill_n(sums, number_, OverlapSums{});
    return sums;
  }
  for_each_piece([&](std::int64_t mask, std::int64_t piece) {
    HWY_DYNAMIC_DISPATCH(SumOfPiece)(*this, mask, piece, sums[mask * each + piece]);
  });
  if (each == 1) return sums;
  for (std::int64_t mask = 0; mask < number_; ++mask) {
    OverlapSums sum;
    for (std::int64_t piece = 0; piece < each; ++piece) {
      const OverlapSums& more = sums[mask * each + piece];
      sum = {add_terms(sum.difference, more.difference), add_terms(sum.shared, more.shared)};
    }
    sums[mask] = sum;  // not before the pieces that lie there have been added
  }
  return sums;
}

Masks::Ratio Masks::ratio(const OverlapSums& sums) const {
  const double factor = overlap_ == Overlap::iou ? 1 : 2;
  const Sum numerator = add_terms({factor * sums.shared.hi, factor * sums.shared.lo}, {smooth_, 0});
  return {total(sums.difference), total(numerator), total(add_terms(numerator, sums.difference))};
}

double Masks::loss(const Ratio& ratio) const {
  return ratio.empty() && !nan_ ? loss_if_empty_ : ratio.difference / ratio.denominator;
}

MaskLoss::MaskLoss(std::int32_t dtype, const Arguments& arguments, Overlap overlap)
    : scratch_(arguments.scratch()), masks_(dtype, arguments, overlap), losses_(dtype, arguments, {masks_.number()}, 16) {}

void MaskLoss::run() const {
  const OverlapSums* const sums = masks_.sums(scratch_);
  losses_.run(scratch_ + masks_.scratch_bytes(), masks_.threads(), [&](std::int64_t begin, std::int64_t end, double* losses) {
    for (std::int64_t mask = begin; mask < end; ++mask) losses[mask - begin] = masks_.loss(masks_.ratio(sums[mask]));
  });
}

MaskLossGradient::MaskLossGradient(std::int32_t dtype, const Arguments& arguments, Overlap overlap)
    : scratch_(arguments.scratch()),
      masks_(dtype, arguments, overlap),
      gradients_(dtype, arguments, {masks_.number()}, 1),
      dp_(dense(arguments, "dp", KARAT_OUTPUT, dtype)) {
  require(shape_of(dp_) == masks_.shape(), "dp has not the shape of p");
}

void MaskLossGradient::run() const {
  const OverlapSums* const sums = masks_.sums(scratch_);
  auto* const reaching = reinterpret_cast<double*>(scratch_ + masks_.scratch_bytes());
  gradients_.run(masks_.threads(),
                 [&](std::int64_t begin, std::int64_t end, const double* dy) { std::copy_n(dy, end - begin, reaching + begin); });
  masks_.for_each_piece([&](std::int64_t mask, std::int64_t piece) {
    const Masks::Ratio ratio = masks_.ratio(sums[mask]);
    Slopes slopes;
    if (!ratio.empty() || masks_.formula_if_empty()) {
      // In an extended format: the square of a denominator leaves the range before the slopes do.
      const long double dy = reaching[mask], n = ratio.numerator, d = ratio.denominator;
      slopes.a = static_cast<double>(dy * n / d / d);
      if (masks_.overlap() == Overlap::dice_squared)
        slopes = {.b = static_cast<double>(-2 * dy * ratio.difference / d / d), .d = static_cast<double>(2 * dy / d)};
      else
        slopes.c = static_cast<double>(masks_.overlap() == Overlap::dice ? -2 * dy / d : -dy * (n + d) / d / d);
    }
    HWY_DYNAMIC_DISPATCH(WriteGradients)(masks_, mask, piece, slopes, dp_.data);
  });
}

}  // namespace karat::kernels
#endif
