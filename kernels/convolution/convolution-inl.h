// SPDX-License-Identifier: MIT
// Parts of the products of parts.hpp, for one instruction set.

#if defined(KARAT_KERNELS_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_CONVOLUTION_INL_H_
#undef KARAT_KERNELS_CONVOLUTION_INL_H_
#else
#define KARAT_KERNELS_CONVOLUTION_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hwy/cache_control.h"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/convolution/patches-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// A tile of sums stays in registers: rows by two vectors, twelve sums of sixteen registers or twenty-four of
// thirty-two, which keep two multipliers of four cycles busy.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
inline constexpr int kTileRows = 12;
#else
inline constexpr int kTileRows = 6;
#endif
template <class T>
inline constexpr std::int64_t kPanel = 2 * static_cast<std::int64_t>(HWY_LANES(T));
// With their weights and sums they are more than a first-level cache; three panels were slower beside busy neighbours
// (docs/performance.md).
template <class T>
inline constexpr std::int64_t kPatchColumns = 2 * kPanel<T>;
template <class T>
inline constexpr std::int64_t kMostColumns = patch_columns(1, 1, kPatchColumns<T>);
template <class T>
inline constexpr std::int64_t kWeightsColumns = 4 * kPanel<T>;
template <class T>
inline constexpr BlockLimits kLimits{kPatchColumns<T>, kWeightsColumns<T>};

// Sums of chains: doubles, or for chains of doubles pairs of them.
template <class T>
struct ChainSums {
  static constexpr std::int64_t kWidth = kWeightsColumns<T>;
  static constexpr bool kPairs = sizeof(T) == sizeof(double);
  alignas(64) double hi[kPartRows * kWidth];
  alignas(64) double lo[kPairs ? kPartRows * kWidth : 1];

  // The sum at `at` with one more chain; the chain alone if it is the first.
  HWY_INLINE Pair With(const T* chain, std::int64_t at, bool first) const {
    if constexpr (kPairs) {
      if (first) return {Load(chain), Num(0)};
      const Pair sum = TwoSum(Load(hi + at), Load(chain));
      return {sum.hi, hn::Add(Load(lo + at), sum.lo)};
    } else {
      const V wide = hn::PromoteTo(D(), hn::LoadU(DF(), chain));
      return {first ? wide : hn::Add(Load(hi + at), wide), Num(0)};
    }
  }

  // Adds `rows` rows of a panel of chains to those at (row, column).
  HWY_INLINE void Add(const T* chains, int rows, std::int64_t row, std::int64_t column, bool first) {
    for (int r = 0; r < rows; ++r, chains += kPanel<T>)
      for (std::int64_t i = 0; i < kPanel<T>; i += static_cast<std::int64_t>(hn::Lanes(D()))) {
        const std::int64_t at = (row + r) * kWidth + column + i;
        const Pair sum = With(chains + i, at, first);
        Store(sum.hi, hi + at);
        if constexpr (kPairs) Store(sum.lo, lo + at);
      }
  }

  // The sums of a row, one more chain of each, and `bias`, to floats or doubles.
  template <class To>
  HWY_INLINE void Finish(const T* chains, std::int64_t row, bool first, double bias, std::int64_t columns, To* to) const {
    for (std::int64_t i = 0; i < columns; i += static_cast<std::int64_t>(hn::Lanes(D()))) {
      const Pair sum = With(chains + i, row * kWidth + i, first);
      V value = hn::Add(sum.hi, Num(bias));
      if (kPairs && !first) {
        const Pair all = TwoSum(sum.hi, Num(bias));
        // What left the range has no tail.
        value = Choose(hn::Lt(hn::Abs(all.hi), Inf()), hn::Add(all.hi, hn::Add(all.lo, sum.lo)), all.hi);
      }
      if constexpr (sizeof(To) == sizeof(float))
        hn::StoreU(ToFloat(value), DF(), to + i);
      else
        Store(value, to + i);
    }
  }
};

