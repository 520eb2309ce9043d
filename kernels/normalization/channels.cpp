// SPDX-License-Identifier: MIT
#include "kernels/normalization/channels.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/normalization/channels.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/normalization/moments-inl.h"

#ifndef KARAT_KERNELS_CHANNELS_  // this file is read once a target
#define KARAT_KERNELS_CHANNELS_
namespace karat::kernels {
namespace {

// A channel's coefficients, each pitch doubles after the last: as f64 tensors need them, and the others.
enum { kCentre, kCentreLow, kScale, kScaleLow, kShift, kShiftLow, kSlope, kSlopeLow, kDyScale, kDyBack, kCoefficients };
constexpr int kNarrowCentre = 0, kNarrowScale = 1, kNarrowShift = 2, kNarrowSlope = 3;
constexpr int kMostSums = 8;

// What lanes do with the elements of one storage.
struct ChannelLanes {
  void (*sums[2][4])(const Piece& piece);  // along planes, down columns; by ChannelReduction
  void (*map[2][4])(const Piece& piece);   // the same by ChannelMap
};

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Σdy, Σ(x − k)dy.
template <bool kFull>
struct About {
  static constexpr int kIn = 2, kSeries = 2;
  static HWY_INLINE void Add(const V* in, V k, V* sums) {
    if constexpr (kFull) {
      AddTo(sums, {in[1], Num(0)});
      AddTo(sums + 2, TimesPair(Less(in[0], k), in[1]));
    } else {
      sums[0] = hn::Add(sums[0], in[1]);
      sums[1] = hn::MulAdd(hn::Sub(in[0], k), in[1], sums[1]);
    }
  }
};

template <bool kFull>
struct Affine {
  static constexpr bool kDy = false;
  static constexpr int kCount = kFull ? int{kSlope} : kNarrowSlope;
  static HWY_INLINE V Of(V x, V, const V* c) {
    if constexpr (kFull) {
      const Pair product = TimesPair(Less(x, c[kCentre], c[kCentreLow]), Pair{c[kScale], c[kScaleLow]});
      const Pair sum = TwoSum(product.hi, c[kShift]);
      return Total({sum.hi, hn::Add(sum.lo, hn::Add(product.lo, c[kShiftLow]))});
    } else {
      return hn::MulAdd(hn::Sub(x, c[kNarrowCentre]), c[kNarrowScale], c[kNarrowShift]);
    }
  }
};

template <bool kFull>
struct Gradient {
  static constexpr bool kDy = true;
  static constexpr int kCount = kFull ? int{kCoefficients} : kNarrowSlope + 1;
  static HWY_INLINE V Of(V x, V dy, const V* c) {
    if constexpr (kFull) {
      const Pair along = TimesPair(Less(x, c[kCentre], c[kCentreLow]), Pair{c[kSlope], c[kSlopeLow]});
      const Pair rest = Less(hn::Mul(dy, c[kDyScale]), c[kShift], c[kShiftLow]);
      const Pair difference = Less(rest.hi, along.hi);
      const Pair left = TwoSum(difference.hi, hn::Add(difference.lo, hn::Sub(rest.lo, along.lo)));
      return hn::Mul(Total(TimesPair(left, Pair{c[kScale], c[kScaleLow]})), c[kDyBack]);
    } else {
      const V rest = hn::Sub(dy, c[kNarrowShift]);
      return hn::Mul(hn::NegMulAdd(hn::Sub(x, c[kNarrowCentre]), c[kNarrowSlope], rest), c[kNarrowScale]);
    }
  }
};

template <class Body, bool kColumns>
struct Mapping {
  explicit Mapping(const Piece& p) : piece(p) {
    if constexpr (!kColumns)
      for (size_t k = 0; k < kCount; ++k) constant[k] = Num(p.c[k]);
  }
  HWY_INLINE V operator()(size_t i, V x, V dy) const {
    if constexpr (!kColumns) return Body::Of(x, dy, constant);
    V c[kCount];
    for (size_t k = 0; k < kCount; ++k) c[k] = Load(piece.c + k * piece.pitch + i);
    return Body::Of(x, dy, c);
  }
  static constexpr bool kRepeatable = true;
  static constexpr size_t kCount = Body::kCount;
  const Piece& piece;
  V constant[kCount];
};

template <class Body, bool kColumns, class T>
void Map(const Piece& p) {
  const Mapping<Body, kColumns> f(p);
  for (size_t s = 0; s < p.count; ++s) {
    const int64_t offset = static_cast<int64_t>(s) * p.stride;
    const T* const dy = Body::kDy ? static_cast<const T*>(p.dy) + offset : nullptr;
    MapElements<Body::kDy>(static_cast<const T*>(p.x) + offset, dy, static_cast<T*>(p.out) + offset, p.length, p.past_caches, f);
  }
}

template <bool kFull, class T>
constexpr ChannelLanes kLanes = {
    {{nullptr, SumBlock<OfX<kFull>, kFull, T>, SumBlock<OfBoth<kFull, false>, kFull, T>, SumBlock<About<kFull>, kFull, T>},
     {nullptr, SumColumns<OfX<kFull>, kFull, T>, SumColumns<OfBoth<kFull, false>, kFull, T>, SumColumns<About<kFull>, kFull, T>}},
    {{nullptr, Map<Affine<kFull>, false, T>, Map<Affine<kFull>, false, T>, Map<Gradient<kFull>, false, T>},
     {nullptr, Map<Affine<kFull>, true, T>, Map<Affine<kFull>, true, T>, Map<Gradient<kFull>, true, T>}}};

const ChannelLanes* LanesOf(Storage storage) {
  return storage == Storage::doubles ? &kLanes<true, double> : storage == Storage::floats ? &kLanes<false, float> : &kLanes<false, double>;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(LanesOf);

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Where a block lies: `count` pieces of `length` elements, `stride` apart, from `offset` on.
struct Block {
  std::int64_t offset, length, count, stride;
};

// Elements of f16 and bf16 on their way through doubles.
struct Widened {
  alignas(64) double x[kWidened], dy[kWidened];
};

}  // namespace

class ChannelRun {
 public:
  ChannelRun(const Channels& of, const ChannelWork& work)
      : of_(of),
        work_(work),
        size_(static_cast<std::int64_t>(element_size(of.dtype_))),
        full_(of.storage_ == Storage::doubles),
        widened_(of.storage_ == Storage::widened),
        past_caches_(!widened_ && of.values() * of.count_ * size_ >= kPastCaches),
        lanes_(*HWY_DYNAMIC_DISPATCH(LanesOf)(of.storage_)) {}

