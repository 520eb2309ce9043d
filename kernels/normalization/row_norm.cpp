// SPDX-License-Identifier: MIT
#include "kernels/normalization/row_norm.hpp"

#include <hwy/cache_control.h>

#include <algorithm>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/normalization/row_norm_work.hpp"

namespace karat::kernels {
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
        lanes_(row_lanes(of.storage_, of.centred_, of.backward_)) {
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
