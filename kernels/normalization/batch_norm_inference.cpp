// SPDX-License-Identifier: MIT
// batch_norm_inference:           y = γ(x − mean)/√(var + ε) + β, with running statistics
// batch_norm_inference_backward:  with r = 1/√(var + ε), dx = γr·dy, dγ = r·Σdy(x − mean), dβ = Σdy,
//                                 dmean = −γr·Σdy, dvar = −γr³/2·Σdy(x − mean)
//
// Method: what is one number a channel is computed in pairs of doubles, elements in double (f32, f16, bf16: 0.5 ulp
// and 2^-28 of the terms that cancel) or in pairs (f64: 0.5 ulp and 2^-90 of them); sums by channels.hpp.
#include "kernels/normalization/channels.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

class Tensors {
 public:
  Tensors(std::int32_t dtype, const Arguments& a)
      : x_(a.tensor("x", KARAT_INPUT, dtype)), channels_(dtype, x_), dtype_(dtype), eps_(a.number("eps")), arguments_(a) {
    require(eps_ >= 0 && std::isfinite(eps_), "eps is negative or not finite");
  }
  std::size_t scratch_bytes() const { return channels_.scratch_bytes(); }

 protected:
  const karat_tensor& like_x(const char* name, std::int32_t role) const {
    const karat_tensor& t = arguments_.tensor(name, role, dtype_);
    require(shape_of(t) == shape_of(x_) && is_dense(t), "a tensor is not x's like, or has gaps");
    return t;
  }
  const karat_tensor& of_channels(const char* name, std::int32_t role) const {
    const karat_tensor& t = arguments_.tensor(name, role, dtype_);
    require(t.rank == 1 && t.shape[0] == channels_.count() && is_dense(t), "a tensor has not one element a channel, or has gaps");
    return t;
  }
  Sum reciprocal_deviation(const karat_tensor& variance, std::int64_t c) const {
    return reciprocal_root(plus({load_element(variance, c)}, {eps_}));
  }

  const karat_tensor& x_;
  Channels channels_;
  std::int32_t dtype_;
  double eps_;
  Arguments arguments_;
};

class Forward : public Tensors {
 public:
  Forward(std::int32_t dtype, const Arguments& a)
      : Tensors(dtype, a),
        gamma_(of_channels("gamma", KARAT_INPUT)),
        beta_(of_channels("beta", KARAT_INPUT)),
        mean_(of_channels("mean", KARAT_INPUT)),
        variance_(of_channels("var", KARAT_INPUT)),
        y_(like_x("y", KARAT_OUTPUT)) {}
  void run() const {
    channels_.run({.map = ChannelMap::affine,
                   .x = x_.data,
                   .out = y_.data,
                   .finish =
                       [&](std::int64_t c, const ChannelSums&) {
                         const Sum scale = times({load_element(gamma_, c)}, reciprocal_deviation(variance_, c));
                         return ChannelCoefficients{{load_element(mean_, c)}, scale, {load_element(beta_, c)}, {}};
                       },
                   .threads = arguments_.threads(),
                   .scratch = arguments_.scratch()});
  }

 private:
  const karat_tensor &gamma_, &beta_, &mean_, &variance_, &y_;
};

class Backward : public Tensors {
 public:
  Backward(std::int32_t dtype, const Arguments& a)
      : Tensors(dtype, a),
        dy_(like_x("dy", KARAT_INPUT)),
        gamma_(of_channels("gamma", KARAT_INPUT)),
        mean_(of_channels("mean", KARAT_INPUT)),
        variance_(of_channels("var", KARAT_INPUT)),
        dx_(like_x("dx", KARAT_OUTPUT)),
        dgamma_(of_channels("dgamma", KARAT_OUTPUT)),
        dbeta_(of_channels("dbeta", KARAT_OUTPUT)),
        dmean_(of_channels("dmean", KARAT_OUTPUT)),
        dvariance_(of_channels("dvar", KARAT_OUTPUT)) {
    of_channels("beta", KARAT_INPUT);
  }
  void run() const {
    channels_.run({.reduction = ChannelReduction::about,
                   .map = ChannelMap::affine_of_dy,
                   .x = x_.data,
                   .dy = dy_.data,
                   .out = dx_.data,
                   .centres = &mean_,
                   .finish =
                       [&](std::int64_t c, const ChannelSums& s) {
                         const Sum r = reciprocal_deviation(variance_, c), scale = times({load_element(gamma_, c)}, r);
                         const Sum dgamma = times(r, s.products);
                         store_element(dgamma_, c, total(s.of_dy(dgamma)));
                         store_element(dbeta_, c, total(s.of_dy(s.dy)));
                         store_element(dmean_, c, total(-s.of_dy(times(scale, s.dy))));
                         store_element(dvariance_, c, total(-s.of_dy(times(times(times(scale, r), dgamma), {0.5}))));
                         return ChannelCoefficients{{}, scale, {-0.0}, {}};
                       },
                   .threads = arguments_.threads(),
                   .scratch = arguments_.scratch()});
  }

 private:
  const karat_tensor &dy_, &gamma_, &mean_, &variance_, &dx_, &dgamma_, &dbeta_, &dmean_, &dvariance_;
};

const Planned<Forward> forward({.op = "batch_norm_inference", .kernel = "one_pass", .capabilities = kDense});
const Planned<Backward> backward({.op = "batch_norm_inference_backward", .kernel = "two_pass", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
