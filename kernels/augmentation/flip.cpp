// SPDX-License-Identifier: MIT
// flip:           y[h, w] = x[h, W − 1 − w] (horizontal), or x[H − 1 − h, w] (vertical)
// flip_backward:  dx = flip of dy
//
// Method: rows are copied, or reversed in lanes as words of 16, 32 or 64 bits; every bit of an element, those of a NaN
// too, stays what it is.
#include <cstring>

#include "kernels/augmentation/images.hpp"
#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/operator.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/augmentation/flip.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <class Word>
HWY_INLINE void ReverseRow(const Word* from, size_t n, Word* to) {
  const hn::ScalableTag<Word> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Reverse(d, hn::LoadU(d, from + i)), d, to + (n - i - lanes));
  for (; i < n; ++i) to[n - 1 - i] = from[i];
}

template <class Word>
HWY_INLINE void ReverseAll(const void* from, int64_t rows, size_t width, void* to) {
  const Word* source = static_cast<const Word*>(from);
  Word* target = static_cast<Word*>(to);
  for (int64_t r = 0; r < rows; ++r, source += width, target += width) ReverseRow(source, width, target);
}

void ReverseRows(const void* from, int64_t rows, size_t width, size_t size, void* to) {
  if (size == 8) return ReverseAll<uint64_t>(from, rows, width, to);
  if (size == 4) return ReverseAll<uint32_t>(from, rows, width, to);
  return ReverseAll<uint16_t>(from, rows, width, to);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ReverseRows);

struct Flip {
  ImageTensors images;
  std::int64_t size;
  bool horizontal;
  int threads;
  Flip(std::int32_t dtype, const Arguments& a, const ImageTensors& tensors)
      : images(tensors), size(static_cast<std::int64_t>(element_size(dtype))), horizontal(a.is("direction", "horizontal")), threads(a.threads()) {
    require(horizontal || a.is("direction", "vertical"), "direction is horizontal or vertical");
    require(images.from.height == images.to.height && images.from.width == images.to.width, "the tensors differ in shape");
  }
  void run() const {
    const Images &from = images.from, &to = images.to;
    if (to.width == 0) return;
    const std::int64_t bytes = to.width * size, height = to.height;
    for_each_part(to.planes() * height, rows_of_a_part(2 * bytes), threads, [&](std::int64_t begin, std::int64_t end) {
      if (horizontal) {
        HWY_DYNAMIC_DISPATCH(ReverseRows)
        (from.data + begin * bytes, end - begin, static_cast<std::size_t>(to.width), static_cast<std::size_t>(size), to.data + begin * bytes);
        return;
      }
      std::int64_t h = begin % height;
      for (std::int64_t r = begin; r < end; ++r) {
        std::memcpy(to.data + r * bytes, from.data + (r - h + height - 1 - h) * bytes, static_cast<std::size_t>(bytes));
        if (++h == height) h = 0;
      }
    });
  }
};

struct Forward : Flip {
  Forward(std::int32_t dtype, const Arguments& a) : Flip(dtype, a, forward_images(dtype, a)) {}
};
struct Backward : Flip {
  Backward(std::int32_t dtype, const Arguments& a) : Flip(dtype, a, backward_images(dtype, a)) {}
};

const Planned<Forward> row({.op = "flip", .kernel = "row_reversal", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});
const Planned<Backward> backward(
    {.op = "flip_backward", .kernel = "row_reversal", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
