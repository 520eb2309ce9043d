// SPDX-License-Identifier: MIT
// Stream functions out of an object with `operator()(const V* in, V* out)`: kIn vectors in, kOut vectors out.
// It is constructed from the parameters.  kLabels, if it has that, are the inputs that are labels, as bits.

#if defined(KARAT_KERNELS_STREAMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_STREAMS_INL_H_
#undef KARAT_KERNELS_STREAMS_INL_H_
#else
#define KARAT_KERNELS_STREAMS_INL_H_
#endif

#include "hwy/cache_control.h"
#include "kernels/lanes-inl.h"
#include "kernels/streams.hpp"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE V LoadElements(const double* p) { return Load(p); }
HWY_INLINE V LoadElements(const float* p) { return hn::PromoteTo(D(), hn::LoadU(DF(), p)); }
HWY_INLINE void StoreElements(V v, double* p) { Store(v, p); }
HWY_INLINE void StoreElements(V v, float* p) { hn::StoreU(ToFloat(v), DF(), p); }

HWY_INLINE V LoadElements(const int64_t* p) { return hn::ConvertTo(D(), hn::LoadU(hn::RebindToSigned<D>(), p)); }

template <class F>
constexpr uint32_t LabelsOf() {
  if constexpr (requires { F::kLabels; })
    return F::kLabels;
  else
    return 0;
}

// Elements from i on of each input.  kIntegers: labels are i64.
template <class F, class T, bool kIntegers>
HWY_INLINE void LoadInputs(const StreamCall& call, size_t i, V* in) {
  for (int s = 0; s < F::kIn; ++s) {
    if (kIntegers && (LabelsOf<F>() >> s & 1) != 0)
      in[s] = LoadElements(static_cast<const int64_t*>(call.in[s]) + i);
    else
      in[s] = LoadElements(static_cast<const T*>(call.in[s]) + i * call.step[s]);
  }
}

template <class F, class T, bool kIntegers>
HWY_INLINE void MapStreamsOf(const StreamCall& shared) {
  const StreamCall call = shared;  // of which the compiler knows that no store changes it
  const F f(call.parameters);
  for (size_t i = 0; i < call.count; i += hn::Lanes(D())) {
    V in[HWY_MAX(1, F::kIn)], out[F::kOut];
    LoadInputs<F, T, kIntegers>(call, i, in);
    f(in, out);
    for (int s = 0; s < F::kOut; ++s) StoreElements(out[s], static_cast<T*>(call.out[s]) + i);
  }
}

// T: double or float, the elements of every stream but of labels.
template <class F, class T>
void MapStreams(const StreamCall& call) {
  if constexpr (LabelsOf<F>() != 0)
    if (call.integers) return MapStreamsOf<F, T, true>(call);
  MapStreamsOf<F, T, false>(call);
}

// Asks for the inputs' lines kAhead bytes behind those of a group: the window of a processor is full of conversions and
// products before it has seen loads enough to hide the memory.  One stream of f32: 0.75 to 0.83 of the read bandwidth.
template <class F, class T>
HWY_INLINE void PrefetchInputs(const StreamCall& call, size_t group) {
  constexpr size_t kAhead = 4096, kLine = 64;
  for (int s = 0; s < F::kIn; ++s) {
    const char* const here = static_cast<const char*>(call.in[s]) + group * call.step[s] * sizeof(T) + kAhead;
    for (size_t line = 0; line < kPartialSums * sizeof(T); line += kLine) hwy::Prefetch(here + line);
  }
}

template <class F, class T, bool kCompensated, bool kIntegers>
HWY_INLINE void SumStreamsOf(const StreamCall& call, PartialSums& sums) {
  static_assert(F::kOut == 1);
  const F f(call.parameters);
  // Four sums at a time where vectors are long enough, so that additions do not wait for each other.
  constexpr size_t kVectors = HWY_MIN(4, HWY_MAX(1, kPartialSums / HWY_LANES(double)));
  for (size_t first = 0; first < kPartialSums; first += kVectors * hn::Lanes(D())) {
    V hi[kVectors], lo[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      hi[v] = Load(&sums.hi[first + v * hn::Lanes(D())]);
      lo[v] = Load(&sums.lo[first + v * hn::Lanes(D())]);
    }
    for (size_t group = first; group < call.count; group += kPartialSums) {
      PrefetchInputs<F, T>(call, group);
      for (size_t v = 0; v < kVectors; ++v) {
        const size_t i = group + v * hn::Lanes(D());
        V in[F::kIn], term;
        LoadInputs<F, T, kIntegers>(call, i, in);
        f(in, &term);
        if constexpr (kCompensated) {
          const Pair sum = TwoSum(hi[v], term);
          hi[v] = sum.hi;
          lo[v] = hn::Add(lo[v], sum.lo);
        } else {
          hi[v] = hn::Add(hi[v], term);
        }
      }
    }
    for (size_t v = 0; v < kVectors; ++v) {
      Store(hi[v], &sums.hi[first + v * hn::Lanes(D())]);
      Store(lo[v], &sums.lo[first + v * hn::Lanes(D())]);
    }
  }
}

// Adds the terms to the partial sums: term i to sum i mod kPartialSums.  kCompensated keeps the roundings.
template <class F, class T, bool kCompensated>
void SumStreams(const StreamCall& call, PartialSums& sums) {
  if constexpr (LabelsOf<F>() != 0)
    if (call.integers) return SumStreamsOf<F, T, kCompensated, true>(call, sums);
  SumStreamsOf<F, T, kCompensated, false>(call, sums);
}

// Full: of f64 tensors.  Narrow: of f32, f16 and bf16.
template <class Full, class Narrow = Full>
StreamLanes StreamLanesOf() {
  return {.full = MapStreams<Full, double>, .narrow = MapStreams<Narrow, double>, .stored = MapStreams<Narrow, float>};
}
template <class Full, class Narrow = Full>
TermLanes TermLanesOf() {
  return {.each = StreamLanesOf<Full, Narrow>(),
          .sum_full = SumStreams<Full, double, true>,
          .sum_stored = SumStreams<Narrow, float, false>};
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
