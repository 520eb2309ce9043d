// SPDX-License-Identifier: MIT
// Lanes over blocks of elements: several sums at once, along a block or down its columns, and maps of elements.
//
// A series is one sum or, kFull, a pair of doubles.  A body adds the terms of a vector of elements to its series:
//   kIn, kSeries, Add(const V* in, V k, V* sums): in is x, dy, γ; k what x is taken about.

#if defined(KARAT_KERNELS_MOMENTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_MOMENTS_INL_H_
#undef KARAT_KERNELS_MOMENTS_INL_H_
#else
#define KARAT_KERNELS_MOMENTS_INL_H_
#endif

#include <algorithm>

#include "hwy/cache_control.h"
#include "kernels/elementary/double_double-inl.h"
#include "kernels/normalization/moments.hpp"
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// a − b exactly, and less the tail of b.
HWY_INLINE Pair Less(V a, V b) { return TwoSum(a, hn::Neg(b)); }
HWY_INLINE Pair Less(V a, V b, V b_low) {
  const Pair d = Less(a, b);
  return {d.hi, hn::Sub(d.lo, b_low)};
}

// a − b by an FMA where there is one: the adders have enough to do.
HWY_INLINE V Difference(V a, V b) { return HWY_NATIVE_FMA ? hn::MulSub(a, Num(1), b) : hn::Sub(a, b); }

// Not normalised; 2^-102 of the product.
HWY_INLINE Pair TimesPair(Pair a, Pair b) {
  const Pair product = TwoProduct(a.hi, b.hi);
  return {product.hi, hn::Add(product.lo, hn::MulAdd(a.hi, b.lo, hn::Mul(a.lo, b.hi)))};
}
HWY_INLINE Pair TimesPair(Pair a, V b) {
  const Pair product = TwoProduct(a.hi, b);
  return {product.hi, hn::MulAdd(a.lo, b, product.lo)};
}

// hi + lo; what left the range stays what it is.
HWY_INLINE V Total(Pair a) { return Choose(hn::Lt(hn::Abs(a.hi), Inf()), hn::Add(a.hi, a.lo), a.hi); }

HWY_INLINE void AddTo(V* series, Pair term) {
  const Pair sum = TwoSum(series[0], term.hi);
  series[0] = sum.hi;
  series[1] = hn::Add(series[1], hn::Add(sum.lo, term.lo));
}

// Σ(x − k), Σ(x − k)².
template <bool kFull>
struct OfX {
  static constexpr int kIn = 1, kSeries = 2;
  static HWY_INLINE void Add(const V* in, V k, V* sums) {
    if constexpr (kFull) {
      const Pair d = Less(in[0], k);
      AddTo(sums, d);
      AddTo(sums + 2, TimesPair(d, d));
    } else {
      const V d = Difference(in[0], k);
      sums[0] = hn::Add(sums[0], d);
      sums[1] = hn::MulAdd(d, d, sums[1]);
    }
  }
};

// The same, Σg, Σ(x − k)g.  g = dy, or γ·dy where kGamma.
template <bool kFull, bool kGamma>
struct OfBoth {
  static constexpr int kIn = kGamma ? 3 : 2, kSeries = 4;
  static HWY_INLINE void Add(const V* in, V k, V* sums) {
    OfX<kFull>::Add(in, k, sums);
    if constexpr (kFull) {
      const Pair d = Less(in[0], k);
      Pair g = {in[1], Num(0)};
      if constexpr (kGamma) g = TwoProduct(in[1], in[2]);
      AddTo(sums + 4, g);
      AddTo(sums + 6, TimesPair(d, g));
    } else {
      V g = in[1];
      if constexpr (kGamma) g = hn::Mul(g, in[2]);
      sums[2] = hn::Add(sums[2], g);
      sums[3] = hn::MulAdd(Difference(in[0], k), g, sums[3]);
    }
  }
};

