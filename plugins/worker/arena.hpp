// SPDX-License-Identifier: MIT
// Address space for the tensors of a call: every stretch lies between unmapped ones.
//
// It is reserved once and used round and round.  So each call finds its tensors at other
// addresses than the last one (a pointer that a kernel kept faults), and the page tables stay:
// under virtualisation, making and freeing them costs more than all the rest of a small call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace karat::worker {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Maps `bytes`, a multiple of the page size, of a shared file.  Throws std::system_error.
  std::byte* map_file(int file, std::uint64_t offset, std::size_t bytes, bool writable);
  // The same with private memory, zeroed.
  std::byte* map_private(std::size_t bytes);
  // Unmaps everything.
  void clear();

 private:
  struct Block {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
    std::size_t next = 0;  // the first byte not yet taken in this round
  };
  struct Stretch {
    std::byte* begin;
    std::size_t bytes;
  };
  std::byte* take(std::size_t bytes);
  std::byte* map(std::size_t bytes, int protection, int flags, int file, std::uint64_t offset);

  std::vector<Block> blocks_;
  std::vector<Stretch> mapped_;
};

}  // namespace karat::worker
