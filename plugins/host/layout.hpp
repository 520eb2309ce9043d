// SPDX-License-Identifier: MIT
// Where the tensors of a call lie in shared memory, and what the host fills and checks there.
//
//   guard page │ slack … data (elements and, if strided, gaps) … slack │ guard page
//
// The guard pages exist in the worker only.  Slack and gaps are filled before a call: around
// inputs with bytes that are NaN in every format, around outputs with the call's poison,
// which nobody may change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "plugins/host/shared_memory.hpp"

namespace karat::wire {
class Packer;
}

namespace karat::host {

std::size_t element_size(std::int32_t dtype);  // 0 if there is no such dtype

struct Range {
  std::size_t offset = 0, bytes = 0;
};

struct Region {
  bool writable = false;        // lies in the output file
  int shares = -1;              // index of the tensor whose storage this one is
  std::size_t file_offset = 0;  // of the pages
  std::size_t bytes = 0;        // of the pages
  std::size_t data_offset = 0;  // of the data in the pages
  std::size_t data_bytes = 0;   // first to last element
  std::size_t element_bytes = 0;
  std::vector<Range> gaps;  // between strided elements, relative to the data
};

class Layout {
 public:
  // Throws std::invalid_argument if the call contradicts itself, std::system_error without memory.
  Layout(const CallSpec& call, const KernelRow& row, SharedFile& inputs, SharedFile& outputs);

  const CallSpec& call() const { return call_; }
  const std::vector<Region>& regions() const { return regions_; }
  std::size_t total_bytes() const { return total_bytes_; }
  // What the caller fills and reads.  An input whose storage an output shares is kept apart,
  // and copied there before each call.
  std::vector<std::span<std::byte>> spans();
  void pack(wire::Packer& out) const;

  void before_call(std::uint64_t poison);
  // To be called after each before_call: findings in the outcome, in-out storage remembered.
  void after_call(Outcome& outcome);

 private:
  struct InOut {
    std::size_t tensor;
    std::vector<std::byte> before;
    std::uint64_t hash_after = 0;
    bool ran = false;
  };
  std::byte* pages(const Region& region) const;
  std::byte* data(const Region& region) const { return pages(region) + region.data_offset; }
  void place(std::size_t index, const KernelRow& row, std::size_t& in_bytes, std::size_t& out_bytes);
  void fill_around(const Region& region, std::uint64_t pattern) const;
  std::string changed_around(const Region& region, const std::string& name) const;

  CallSpec call_;
  SharedFile& inputs_;
  SharedFile& outputs_;
  std::vector<Region> regions_;
  std::size_t total_bytes_ = 0;
  std::vector<std::vector<std::byte>> apart_;  // by tensor: an in-place input's own bytes
  std::vector<bool> shared_;                   // by tensor: an output shares its storage
  std::vector<InOut> in_outs_;
  std::vector<std::uint64_t> hashes_;  // by tensor, of read-only inputs
  std::uint64_t poison_ = 0;           // of the last call, widened to 64 bits
};

// Fills `bytes` from `begin` with the 8-byte pattern, as if it were repeated from `origin`.
void fill_pattern(std::byte* begin, std::size_t bytes, const std::byte* origin, std::uint64_t pattern);
// How many bytes differ from that pattern; *first is the offset of the first one.
std::size_t count_changed(const std::byte* begin, std::size_t bytes, const std::byte* origin,
                          std::uint64_t pattern, std::size_t* first);
std::uint64_t hash_bytes(const std::byte* begin, std::size_t bytes);
// A bit pattern of `element_bytes` repeated to 8 bytes.
std::uint64_t widen(std::uint64_t pattern, std::size_t element_bytes);

}  // namespace karat::host
