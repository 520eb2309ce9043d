// SPDX-License-Identifier: MIT
#include "kernels/row_norm.hpp"

#include <algorithm>
#include <array>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_norm.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/moments-inl.h"

#ifndef KARAT_KERNELS_ROW_NORM_  // this file is read once a target
#define KARAT_KERNELS_ROW_NORM_
namespace karat::kernels {
namespace {

// A row's numbers.  In narrow types the mean's tail is part of mean_g and, times r, of x̂: its tail.
struct RowCoefficients {
  Sum mean, r, mean_g, slope;
  double hat_tail = 0;
  double dy_scale = 1;
};

struct RowPiece {
  Piece piece;
  const double* beta = nullptr;
  double* column_sums = nullptr;  // dγ, dβ, each in one or two rows of pitch doubles
  RowCoefficients c;
};

// Whole rows of one block each.
struct RowsCall {
  const void *x, *dy;
  void* out;
  const double *gamma, *beta;
  double* column_sums;
  std::size_t length, pitch, rows;
  double eps;
  bool past_caches;
};

struct RowLanes {
  void (*sums)(const Piece&);
  void (*map)(const RowPiece&);
  void (*rows)(const RowsCall&);
};

template <bool kFull, bool kCentred, bool kBackward>
Moments moments_of_block(double n, double k, const double* sums) {
  const auto sum = [&](std::size_t s) { return kFull ? plus({sums[2 * s]}, {sums[2 * s + 1]}) : Sum{sums[s]}; };
  if constexpr (!kCentred) return {n, {}, sum(0), {}, kBackward ? sum(1) : Sum{}};
  return moments_of<kFull>(n, k, {sum(0), sum(1), kBackward ? sum(2) : Sum{}, kBackward ? sum(3) : Sum{}});
}

template <bool kFull, bool kCentred>
Moments merged(const Moments& a, const Moments& b) {
  if constexpr (kCentred) return merge<kFull>(a, b);
  return {a.n + b.n, {}, plus(a.squares, b.squares), {}, plus(a.products, b.products)};
}

template <bool kFull, bool kCentred, bool kBackward>
RowCoefficients coefficients_of(const Moments& m, double eps) {
  RowCoefficients c{m.mean, {}, {}, {}};
  if constexpr (kFull) {
    const Sum n = {m.n};
    c.r = reciprocal_deviation(m.squares, m.n, eps);
    if constexpr (kBackward && kCentred) c.mean_g = over(m.dy, n);
    if constexpr (kBackward) c.slope = over(times(times(c.r, c.r), m.products), n);
  } else {
    const double r = 1 / std::sqrt(m.squares.hi / m.n + eps), low = m.mean.lo;
    c.r = {r};
    if constexpr (kBackward) c.slope = {r * r * m.products.hi / m.n};
    if constexpr (kBackward && kCentred) c.mean_g = {low == 0 ? m.dy.hi / m.n : m.dy.hi / m.n - low * c.slope.hi};
    c.hat_tail = low == 0 ? 0 : -low * r;
  }
  return c;
}

// moments(dy_scale) are the row's.
template <bool kFull, bool kCentred, bool kBackward, class MomentsOf>
RowCoefficients coefficients_within_reach(const MomentsOf& moments, double eps) {
  const Moments plain = moments(1.0);
  if (!(kFull && kBackward) || within_reach(plain)) return coefficients_of<kFull, kCentred, kBackward>(plain, eps);
  RowCoefficients c = coefficients_of<kFull, kCentred, kBackward>(moments(kSmallDy), eps);
  c.dy_scale = kSmallDy;
  return c;
}

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Σx².
template <bool kFull>
struct Squares {
  static constexpr int kIn = 1, kSeries = 1;
  static HWY_INLINE void Add(const V* in, V, V* sums) {
    if constexpr (kFull)
      AddTo(sums, TwoProduct(in[0], in[0]));
    else
      sums[0] = hn::MulAdd(in[0], in[0], sums[0]);
  }
};

// Σx², Σx·γ·dy.
template <bool kFull>
struct SquaresAndProducts {
  static constexpr int kIn = 3, kSeries = 2;
  static HWY_INLINE void Add(const V* in, V k, V* sums) {
    Squares<kFull>::Add(in, k, sums);
    if constexpr (kFull)
      AddTo(sums + 2, TimesPair(TwoProduct(in[1], in[2]), in[0]));
    else
      sums[1] = hn::MulAdd(hn::Mul(in[1], in[2]), in[0], sums[1]);
  }
};

HWY_INLINE Pair Wide(Sum s) { return {Num(s.hi), Num(s.lo)}; }

template <bool kFull, bool kCentred>
struct Normalised {
  explicit Normalised(const RowPiece& p) : gamma(p.piece.gamma), beta(p.beta), mean(Wide(p.c.mean)), r(Wide(p.c.r)), hat_tail(Num(p.c.hat_tail)) {}
  HWY_INLINE V operator()(size_t i, V x, V) const {
    const V g = Load(gamma + i);
    if constexpr (kFull) {
      const Pair y = TimesPair(kCentred ? TimesPair(Less(x, mean.hi, mean.lo), r) : TimesPair(r, x), g);
      if constexpr (!kCentred) return Total(y);
      const Pair sum = TwoSum(y.hi, Load(beta + i));
      return Total({sum.hi, hn::Add(sum.lo, y.lo)});
    } else {
      if constexpr (!kCentred) return hn::Mul(hn::Mul(x, r.hi), g);
      return hn::MulAdd(hn::MulAdd(hn::Sub(x, mean.hi), r.hi, hat_tail), g, Load(beta + i));
    }
  }
  static constexpr bool kRepeatable = true;
  const double *gamma, *beta;
  Pair mean, r;
  V hat_tail;
};

// dx; and dy·x̂ and dy into the column sums.
template <bool kFull, bool kCentred>
struct Backwards {
  explicit Backwards(const RowPiece& p)
      : gamma(p.piece.gamma),
        sums(p.column_sums),
        pitch(p.piece.pitch),
        mean(Wide(p.c.mean)),
        r(Wide(p.c.r)),
        mean_g(Wide(p.c.mean_g)),
        slope(Wide(p.c.slope)),
        hat_tail(Num(p.c.hat_tail)),
        dy_scale(Num(p.c.dy_scale)),
        dy_factor(Num(1 / p.c.dy_scale)) {}
  HWY_INLINE V operator()(size_t i, V x, V dy) const {
    double* const at = sums + i;
    if constexpr (kFull) {
      const Pair d = kCentred ? Less(x, mean.hi, mean.lo) : Pair{x, Num(0)};
      AddAt(at, TimesPair(TimesPair(d, r), dy));
      if constexpr (kCentred) AddAt(at + 2 * pitch, {dy, Num(0)});
      Pair g = TwoProduct(hn::Mul(dy, dy_scale), Load(gamma + i));
      if constexpr (kCentred) {
        const Pair rest = Less(g.hi, mean_g.hi, mean_g.lo);
        g = {rest.hi, hn::Add(rest.lo, g.lo)};
      }
      const Pair along = TimesPair(d, slope);
      const Pair difference = Less(g.hi, along.hi);
      return hn::Mul(Total(TimesPair(TwoSum(difference.hi, hn::Add(difference.lo, hn::Sub(g.lo, along.lo))), r)), dy_factor);
    } else {
      const V d = kCentred ? hn::Sub(x, mean.hi) : x;
      const V hat = kCentred ? hn::MulAdd(d, r.hi, hat_tail) : hn::Mul(d, r.hi);
      Store(hn::MulAdd(dy, hat, Load(at)), at);
      if constexpr (kCentred) Store(hn::Add(Load(at + pitch), dy), at + pitch);
      const V g = hn::Mul(dy, Load(gamma + i));
      return hn::Mul(hn::NegMulAdd(d, slope.hi, kCentred ? hn::Sub(g, mean_g.hi) : g), r.hi);
    }
  }
  HWY_INLINE void AddAt(double* at, Pair term) const {
    V series[2] = {Load(at), Load(at + pitch)};
    AddTo(series, term);
    Store(series[0], at);
    Store(series[1], at + pitch);
  }
  static constexpr bool kRepeatable = false;
  const double* gamma;
  double* sums;
  size_t pitch;
  Pair mean, r, mean_g, slope;
  V hat_tail, dy_scale, dy_factor;
};

// The sums and the map of a kind of row.
template <bool kFull, bool kCentred, bool kBackward>
struct Kind;
template <bool kFull>
struct Kind<kFull, false, false> {
  using Sums = Squares<kFull>;
};
template <bool kFull>
struct Kind<kFull, false, true> {
  using Sums = SquaresAndProducts<kFull>;
};
template <bool kFull>
struct Kind<kFull, true, false> {
  using Sums = OfX<kFull>;
};
template <bool kFull>
struct Kind<kFull, true, true> {
  using Sums = OfBoth<kFull, true>;
};

template <bool kFull, bool kCentred, bool kBackward, class T>
void Map(const RowPiece& row) {
  const Piece& p = row.piece;
  const std::conditional_t<kBackward, Backwards<kFull, kCentred>, Normalised<kFull, kCentred>> f(row);
  MapElements<kBackward>(static_cast<const T*>(p.x), static_cast<const T*>(p.dy), static_cast<T*>(p.out), p.length, p.past_caches, f);
}

template <bool kFull, bool kCentred, bool kBackward, class T>
void Rows(const RowsCall& call) {
  using Sums = typename Kind<kFull, kCentred, kBackward>::Sums;
  double sums[kSumsOf<Sums, kFull>];
  RowPiece row{.beta = call.beta, .column_sums = call.column_sums};
  Piece& p = row.piece;
  p.length = call.length;
  p.stride = static_cast<int64_t>(call.length);
  p.gamma = call.gamma;
  p.pitch = call.pitch;
  p.sums = sums;
  p.past_caches = call.past_caches;
  for (size_t i = 0; i < call.rows; ++i) {
    const T* const x = static_cast<const T*>(call.x) + i * call.length;
    p.x = x;
    if constexpr (kBackward) p.dy = static_cast<const T*>(call.dy) + i * call.length;
    p.out = static_cast<T*>(call.out) + i * call.length;
    if constexpr (kCentred) p.k = static_cast<double>(*x);
    const auto moments = [&](double dy_scale) {
      p.dy_scale = dy_scale;
      SumBlock<Sums, kFull, T>(p);
      return moments_of_block<kFull, kCentred, kBackward>(static_cast<double>(p.length), p.k, sums);
    };
    row.c = coefficients_within_reach<kFull, kCentred, kBackward>(moments, call.eps);
    Map<kFull, kCentred, kBackward, T>(row);
  }
}

template <bool kFull, bool kCentred, bool kBackward, class T>
constexpr RowLanes kLanesOf = {SumBlock<typename Kind<kFull, kCentred, kBackward>::Sums, kFull, T>, Map<kFull, kCentred, kBackward, T>,
                               Rows<kFull, kCentred, kBackward, T>};
template <bool kFull, class T>
constexpr RowLanes kLanes[2][2] = {{kLanesOf<kFull, false, false, T>, kLanesOf<kFull, false, true, T>},
                                   {kLanesOf<kFull, true, false, T>, kLanesOf<kFull, true, true, T>}};

const RowLanes* LanesOf(Storage storage, bool centred, bool backward) {
  const auto& lanes = storage == Storage::doubles ? kLanes<true, double> : storage == Storage::floats ? kLanes<false, float> : kLanes<false, double>;
  return &lanes[centred][backward];
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(LanesOf);

namespace {

constexpr int kMostSums = 8;
constexpr std::int64_t kStrip = 1024;       // columns of a task where rows are long or few
constexpr std::int64_t kGrain = 16384;      // elements that are worth a task
constexpr std::int64_t kGroupOfRows = std::int64_t{1} << 20;  // elements of rows whose parts are shared at a time

struct Widened {
  alignas(64) double x[kWidened], dy[kWidened];
};

}  // namespace

// What lies in scratch.
struct RowScratch {
  double *gamma, *beta;
  double* column_sums;  // of each section
  Moments* moments;     // of each part of a group's rows
  RowCoefficients* coefficients;
};

class RowNormRun {
 public:
  explicit RowNormRun(const RowNorm& of)
      : of_(of),
        size_(static_cast<std::int64_t>(element_size(of.dtype_))),
        full_(of.storage_ == Storage::doubles),
        widened_(of.storage_ == Storage::widened),
        past_caches_(!widened_ && of.rows_ * of.length_ * size_ >= kPastCaches),
        lanes_(*HWY_DYNAMIC_DISPATCH(LanesOf)(of.storage_, of.centred_, of.backward_)) {
    auto* const doubles = reinterpret_cast<double*>(of.arguments_.scratch());
    s_.gamma = doubles;
    s_.beta = s_.gamma + of.padded();
    s_.column_sums = s_.beta + of.padded();
    s_.moments = reinterpret_cast<Moments*>(s_.column_sums + of.sections_ * of.column_sums() * of.padded());
    s_.coefficients = reinterpret_cast<RowCoefficients*>(s_.moments + of.group() * of.parts());
  }

  static std::size_t scratch_bytes(const RowNorm& of) {
    return static_cast<std::size_t>((2 + of.sections_ * of.column_sums()) * of.padded()) * sizeof(double) +
           static_cast<std::size_t>(of.group() * of.parts()) * sizeof(Moments) + static_cast<std::size_t>(of.group()) * sizeof(RowCoefficients);
  }

  void run() const {
    if (of_.length_ == 0) return;
    read_parameter(*of_.gamma_, s_.gamma);
    if (of_.centred_ && !of_.backward_) read_parameter(*of_.beta_, s_.beta);
    std::fill(s_.column_sums, s_.column_sums + (of_.rows_ == 0 ? of_.column_sums() * of_.padded() : 0), 0.0);
    if (of_.by_parts())
      by_parts();
    else
      by_rows();
    if (of_.backward_) finish_columns();
  }

 private:
  void read_parameter(const karat_tensor& parameter, double* to) const {
    widen(of_.dtype_, parameter.data, static_cast<std::size_t>(of_.length_), to);
    std::fill(to + of_.length_, to + of_.padded(), 0.0);
  }
  double* column_sums(std::int64_t section) const { return s_.column_sums + section * of_.column_sums() * of_.padded(); }

  // A row is one thread's.
  void by_rows() const {
    const std::int64_t grain = of_.backward_ ? of_.rows_of_section_ : std::max<std::int64_t>(1, kGrain / of_.length_);
    for_each_part(of_.rows_, grain, of_.arguments_.threads(), [&](std::int64_t begin, std::int64_t end) {
      double* const sums = column_sums(of_.backward_ ? begin / of_.rows_of_section_ : 0);
      if (of_.backward_) std::fill(sums, sums + of_.column_sums() * of_.padded(), 0.0);
      if (!widened_ && of_.length_ <= block_elements(of_.storage_)) return whole_rows(begin, end, sums);
      for (std::int64_t row = begin; row < end; ++row) map(row, 0, of_.length_, coefficients(row, nullptr), sums);
      flush();
    });
  }

  // A group of rows is summed, by parts of rows, then computed: likewise, or by strips of columns.
  void by_parts() const {
    const std::int64_t group = of_.group(), parts = of_.parts();
    const int threads = of_.arguments_.threads();
    for (std::int64_t first = 0; first < of_.rows_; first += group) {
      const std::int64_t rows = std::min(group, of_.rows_ - first);
      for_each_part(rows * parts, 1, threads, [&](std::int64_t i, std::int64_t) {
        s_.moments[i] = moments(first + i / parts, i % parts, 1);
      });
      for (std::int64_t row = 0; row < rows; ++row) s_.coefficients[row] = coefficients(first + row, s_.moments + row * parts);
      if (of_.backward_)
        for_each_part(of_.length_, kStrip, threads, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t s = 0; s < of_.column_sums() && first == 0; ++s)
            std::fill_n(column_sums(0) + s * of_.padded() + begin, whole_groups(end - begin), 0.0);
          for (std::int64_t row = 0; row < rows; ++row) map(first + row, begin, end, s_.coefficients[row], column_sums(0));
          flush();
        });
      else
        for_each_part(rows * parts, 1, threads, [&](std::int64_t i, std::int64_t) {
          map(first + i / parts, i % parts * RowNorm::kPart, part_end(i % parts), s_.coefficients[i / parts], nullptr);
          flush();
        });
    }
  }

