// SPDX-License-Identifier: MIT
#include "plugins/worker/arena.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "plugins/worker/wire.hpp"

namespace karat::worker {
namespace {

constexpr std::size_t kLeastBlock = std::size_t{256} << 20;
constexpr int kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

[[noreturn]] void fail(int error, const char* what, std::size_t bytes) {
  throw std::system_error(error, std::generic_category(),
                          std::string(what) + " " + std::to_string(bytes) + " bytes");
}

}  // namespace

Arena::~Arena() {
  for (const Block& block : blocks_) munmap(block.begin, block.bytes);
}

std::byte* Arena::take(std::size_t bytes) {
  if (bytes > SIZE_MAX / 8) fail(ENOMEM, "cannot reserve", bytes);
  const std::size_t whole = bytes + 2 * wire::kGuardBytes;
  if (blocks_.empty() || blocks_.back().bytes - blocks_.back().next < whole) {
    const std::size_t size = std::max(kLeastBlock, 4 * whole);
    void* reserved = mmap(nullptr, size, PROT_NONE, kReserve, -1, 0);
    if (reserved == MAP_FAILED) fail(errno, "cannot reserve", size);
    blocks_.push_back({static_cast<std::byte*>(reserved), size, 0});
  }
  Block& block = blocks_.back();
  std::byte* begin = block.begin + block.next + wire::kGuardBytes;
  block.next += whole;
  return begin;
}

std::byte* Arena::map(std::size_t bytes, int protection, int flags, int file, std::uint64_t offset) {
  std::byte* begin = take(bytes);
  if (mmap(begin, bytes, protection, flags | MAP_FIXED, file, static_cast<off_t>(offset)) == MAP_FAILED)
    fail(errno, "cannot map", bytes);
  mapped_.push_back({begin, bytes});
  return begin;
}

std::byte* Arena::map_file(int file, std::uint64_t offset, std::size_t bytes, bool writable) {
  // Populated now: otherwise the first timed repetition pays for the page faults.
  return map(bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_POPULATE, file, offset);
}

std::byte* Arena::map_private(std::size_t bytes) {
  return map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void Arena::clear() {
  // One by one: taking back the guards as well would free the page tables between them.
  for (const Stretch& stretch : mapped_)
    if (mmap(stretch.begin, stretch.bytes, PROT_NONE, kReserve | MAP_FIXED, -1, 0) == MAP_FAILED)
      fail(errno, "cannot take back", stretch.bytes);
  mapped_.clear();
  while (blocks_.size() > 1) {  // the last one is the largest that was needed
    munmap(blocks_.front().begin, blocks_.front().bytes);
    blocks_.erase(blocks_.begin());
  }
  if (!blocks_.empty() && blocks_.back().next > blocks_.back().bytes / 2) blocks_.back().next = 0;
}

}  // namespace karat::worker
