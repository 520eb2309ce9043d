// SPDX-License-Identifier: MIT
#include "kernels/rowwise.hpp"

#include <cstring>

#include "kernels/convert.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rowwise.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// The largest of `count` doubles, NaN left out; count a multiple of kLaneGroup.
double MaxLanes(const double* x, size_t count) {
  V max = hn::Neg(Inf());
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const V v = Load(x + i);
    max = Choose(hn::Gt(v, max), v, max);
  }
  HWY_ALIGN double lanes[HWY_LANES(double)];
  Store(max, lanes);
  return *std::max_element(lanes, lanes + hn::Lanes(D()));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(MaxLanes);

namespace {

// Elements that are worth a task of their own.
constexpr std::int64_t kGrain = 16384;
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

double max_of(const double* x, std::size_t count) { return HWY_DYNAMIC_DISPATCH(MaxLanes)(x, count); }

Peak combine(const Peak& a, const Peak& b) {
  if (b.max > a.max) return {b.max, std::max(a.max, b.second), b.index};
  return {a.max, std::max(a.second, b.max), a.index};
}

}  // namespace

Row::Row(const Call& call, int inputs, int axis, const std::array<std::byte*, kUniformTensors>& first,
         int threads)
    : dtype_(call.dtype),
      output_(inputs),
      threads_(threads),
      length_(call.call->tensors[0]->shape[axis]),
      data_(first) {
  for (int t = 0; t <= inputs; ++t) step_[t] = call.call->tensors[t]->strides[axis];
}

std::byte* Row::at(int tensor, std::int64_t i) const {
  return data_[tensor] + i * step_[tensor] * static_cast<std::int64_t>(element_size(dtype_));
}

Chunk Row::chunk(std::int64_t i) const {
  const std::int64_t begin = i * static_cast<std::int64_t>(kChunk);
  return {begin, static_cast<std::size_t>(std::min<std::int64_t>(kChunk, length_ - begin))};
}

double Row::element(int tensor, std::int64_t i) const {
  double value = 0;
  widen(dtype_, at(tensor, i), 1, &value);
  return value;
}

void Row::read(int tensor, const Chunk& chunk, double padding, double* to) const {
  alignas(64) std::byte raw[kChunk * sizeof(double)];
  const void* source = at(tensor, chunk.begin);
  if (step_[tensor] != 1) {
    gather(source, step_[tensor], chunk.n, element_size(dtype_), raw);
    source = raw;
  }
  widen(dtype_, source, chunk.n, to);
  std::fill(to + chunk.n, to + chunk.padded(), padding);
}

void Row::write(const Chunk& chunk, const double* from) const {
  alignas(64) std::byte raw[kChunk * sizeof(double)];
  void* target = at(output_, chunk.begin);
  if (step_[output_] == 1) return narrow(dtype_, from, chunk.n, target);
  narrow(dtype_, from, chunk.n, raw);
  scatter(raw, chunk.n, element_size(dtype_), target, step_[output_]);
}

void Row::write_all(double value) const {
  for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double buffer[kChunk];
    std::fill(buffer, buffer + chunk.n, value);
    write(chunk, buffer);
  });
}

void Row::for_each_chunk(const std::function<void(const Chunk&)>& body) const {
  const std::int64_t chunks = (length_ - 1) / static_cast<std::int64_t>(kChunk) + 1;
  for_each_part(chunks, kChunksOfATask, threads_, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) body(chunk(i));
  });
}

void Rowwise::run(const Call& call) const {
  const int inputs = description().inputs;
  const int axis = static_cast<int>(call.attributes[0]);
  const Layout rows = layout_of(*call.call, axis);
  const std::int64_t length = call.call->tensors[0]->shape[axis];
  if (rows.count == 0 || length == 0) return;
  const RowFunction function = call.dtype == KARAT_F64 ? full_ : narrow_;
  const auto size = static_cast<std::int64_t>(element_size(call.dtype));
  // Few long rows share the threads, each in its turn; otherwise each thread has its own rows.
  const bool share = rows.count < call.call->threads && length > kGrain;
  const int inside = share ? call.call->threads : 1, outside = share ? 1 : call.call->threads;
  for_each_part(rows.count, std::max<std::int64_t>(1, kGrain / length), outside,
                [&](std::int64_t begin, std::int64_t end) {
                  std::vector<Cursor> cursors;
                  for (int t = 0; t <= inputs; ++t) cursors.emplace_back(rows, t, begin);
                  for (std::int64_t r = begin; r < end; ++r) {
                    std::array<std::byte*, kUniformTensors> first{};
                    for (int t = 0; t <= inputs; ++t) {
                      first[t] =
                          static_cast<std::byte*>(call.call->tensors[t]->data) + cursors[t].offset() * size;
                      cursors[t].advance(1);
                    }
                    function(Row(call, inputs, axis, first, inside));
                  }
                });
}

const char* declines_axis(const double* attributes, int rank) {
  return attributes[0] >= 0 && attributes[0] < rank && attributes[0] == std::floor(attributes[0])
             ? nullptr
             : "axis is not an integer from 0 to rank - 1";
}

double largest_magnitude(const Row& row, int tensor) {
  return row.reduce(
      0.0,
      [&](const Chunk& chunk) {
        alignas(64) double x[kChunk];
        row.read(tensor, chunk, 0, x);
        for (std::size_t i = 0; i < chunk.n; ++i) x[i] = std::fabs(x[i]);
        return max_of(x, chunk.padded());
      },
      [](double a, double b) { return std::max(a, b); });
}

Peak find_peak(const Row& row, int tensor) {
  return row.reduce(
      Peak{},
      [&](const Chunk& chunk) {
        alignas(64) double x[kChunk];
        row.read(tensor, chunk, kMinusInfinity, x);
        const double max = max_of(x, chunk.padded());
        if (max == kMinusInfinity) return Peak{};
        const std::int64_t place = std::find(x, x + chunk.n, max) - x;
        x[place] = kMinusInfinity;
        return Peak{max, max_of(x, chunk.padded()), chunk.begin + place};
      },
      combine);
}

void read_without(const Row& row, int tensor, const Chunk& chunk, std::int64_t without, double* to) {
  row.read(tensor, chunk, kMinusInfinity, to);
  if (without >= chunk.begin && without < chunk.begin + static_cast<std::int64_t>(chunk.n))
    to[without - chunk.begin] = kMinusInfinity;
}

}  // namespace karat::kernels
#endif
