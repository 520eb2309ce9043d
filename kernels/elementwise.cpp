// SPDX-License-Identifier: MIT
#include "kernels/elementwise.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "kernels/arguments.hpp"
#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"

namespace karat::kernels {
namespace {

// Elements of a block: its inputs and output as doubles fill a third of a first-level cache.
constexpr std::size_t kBlock = 512;
static_assert(kBlock % kLaneGroup == 0);
// Elements that are worth a task of their own; fewer stay on the calling thread.
constexpr std::int64_t kGrain = 32 * kBlock;

class Run {
 public:
  Run(const Call& call, int inputs, LaneFunction lanes, StoredFunction stored, LaneFunction accurate)
      : call_(call), inputs_(inputs), lanes_(lanes), accurate_(accurate) {
    bool dense = true;
    for (int t = 0; t <= inputs; ++t) {
      const karat_tensor& tensor = *call.call->tensors[t];
      data_[t] = static_cast<std::byte*>(tensor.data);
      dense = dense && is_dense(tensor);
    }
    const auto is_f32 = [](double a) { return static_cast<double>(static_cast<float>(a)) == a; };
    if (call.dtype == KARAT_F32 && std::all_of(call.attributes.begin(), call.attributes.end(), is_f32)) stored_ = stored;
    if (stored_ != nullptr && dense) {  // the most usual call, which costs the least to prepare
      for (std::int32_t d = 0; d < call.call->tensors[0]->rank; ++d) count_ *= call.call->tensors[0]->shape[d];
      return;
    }
    layout_ = layout_of(*call.call);
    count_ = layout_->count;
    for (int t = 0; t <= inputs; ++t) all_contiguous_ = all_contiguous_ && layout_->contiguous(t);
  }

  std::int64_t count() const { return count_; }

  void part(std::int64_t begin, std::int64_t end) {
    if (stored_ != nullptr && all_contiguous_) {
      StoredCall stored{{}, reinterpret_cast<float*>(at(inputs_, begin)), static_cast<std::size_t>(end - begin), call_.attributes.data()};
      for (int t = 0; t < inputs_; ++t) stored.in[t] = reinterpret_cast<const float*>(at(t, begin));
      return stored_(stored);
    }
    const bool direct = all_contiguous_ && call_.dtype == KARAT_F64;
    if (direct) {
      const std::int64_t whole = begin + (end - begin) / kLaneGroup * kLaneGroup;
      if (whole > begin) in_memory(begin, static_cast<std::size_t>(whole - begin));
      begin = whole;
    }
    std::array<Cursor, kUniformTensors> cursors{Cursor(*layout_, 0, begin),
                                            Cursor(*layout_, std::min(1, inputs_), begin),
                                            Cursor(*layout_, inputs_, begin)};
    for (; begin < end; begin += kBlock) {
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, end - begin));
      stored_ != nullptr ? stored_block(begin, n, cursors) : block(begin, n, cursors);
    }
  }

 private:
  std::byte* at(int tensor, std::int64_t element) const {
    return data_[tensor] + element * static_cast<std::int64_t>(element_size(call_.dtype));
  }

  void in_memory(std::int64_t begin, std::size_t n) const {
    LaneCall lanes{{}, reinterpret_cast<double*>(at(inputs_, begin)), n, call_.attributes.data()};
    for (int t = 0; t < inputs_; ++t) lanes.in[t] = reinterpret_cast<const double*>(at(t, begin));
    lanes_(lanes);
  }