  void run() const {
    if (of_.parts_ <= 1 || of_.units_ >= Channels::kManyUnits)
      by_units();
    else
      by_parts();
  }

 private:
  // A unit is one thread's: what it has summed is still in a cache when it is mapped.
  void by_units() const {
    const std::int64_t elements = std::max<std::int64_t>(1, of_.values() * of_.unit_);
    for_each_part(of_.units_, std::max<std::int64_t>(1, Channels::kGrain / elements), work_.threads, [&](std::int64_t begin, std::int64_t end) {
      std::vector<Moments> moments(static_cast<std::size_t>(of_.unit_));
      std::vector<double> scales(moments.size());
      std::vector<double> coefficients(static_cast<std::size_t>(kCoefficients * of_.pitch_));
      for (std::int64_t unit = begin; unit < end; ++unit) {
        std::fill(moments.begin(), moments.end(), Moments{});
        std::fill(scales.begin(), scales.end(), 1.0);
        for (std::int64_t part = 0; part < of_.parts_; ++part) add_part(unit, part, scales.data(), moments.data());
        finish(unit, moments.data(), scales.data(), coefficients.data());
        for (std::int64_t part = 0; part < of_.parts_; ++part) map_part(unit, part, coefficients.data());
      }
      flush();
    });
  }