  // body(piece, begin): the blocks of a row's part, widened where they must be.
  template <class Body>
  void for_each_block(std::int64_t row, std::int64_t begin, std::int64_t end, const Body& body) const {
    Widened buffer;
    for (; begin < end; begin += block_elements(of_.storage_)) {
      const std::int64_t offset = row * of_.length_ + begin;
      Piece p;
      p.length = static_cast<std::size_t>(std::min(block_elements(of_.storage_), end - begin));
      p.stride = static_cast<std::int64_t>(p.length);
      p.x = static_cast<const std::byte*>(of_.x_->data) + offset * size_;
      p.dy = of_.backward_ ? static_cast<const std::byte*>(of_.dy_->data) + offset * size_ : nullptr;
      if (widened_) {
        widen(of_.dtype_, p.x, p.length, buffer.x);
        p.x = buffer.x;
        if (of_.backward_) widen(of_.dtype_, p.dy, p.length, buffer.dy);
        p.dy = buffer.dy;
      }
      p.gamma = s_.gamma + begin;
      body(p, begin);
    }
  }

  void whole_rows(std::int64_t begin, std::int64_t end, double* sums) const {
    const auto at = [&](const karat_tensor* t) { return t == nullptr ? nullptr : static_cast<std::byte*>(t->data) + begin * of_.length_ * size_; };
    lanes_.rows({at(of_.x_), at(of_.dy_), at(of_.out_), s_.gamma, s_.beta, sums, static_cast<std::size_t>(of_.length_),
                 static_cast<std::size_t>(of_.padded()), static_cast<std::size_t>(end - begin), of_.eps_, past_caches_});
    flush();
  }
  void flush() const {
    if (past_caches_) hwy::FlushStream();
  }