// tile[r, j] = Σ_k a[r, k] b[k, j], one chain each: kRows rows, a panel of columns.  With a bias, that is added.
template <class T, int kRows>
HWY_INLINE void MultiplyTile(const T* HWY_RESTRICT a, std::int64_t step_a, const T* HWY_RESTRICT b, std::int64_t step_b,
                             std::int64_t depth, T* HWY_RESTRICT tile, std::int64_t step_tile, const double* bias) {
  const hn::ScalableTag<T> d;
  constexpr std::int64_t kVector = HWY_LANES(T);
  hn::Vec<hn::ScalableTag<T>> sums[kRows][2];
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = hn::Zero(d);
  for (std::int64_t k = 0; k < depth; ++k, b += step_b) {
    const auto left = hn::LoadU(d, b), right = hn::LoadU(d, b + kVector);
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, a[r * step_a + k]);
      sums[r][0] = hn::MulAdd(factor, left, sums[r][0]);
      sums[r][1] = hn::MulAdd(factor, right, sums[r][1]);
    }
  }
  if (bias != nullptr)
    for (int r = 0; r < kRows; ++r) {
      const auto more = hn::Set(d, static_cast<T>(bias[r]));
      sums[r][0] = hn::Add(sums[r][0], more);
      sums[r][1] = hn::Add(sums[r][1], more);
    }
  for (int r = 0; r < kRows; ++r) {
    hn::StoreU(sums[r][0], d, tile + r * step_tile);
    hn::StoreU(sums[r][1], d, tile + r * step_tile + kVector);
  }
}

// The tile's rows as a constant, so that its sums are registers.
template <class T, int kRows = kTileRows>
HWY_INLINE void MultiplyRows(int rows, const T* a, std::int64_t step_a, const T* b, std::int64_t step_b, std::int64_t depth,
                             T* tile, std::int64_t step_tile, const double* bias = nullptr) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return MultiplyTile<T, kRows>(a, step_a, b, step_b, depth, tile, step_tile, bias);
    MultiplyRows<T, kRows - 1>(rows, a, step_a, b, step_b, depth, tile, step_tile, bias);
  }
}

// Adds one chain of each product of `rows` rows of a and a panel of b to the sums from (row, column) on.
template <class T>
HWY_INLINE void MultiplyPanel(const T* a, std::int64_t step_a, std::int64_t rows, const T* b, std::int64_t step_b,
                              std::int64_t depth, std::int64_t row, std::int64_t column, bool first, ChainSums<T>& sums) {
  alignas(64) T tile[kTileRows * kPanel<T>];
  for (std::int64_t r = 0; r < rows; r += kTileRows) {
    const int here = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - r));
    MultiplyRows<T>(here, a + r * step_a, step_a, b, step_b, depth, tile, kPanel<T>);
    sums.Add(tile, here, row + r, column, first);
  }
}

// Rows of a PatchProduct's results on their way to the output.
template <class T>
class RowWriter {
 public:
  RowWriter(const PatchProduct& of, const PatchColumns<T>& columns, std::int64_t lanes)
      : of_(of), lanes_(lanes), size_(static_cast<std::int64_t>(element_size(of.dtype))) {
    for (const Run& run : columns) {
      const std::int64_t offset = run.sample * of.sample + of.begin + run.row * of.step_h + run.column * of.step_w;
      if (count_ > 0 && of.step_w == 1 && stretches_[count_ - 1].offset + stretches_[count_ - 1].count == offset)
        stretches_[count_ - 1].count += run.count;
      else
        stretches_[count_++] = {offset, run.lane, run.count};
    }
    whole_ = count_ == 1 && of.step_w == 1 && lanes % static_cast<std::int64_t>(hn::Lanes(D())) == 0;
  }

  // What Write is going to write of a channel.
  HWY_INLINE void Prefetch(std::int64_t channel) const {
    const std::byte* const out = static_cast<const std::byte*>(of_.out) + (channel * of_.plane + stretches_[0].offset) * size_;
    for (std::int64_t i = 0; i < stretches_[0].count * size_; i += 64) hwy::Prefetch(out + i);
  }

