// SPDX-License-Identifier: MIT
// Rows of logits and of class probabilities, as lanes read and write them: f64 as double, the others as float.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/losses/losses.hpp"

namespace karat::kernels {

// Part of a row that is worked on at a time.  A shorter row stays in a first-level cache between passes.
inline constexpr std::int64_t kRowChunk = 2048;

struct RowChunk {
  std::int64_t begin;
  std::size_t n;
};

inline std::int64_t chunks_of(std::int64_t length) { return (length + kRowChunk - 1) / kRowChunk; }
inline RowChunk chunk_of(std::int64_t length, std::int64_t i) {
  return {i * kRowChunk, static_cast<std::size_t>(std::min(kRowChunk, length - i * kRowChunk))};
}

template <class T>
class RowChunks {
 public:
  RowChunks(std::int32_t dtype, const void* data, std::int64_t length) : dtype_(dtype), data_(data), length_(length) {}

  std::int64_t length() const { return length_; }
  std::int64_t number() const { return chunks_of(length_); }
  bool one() const { return length_ <= kRowChunk; }
  RowChunk chunk(std::int64_t i) const { return chunk_of(length_, i); }

 protected:
  bool stored() const { return element_size(dtype_) == sizeof(T); }  // as T itself
  std::int64_t place(std::int64_t row, const RowChunk& chunk) const {
    return (row * length_ + chunk.begin) * static_cast<std::int64_t>(element_size(dtype_));
  }
  std::int32_t dtype_;
  const void* data_;
  std::int64_t length_;
  alignas(64) T buffer_[kRowChunk];
};

template <class T>
class RowsIn : public RowChunks<T> {
 public:
  using RowChunks<T>::RowChunks;
  // Its elements; valid until another is read.
  const T* read(std::int64_t row, const RowChunk& chunk) {
    const auto* const from = static_cast<const std::byte*>(this->data_) + this->place(row, chunk);
    if (this->stored()) return reinterpret_cast<const T*>(from);
    if (row != row_ || chunk.begin != begin_) widen(this->dtype_, from, chunk.n, this->buffer_);
    row_ = row;
    begin_ = chunk.begin;
    return this->buffer_;
  }
  double element(std::int64_t row, std::int64_t i) const {
    double value = 0;
    widen(this->dtype_, static_cast<const std::byte*>(this->data_) + this->place(row, {i, 1}), 1, &value);
    return value;
  }

 private:
  std::int64_t row_ = -1, begin_ = -1;
};

template <class T>
class RowsOut : public RowChunks<T> {
 public:
  using RowChunks<T>::RowChunks;
  // Where its elements are to be written, before finish().
  T* start(std::int64_t row, const RowChunk& chunk) {
    return this->stored() ? static_cast<T*>(target(row, chunk)) : this->buffer_;
  }
  void finish(std::int64_t row, const RowChunk& chunk) {
    if (!this->stored()) narrow(this->dtype_, this->buffer_, chunk.n, target(row, chunk));
  }
  // Memory for the exponentials of a row: where the gradient is to be written, if that can be.  Its way into the cache
  // then takes no time of its own.
  T* exponentials(std::int64_t row, T* otherwise) {
    return this->one() && this->stored() ? start(row, this->chunk(0)) : otherwise;
  }
  void fill(std::int64_t row, T value) {
    for (std::int64_t i = 0; i < this->number(); ++i) {
      const RowChunk chunk = this->chunk(i);
      std::fill_n(start(row, chunk), chunk.n, value);
      finish(row, chunk);
    }
  }

 private:
  void* target(std::int64_t row, const RowChunk& chunk) const {
    return static_cast<std::byte*>(const_cast<void*>(this->data_)) + this->place(row, chunk);
  }
};

// The optional weights w of classes, as doubles.
class ClassWeights {
 public:
  ClassWeights(std::int32_t dtype, const Arguments& arguments, std::int64_t classes);
  std::size_t scratch_bytes() const;
  // Writes them to the scratch, 1 where w is absent, and their sum.
  void read(std::byte* scratch);
  bool absent() const { return w_ == nullptr; }
  const double* values() const { return values_; }
  double total() const { return total_; }

 private:
  std::int32_t dtype_;
  std::int64_t classes_;
  const karat_tensor* w_;
  const double* values_ = nullptr;
  double total_ = 0;
};

// label_smoothing, from 0 to 1.
double smoothing_of(const Arguments& arguments);

}  // namespace karat::kernels