  // f<kFull, kCentred, kBackward>() of the call's.
  template <class F>
  auto with_kind(const F& f) const {
    const auto of_backward = [&]<bool kFull, bool kCentred> {
      return of_.backward_ ? f.template operator()<kFull, kCentred, true>() : f.template operator()<kFull, kCentred, false>();
    };
    const auto of_centred = [&]<bool kFull> {
      return of_.centred_ ? of_backward.template operator()<kFull, true>() : of_backward.template operator()<kFull, false>();
    };
    return full_ ? of_centred.template operator()<true>() : of_centred.template operator()<false>();
  }

  std::int64_t part_end(std::int64_t part) const { return std::min(of_.length_, (part + 1) * RowNorm::kPart); }

  Moments moments(std::int64_t row, std::int64_t part, double dy_scale) const {
    Moments result;
    for_each_block(row, part * RowNorm::kPart, part_end(part), [&](Piece p, std::int64_t) {
      double sums[kMostSums];
      if (of_.centred_) p.k = of_.storage_ == Storage::floats ? static_cast<double>(*static_cast<const float*>(p.x)) : *static_cast<const double*>(p.x);
      p.dy_scale = dy_scale;
      p.sums = sums;
      lanes_.sums(p);
      result = with_kind([&]<bool kFull, bool kCentred, bool kBackward> {
        return merged<kFull, kCentred>(result, moments_of_block<kFull, kCentred, kBackward>(static_cast<double>(p.length), p.k, sums));
      });
    });
    return result;
  }