  // Where the results of a channel lie side by side in whole vectors of the working type; otherwise nullptr.
  HWY_INLINE T* Place(std::int64_t channel) const {
    const bool as_computed = sizeof(T) == sizeof(double) || of_.dtype == KARAT_F32;
    return whole_ && as_computed ? static_cast<T*>(of_.out) + channel * of_.plane + stretches_[0].offset : nullptr;
  }

  HWY_INLINE void Write(const ChainSums<T>& sums, const T* chains, std::int64_t row, bool first, double bias,
                        std::int64_t channel) {
    std::byte* const out = static_cast<std::byte*>(of_.out) + channel * of_.plane * size_;
    std::byte* const to = whole_ ? out + stretches_[0].offset * size_ : stored_;
    if (sizeof(T) == sizeof(double) || of_.dtype == KARAT_F32) {
      sums.Finish(chains, row, first, bias, lanes_, reinterpret_cast<T*>(to));
    } else {
      alignas(64) double values[kMostColumns<T>];
      sums.Finish(chains, row, first, bias, lanes_, values);
      narrow(of_.dtype, values, static_cast<size_t>(lanes_), to);
    }
    if (whole_) return;
    for (const Stretch* s = stretches_; s != stretches_ + count_; ++s)
      scatter(stored_ + s->lane * size_, static_cast<size_t>(s->count), static_cast<size_t>(size_), out + s->offset * size_,
              of_.step_w);
  }

 private:
  // Lanes that lie step_w apart in the output.
  struct Stretch {
    std::int64_t offset, lane, count;
  };

  const PatchProduct& of_;
  const std::int64_t lanes_, size_;
  std::int64_t count_ = 0;
  bool whole_ = false;  // one stretch of whole vectors
  Stretch stretches_[kMostColumns<T>];
  alignas(64) std::byte stored_[kMostColumns<T> * sizeof(T)];
};

template <class T>
void RunPatchProduct(const PatchProduct& of, const Block& block) {
  const std::int64_t rows = block.row_end - block.row_begin, lanes = block.column_end - block.column_begin;
  const std::int64_t all = of.patches->depth(), width = patch_columns(all, of.rows, kPatchColumns<T>);
  PatchColumns<T> columns(*of.patches, block.column_begin, block.column_end, width);
  RowWriter<T> writer(of, columns, lanes);
  alignas(64) T patches[std::max(2 * kChain * kPatchColumns<T>, kShortDepth * kMostColumns<T>)];
  alignas(64) T strip[kTileRows * kMostColumns<T>];
  static_assert(kMostColumns<T> <= PatchColumns<T>::kMost && 2 * kPatchColumns<T> <= ChainSums<T>::kWidth);
  ChainSums<T> sums;
  double bias[kPartRows] = {};
  for (std::int64_t group = block.group_begin; group < block.group_end; ++group) {
    const auto weights_at = [&](std::int64_t k, std::int64_t depth) {
      return static_cast<const T*>(of.weights) + (group * all + k) * of.rows + block.row_begin * depth;
    };
    std::int64_t k = 0;
    for (; k + of.chain < all; k += of.chain) {
      columns.Pack(group, k, k + of.chain, patches);
      for (std::int64_t j = 0; j < lanes; j += kPanel<T>)
        MultiplyPanel<T>(weights_at(k, of.chain), of.chain, rows, patches + j, width, of.chain, 0, j, k == 0, sums);
    }
    // With the last chain, rows are finished while they are at hand.
    const std::int64_t depth = all - k, channel = group * of.rows + block.row_begin;
    columns.Pack(group, k, all, patches);
    if (of.bias != nullptr) {
      const std::byte* const from =
          static_cast<const std::byte*>(of.bias) + channel * static_cast<std::int64_t>(element_size(of.dtype));
      widen(of.dtype, from, static_cast<size_t>(rows), bias);
    }
    for (std::int64_t r = 0; r < rows; r += kTileRows) {
      const int here = static_cast<int>(std::min<std::int64_t>(kTileRows, rows - r));
      for (int i = 0; i < here; ++i) writer.Prefetch(channel + r + i);
      // A chain alone and its bias: one addition in f64 either way; of f32 it gives what adding in double and
      // rounding that does (53 ≥ 2 · 24 + 2).
      T* const place = k == 0 && lanes % kPanel<T> == 0 ? writer.Place(channel + r) : nullptr;
      const auto multiply = [&](T* to, std::int64_t step, const double* add) HWY_ATTR {
        for (std::int64_t j = 0; j < lanes; j += kPanel<T>)
          MultiplyRows<T>(here, weights_at(k, depth) + r * depth, depth, patches + j, width, depth, to + j, step, add);
      };
      if (place != nullptr) {
        multiply(place, of.plane, bias + r);
        continue;
      }
      multiply(strip, width, nullptr);
      for (int i = 0; i < here; ++i) writer.Write(sums, strip + i * width, r + i, k == 0, bias[r + i], channel + r + i);
    }
  }
}

