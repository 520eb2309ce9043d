// SPDX-License-Identifier: MIT
// cross_entropy, of probabilities t and p: (…, C):  L_n = −Σ_c t_c·log p_c along the last axis; a term with t = 0 is 0;
// the rows' sum, their mean, or each.
// cross_entropy_backward:  dp_c = −t_c/p_c·g, and 0 where t_c = 0; g = dy, divided by the number of rows for the mean.
//
// Method: one pass, in double; where only the sum of all is asked for, in equal parts whatever the rows.  No term is
// negative: f64, which keeps the roundings of sums, to 1 ulp and what log is off by (elementary-inl.h), gradients to
// 1.5 ulp.  f32, f16 and bf16 take logarithms to a sixteenth of an ulp of f32 and round once.
#include "kernels/blocks.hpp"
#include "kernels/losses/logits.hpp"
#include "kernels/operator.hpp"

#ifndef KARAT_KERNELS_CROSS_ENTROPY_  // this file is read once a target
#define KARAT_KERNELS_CROSS_ENTROPY_
namespace karat::kernels {
namespace {

// Rows, or one row whose chunks are the terms.
struct ProbabilityTerms {
  std::int32_t dtype;
  const void *t, *p;
  std::int64_t length;
  bool chunks;
};

}  // namespace
}  // namespace karat::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/cross_entropy.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/narrow-inl.h"
#include "kernels/losses/logits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE V LogOf(V x) {
  if constexpr (sizeof(T) == 4)
    return InSteps<LogSteps<Quality::fast>>(x);
  else
    return Log(x);
}

// Calls body(row, chunk, i) for the chunks of terms begin … end − 1; i counts terms from begin on.
template <class T, class Body>
HWY_INLINE void ForChunks(const ProbabilityTerms& terms, const RowsIn<T>& rows, std::int64_t begin, std::int64_t end,
                          const Body& body) {
  for (std::int64_t term = begin; term < end; ++term) {
    if (terms.chunks)
      body(0, rows.chunk(term), term - begin);
    else
      for (std::int64_t i = 0; i < rows.number(); ++i) body(term, rows.chunk(i), term - begin);
  }
}

template <class T>
void ForwardTerms(const ProbabilityTerms& terms, std::int64_t begin, std::int64_t end, double* losses) {
  RowsIn<T> t(terms.dtype, terms.t, terms.length), p(terms.dtype, terms.p, terms.length);
  std::fill_n(losses, end - begin, 0.0);
  ForChunks(terms, t, begin, end, [&](std::int64_t row, const RowChunk& chunk, std::int64_t i) HWY_ATTR {
    const T *const weights = t.read(row, chunk), *const probabilities = p.read(row, chunk);
    TermSum<T> sum = NoTerms<T>();
    for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
      const V weight = ElementsOr(weights, c, chunk.n, T(0)), log = LogOf<T>(ElementsOr(probabilities, c, chunk.n, T(1)));
      sum.Add(hn::IfThenZeroElse(hn::Eq(weight, Num(0)), hn::Mul(hn::Neg(weight), log)));
    }
    losses[i] += TotalOf(sum);
  });
}

template <class T>
void BackwardTerms(const ProbabilityTerms& terms, const double* dy, std::int64_t begin, std::int64_t end, void* dp) {
  RowsIn<T> t(terms.dtype, terms.t, terms.length), p(terms.dtype, terms.p, terms.length);
  RowsOut<T> out(terms.dtype, dp, terms.length);
  ForChunks(terms, t, begin, end, [&](std::int64_t row, const RowChunk& chunk, std::int64_t i) HWY_ATTR {
    const V g = Num(-dy[i]);
    const T *const weights = t.read(row, chunk), *const probabilities = p.read(row, chunk);
    T* const to = out.start(row, chunk);
    for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
      const V weight = ElementsOr(weights, c, chunk.n, T(0)), probability = ElementsOr(probabilities, c, chunk.n, T(1));
      const V slope = hn::Mul(hn::Div(weight, probability), g);
      ElementsUpTo(hn::IfThenZeroElse(hn::Eq(weight, Num(0)), slope), to, c, chunk.n);
    }
    out.finish(row, chunk);
  });
}

