// SPDX-License-Identifier: MIT
// Rows of a matrix of patches, copied out of the tensor.

#if defined(KARAT_KERNELS_PATCHES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_PATCHES_INL_H_
#undef KARAT_KERNELS_PATCHES_INL_H_
#else
#define KARAT_KERNELS_PATCHES_INL_H_
#endif

#include <algorithm>
#include <cstring>

#include "hwy/cache_control.h"
#include "kernels/convolution/parts.hpp"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// Consecutive columns of one row of positions.
struct Run {
  std::int64_t sample, row, column;
  std::int64_t lane, count;
};

// Columns [begin, end) of the matrix, of rows that are asked for.
template <class T>
class PatchColumns {
 public:
  static constexpr std::int64_t kMost = std::max<std::int64_t>(kChain, 12 * HWY_LANES(T));  // columns

  PatchColumns(const Patches& patches, std::int64_t begin, std::int64_t end, std::int64_t width)
      : patches_(patches),
        width_(width),
        lanes_(end - begin),
        taps_(patches.taps()),
        columns_(static_cast<std::int64_t>(patches.offsets_w.size())) {
    for (std::int64_t l = begin; l < end;) {
      const std::int64_t line = l / patches.columns, column = l % patches.columns;
      const std::int64_t count = std::min(end - l, patches.columns - column);
      runs_[run_count_++] = {line / patches.rows, line % patches.rows, column, l - begin, count};
      l += count;
    }
    tabled_ = taps_ * (2 * run_count_ + 2) <= kPieces;  // a tap has at most that many
    if (!tabled_) return;
    Piece* at = pieces_;
    for (std::int64_t tap = 0; tap < taps_; ++tap) {
      first_[tap] = at - pieces_;
      at = cut(tap, at);
    }
    first_[taps_] = at - pieces_;
  }

  const Run* begin() const { return runs_; }
  const Run* end() const { return runs_ + run_count_; }

  // to[(k − first)·width + lane] for a group's rows [first, last), and zeros in lanes without a column.
  void Pack(std::int64_t group, std::int64_t first, std::int64_t last, T* to) {
    const std::int64_t plane = patches_.height * patches_.width, channel = group * patches_.group_channels;
    for (std::int64_t tap = 0; tap < taps_; ++tap) {
      // A tap's pieces are the same in all channels.
      const std::int64_t c = (first + taps_ - 1 - tap) / taps_, count = (last + taps_ - 1 - tap) / taps_ - c;
      if (count <= 0) continue;
      const Rows rows{(channel + c) * plane, plane, count, to + (c * taps_ + tap - first) * width_, taps_ * width_};
      if (tabled_)
        Copy(pieces_ + first_[tap], pieces_ + first_[tap + 1], rows);
      else
        Copy(pieces_, cut(tap, pieces_), rows);
    }
    if (!tabled_) return;
    for (std::int64_t c = first / taps_; c < last / taps_; ++c) Prefetch(pieces_[first_[taps_ - 1]], (channel + c) * plane);
  }

 private:
  // Lanes that are zero (from < 0), or lie in the tensor from there on, of channel 0.
  struct Piece {
    std::int64_t from;
    std::int32_t lane, count;
  };
  static constexpr std::int64_t kPieces = 4096;
  // One tap's rows of the matrix, a channel each: where the channels lie in the tensor, where the rows go.
  struct Rows {
    std::int64_t from, step_from, count;
    T* to;
    std::int64_t step_to;
  };
  static_assert(kPieces >= 2 * kMost + 2);

  // First i ≥ 0 with start + i·step ≥ limit.
  static std::int64_t reach(std::int64_t start, std::int64_t step, std::int64_t limit) {
    if (start >= limit) return 0;
    return step == 1 ? limit - start : (limit - start - 1) / step + 1;
  }

  Piece* add(Piece* end, Piece* first, std::int64_t from, std::int64_t lane, std::int64_t count) const {
    if (count <= 0) return end;
    if (end != first) {
      Piece& last = end[-1];
      const bool zeros = from < 0 && last.from < 0;
      const bool contiguous = from >= 0 && last.from >= 0 && patches_.step_w == 1 && last.from + last.count == from;
      if (zeros || contiguous) {
        last.count += static_cast<std::int32_t>(count);
        return end;
      }
    }
    *end = {from, static_cast<std::int32_t>(lane), static_cast<std::int32_t>(count)};
    return end + 1;
  }

  // The pieces of one tap, in the order of their lanes.
  Piece* cut(std::int64_t tap, Piece* const first) const {
    Piece* end = first;
    const std::int64_t offset_h = patches_.offsets_h[static_cast<size_t>(tap / columns_)];
    const std::int64_t offset_w = patches_.offsets_w[static_cast<size_t>(tap % columns_)];
    for (std::int64_t r = 0; r < run_count_; ++r) {
      const Run& run = runs_[r];
      const std::int64_t h = run.row * patches_.step_h + offset_h, w = run.column * patches_.step_w + offset_w;
      const bool inside = h >= 0 && h < patches_.height;
      const std::int64_t low = inside ? std::min(run.count, reach(w, patches_.step_w, 0)) : run.count;
      const std::int64_t high = std::max(low, std::min(run.count, reach(w, patches_.step_w, patches_.width)));
      const std::int64_t line = (run.sample * patches_.channels * patches_.height + h) * patches_.width;
      end = add(end, first, -1, run.lane, low);
      end = add(end, first, line + w + low * patches_.step_w, run.lane + low, high - low);
      end = add(end, first, -1, run.lane + high, run.count - high);
    }
    return add(end, first, -1, lanes_, width_ - lanes_);
  }

