// SPDX-License-Identifier: MIT
// NumPy's .npy files: one array, C order, little-endian.  bf16, which NumPy lacks, is stored as
// its bits in '<u2'.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include "reference/numbers/format.hpp"
#include "reference/tensor.hpp"

namespace karat::properties {

// What is wrong with a file, where, and what was expected.
struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "f64", "f32", "f16", "bf16", or "i64" for index tensors: how `case.json` names it and .npy stores it.
std::string npy_descriptor(const std::string& dtype);  // "<f8"

// Throws FileError: missing, truncated, too long, another dtype, Fortran order, big-endian, …
Tensor<Bits> read_npy(const std::filesystem::path& file, const std::string& dtype);
// The whole file appears at once, or not at all.  Throws FileError.
void write_npy(const std::filesystem::path& file, const std::string& dtype, const Tensor<Bits>& tensor);
void write_text(const std::filesystem::path& file, const std::string& text);
std::string read_text(const std::filesystem::path& file, std::size_t most);

}  // namespace karat::properties
