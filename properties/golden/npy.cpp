// SPDX-License-Identifier: MIT
#include "properties/golden/npy.hpp"

#include <bit>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace karat::properties {
namespace {

namespace fs = std::filesystem;
static_assert(std::endian::native == std::endian::little, "files are read and written as they lie in memory");

constexpr std::size_t most_bytes = std::size_t{1} << 31;
constexpr std::string_view magic("\x93NUMPY", 6);

[[noreturn]] void refuse(const fs::path& file, const std::string& what) { throw FileError(file.string() + ": " + what); }

std::size_t bytes_of(const std::string& dtype) {
  if (dtype == "i64") return 8;
  const Format* f = find_format(dtype);
  if (!f) throw FileError("dtype '" + dtype + "': expected f64, f32, f16, bf16 or i64");
  return static_cast<std::size_t>(f->bytes());
}

// The value of 'key' in the header's dictionary, as it stands there.
std::string entry(const fs::path& file, const std::string& header, const std::string& key) {
  const std::size_t at = header.find("'" + key + "'");
  if (at == std::string::npos) refuse(file, "the header has no '" + key + "'; it is no .npy file that NumPy wrote");
  std::size_t begin = header.find(':', at);
  if (begin == std::string::npos) refuse(file, "the header ends after '" + key + "'");
  begin = header.find_first_not_of(' ', begin + 1);
  if (begin == std::string::npos) refuse(file, "the header ends after '" + key + "'");
  const char open = header[begin];
  const std::size_t end = open == '(' ? header.find(')', begin) : open == '\'' ? header.find('\'', begin + 1) : header.find_first_of(",}", begin);
  if (end == std::string::npos) refuse(file, "the header's '" + key + "' does not end");
  return header.substr(begin, end - begin + (open == '(' || open == '\'' ? 1 : 0));
}

Shape shape_of(const fs::path& file, const std::string& text) {
  Shape shape;
  std::size_t total = 1;
  for (std::size_t i = 1; i + 1 < text.size();) {
    if (text[i] == ' ' || text[i] == ',') {
      ++i;
      continue;
    }
    std::int64_t extent = -1;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), extent);
    if (error != std::errc() || extent < 0) refuse(file, "shape " + text + ": expected extents ≥ 0");
    if (extent > 0 && total > most_bytes / static_cast<std::size_t>(extent)) refuse(file, "shape " + text + " is larger than 2 GiB");
    if (extent > 0) total *= static_cast<std::size_t>(extent);
    shape.push_back(extent);
    if (shape.size() > 16) refuse(file, "shape " + text + ": expected at most 16 dimensions");
    i = static_cast<std::size_t>(end - text.data());
  }
  return shape;
}

}  // namespace

std::string npy_descriptor(const std::string& dtype) {
  static const std::map<std::string, std::string> all{{"f64", "<f8"}, {"f32", "<f4"}, {"f16", "<f2"}, {"bf16", "<u2"}, {"i64", "<i8"}};
  const auto found = all.find(dtype);
  if (found == all.end()) throw FileError("dtype '" + dtype + "': expected f64, f32, f16, bf16 or i64");
  return found->second;
}

std::string read_text(const fs::path& file, std::size_t most) {
  std::error_code error;
  if (!fs::exists(file, error)) refuse(file, "there is no such file");
  if (!fs::is_regular_file(file, error)) refuse(file, "is no regular file");
  if (const auto size = fs::file_size(file, error); error || size > most) refuse(file, "is larger than " + std::to_string(most) + " bytes");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  if (!in) refuse(file, "cannot be read");
  return all.str();
}

Tensor<Bits> read_npy(const fs::path& file, const std::string& dtype) {
  const std::string bytes = read_text(file, most_bytes);
  if (bytes.size() < 10 || !bytes.starts_with(magic)) refuse(file, "expected a .npy file, which begins with \\x93NUMPY");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t major = byte(6);
  if (major < 1 || major > 3) refuse(file, "format version " + std::to_string(major) + ": expected 1, 2 or 3");
  const std::size_t start = major == 1 ? 10 : 12;
  if (bytes.size() < start) refuse(file, "is cut off in its header");
  const std::size_t length = major == 1 ? byte(8) + 256 * byte(9) : byte(8) + 256 * (byte(9) + 256 * (byte(10) + 256 * byte(11)));
  if (length > bytes.size() - start) refuse(file, "is cut off in its header");
  const std::string header = bytes.substr(start, length);

  const std::string got = entry(file, header, "descr"), expected = "'" + npy_descriptor(dtype) + "'";
  if (got.size() > 1 && got[1] == '>') refuse(file, "dtype " + got + " is big-endian: expected " + expected + "; write it as array.astype('" + npy_descriptor(dtype) + "')");
  const bool raw_bf16 = dtype == "bf16" && (got == "'<V2'" || got == "'|V2'");
  if (got != expected && !raw_bf16) refuse(file, "dtype " + got + ": expected " + expected + " for " + dtype);
  const std::string order = entry(file, header, "fortran_order");
  if (!order.starts_with("False")) refuse(file, "is in Fortran order: expected C order; write it as numpy.ascontiguousarray(array)");
  Tensor<Bits> tensor;
  tensor.shape = shape_of(file, entry(file, header, "shape"));
  const std::size_t size = bytes_of(dtype), count = static_cast<std::size_t>(element_count(tensor.shape));
  const std::size_t have = bytes.size() - start - length;
  if (have != count * size)
    refuse(file, std::string(have < count * size ? "is truncated" : "is too long") + ": shape " + karat::to_text(tensor.shape) + " of " + dtype + " asks for " +
                     std::to_string(count * size) + " bytes, got " + std::to_string(have));
  tensor.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Bits b = 0;
    for (std::size_t k = 0; k < size; ++k) b |= static_cast<Bits>(byte(start + length + i * size + k)) << (8 * k);
    tensor.values[i] = b;
  }
  return tensor;
}

void write_text(const fs::path& file, const std::string& text) {
  const fs::path partial = file.string() + ".part";
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.flush();
    if (!out) {
      std::error_code ignored;
      fs::remove(partial, ignored);
      refuse(file, "cannot be written");
    }
  }
  std::error_code error;
  fs::rename(partial, file, error);
  if (error) {
    fs::remove(partial, error);
    refuse(file, "cannot be written");
  }
}

void write_npy(const fs::path& file, const std::string& dtype, const Tensor<Bits>& tensor) {
  std::string shape;
  for (const std::int64_t extent : tensor.shape) shape += std::to_string(extent) + ", ";
  if (tensor.shape.size() > 1) shape.resize(shape.size() - 2);
  if (tensor.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string header = "{'descr': '" + npy_descriptor(dtype) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(magic);
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() % 256);
  bytes += static_cast<char>(header.size() / 256);
  bytes += header;
  const std::size_t size = bytes_of(dtype);
  for (const Bits b : tensor.values)
    for (std::size_t k = 0; k < size; ++k) bytes += static_cast<char>(static_cast<unsigned char>(b >> (8 * k)));
  write_text(file, bytes);
}

}  // namespace karat::properties
