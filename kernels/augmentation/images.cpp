// SPDX-License-Identifier: MIT
#include "kernels/augmentation/images.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/blocks.hpp"

namespace karat::kernels {
namespace {

ImageTensors same_batch(const Images& from, const Images& to) {
  require(from.samples == to.samples && from.channels == to.channels, "the tensors differ in samples or channels");
  return {from, to};
}

template <class Word>
void fill_as(std::byte* to, std::int64_t n, const void* fill) {
  Word word;
  std::memcpy(&word, fill, sizeof word);
  std::fill_n(reinterpret_cast<Word*>(to), n, word);
}

void fill_elements(std::byte* to, std::int64_t n, std::size_t size, const void* fill) {
  size == 8 ? fill_as<std::uint64_t>(to, n, fill) : size == 4 ? fill_as<std::uint32_t>(to, n, fill) : fill_as<std::uint16_t>(to, n, fill);
}

}  // namespace

Images images_of(const karat_tensor& tensor) {
  require(tensor.rank == 4, "a tensor is not of rank 4");
  require(is_dense(tensor), "a tensor is not dense");
  return {tensor.shape[0], tensor.shape[1], tensor.shape[2], tensor.shape[3], static_cast<std::byte*>(tensor.data)};
}

ImageTensors forward_images(std::int32_t dtype, const Arguments& arguments) {
  return same_batch(images_of(arguments.tensor("x", KARAT_INPUT, dtype)), images_of(arguments.tensor("y", KARAT_OUTPUT, dtype)));
}

ImageTensors backward_images(std::int32_t dtype, const Arguments& arguments) {
  const karat_tensor& dx = arguments.tensor("dx", KARAT_OUTPUT, dtype);
  require(shape_of(dx) == shape_of(arguments.tensor("x", KARAT_INPUT, dtype)), "dx and x differ in shape");
  return same_batch(images_of(arguments.tensor("dy", KARAT_INPUT, dtype)), images_of(dx));
}

std::int64_t rows_of_a_part(std::int64_t bytes_of_a_row) { return std::max<std::int64_t>(1, 256 * 1024 / std::max<std::int64_t>(1, bytes_of_a_row)); }

void shift_images(const ImageTensors& images, std::int64_t top, std::int64_t left, std::size_t size, const void* fill, int threads) {
  const Images &from = images.from, &to = images.to;
  if (to.width == 0) return;
  const auto bytes = static_cast<std::int64_t>(size);
  // Rows [first_row, last_row) and columns [first, last) of `to` lie inside of `from`.
  const std::int64_t first_row = std::clamp<std::int64_t>(-top, 0, to.height), last_row = std::clamp(from.height - top, first_row, to.height);
  const std::int64_t first = std::clamp<std::int64_t>(-left, 0, to.width), last = std::clamp(from.width - left, first, to.width);
  for_each_part(to.planes() * to.height, rows_of_a_part(2 * bytes * to.width), threads, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t plane = begin / to.height, h = begin % to.height;
    for (std::int64_t r = begin; r < end; ++r) {
      std::byte* const row = to.data + r * to.width * bytes;
      if (h < first_row || h >= last_row) {
        fill_elements(row, to.width, size, fill);
      } else {
        fill_elements(row, first, size, fill);
        const std::int64_t source = (plane * from.height + h + top) * from.width + left + first;
        if (last > first) std::memcpy(row + first * bytes, from.data + source * bytes, static_cast<std::size_t>((last - first) * bytes));
        fill_elements(row + last * bytes, to.width - last, size, fill);
      }
      if (++h == to.height) h = 0, ++plane;
    }
  });
}

}  // namespace karat::kernels
