// SPDX-License-Identifier: MIT
#include "plugins/host/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <random>
#include <system_error>

namespace karat::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstSample{5}, kSampleEvery{10};
constexpr milliseconds kDeathTakes{2000};
constexpr std::size_t kMostPrinted = 4096;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

struct Pair {
  UniqueFd ours, theirs;
};

Pair make_control() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail(errno, "socketpair");
  UniqueFd first(ends[0]), second(ends[1]);
  Pair pair{above_fixed(std::move(first)), above_fixed(std::move(second))};
  // A worker that no longer reads must not stop the host.
  const timeval patience{10, 0};
  setsockopt(pair.ours.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return pair;
}

// `ours` is the end to read from, or the one to write to.
Pair make_pipe(bool we_read) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(errno, "pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  if (!we_read) std::swap(read_end, write_end);
  return {above_fixed(std::move(read_end)), above_fixed(std::move(write_end))};
}

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // A group of its own: Ctrl-C is the host's to handle, and children that a plugin starts end with it.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                             POSIX_SPAWN_SETPGROUP));
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  void hand_over(const UniqueFd& from, int to) { hand_over(from.get(), to); }
  void hand_over(int from, int to) { posix_spawn_file_actions_adddup2(&actions, from, to); }
};

}  // namespace

Process::Process(const std::filesystem::path& program, const SharedFile& inputs, const SharedFile& outputs)
    : status_file_("karat-status", false) {
  status_ = new (status_file_.begin()) wire::StatusPage{};
  // So that an answer to another worker's question is never taken for one to ours.
  sequence_ = std::uint64_t{std::random_device{}()} << 32;

  Pair control = make_control();
  Pair printed = make_pipe(true);
  Pair lifeline = make_pipe(false);
  fcntl(printed.ours.get(), F_SETFL, O_NONBLOCK);

  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  settings.hand_over(printed.theirs, 1);
  settings.hand_over(printed.theirs, 2);
  settings.hand_over(control.theirs, wire::kControl);
  settings.hand_over(inputs.descriptor(), wire::kInputs);
  settings.hand_over(outputs.descriptor(), wire::kOutputs);
  settings.hand_over(status_file_.descriptor(), wire::kStatusPage);
  settings.hand_over(lifeline.theirs, wire::kLifeline);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, wire::kFirstUnused);

  char name[] = "karat-worker";
  char* const arguments[] = {name, nullptr};
  // Threads of an OpenMP library that spin while they wait slow down everything beside them: on
  // two busy cores one kernel took ten minutes so.  Whoever sets the variable decides.
  setenv("OMP_WAIT_POLICY", "passive", 0);
  if (const int error =
          posix_spawn(&pid_, program.c_str(), &settings.actions, &settings.attributes, arguments, environ);
      error != 0) {
    pid_ = -1;
    fail(error, "cannot start " + program.string());
  }
  control_ = std::move(control.ours);
  printed_pipe_ = std::move(printed.ours);
  lifeline_ = std::move(lifeline.ours);
  // Without it (kernels before 5.3) a death shows by the end of the control channel.
  pid_fd_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
}

Process::~Process() { kill(); }

bool Process::send(const wire::Packer& message) {
  return alive() && wire::send_message(control_.get(), ++sequence_, message.bytes());
}

