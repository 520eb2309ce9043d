// SPDX-License-Identifier: MIT
// A convolution and its gradients as one kernel each, whichever of its tensors is the output.  A relation C says
//
//   static Convolution of(const Arguments& a, const Shape& x, const Shape& w);   throws a Refusal
//   static constexpr bool to_big;      y is the relation's big, and x its small; or the other way round
//   static constexpr bool with_bias;   the operator has an input b, which may be absent
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/convolution/call.hpp"
#include "kernels/convolution/channel_sums.hpp"
#include "kernels/convolution/convolution.hpp"

namespace karat::kernels {

template <class C>
Shape output_shape(const Convolution& c) {
  return C::to_big ? big_shape(c) : small_shape(c);
}

// b, or nullptr.
template <class C>
const karat_tensor* bias_of(const Arguments& a, std::int32_t dtype, const Convolution& c) {
  if constexpr (C::with_bias) return &bias_input(a, "b", dtype, output_shape<C>(c)[1]);
  return nullptr;
}

// y = b + the sums of products of x and w
template <class C>
class ConvolutionForward {
 public:
  ConvolutionForward(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        x_(dense_input(a, "x", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(C::of(a, shape_of(x_), shape_of(w_))),
        b_(bias_of<C>(a, dtype, c_)),
        y_(dense_output(a, "y", dtype, output_shape<C>(c_))) {}
  std::size_t scratch_bytes() const { return (C::to_big ? scratch_to_big : scratch_to_small)(c_, dtype_); }
  void run() const {
    const void* const bias = b_ ? data_or_null(*b_) : nullptr;
    (C::to_big ? sum_to_big : sum_to_small)(c_, dtype_, x_.data, w_.data, bias, y_.data, a_.scratch(), a_.threads());
  }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &x_, &w_;
  Convolution c_;
  const karat_tensor* b_;
  const karat_tensor& y_;
};

// dx and dw, and db[m] = Σ_{n,p} dy[n,m,p]
template <class C>
class ConvolutionBackward {
 public:
  ConvolutionBackward(std::int32_t dtype, const Arguments& a)
      : dtype_(dtype),
        a_(a),
        dy_(dense_input(a, "dy", dtype)),
        x_(dense_input(a, "x", dtype)),
        w_(dense_input(a, "w", dtype)),
        c_(C::of(a, shape_of(x_), shape_of(w_))),
        b_(bias_of<C>(a, dtype, c_)),
        dx_(dense_output(a, "dx", dtype, shape_of(x_))),
        dw_(dense_output(a, "dw", dtype, shape_of(w_))),
        db_(b_ ? &dense_output(a, "db", dtype, shape_of(*b_)) : nullptr) {
    require_shape(dy_, output_shape<C>(c_));
  }
  std::size_t scratch_bytes() const {
    return std::max((C::to_big ? scratch_to_small : scratch_to_big)(c_, dtype_), scratch_to_weights(c_, dtype_));
  }
  void run() const {
    (C::to_big ? sum_to_small : sum_to_big)(c_, dtype_, dy_.data, w_.data, nullptr, dx_.data, a_.scratch(), a_.threads());
    const karat_tensor &big = C::to_big ? dy_ : x_, &small = C::to_big ? x_ : dy_;
    sum_to_weights(c_, dtype_, big.data, small.data, dw_.data, a_.scratch(), a_.threads());
    if (!b_ || is_absent(*b_)) return;
    const Shape y = output_shape<C>(c_);
    sum_channels(dtype_, dy_.data, y[0], y[1], y[2] * y[3], db_->data, a_.threads());
  }

 private:
  std::int32_t dtype_;
  const Arguments a_;
  const karat_tensor &dy_, &x_, &w_;
  Convolution c_;
  const karat_tensor* b_;
  const karat_tensor &dx_, &dw_;
  const karat_tensor* db_;
};

}  // namespace karat::kernels