template <class Body, bool kFull>
constexpr size_t kSumsOf = Body::kSeries*(kFull ? 2 : 1);
// Vectors of partial sums: enough for additions not to wait for each other, few enough for registers.
template <size_t kSums>
constexpr size_t kVectorsOf = kSums <= 2 ? 4 : kSums <= 4 ? 2 : 1;

// The last n elements, fewer than a vector, and padding.
template <class T>
HWY_INLINE void CopyTail(const T* from, size_t n, T padding, T* to) {
  for (size_t i = 0; i < hn::Lanes(D()); ++i) to[i] = i < n ? from[i] : padding;
}

// Asks memory for what comes kAhead elements later, pieces after this one counted on; what does not exist is not read.
struct Ahead {
  static constexpr size_t kAhead = 1024;
  explicit Ahead(const Piece& p) : length(p.length), stride(p.stride), rest(kAhead), pieces(0) {
    if (length > kAhead || length == 0) return;
    pieces = static_cast<int64_t>(static_cast<uint32_t>(kAhead) / static_cast<uint32_t>(length));
    rest = kAhead - static_cast<size_t>(pieces) * length;
  }
  template <size_t kElements, class T>
  HWY_INLINE void Fetch(const T* piece, size_t i) const {
    i += rest;
    const int64_t offset = i < length ? pieces * stride + static_cast<int64_t>(i) : (pieces + 1) * stride + static_cast<int64_t>(i - length);
    const auto address = reinterpret_cast<uintptr_t>(piece) + static_cast<uintptr_t>(offset * static_cast<int64_t>(sizeof(T)));
    for (size_t line = 0; line < kElements * sizeof(T); line += 64) hwy::Prefetch(reinterpret_cast<const T*>(address + line));
  }
  size_t length;
  int64_t stride;
  size_t rest;
  int64_t pieces;
};

// A vector of each input of a Body, from element i of a piece on.
template <class Body, bool kFull, class T>
struct Inputs {
  HWY_INLINE void Load(size_t i, V* in) const {
    in[0] = LoadElements(x + i);
    if constexpr (Body::kIn > 1) in[1] = kFull ? hn::Mul(LoadElements(dy + i), dy_scale) : LoadElements(dy + i);
    if constexpr (Body::kIn > 2) in[2] = LoadElements(gamma + i);
  }
  // The last `left` elements of n, in lanes that add nothing otherwise: x is k there, and dy 0.
  HWY_INLINE void LoadLast(size_t n, size_t left, V k, V* in) const {
    const size_t lanes = hn::Lanes(D());
    if (n >= lanes) {
      const M seen = hn::FirstN(D(), lanes - left);
      Load(n - lanes, in);
      in[0] = Choose(seen, k, in[0]);
      if constexpr (Body::kIn > 1) in[1] = hn::IfThenZeroElse(seen, in[1]);
      return;
    }
    T tail[HWY_LANES(double)];
    CopyTail(x, n, static_cast<T>(hn::GetLane(k)), tail);
    in[0] = LoadElements(tail);
    if constexpr (Body::kIn > 1) {
      CopyTail(dy, n, T{0}, tail);
      in[1] = kFull ? hn::Mul(LoadElements(tail), dy_scale) : LoadElements(tail);
    }
    if constexpr (Body::kIn > 2) in[2] = LoadElements(gamma);
  }
  const T *x, *dy;
  const double* gamma;
  V dy_scale;
};