  // Few units share the threads: all parts are summed, then all are mapped.
  void by_parts() const {
    auto* const moments = reinterpret_cast<Moments*>(work_.scratch);
    auto* const coefficients = reinterpret_cast<double*>(moments + of_.units_ * of_.parts_ * of_.unit_);
    std::vector<double> scales(static_cast<std::size_t>(of_.unit_), 1.0);
    const auto moments_of_part = [&](std::int64_t i) { return moments + i * of_.unit_; };
    const auto coefficients_of = [&](std::int64_t unit) { return coefficients + unit * kCoefficients * of_.pitch_; };
    for_each_part(of_.units_ * of_.parts_, 1, work_.threads, [&](std::int64_t i, std::int64_t) {
      std::fill(moments_of_part(i), moments_of_part(i + 1), Moments{});
      add_part(i / of_.parts_, i % of_.parts_, scales.data(), moments_of_part(i));
    });
    for (std::int64_t unit = 0; unit < of_.units_; ++unit) {
      Moments* const total = moments_of_part(unit * of_.parts_);
      for (std::int64_t part = 1; part < of_.parts_; ++part)
        for (std::int64_t c = 0; c < of_.unit_; ++c) total[c] = merged(total[c], moments_of_part(unit * of_.parts_ + part)[c]);
      finish(unit, total, scales.data(), coefficients_of(unit));
      std::fill(scales.begin(), scales.end(), 1.0);
    }
    if (!of_.columns())
      return for_each_part(of_.units_ * of_.parts_, 1, work_.threads, [&](std::int64_t i, std::int64_t) {
        map_part(i / of_.parts_, i % of_.parts_, coefficients_of(i / of_.parts_));
        flush();
      });
    // Row by row, as memory has them.
    const std::int64_t row = of_.count_ * of_.inner_;
    for_each_part(of_.batch_, std::max<std::int64_t>(1, Channels::kGrain / row), work_.threads, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t samples = of_.units_ == 1 ? end - begin : 1;
      for (; begin < end; begin += samples)
        for (std::int64_t unit = 0; unit < of_.units_; ++unit)
          map_block({begin * row + unit * of_.unit_ * of_.inner_, channels_of(unit) * of_.inner_, samples, row}, coefficients_of(unit));
      flush();
    });
  }

  void flush() const {
    if (past_caches_) hwy::FlushStream();
  }
  std::int64_t channels_of(std::int64_t unit) const { return std::min(of_.unit_, of_.count_ - unit * of_.unit_); }

  template <class Body>
  void for_each_block(std::int64_t unit, std::int64_t part, const Body& body) const {
    const std::int64_t width = of_.columns() ? channels_of(unit) * of_.inner_ : of_.inner_, row = of_.count_ * of_.inner_;
    for (std::int64_t b = part * of_.blocks_of_part_; b < std::min(of_.blocks_, (part + 1) * of_.blocks_of_part_); ++b) {
      const std::int64_t sample = b / of_.blocks_of_plane_ * of_.samples_of_block_, begin = b % of_.blocks_of_plane_ * of_.block_length_;
      body(Block{sample * row + unit * of_.unit_ * of_.inner_ + begin, std::min(of_.block_length_, width - begin),
                 std::min(of_.samples_of_block_, of_.batch_ - sample), of_.blocks_of_plane_ == 1 ? row : of_.block_length_});
    }
  }

  template <class T>
  T* at(T* tensor, std::int64_t offset) const {
    using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;
    return static_cast<Byte*>(tensor) + offset * size_;
  }

  // body(piece, first, count): the block's pieces, all at once or, widened, as many as there is room for.
  template <class Body>
  void for_each_piece(const Block& block, const void* x, const void* dy, const Body& body) const {
    Piece p;
    p.length = static_cast<std::size_t>(block.length);
    if (!widened_) {
      p.x = at(x, block.offset);
      p.dy = dy == nullptr ? nullptr : at(dy, block.offset);
      p.count = static_cast<std::size_t>(block.count);
      p.stride = block.stride;
      return body(p, 0, block.count);
    }
    Widened buffer;
    p.x = buffer.x;
    p.dy = buffer.dy;
    for (std::int64_t first = 0, count; first < block.count; first += count) {
      count = std::min(block.count - first, std::max<std::int64_t>(1, kWidened / block.length));
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t offset = block.offset + (first + i) * block.stride;
        widen(of_.dtype_, at(x, offset), p.length, buffer.x + i * block.length);
        if (dy != nullptr) widen(of_.dtype_, at(dy, offset), p.length, buffer.dy + i * block.length);
      }
      p.count = static_cast<std::size_t>(count);
      p.stride = block.length;
      body(p, first, count);
    }
  }

  // Sums.
  void add_part(std::int64_t unit, std::int64_t part, const double* scales, Moments* total) const {
    if (work_.reduction == ChannelReduction::none) return;
    const void* const dy = work_.reduction == ChannelReduction::x ? nullptr : work_.dy;
    for_each_block(unit, part, [&](const Block& block) {
      if (of_.columns())
        add_columns(unit, block, dy, scales, total);
      else
        total[0] = merged(total[0], moments_along(unit, block, dy, scales[0]));
    });
  }

  void (*sums() const)(const Piece&) { return lanes_.sums[of_.columns()][static_cast<int>(work_.reduction)]; }

