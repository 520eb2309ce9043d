// SPDX-License-Identifier: MIT
// One worker process: started, asked, watched, ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "plugins/host/shared_memory.hpp"
#include "plugins/worker/wire.hpp"

namespace karat::host {

class Process {
 public:
  using Clock = std::chrono::steady_clock;

  // Starts the worker program.  Throws std::system_error.
  Process(const std::filesystem::path& program, const SharedFile& inputs, const SharedFile& outputs);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Sends a message; false if the worker is gone.
  bool send(const wire::Packer& message);

  struct Watch {
    std::chrono::milliseconds time{};  // since the start, or since the last sign of progress
    std::size_t memory_growth = 0;     // private memory beyond the baseline, 0: no limit
    std::size_t shared_bytes = 0;      // shared memory that the call explains
  };
  enum class End {
    message,       // reply() holds the answer to the last request
    died,          // see signal() and exit_code()
    hung,          // killed: no answer in time
    grew,          // killed: see growth()
    lost_control,  // killed: it closed the control channel and lived on
    garbage        // killed: what it sent is no answer
  };
  // Waits for the answer to the last message.  After anything but `message` the process is dead.
  End wait(const Watch& watch);

  bool alive() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  std::span<const std::byte> reply() const { return inbox_.message(); }
  int signal() const { return signal_; }        // that killed it, or 0
  int exit_code() const { return exit_code_; }  // if no signal did
  std::size_t growth() const { return growth_; }
  const wire::StatusPage& status() const { return *status_; }

  // Memory from here on counts as growth.
  void set_baseline();
  // What was printed since the last time, cut at 4 KiB; as it came.
  std::string take_printed();
  void kill();

 private:
  struct Memory {
    std::size_t anonymous = 0, shared = 0;
  };
  Memory memory() const;
  bool grew(const Watch& watch);
  void drain();
  void reap();
  bool wait_for_death(std::chrono::milliseconds time);

  pid_t pid_ = -1;
  int signal_ = 0, exit_code_ = 0;
  UniqueFd control_, printed_pipe_, lifeline_, pid_fd_;
  SharedFile status_file_;
  wire::StatusPage* status_ = nullptr;
  std::uint64_t sequence_ = 0;
  wire::Inbox inbox_;
  Memory baseline_;
  std::size_t growth_ = 0;
  std::string printed_;
  bool printed_more_ = false;
};

}  // namespace karat::host
