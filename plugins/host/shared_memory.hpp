// SPDX-License-Identifier: MIT
// Descriptors that close themselves, and memory that host and worker share.
#pragma once

#include <cstddef>
#include <utility>

namespace karat::host {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int descriptor) : descriptor_(descriptor) {}
  UniqueFd(UniqueFd&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  void reset();

 private:
  int descriptor_ = -1;
};

// Closed on exec, and numbered above what a child's fixed descriptors use.  Throws std::system_error.
UniqueFd above_fixed(UniqueFd descriptor);

// An anonymous file, mapped read-write here.  It only grows; nobody can shrink it, so that
// what is mapped stays there whatever a plugin does with the descriptor.
class SharedFile {
 public:
  // `read_only_elsewhere`: nobody but this mapping can write to it, the descriptor's holders included.
  SharedFile(const char* name, bool read_only_elsewhere);
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  // At least `bytes` of memory; may move begin().  Throws std::system_error.
  void grow(std::size_t bytes);
  std::byte* begin() const { return begin_; }
  std::size_t size() const { return size_; }
  // To hand to the worker; opened read-only if the file is.
  int descriptor() const { return read_only_ ? read_only_.get() : file_.get(); }

 private:
  UniqueFd file_, read_only_;
  std::byte* begin_ = nullptr;
  std::size_t size_ = 0;
};

std::size_t page_size();

}  // namespace karat::host