// Replaces numbers that are not finite by 0, and says whether there were any.
template <class T>
bool MakeFinite(T* numbers, std::int64_t count) {
  const hn::ScalableTag<T> d;
  const auto vector = static_cast<std::int64_t>(hn::Lanes(d));
  const auto limit = hn::Set(d, std::numeric_limits<T>::infinity());
  auto all = hn::Lt(hn::Zero(d), limit);
  std::int64_t i = 0;
  for (; i + vector <= count; i += vector) {
    const auto v = hn::LoadU(d, numbers + i);
    const auto finite = hn::Lt(hn::Abs(v), limit);
    all = hn::And(all, finite);
    hn::StoreU(hn::IfThenElseZero(finite, v), d, numbers + i);
  }
  bool any = !hn::AllTrue(d, all);
  for (; i < count; ++i) {
    if (std::isfinite(numbers[i])) continue;
    numbers[i] = 0;
    any = true;
  }
  return any;
}

// to[l, j] = from[j, l] for `columns` lines of `count` numbers: lines of a panel.
template <class T>
HWY_INLINE void Transpose(const T* from, std::int64_t step, std::int64_t columns, std::int64_t count, T* to) {
  std::int64_t whole_columns = 0, whole_count = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr std::int64_t kSide = 16 / sizeof(T);
  const hn::FixedTag<T, kSide> d;
  const hn::FixedTag<double, 2> two;
  whole_columns = columns / kSide * kSide;
  whole_count = count / kSide * kSide;
  for (std::int64_t j = 0; j < whole_columns; j += kSide)
    for (std::int64_t l = 0; l < whole_count; l += kSide) {
      const T* const in = from + j * step + l;
      T* const out = to + l * kPanel<T> + j;
      const auto line0 = hn::LoadU(d, in), line1 = hn::LoadU(d, in + step);
      const auto low = hn::InterleaveLower(d, line0, line1), high = hn::InterleaveUpper(d, line0, line1);
      if constexpr (kSide == 2) {
        hn::StoreU(low, d, out);
        hn::StoreU(high, d, out + kPanel<T>);
      } else {
        const auto line2 = hn::LoadU(d, in + 2 * step), line3 = hn::LoadU(d, in + 3 * step);
        const auto low01 = hn::BitCast(two, low), low23 = hn::BitCast(two, hn::InterleaveLower(d, line2, line3));
        const auto high01 = hn::BitCast(two, high), high23 = hn::BitCast(two, hn::InterleaveUpper(d, line2, line3));
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(two, low01, low23)), d, out);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(two, low01, low23)), d, out + kPanel<T>);
        hn::StoreU(hn::BitCast(d, hn::InterleaveLower(two, high01, high23)), d, out + 2 * kPanel<T>);
        hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(two, high01, high23)), d, out + 3 * kPanel<T>);
      }
    }
#endif
  for (std::int64_t j = 0; j < columns; ++j)
    for (std::int64_t l = j < whole_columns ? whole_count : 0; l < count; ++l) to[l * kPanel<T> + j] = from[j * step + l];
}