// Adds up the vectors in halves, each half upon the other, and the lanes likewise.
template <size_t kVectors, size_t kSums>
HWY_INLINE double Fold(V (&sums)[kVectors][kSums], size_t s) {
  for (size_t half = kVectors / 2; half > 0; half /= 2)
    for (size_t v = 0; v < half; ++v) sums[v][s] = hn::Add(sums[v][s], sums[v + half][s]);
  HWY_ALIGN double lanes[HWY_LANES(double)];
  Store(sums[0][s], lanes);
  for (size_t half = hn::Lanes(D()) / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

template <size_t kVectors, size_t kSums>
HWY_INLINE Sum FoldPairs(V (&sums)[kVectors][kSums], size_t s) {
  for (size_t half = kVectors / 2; half > 0; half /= 2)
    for (size_t v = 0; v < half; ++v) {
      const Pair sum = Add(Pair{sums[v][s], sums[v][s + 1]}, Pair{sums[v + half][s], sums[v + half][s + 1]});
      sums[v][s] = sum.hi;
      sums[v][s + 1] = sum.lo;
    }
  HWY_ALIGN double hi[HWY_LANES(double)], lo[HWY_LANES(double)];
  Store(sums[0][s], hi);
  Store(sums[0][s + 1], lo);
  for (size_t half = hn::Lanes(D()) / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) {
      const Sum sum = Sum{hi[i], lo[i]} + Sum{hi[i + half], lo[i + half]};
      hi[i] = sum.hi;
      lo[i] = sum.lo;
    }
  return {hi[0], lo[0]};
}

// Sums along a block: sums[series], or sums[2·series] and its tail.
template <class Body, bool kFull, class T>
void SumBlock(const Piece& p) {
  constexpr size_t kSums = kSumsOf<Body, kFull>, kVectors = kVectorsOf<kSums>;
  const size_t lanes = hn::Lanes(D()), group = kVectors * lanes;
  V sums[kVectors][kSums];
  for (auto& vector : sums)
    for (V& sum : vector) sum = Num(0);
  const V k = Num(p.k);
  const Ahead ahead(p);
  for (size_t piece = 0; piece < p.count; ++piece) {
    const int64_t offset = static_cast<int64_t>(piece) * p.stride;
    const Inputs<Body, kFull, T> inputs{static_cast<const T*>(p.x) + offset, Body::kIn > 1 ? static_cast<const T*>(p.dy) + offset : nullptr, p.gamma,
                                        Num(p.dy_scale)};
    V in[Body::kIn];
    size_t i = 0;
    for (; i + group <= p.length; i += group) {
      ahead.Fetch<kVectors * HWY_LANES(double)>(inputs.x, i);
      if constexpr (Body::kIn > 1) ahead.Fetch<kVectors * HWY_LANES(double)>(inputs.dy, i);
      for (size_t v = 0; v < kVectors; ++v) {
        inputs.Load(i + v * lanes, in);
        Body::Add(in, k, sums[v]);
      }
    }
    for (; i + lanes <= p.length; i += lanes) {
      inputs.Load(i, in);
      Body::Add(in, k, sums[0]);
    }
    if (i == p.length) continue;
    inputs.LoadLast(p.length, p.length - i, k, in);
    Body::Add(in, k, sums[0]);
  }
  for (size_t s = 0; s < Body::kSeries; ++s) {
    if constexpr (kFull) {
      const Sum sum = FoldPairs(sums, 2 * s);
      p.sums[2 * s] = sum.hi;
      p.sums[2 * s + 1] = sum.lo;
    } else {
      p.sums[s] = Fold(sums, s);
    }
  }
}

template <class T>
HWY_INLINE void FetchRow(const T* from, int64_t elements) {
  hwy::Prefetch(reinterpret_cast<const T*>(reinterpret_cast<uintptr_t>(from) + static_cast<uintptr_t>(elements * static_cast<int64_t>(sizeof(T)))));
}

// Sums down the columns of a block of rows, about c[column], f64 with c[pitch + column] times dy: sums[s·pitch + column],
// added to what is there.
template <class Body, bool kFull, class T>
void SumColumns(const Piece& p) {
  constexpr size_t kSums = kSumsOf<Body, kFull>;
  const size_t lanes = hn::Lanes(D());
  for (size_t row = 0; row < p.count; row += 4) {
    const size_t rows = HWY_MIN(p.count - row, 4);
    for (size_t j = 0; j < p.length; j += lanes) {
      V sums[kSums];
      for (size_t s = 0; s < kSums; ++s) sums[s] = Load(p.sums + s * p.pitch + j);
      const V k = Load(p.c + j);
      for (size_t r = 0; r < rows; ++r) {
        const int64_t offset = static_cast<int64_t>(row + r) * p.stride + static_cast<int64_t>(j);
        const T *x = static_cast<const T*>(p.x) + offset, *dy = nullptr;
        if constexpr (Body::kIn > 1) dy = static_cast<const T*>(p.dy) + offset;
        T x_tail[HWY_LANES(double)], dy_tail[HWY_LANES(double)];
        if (HWY_UNLIKELY(j + lanes > p.length)) {
          CopyTail(x, p.length - j, T{0}, x_tail);
          x = x_tail;
          if constexpr (Body::kIn > 1) {
            CopyTail(dy, p.length - j, T{0}, dy_tail);
            dy = dy_tail;
          }
        }
        FetchRow(x, 8 * p.stride);
        if constexpr (Body::kIn > 1) FetchRow(dy, 8 * p.stride);
        V in[2];
        in[0] = LoadElements(x);
        if constexpr (Body::kIn > 1) in[1] = kFull ? hn::Mul(LoadElements(dy), Load(p.c + p.pitch + j)) : LoadElements(dy);
        Body::Add(in, k, sums);
      }
      for (size_t s = 0; s < kSums; ++s) Store(sums[s], p.sums + s * p.pitch + j);
    }
  }
}

HWY_INLINE void StreamElements(V v, double* p) { hn::Stream(v, D(), p); }
HWY_INLINE void StreamElements(V v, float* p) { hn::Stream(ToFloat(v), DF(), p); }

// Whole vectors of out[i] = f(i, x[i], dy[i]); returns where the first that is not whole begins.
template <bool kDy, bool kStream, class T, class F>
HWY_INLINE size_t MapVectors(const T* x, [[maybe_unused]] const T* dy, T* out, size_t n, const F& f) {
  const size_t lanes = hn::Lanes(D());
  const auto map = [&](size_t i) HWY_ATTR {
    const V result = f(i, LoadElements(x + i), kDy ? LoadElements(dy + i) : Num(0));
    if constexpr (kStream)
      StreamElements(result, out + i);
    else
      StoreElements(result, out + i);
  };
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    map(i);
    map(i + lanes);
    map(i + 2 * lanes);
    map(i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) map(i);
  return i;
}

// out[i] = f(i, x[i], dy[i]) for i < n; f may be asked for more, up to a whole vector, or, kRepeatable, again.
template <bool kDy, class T, class F>
HWY_INLINE void MapElements(const T* x, const T* dy, T* out, size_t n, bool past_caches, const F& f) {
  const bool stream = past_caches && reinterpret_cast<uintptr_t>(out) % (hn::Lanes(D()) * sizeof(T)) == 0;
  const size_t i = stream ? MapVectors<kDy, true>(x, dy, out, n, f) : MapVectors<kDy, false>(x, dy, out, n, f);
  if (i == n) return;
  const size_t lanes = hn::Lanes(D());
  if (F::kRepeatable && n >= lanes && out != x) {  // once more what was computed already
    const size_t last = n - lanes;
    return StoreElements(f(last, LoadElements(x + last), kDy ? LoadElements(dy + last) : Num(0)), out + last);
  }
  T x_tail[HWY_LANES(double)], dy_tail[HWY_LANES(double)], result[HWY_LANES(double)];
  CopyTail(x + i, n - i, T{0}, x_tail);
  if (kDy) CopyTail(dy + i, n - i, T{0}, dy_tail);
  StoreElements(f(i, LoadElements(x_tail), kDy ? LoadElements(dy_tail) : Num(0)), result);
  std::copy(result, result + (n - i), out + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
