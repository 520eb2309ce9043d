// SPDX-License-Identifier: MIT
// conv_output_size: O = (W − K + P_before + P_after)/S + 1 of each W, with K = (kernel_size − 1)·dilation + 1
//
// Rounded down, or up by a window that starts inside of the input or the padding before it, or not at all.  Where
// there is no size (the filter is larger than the padded input; mode exact, and S does not divide), O is NaN.
//
// Method: in double, exactly below 2^52, where the quotient of integers never rounds up to the next one; other W
// give NaN.  Rounded once.
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convolution/conv_output_size.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

#ifndef KARAT_KERNELS_CONV_OUTPUT_SIZE_  // this file is read once a target
#define KARAT_KERNELS_CONV_OUTPUT_SIZE_
namespace karat::kernels {
namespace {
enum { kRoom, kBefore, kStride, kExact, kCeil };
}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct OutputSize {
  static constexpr int kIn = 1, kOut = 1;
  explicit OutputSize(const double* parameters) : p(parameters) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V one = Num(1), stride = Num(p[kStride]);
    const V room = hn::Add(in[0], Num(p[kRoom]));
    const V whole = hn::Floor(hn::Div(room, stride));
    const M divides = hn::Eq(hn::Mul(whole, stride), room);
    const V next = hn::Add(whole, one);
    const M starts_inside = hn::Lt(hn::Mul(next, stride), hn::Add(in[0], Num(p[kBefore])));
    V size = next;
    if (p[kCeil] != 0) size = Choose(hn::AndNot(divides, starts_inside), hn::Add(next, one), next);
    if (p[kExact] != 0) size = Choose(divides, size, NaN());
    const M exists = hn::And(hn::And(hn::Ge(in[0], Num(0)), hn::Ge(room, Num(0))),
                             hn::And(hn::Lt(in[0], Num(0x1p51)), hn::Lt(room, Num(0x1p52))));
    out[0] = Choose(exists, size, NaN());
  }
  const double* p;
};

void OutputSizeDoubles(const StreamCall& call) { MapStreams<OutputSize, double>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(OutputSizeDoubles);

void prepare(const Arguments& a, std::int64_t, double* p) {
  const auto count = [&](const char* name, std::int64_t least) {
    const std::int64_t value = a.integer(name);
    require(value >= least && value < std::int64_t{1} << 50, "an attribute is out of its domain");
    return static_cast<double>(value);
  };
  // A filter beyond 2^53 is rounded, and larger than any input.
  const double kernel = (count("kernel_size", 1) - 1) * count("dilation", 1) + 1;
  p[kBefore] = count("before", 0);
  p[kRoom] = p[kBefore] + count("after", 0) - kernel;
  p[kStride] = count("stride", 1);
  p[kExact] = a.is("mode", "exact");
  p[kCeil] = a.is("mode", "ceil");
  require(p[kExact] != 0 || p[kCeil] != 0 || a.is("mode", "floor"), "mode is floor, exact or ceil");
}

void run(const StreamCall& call) { HWY_DYNAMIC_DISPATCH(OutputSizeDoubles)(call); }

const Streams row({.about = {.op = "conv_output_size", .kernel = "exact", .claim_f64 = "exact", .claim_narrow = "exact"},
                   .tensors = {{"W", Stream::labels}, {"O", Stream::out}},
                   .functions = {.full = run, .narrow = run},
                   .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