Process::End Process::wait(const Watch& watch) {
  auto last_progress = Clock::now();
  auto next_sample = last_progress + kFirstSample;
  std::uint64_t progress = status_->progress.load(std::memory_order_relaxed);
  for (;;) {
    const auto now = Clock::now();
    if (const auto seen = status_->progress.load(std::memory_order_relaxed); seen != progress) {
      progress = seen;
      last_progress = now;
    }
    if (now - last_progress >= watch.time) {
      kill();
      return End::hung;
    }
    if (now >= next_sample) {
      if (grew(watch)) {
        kill();
        return End::grew;
      }
      next_sample = now + kSampleEvery;
    }

    const auto until = std::min(next_sample, last_progress + watch.time);
    const auto left = std::chrono::ceil<milliseconds>(until - now).count();
    pollfd polled[3] = {
        {control_.get(), POLLIN, 0}, {printed_pipe_.get(), POLLIN, 0}, {pid_fd_.get(), POLLIN, 0}};
    poll(polled, 3, static_cast<int>(std::max<long long>(left, 0)));

    if (polled[1].revents != 0) drain();
    if (polled[0].revents != 0) {
      const auto state = inbox_.receive(control_.get(), MSG_DONTWAIT);
      if (state == wire::Inbox::State::complete && inbox_.sequence() == sequence_) {
        drain();
        return End::message;
      }
      if (state == wire::Inbox::State::complete || state == wire::Inbox::State::garbage) {
        kill();
        return End::garbage;
      }
      if (state == wire::Inbox::State::closed) {
        if (wait_for_death(std::min(kDeathTakes, watch.time))) return End::died;
        kill();
        return End::lost_control;
      }
    } else if (polled[2].revents != 0) {
      reap();
      return End::died;
    }
  }
}

bool Process::wait_for_death(milliseconds time) {
  const auto deadline = Clock::now() + time;
  for (;;) {
    drain();
    siginfo_t info{};
    const int result = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (result != 0 || info.si_pid == pid_) {
      reap();
      return true;
    }
    if (Clock::now() >= deadline) return false;
    pollfd polled{pid_fd_.get(), POLLIN, 0};
    poll(&polled, 1, 5);
  }
}

// The process is dead or dying.
void Process::reap() {
  if (!alive()) return;
  // While it is a zombie its group's number cannot be reused: whatever it started ends here.
  ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  int result;
  do {
    result = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  pid_ = -1;
  if (result == 0) {
    (info.si_code == CLD_EXITED ? exit_code_ : signal_) = info.si_status;
  }
  drain();
  control_.reset();
  printed_pipe_.reset();
  lifeline_.reset();
  pid_fd_.reset();
}

void Process::kill() {
  if (!alive()) return;
  ::kill(pid_, SIGKILL);
  reap();
}

Process::Memory Process::memory() const {
  Memory memory;
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/statm", static_cast<int>(pid_));
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
  char text[128];
  const ssize_t got = file ? read(file.get(), text, sizeof text - 1) : 0;
  if (got <= 0) return memory;
  text[got] = '\0';
  unsigned long long resident = 0, shared = 0;
  if (std::sscanf(text, "%*u %llu %llu", &resident, &shared) == 2 && resident >= shared) {
    memory.anonymous = static_cast<std::size_t>(resident - shared) * page_size();
    memory.shared = static_cast<std::size_t>(shared) * page_size();
  }
  return memory;
}

void Process::set_baseline() { baseline_ = memory(); }

bool Process::grew(const Watch& watch) {
  if (watch.memory_growth == 0) return false;
  const Memory now = memory();
  const auto beyond = [](std::size_t value, std::size_t base) { return value > base ? value - base : 0; };
  // Shared: memory that the plugin shares with itself, file pages that it reads.
  growth_ = beyond(now.anonymous, baseline_.anonymous) +
            beyond(beyond(now.shared, baseline_.shared), watch.shared_bytes);
  return growth_ > watch.memory_growth;
}

void Process::drain() {
  // At most as much as a pipe holds: a plugin that never stops printing must not keep us here.
  for (int i = 0; i < 16 && printed_pipe_; ++i) {
    char buffer[4096];
    const ssize_t got = read(printed_pipe_.get(), buffer, sizeof buffer);
    if (got < 0) return;
    if (got == 0) {
      printed_pipe_.reset();
      return;
    }
    const auto room = kMostPrinted - std::min(kMostPrinted, printed_.size());
    printed_.append(buffer, std::min(static_cast<std::size_t>(got), room));
    printed_more_ |= static_cast<std::size_t>(got) > room;
  }
}

std::string Process::take_printed() {
  std::string text = std::exchange(printed_, {});
  if (std::exchange(printed_more_, false)) text += "…";
  return text;
}

}  // namespace karat::host
