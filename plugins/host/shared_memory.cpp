// SPDX-License-Identifier: MIT
#include "plugins/host/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace karat::host {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

void UniqueFd::reset() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

UniqueFd above_fixed(UniqueFd descriptor) {
  constexpr int lowest = 32;
  UniqueFd moved(fcntl(descriptor.get(), F_DUPFD_CLOEXEC, lowest));
  if (!moved) fail("cannot duplicate a descriptor (is `ulimit -n` too low?)");
  return moved;
}

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

SharedFile::SharedFile(const char* name, bool read_only_elsewhere) {
  UniqueFd created(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!created) fail("cannot create shared memory (memfd_create)");
  file_ = above_fixed(std::move(created));
  grow(page_size());
  if (read_only_elsewhere) {
    const std::string link = "/proc/self/fd/" + std::to_string(file_.get());
    UniqueFd reopened(open(link.c_str(), O_RDONLY | O_CLOEXEC));
    if (!reopened) fail("cannot reopen shared memory read-only through " + link);
    read_only_ = above_fixed(std::move(reopened));
    // Otherwise the worker could reopen its descriptor for writing, as was just done here the
    // other way round.  Kernels before 5.1 lack it; there, the hash of the inputs remains.
    fcntl(file_.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
  }
  if (fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) != 0) fail("cannot seal shared memory");
}

SharedFile::~SharedFile() {
  if (begin_ != nullptr) munmap(begin_, size_);
}

void SharedFile::grow(std::size_t bytes) {
  if (bytes <= size_) return;
  // By half as much again, so that slowly growing calls do not remap each time.
  constexpr std::size_t most_spare = std::size_t{64} << 20;
  const std::size_t page = page_size();
  if (bytes > SIZE_MAX / 4) throw std::system_error(ENOMEM, std::generic_category(), "shared memory");
  const std::size_t wanted = std::max(bytes, size_ + std::min(size_ / 2, most_spare));
  const std::size_t rounded = (wanted + page - 1) / page * page;
  const std::string what = "cannot get " + std::to_string(rounded) + " bytes of shared memory for tensors";
  // Allocated, not only made longer: a page that is missing later would be a SIGBUS here.
  int result;
  do {
    result = fallocate(file_.get(), 0, 0, static_cast<off_t>(rounded));
  } while (result != 0 && errno == EINTR);
  if (result != 0) fail(what);
  void* mapped = begin_ == nullptr
                     ? mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0)
                     : mremap(begin_, size_, rounded, MREMAP_MAYMOVE);
  if (mapped == MAP_FAILED) fail(what);
  begin_ = static_cast<std::byte*>(mapped);
  size_ = rounded;
}

}  // namespace karat::host
