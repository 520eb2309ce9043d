// SPDX-License-Identifier: MIT
// early_stopping: the epoch of the best loss, and the first with `patience` epochs since; −1 if there is none
//
// Method: one scan up to the stop.  A loss is better if it is below best − min_delta exactly: the difference is taken
// as a sum of two doubles.  A NaN is never better.
#include <algorithm>
#include <cmath>

#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"
#include "kernels/streams.hpp"
#include "kernels/sum.hpp"

namespace karat::kernels {
namespace {

bool is_below(double loss, double best, double delta) {
  const Sum bound = two_sum(best, -delta);
  if (std::isinf(bound.hi)) return loss < bound.hi || (std::isfinite(best) && loss == bound.hi);  // the difference is finite
  return loss < bound.hi || (loss == bound.hi && bound.lo > 0);
}

class EarlyStopping {
 public:
  EarlyStopping(std::int32_t dtype, const Arguments& a)
      : losses_(a.tensor("losses", KARAT_INPUT, dtype)),
        best_(a.tensor("best", KARAT_OUTPUT, dtype)),
        stop_(a.tensor("stop", KARAT_OUTPUT, dtype)),
        patience_(a.integer("patience")),
        delta_(a.number("min_delta")) {
    require(losses_.rank == 1, "losses has not one dimension");
    require(count_of(best_) == 1 && count_of(stop_) == 1, "best or stop is not one number");
    require(patience_ >= 1, "patience is not 1 or more");
    require(delta_ >= 0 && std::isfinite(delta_), "min_delta is negative or not finite");
  }

  void run() const {
    const std::size_t size = element_size(losses_.dtype);
    const std::int64_t count = losses_.shape[0], stride = losses_.strides[0];
    std::int64_t best = -1, stop = -1, waited = 0;
    double lowest = 0;
    for (std::int64_t begin = 0; begin < count && stop < 0; begin += kBlock) {
      double loss[kBlock];
      std::byte raw[kBlock * sizeof(double)];
      const std::int64_t n = std::min<std::int64_t>(kBlock, count - begin);
      gather(static_cast<const std::byte*>(losses_.data) + begin * stride * static_cast<std::int64_t>(size), stride,
             static_cast<std::size_t>(n), size, raw);
      widen(losses_.dtype, raw, static_cast<std::size_t>(n), loss);
      for (std::int64_t i = 0; i < n && stop < 0; ++i) {
        if (!std::isnan(loss[i]) && (best < 0 || is_below(loss[i], lowest, delta_))) {
          best = begin + i;
          lowest = loss[i];
          waited = 0;
        } else if (++waited >= patience_) {
          stop = begin + i;
        }
      }
    }
    store_number(best_, static_cast<double>(best));
    store_number(stop_, static_cast<double>(stop));
  }

 private:
  static constexpr std::int64_t kBlock = 256;
  const karat_tensor &losses_, &best_, &stop_;
  std::int64_t patience_;
  double delta_;
};

const Planned<EarlyStopping> row({.op = "early_stopping", .kernel = "scan", .claim_f64 = "exact", .claim_narrow = "exact"});

}  // namespace
}  // namespace karat::kernels