  void block(std::int64_t begin, std::size_t n, std::array<Cursor, kUniformTensors>& cursors) const {
    alignas(64) double buffer[kUniformTensors][kBlock];
    alignas(64) std::byte raw[kBlock * sizeof(double)];
    const std::size_t padded = (n + kLaneGroup - 1) / kLaneGroup * kLaneGroup;
    const std::size_t size = element_size(call_.dtype);
    for (int t = 0; t < inputs_; ++t) {
      const void* source = at(t, begin);
      if (!layout_->contiguous(t)) {
        walk(cursors[t], n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
          gather(at(t, offset), step, run, size, raw + done * size);
        });
        source = raw;
      }
      widen(call_.dtype, source, n, buffer[t]);
      std::fill(buffer[t] + n, buffer[t] + padded, 1.0);
    }
    lanes_({{buffer[0], buffer[1]}, buffer[inputs_], padded, call_.attributes.data()});
    if (accurate_ != nullptr) settle({{buffer[0], buffer[1]}, buffer[inputs_], padded, call_.attributes.data()});
    if (layout_->contiguous(inputs_)) return narrow(call_.dtype, buffer[inputs_], n, at(inputs_, begin));
    narrow(call_.dtype, buffer[inputs_], n, raw);
    walk(cursors[2], n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
      scatter(raw + done * size, run, size, at(inputs_, offset), step);
    });
  }

  // An f32 block of tensors with gaps: the elements side by side, so that the same function computes them.
  void stored_block(std::int64_t begin, std::size_t n, std::array<Cursor, kUniformTensors>& cursors) const {
    alignas(64) float buffer[kUniformTensors][kBlock];
    StoredCall stored{{}, buffer[inputs_], n, call_.attributes.data()};
    for (int t = 0; t < inputs_; ++t) {
      stored.in[t] = buffer[t];
      walk(cursors[t], n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
        gather(at(t, offset), step, run, sizeof(float), buffer[t] + done);
      });
    }
    stored_(stored);
    if (layout_->contiguous(inputs_)) {
      std::memcpy(at(inputs_, begin), stored.out, n * sizeof(float));
      return;
    }
    walk(cursors[2], n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
      scatter(stored.out + done, run, sizeof(float), at(inputs_, offset), step);
    });
  }

  // Computes again the groups of lanes in which the error of an approximation can change a rounding.
  void settle(const LaneCall& call) const {
    alignas(64) double moved[kLaneGroup];
    alignas(64) std::byte above[sizeof moved], below[sizeof moved];
    const std::size_t size = element_size(call_.dtype);
    for (std::size_t i = 0; i < call.count; i += kLaneGroup) {
      for (std::size_t j = 0; j < kLaneGroup; ++j) moved[j] = call.out[i + j] * (1 + kExactError);
      narrow(call_.dtype, moved, kLaneGroup, above);
      for (std::size_t j = 0; j < kLaneGroup; ++j) moved[j] = call.out[i + j] * (1 - kExactError);
      narrow(call_.dtype, moved, kLaneGroup, below);
      if (std::memcmp(above, below, kLaneGroup * size) != 0)
        accurate_({{call.in[0] + i, call.in[1] + i}, call.out + i, kLaneGroup, call.attributes});
    }
  }

  template <class Body>
  static void walk(Cursor& cursor, std::size_t n, const Body& body) {
    for (std::size_t done = 0; done < n;) {
      const std::size_t run = std::min<std::size_t>(n - done, static_cast<std::size_t>(cursor.run()));
      body(done, cursor.offset(), run, cursor.step());
      cursor.advance(static_cast<std::int64_t>(run));
      done += run;
    }
  }

  const Call& call_;
  int inputs_;
  LaneFunction lanes_;
  LaneFunction accurate_;
  StoredFunction stored_ = nullptr;
  std::optional<Layout> layout_;  // none where elements are side by side and nothing asks for it
  std::int64_t count_ = 1;
  std::array<std::byte*, kUniformTensors> data_{};
  bool all_contiguous_ = true;
};

}  // namespace

void Elementwise::run(const Call& call) const {
  Run run(call, description().inputs, call.dtype == KARAT_F64 ? full_ : narrow_, stored_, accurate_);
  for_each_part(run.count(), kGrain, call.call->threads,
                [&](std::int64_t begin, std::int64_t end) { run.part(begin, end); });
}

}  // namespace karat::kernels