  // Of a row, whose parts' moments are known, or nullptr.
  RowCoefficients coefficients(std::int64_t row, const Moments* known) const {
    return with_kind([&]<bool kFull, bool kCentred, bool kBackward> {
      const auto of_row = [&](double dy_scale) {
        Moments total;
        for (std::int64_t part = 0; part < of_.parts(); ++part)
          total = merged<kFull, kCentred>(total, known != nullptr && dy_scale == 1 ? known[part] : moments(row, part, dy_scale));
        return total;
      };
      return coefficients_within_reach<kFull, kCentred, kBackward>(of_row, of_.eps_);
    });
  }

  void map(std::int64_t row, std::int64_t begin, std::int64_t end, const RowCoefficients& c, double* sums) const {
    for_each_block(row, begin, end, [&](const Piece& block, std::int64_t at) {
      RowPiece p{block, s_.beta + at, of_.backward_ ? sums + at : nullptr, c};
      std::byte* const out = static_cast<std::byte*>(of_.out_->data) + (row * of_.length_ + at) * size_;
      p.piece.out = widened_ ? const_cast<void*>(block.x) : out;
      p.piece.pitch = static_cast<std::size_t>(of_.padded());
      p.piece.past_caches = past_caches_;
      lanes_.map(p);
      if (widened_) narrow(of_.dtype_, static_cast<const double*>(block.x), block.length, out);
    });
  }

