// SPDX-License-Identifier: MIT
// gd:            θ ← θ − η Σ_n g_n, or with the mean, g_n the gradient of sample n
// minibatch_sgd: θ ← θ − η 1/|B| Σ_n g_n
//
// Method: the columns of g: (N, D) are summed in double, those of f64 with their roundings; the step in double.  f32,
// f16 and bf16: 0.5 ulp and N·2^-29 of the largest term.  f64: 0.5 ulp of each of mean, step and θ.
#include "kernels/call.hpp"
#include "kernels/column_sums.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"
#include "kernels/optimizers/optimizer.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/gd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// theta − eta·(hi + lo)/samples; n a multiple of a vector's length.
void DescendLanes(const double* hi, const double* lo, size_t n, double eta, double samples, double* theta) {
  for (size_t i = 0; i < n; i += hn::Lanes(D())) {
    const V sum = Load(hi + i);
    // A sum that left the range has no roundings.
    const V total = Choose(hn::Lt(hn::Abs(sum), Inf()), hn::Add(sum, Load(lo + i)), sum);
    Store(hn::NegMulAdd(Num(eta), hn::Div(total, Num(samples)), Load(theta + i)), theta + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(DescendLanes);

enum class Reduction { named, mean };  // `named` by an attribute

template <Reduction kReduction>
class Descent {
 public:
  Descent(std::int32_t dtype, const Arguments& a)
      : arguments_(a),
        dtype_(dtype),
        theta_(a.tensor("theta", KARAT_INOUT, dtype)),
        g_(a.tensor("g", KARAT_INPUT, dtype)),
        sums_(dtype, g_),
        eta_(learning_rate(a)) {
    require(theta_.rank == 1 && g_.shape[1] == theta_.shape[0], "theta is not (D) with g (N, D)");
    if (kReduction == Reduction::named) {
      mean_ = a.is("reduction", "mean");
      require(mean_ || a.is("reduction", "sum"), "reduction is sum or mean");
    }
  }
  std::size_t scratch_bytes() const { return sums_.scratch_bytes(); }
  void run() const {
    const double samples = mean_ ? static_cast<double>(g_.shape[0]) : 1;
    const std::size_t size = element_size(dtype_);
    sums_.run(arguments_.threads(), arguments_.scratch(), [&](std::int64_t first, std::size_t n, double* hi, double* lo) {
      alignas(64) double theta[ColumnSums::kTile] = {};
      alignas(64) std::byte raw[ColumnSums::kTile * sizeof(double)];
      std::byte* const at = static_cast<std::byte*>(theta_.data) + first * theta_.strides[0] * static_cast<std::int64_t>(size);
      gather(at, theta_.strides[0], n, size, raw);
      widen(dtype_, raw, n, theta);
      HWY_DYNAMIC_DISPATCH(DescendLanes)(hi, lo, ColumnSums::kTile, eta_, samples, theta);
      narrow(dtype_, theta, n, raw);
      scatter(raw, n, size, at, theta_.strides[0]);
    });
  }

 private:
  Arguments arguments_;
  std::int32_t dtype_;
  const karat_tensor &theta_, &g_;
  ColumnSums sums_;
  double eta_;
  bool mean_ = true;
};

const Planned<Descent<Reduction::named>> gd({.op = "gd", .kernel = "column_sums"});
const Planned<Descent<Reduction::mean>> minibatch({.op = "minibatch_sgd", .kernel = "column_sums"});

}  // namespace
}  // namespace karat::kernels
#endif