  Moments moments_along(std::int64_t channel, const Block& block, const void* dy, double scale) const {
    Moments result;
    double k = 0;
    if (work_.reduction == ChannelReduction::about)
      k = load_element(*work_.centres, channel);
    else
      widen(of_.dtype_, at(work_.x, block.offset), 1, &k);
    for_each_piece(block, work_.x, dy, [&](Piece p, std::int64_t, std::int64_t count) {
      double sums_of_piece[kMostSums];
      if (widened_) {
        p.length *= p.count;
        p.count = 1;
      }
      p.k = k;
      p.dy_scale = scale;
      p.sums = sums_of_piece;
      sums()(p);
      result = moments(static_cast<double>(count * block.length), k, sums_of_piece, 1, 1);
    });
    return result;
  }

  void add_columns(std::int64_t unit, const Block& block, const void* dy, const double* scales, Moments* total) const {
    alignas(64) double k[2 * Channels::kStrip] = {}, column_sums[kMostSums * Channels::kStrip] = {};
    if (work_.reduction == ChannelReduction::about)
      for (std::int64_t j = 0; j < block.length; ++j) k[j] = load_element(*work_.centres, unit * of_.unit_ + j / of_.inner_);
    else
      for (std::int64_t j = 0; j < block.length; ++j) widen(of_.dtype_, at(work_.x, block.offset + j / of_.inner_ * of_.inner_), 1, k + j);
    for (std::int64_t j = 0; j < block.length; ++j) k[Channels::kStrip + j] = scales[j / of_.inner_];
    for_each_piece(block, work_.x, dy, [&](Piece p, std::int64_t, std::int64_t) {
      p.c = k;
      p.pitch = Channels::kStrip;
      p.sums = column_sums;
      sums()(p);
    });
    for (std::int64_t c = 0; c < channels_of(unit); ++c) {
      const std::int64_t first = c * of_.inner_;
      total[c] = merged(total[c], moments(static_cast<double>(block.count * of_.inner_), k[first], column_sums + first, Channels::kStrip, of_.inner_));
    }
  }

  // Of sums about k, each `pitch` after the last, of `columns` columns.
  Moments moments(double n, double k, const double* about_k, std::size_t pitch, std::int64_t columns) const {
    const auto sum = [&](std::size_t s) {
      Sum result;
      for (const double* p = about_k; p < about_k + columns; ++p)
        result = full_ ? plus(result, plus({p[2 * s * pitch]}, {p[(2 * s + 1) * pitch]})) : Sum{result.hi + p[s * pitch]};
      return result;
    };
    if (work_.reduction == ChannelReduction::about) return {n, {}, {}, sum(0), sum(1)};
    BlockSums b{sum(0), sum(1), {}, {}};
    if (work_.reduction == ChannelReduction::both) {
      b.t = sum(2);
      b.p = sum(3);
    }
    return full_ ? moments_of<true>(n, k, b) : moments_of<false>(n, k, b);
  }

  Moments merged(const Moments& a, const Moments& b) const {
    if (work_.reduction == ChannelReduction::about) return {a.n + b.n, {}, {}, plus(a.dy, b.dy), plus(a.products, b.products)};
    return full_ ? merge<true>(a, b) : merge<false>(a, b);
  }

  // Once more, with less of dy, where its sums left the range.
  void sum_again(std::int64_t unit, Moments* total, double* scales) const {
    bool all = true;
    for (std::int64_t c = 0; c < channels_of(unit); ++c)
      if (!within_reach(total[c])) {
        scales[c] = kSmallDy;
        all = false;
      }
    if (all) return;
    std::fill(total, total + of_.unit_, Moments{});
    for (std::int64_t part = 0; part < of_.parts_; ++part) add_part(unit, part, scales, total);
  }

  void finish(std::int64_t unit, Moments* total, double* scales, double* coefficients) const {
    if (full_) sum_again(unit, total, scales);
    for (std::int64_t i = 0; i < channels_of(unit); ++i) {
      const std::int64_t channel = unit * of_.unit_ + i;
      ChannelSums sums{static_cast<double>(of_.values()), total[i].mean, total[i].squares, total[i].dy, total[i].products, 1 / scales[i]};
      if (work_.reduction == ChannelReduction::about)
        sums.mean = {load_element(*work_.centres, channel)};
      else if (sums.n == 0)
        sums.mean = sums.squares = {kNaN};
      const ChannelCoefficients c = work_.finish(channel, sums);
      std::array<double, kCoefficients> values{c.centre.hi, c.centre.lo, c.scale.hi, c.scale.lo, c.shift.hi, c.shift.lo, c.slope.hi, c.slope.lo, scales[i], 1 / scales[i]};
      if (!full_) {
        // (x − centre)·factor: the centre's tail goes into the shift.
        const double factor = work_.map == ChannelMap::gradient ? c.slope.hi : c.scale.hi;
        const double low = c.centre.lo == 0 ? 0 : c.centre.lo * factor;
        values = {c.centre.hi, c.scale.hi, low == 0 ? c.shift.hi : c.shift.hi - low, c.slope.hi};
      }
      const std::int64_t columns = of_.columns() ? of_.inner_ : 1;
      for (std::int64_t j = i * columns; j < (i + 1) * columns; ++j)
        for (std::size_t k = 0; k < kCoefficients; ++k) coefficients[static_cast<std::int64_t>(k) * of_.pitch_ + j] = values[k];
    }
  }

