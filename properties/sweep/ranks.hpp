// SPDX-License-Identifier: MIT
// Several processes of one sweep, under mpirun: who they are, chunks dealt out among them, results put together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "properties/sweep/sweep.hpp"

struct karat_mpi;

namespace karat::properties {

class Ranks {
 public:
  // Under mpirun the module is loaded and MPI started; otherwise this is the only process.  Throws SweepError if MPI cannot be started.
  explicit Ranks(const std::filesystem::path& module);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  static bool launched();  // this process is one of mpirun's
  int rank() const;
  int size() const;
  bool first() const { return rank() == 0; }

  // Deals out chunks among all; begins anew.  All ranks call it together.
  std::unique_ptr<Dealer> dealer();
  void wait();
  // The whole run on the first rank, this rank's on the others.  All ranks call it together.
  SweepRun together(SweepRun mine);
  // Ends all ranks at once, as an error that one of them alone has.
  void abort(int code);

 private:
  void* library_ = nullptr;
  const karat_mpi* mpi_ = nullptr;
};

// Where the module is: beside the running program, then where `cmake --install` puts it.
std::filesystem::path mpi_module();

}  // namespace karat::properties