void ForwardFloats(const ProbabilityTerms& terms, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardTerms<float>(terms, begin, end, losses);
}
void ForwardDoubles(const ProbabilityTerms& terms, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardTerms<double>(terms, begin, end, losses);
}
void BackwardFloats(const ProbabilityTerms& terms, const double* dy, std::int64_t begin, std::int64_t end, void* dp) {
  BackwardTerms<float>(terms, dy, begin, end, dp);
}
void BackwardDoubles(const ProbabilityTerms& terms, const double* dy, std::int64_t begin, std::int64_t end, void* dp) {
  BackwardTerms<double>(terms, dy, begin, end, dp);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ForwardFloats);
HWY_EXPORT(ForwardDoubles);
HWY_EXPORT(BackwardFloats);
HWY_EXPORT(BackwardDoubles);

// What both calls are made of.
class Probabilities {
 public:
  Probabilities(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        t_(dense(arguments, "t", KARAT_INPUT, dtype)),
        p_(dense(arguments, "p", KARAT_INPUT, dtype)),
        rows_(shape_of(t_)) {
    require(t_.rank >= 1, "t has no axis of classes");
    require(shape_of(p_) == rows_, "p has not the shape of t");
    classes_ = rows_.back();
    rows_.pop_back();
  }
  Shape shape() const { return shape_of(t_); }
  const Shape& rows() const { return rows_; }
  std::int64_t classes() const { return classes_; }
  // As chunks of one row, if what reaches each row is the same.
  std::int64_t chunks() const { return chunks_of(count_of(t_)); }
  ProbabilityTerms terms(bool chunks) const { return {dtype_, t_.data, p_.data, chunks ? count_of(t_) : classes_, chunks}; }

 private:
  std::int32_t dtype_;
  const karat_tensor &t_, &p_;
  Shape rows_;
  std::int64_t classes_ = 0;
};

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        arguments_(arguments),
        probabilities_(dtype, arguments),
        losses_(dtype, arguments, probabilities_.rows(), probabilities_.classes()) {
    rows_ = losses_.count();
    if (!losses_.each()) losses_.share(probabilities_.chunks(), kRowChunk);
  }
  std::size_t scratch_bytes() const { return losses_.scratch_bytes(); }
  void run() const {
    const ProbabilityTerms terms = probabilities_.terms(!losses_.each());
    losses_.run(arguments_.scratch(), arguments_.threads(), static_cast<double>(rows_),
                [&](std::int64_t begin, std::int64_t end, double* losses) {
                  if (dtype_ == KARAT_F64)
                    HWY_DYNAMIC_DISPATCH(ForwardDoubles)(terms, begin, end, losses);
                  else
                    HWY_DYNAMIC_DISPATCH(ForwardFloats)(terms, begin, end, losses);
                });
  }

 private:
  std::int32_t dtype_;
  Arguments arguments_;
  Probabilities probabilities_;
  Losses losses_;
  std::int64_t rows_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        arguments_(arguments),
        probabilities_(dtype, arguments),
        gradients_(dtype, arguments, probabilities_.rows(), probabilities_.classes()),
        dp_(dense(arguments, "dp", KARAT_OUTPUT, dtype)) {
    require(shape_of(dp_) == probabilities_.shape(), "dp has not the shape of p");
    rows_ = gradients_.count();
    if (!gradients_.each()) gradients_.share(probabilities_.chunks(), kRowChunk);
  }
  void run() const {
    const ProbabilityTerms terms = probabilities_.terms(!gradients_.each());
    gradients_.run(arguments_.threads(), static_cast<double>(rows_), [&](std::int64_t begin, std::int64_t end, const double* dy) {
      if (dtype_ == KARAT_F64)
        HWY_DYNAMIC_DISPATCH(BackwardDoubles)(terms, dy, begin, end, dp_.data);
      else
        HWY_DYNAMIC_DISPATCH(BackwardFloats)(terms, dy, begin, end, dp_.data);
    });
  }

 private:
  std::int32_t dtype_;
  Arguments arguments_;
  Probabilities probabilities_;
  LossGradients gradients_;
  const karat_tensor& dp_;
  std::int64_t rows_;
};

const Planned<Forward> row({.op = "cross_entropy", .kernel = "one_pass", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "cross_entropy_backward", .kernel = "one_pass", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