// Positions [begin, end) of small's channels, in panels of (kChain, kPanel).  True if some number is not finite;
// 0 stands for it then.
template <class T>
bool PackColumns(const WeightsProduct& of, const Block& block, std::int64_t group, std::int64_t begin, std::int64_t end, T* to) {
  constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(T));
  bool special = false;
  for (std::int64_t j = block.column_begin; j < block.column_end; j += kPanel<T>, to += kChain * kPanel<T>) {
    const std::int64_t columns = std::min(kPanel<T>, block.column_end - j);
    for (std::int64_t l = begin; l < end;) {
      const std::int64_t sample = l / of.plane, at = l % of.plane, here = std::min(end - l, of.plane - at);
      const T* const from = static_cast<const T*>(of.small) + sample * of.sample + (group * of.columns + j) * of.plane + at;
      Transpose(from, of.plane, columns, here, to + (l - begin) * kPanel<T>);
      // The next chain's numbers, as far as they follow in memory.
      const std::int64_t next = std::min(end + kChain - l, of.plane - at);
      for (std::int64_t c = 0; c < columns; ++c)
        for (std::int64_t i = here; i < next; i += kLine) hwy::Prefetch(from + c * of.plane + i);
      l += here;
    }
    special |= MakeFinite(to, (end - begin) * kPanel<T>);
  }
  return special;
}

// True if some number of small is not finite.
template <class T>
bool RunWeightsProduct(const WeightsProduct& of, const Block& block) {
  constexpr std::int64_t kWidth = kWeightsColumns<T>;
  const std::int64_t rows = block.row_end - block.row_begin, count = block.column_end - block.column_begin;
  alignas(64) T patches[kPartRows * kChain];
  alignas(64) T columns[kWidth * kChain] = {};
  ChainSums<T> sums;  // of group after group
  bool special = false;
  for (std::int64_t l = of.begin; l < of.end; l += kChain) {
    const std::int64_t depth = std::min(kChain, of.end - l);
    PatchColumns<T> positions(*of.patches, l, l + depth, kChain);
    for (std::int64_t group = block.group_begin; group < block.group_end; ++group) {
      special |= PackColumns(of, block, group, l, l + depth, columns);
      positions.Pack(group, block.row_begin, block.row_end, patches);
      for (std::int64_t j = 0; j < count; j += kPanel<T>)
        MultiplyPanel<T>(patches, kChain, rows, columns + j * kChain, kPanel<T>, depth, (group - block.group_begin) * rows, j,
                         l == of.begin, sums);
    }
  }
  alignas(64) constexpr T kNoChain[kWidth] = {};
  alignas(64) double values[kWidth];
  alignas(64) std::byte stored[kWidth * sizeof(double)];
  const bool none = of.begin >= of.end;
  const auto size = static_cast<std::int64_t>(element_size(of.dtype)), taps = of.patches->taps(), all = of.patches->depth();
  for (std::int64_t r = 0; r < rows * (block.group_end - block.group_begin); ++r) {
    const std::int64_t group = block.group_begin + r / rows, k = block.row_begin + r % rows;
    if (of.partial_hi != nullptr) {
      const std::int64_t at = (group * all + k) * of.columns + block.column_begin;
      std::memcpy(of.partial_hi + at, sums.hi + r * kWidth, static_cast<size_t>(count) * sizeof(double));
      if constexpr (sums.kPairs)
        std::memcpy(of.partial_lo + at, sums.lo + r * kWidth, static_cast<size_t>(count) * sizeof(double));
      continue;
    }
    sums.Finish(kNoChain, r, none, 0, count, values);
    narrow(of.dtype, values, static_cast<size_t>(count), stored);
    const std::int64_t at =
        group * all * of.columns + k / taps * of.channel_step + k % taps + block.column_begin * of.column_step;
    scatter(stored, static_cast<size_t>(count), static_cast<size_t>(size), static_cast<std::byte*>(of.out) + at * size,
            of.column_step);
  }
  return special;
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