  void map_part(std::int64_t unit, std::int64_t part, const double* coefficients) const {
    for_each_block(unit, part, [&](const Block& block) { map_block(block, coefficients); });
  }

  void map_block(const Block& block, const double* coefficients) const {
    if (work_.map == ChannelMap::none) return;
    const void* const x = work_.map == ChannelMap::affine_of_dy ? work_.dy : work_.x;
    const void* const dy = work_.map == ChannelMap::gradient ? work_.dy : nullptr;
    for_each_piece(block, x, dy, [&](Piece p, std::int64_t first, std::int64_t count) {
      p.c = coefficients;
      p.pitch = static_cast<std::size_t>(of_.pitch_);
      p.past_caches = past_caches_;
      p.out = widened_ ? const_cast<void*>(p.x) : at(work_.out, block.offset);
      lanes_.map[of_.columns()][static_cast<int>(work_.map)](p);
      if (!widened_) return;
      for (std::int64_t i = 0; i < count; ++i)
        narrow(of_.dtype_, static_cast<const double*>(p.out) + i * block.length, p.length, at(work_.out, block.offset + (first + i) * block.stride));
    });
  }

  const Channels& of_;
  const ChannelWork& work_;
  std::int64_t size_;
  bool full_, widened_, past_caches_;
  const ChannelLanes& lanes_;
};

Channels::Channels(std::int32_t dtype, const karat_tensor& x) : dtype_(dtype), storage_(storage_of(dtype)) {
  require(x.rank == 2 || x.rank == 4, "x is neither (N, C) nor (N, C, H, W)");
  require(is_dense(x), "x is not dense");
  count_of(x);
  batch_ = x.shape[0];
  count_ = x.shape[1];
  inner_ = x.rank == 4 ? x.shape[2] * x.shape[3] : 1;
  const auto shares = [](std::int64_t n, std::int64_t of) { return (n + of - 1) / of; };
  if (columns()) {
    unit_ = std::min(std::max<std::int64_t>(1, count_), kStrip / std::max<std::int64_t>(1, inner_));
    pitch_ = whole_groups(unit_ * inner_);
    block_length_ = std::max<std::int64_t>(1, unit_ * inner_);
    samples_of_block_ = kBlockRows;
    blocks_of_part_ = 1;
    blocks_ = shares(batch_, kBlockRows);
  } else {
    const std::int64_t block = block_elements(storage_);
    blocks_of_plane_ = shares(inner_, block);
    block_length_ = whole_groups(shares(inner_, blocks_of_plane_));
    samples_of_block_ = std::max<std::int64_t>(1, block / inner_);
    blocks_ = shares(batch_, samples_of_block_) * blocks_of_plane_;
  }
  units_ = shares(count_, unit_);
  parts_ = values() == 0 ? 0 : shares(blocks_, blocks_of_part_);
}

std::size_t Channels::scratch_bytes() const {
  if (parts_ <= 1 || units_ >= kManyUnits) return 0;
  return static_cast<std::size_t>(units_ * parts_ * unit_) * sizeof(Moments) + static_cast<std::size_t>(units_ * kCoefficients * pitch_) * sizeof(double);
}

void Channels::run(const ChannelWork& work) const { ChannelRun(*this, work).run(); }

double load_element(const karat_tensor& tensor, std::int64_t i) {
  double value = 0;
  widen(tensor.dtype, static_cast<const std::byte*>(tensor.data) + i * static_cast<std::int64_t>(element_size(tensor.dtype)), 1, &value);
  return value;
}

void store_element(const karat_tensor& tensor, std::int64_t i, double value) {
  narrow(tensor.dtype, &value, 1, static_cast<std::byte*>(tensor.data) + i * static_cast<std::int64_t>(element_size(tensor.dtype)));
}

}  // namespace karat::kernels
#endif