  // What the next columns will read of this channel, as far as it follows in memory.
  HWY_INLINE void Prefetch(const Piece& piece, std::int64_t plane) const {
    const std::int64_t from = plane + piece.from + width_ * patches_.step_w;
    constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(T));
    for (std::int64_t i = 0; i < width_ + kLine; i += kLine)
      hwy::Prefetch(static_cast<const T*>(patches_.source) + std::min(from + i, patches_.count));
  }

  void Copy(const Piece* piece, const Piece* end, const Rows& rows) const {
    const T* const source = static_cast<const T*>(patches_.source) + rows.from;
    for (; piece != end; ++piece) {
      T* const to = rows.to + piece->lane;
      const std::int32_t count = piece->count;
      // Within the row, what lands beyond a piece is written over by the next one.
      const bool exactly = piece->lane + (count + kVector - 1) / kVector * kVector > width_;
      if (piece->from < 0) {
        ForEachRow(rows, [&](std::int64_t, std::int64_t out) HWY_ATTR { Clear(count, exactly, to + out); });
      } else if (patches_.step_w == 1) {
        const bool room = rows.from + (rows.count - 1) * rows.step_from + piece->from + kVector <= patches_.count;
        CopyRows(rows, source + piece->from, count, room && !exactly, to);
      } else {
        ForEachRow(rows, [&](std::int64_t in, std::int64_t out) HWY_ATTR { Gather(rows.from + in + piece->from, count, exactly, to + out); });
      }
    }
  }

  static constexpr std::int32_t kVector = HWY_LANES(T);

  // f(place in the tensor, place in the rows)
  template <class F>
  static HWY_INLINE void ForEachRow(const Rows& rows, const F& f) {
    std::int64_t in = 0, out = 0;
    for (std::int64_t row = 0; row < rows.count; ++row, in += rows.step_from, out += rows.step_to) f(in, out);
  }

  static HWY_INLINE void Clear(std::int32_t count, bool exactly, T* to) {
    const hn::ScalableTag<T> d;
    std::int32_t i = 0;
    for (; i + kVector <= count; i += kVector) hn::StoreU(hn::Zero(d), d, to + i);
    if (i == count) return;
    if (!exactly) return hn::StoreU(hn::Zero(d), d, to + i);
    for (; i < count; ++i) to[i] = 0;
  }

  // `count` elements of each row; of fewer than a vector, up to a vector if there is room.
  static void CopyRows(const Rows& rows, const T* from, std::int32_t count, bool room, T* to) {
    const hn::ScalableTag<T> d;
    const auto copy = [&](const T* in, T* out) HWY_ATTR { hn::StoreU(hn::LoadU(d, in), d, out); };
    if (count < kVector) {
      if (room) return ForEachRow(rows, [&](std::int64_t in, std::int64_t out) HWY_ATTR { copy(from + in, to + out); });
      for (std::int32_t i = 0; i < count; ++i) ForEachRow(rows, [&](std::int64_t in, std::int64_t out) HWY_ATTR { to[out + i] = from[in + i]; });
      return;
    }
    const std::int32_t tail = count - kVector;  // the last vector ends where the piece does
    ForEachRow(rows, [&](std::int64_t in, std::int64_t out) HWY_ATTR {
      for (std::int32_t i = 0; i < tail; i += kVector) copy(from + in + i, to + out + i);
      copy(from + in + tail, to + out + tail);
    });
  }

  // Elements step_w apart.
  HWY_INLINE void Gather(std::int64_t from, std::int32_t count, bool exactly, T* to) const {
    const hn::ScalableTag<T> d;
    const T* const in = static_cast<const T*>(patches_.source) + from;
    std::int32_t i = 0;
    if (patches_.step_w == 2 && from + 2 * (count + kVector) <= patches_.count)
      for (; exactly ? i + kVector <= count : i < count; i += kVector) {
        hn::Vec<hn::ScalableTag<T>> even, odd;
        hn::LoadInterleaved2(d, in + 2 * i, even, odd);
        hn::StoreU(even, d, to + i);
      }
    for (; i < count; ++i) to[i] = in[i * patches_.step_w];
  }

  const Patches& patches_;
  const std::int64_t width_, lanes_, taps_, columns_;
  std::int64_t run_count_ = 0;
  bool tabled_ = false;
  Run runs_[kMost];
  std::int64_t first_[kPieces / 4 + 1];  // of each tap
  Piece pieces_[kPieces];
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