  // dγ and dβ: the sections' sums in their order.
  void finish_columns() const {
    for_each_part(of_.length_, kStrip, of_.arguments_.threads(), [&](std::int64_t begin, std::int64_t end) {
      std::array<double, kStrip> values;
      for (int output = 0; output < (of_.centred_ ? 2 : 1); ++output) {
        for (std::int64_t j = begin; j < end; ++j) {
          Sum sum;
          for (std::int64_t section = 0; section < of_.sections_; ++section) {
            const double* const p = column_sums(section) + output * (full_ ? 2 : 1) * of_.padded() + j;
            sum = full_ ? plus(sum, plus({p[0]}, {p[of_.padded()]})) : Sum{sum.hi + p[0]};
          }
          values[static_cast<std::size_t>(j - begin)] = total(sum);
        }
        std::byte* const to = static_cast<std::byte*>((output == 0 ? of_.dgamma_ : of_.dbeta_)->data);
        narrow(of_.dtype_, values.data(), static_cast<std::size_t>(end - begin), to + begin * size_);
      }
    });
  }

  const RowNorm& of_;
  std::int64_t size_;
  bool full_, widened_, past_caches_;
  const RowLanes& lanes_;
  RowScratch s_;
};

RowNorm::RowNorm(std::int32_t dtype, const Arguments& a, bool centred, bool backward)
    : dtype_(dtype), arguments_(a), centred_(centred), backward_(backward), storage_(storage_of(dtype)) {
  x_ = &a.tensor("x", KARAT_INPUT, dtype);
  require(x_->rank >= 1, "x has no axis");
  require(is_dense(*x_), "x has gaps");
  length_ = x_->shape[x_->rank - 1];
  rows_ = length_ == 0 ? 0 : count_of(*x_) / length_;
  const auto like_x = [&](const char* name, std::int32_t role) {
    const karat_tensor& t = a.tensor(name, role, dtype);
    require(shape_of(t) == shape_of(*x_) && is_dense(t), "a tensor is not x's like, or has gaps");
    return &t;
  };
  const auto like_row = [&](const char* name, std::int32_t role) {
    const karat_tensor& t = a.tensor(name, role, dtype);
    require(t.rank == 1 && t.shape[0] == length_ && is_dense(t), "a tensor has not one element a column, or has gaps");
    return &t;
  };
  gamma_ = like_row("gamma", KARAT_INPUT);
  if (centred) beta_ = like_row("beta", KARAT_INPUT);
  if (backward) {
    dy_ = like_x("dy", KARAT_INPUT);
    out_ = like_x("dx", KARAT_OUTPUT);
    dgamma_ = like_row("dgamma", KARAT_OUTPUT);
    if (centred) dbeta_ = like_row("dbeta", KARAT_OUTPUT);
  } else {
    out_ = like_x("y", KARAT_OUTPUT);
  }
  eps_ = a.number("eps");
  require(eps_ >= 0 && std::isfinite(eps_), "eps is negative or not finite");
  // At most 64 sections, of 16 rows and 128 Ki elements or more.
  const std::int64_t most = std::clamp<std::int64_t>(std::min(rows_ * length_ / 131072, rows_ / 16), 1, 64);
  rows_of_section_ = std::max<std::int64_t>(1, by_parts() ? rows_ : (rows_ + most - 1) / most);
  sections_ = std::max<std::int64_t>(1, (rows_ + rows_of_section_ - 1) / rows_of_section_);
}

bool RowNorm::by_parts() const { return length_ > (backward_ ? 16384 : kPart) || (backward_ && length_ >= 2 * kStrip && rows_ < 256); }

std::int64_t RowNorm::group() const { return by_parts() ? std::clamp<std::int64_t>(kGroupOfRows / length_, 1, std::max<std::int64_t>(1, rows_)) : 0; }

std::size_t RowNorm::scratch_bytes() const { return RowNormRun::scratch_bytes(*this); }

void RowNorm::run() const { RowNormRun(*this).run(); }

}  // namespace karat::kernels
#endif
