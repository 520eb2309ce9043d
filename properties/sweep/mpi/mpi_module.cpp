// SPDX-License-Identifier: MIT
#include "properties/sweep/mpi/mpi_module.h"

#include <mpi.h>

#include <cstdint>
#include <vector>

namespace {

MPI_Win window = MPI_WIN_NULL;
std::uint64_t* counter = nullptr;  // of rank 0
karat_mpi self{};

void barrier() { MPI_Barrier(MPI_COMM_WORLD); }

std::uint64_t next() {
  const std::uint64_t one = 1;
  std::uint64_t n = 0;
  MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, window);
  MPI_Fetch_and_op(&one, &n, MPI_UINT64_T, 0, 0, MPI_SUM, window);
  MPI_Win_unlock(0, window);
  return n;
}

void reset() {
  barrier();
  if (self.rank == 0) {
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, window);
    *counter = 0;
    MPI_Win_unlock(0, window);
  }
  barrier();
}

const char* const* gather(const char* bytes, std::size_t size, const std::size_t** sizes) {
  static std::vector<std::vector<char>> all;
  static std::vector<const char*> pointers;
  static std::vector<std::size_t> lengths;
  // Texts may be longer than one message of int bytes: they go in pieces.
  constexpr std::size_t piece = std::size_t{1} << 28;
  std::uint64_t mine = size;
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(self.size));
  MPI_Gather(&mine, 1, MPI_UINT64_T, counts.data(), 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (self.rank != 0) {
    for (std::size_t at = 0; at < size; at += piece) MPI_Send(bytes + at, static_cast<int>(size - at < piece ? size - at : piece), MPI_CHAR, 0, 7, MPI_COMM_WORLD);
    return nullptr;
  }
  all.assign(static_cast<std::size_t>(self.size), {});
  pointers.clear();
  lengths.clear();
  for (int rank = 0; rank < self.size; ++rank) {
    auto& text = all[static_cast<std::size_t>(rank)];
    if (rank == 0) {
      text.assign(bytes, bytes + size);
    } else {
      text.resize(counts[static_cast<std::size_t>(rank)]);
      for (std::size_t at = 0; at < text.size(); at += piece)
        MPI_Recv(text.data() + at, static_cast<int>(text.size() - at < piece ? text.size() - at : piece), MPI_CHAR, rank, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    pointers.push_back(text.data());
    lengths.push_back(text.size());
  }
  *sizes = lengths.data();
  return pointers.data();
}

void finish() {
  MPI_Win_free(&window);
  MPI_Finalize();
}

void stop(std::int32_t code) { MPI_Abort(MPI_COMM_WORLD, code); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const karat_mpi* karat_mpi_start() {
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_SERIALIZED) return nullptr;
  MPI_Comm_rank(MPI_COMM_WORLD, &self.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &self.size);
  const MPI_Aint bytes = self.rank == 0 ? static_cast<MPI_Aint>(sizeof(std::uint64_t)) : 0;
  MPI_Win_allocate(bytes, sizeof(std::uint64_t), MPI_INFO_NULL, MPI_COMM_WORLD, &counter, &window);
  if (self.rank == 0) *counter = 0;
  self.barrier = barrier;
  self.next = next;
  self.reset = reset;
  self.gather = gather;
  self.finish = finish;
  self.abort = stop;
  barrier();
  return &self;
}
