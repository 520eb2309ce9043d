// SPDX-License-Identifier: MIT
// karat-worker: loads one plugin and calls into it, on request of the host that started it.
// Not for people: it expects its descriptors (wire.hpp) in place.

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "plugins/worker/calls.hpp"
#include "plugins/worker/faults.hpp"
#include "plugins/worker/loaded_plugin.hpp"
#include "plugins/worker/mapped_call.hpp"
#include "plugins/worker/wire.hpp"

namespace karat::worker {
namespace {

constexpr int kExitNotStarted = 2, kExitLostHost = 70;

// Low numbers are what a plugin closes or overwrites by mistake.
int move_high(int descriptor) {
  for (const int lowest : {900, 200, 20}) {
    const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
    if (moved >= 0) {
      close(descriptor);
      return moved;
    }
  }
  return descriptor;
}

// Dies when the host does: the kernel sends SIGKILL to the process group when the other end
// of the lifeline closes.  PR_SET_PDEATHSIG alone would fire when the *thread* that started
// the worker ends, so it is only the second choice.
void die_with_host(int lifeline) {
  const int flags = fcntl(lifeline, F_GETFL);
  const bool armed = fcntl(lifeline, F_SETOWN, -getpgrp()) == 0 && fcntl(lifeline, F_SETSIG, SIGKILL) == 0 &&
                     fcntl(lifeline, F_SETFL, flags | O_ASYNC | O_NONBLOCK) == 0;
  if (!armed) prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd gone{lifeline, POLLIN, 0};
  if (poll(&gone, 1, 0) > 0 && (gone.revents & POLLHUP) != 0) _exit(kExitLostHost);
}

std::uint64_t data_bytes() {
  // Sixth field of statm: data and stack, in pages.
  unsigned long long field = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %*u %*u %*u %*u %llu", &field) != 1) field = 0;
    std::fclose(file);
  }
  return field * static_cast<unsigned long long>(sysconf(_SC_PAGESIZE));
}

// Makes malloc fail some way beyond the limit; the host watches what is really used.
void limit_memory(std::uint64_t growth) {
  if (wire::kShadowRatio != 0) return;  // the shadow is reserved as data
  const std::uint64_t stacks = std::uint64_t{16} << 20;
  const std::uint64_t most = data_bytes() + growth + stacks * (std::thread::hardware_concurrency() + 4);
  rlimit limit{};
  if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(most, limit.rlim_max);
  setrlimit(RLIMIT_DATA, &limit);
}

class Session {
 public:
  Session(int control, int inputs, int outputs, wire::StatusPage& page)
      : control_(control), inputs_(inputs), outputs_(outputs), page_(page) {}

  void serve() {
    for (;;) {
      const auto state = inbox_.receive(control_, 0);
      if (state == wire::Inbox::State::partial) continue;
      if (state != wire::Inbox::State::complete) leave();
      handle(wire::Unpacker(inbox_.message()));
    }
  }

 private:
  void handle(wire::Unpacker in) {
    switch (in.next<wire::Request>()) {
      case wire::Request::load:
        return load(in);
      case wire::Request::layout:
        return lay_out(in);
      case wire::Request::supports:
        return answer([&] { return ask(*loaded_.rows[row()], *call_, page_); });
      case wire::Request::run:
        return answer([&] {
          Repeats repeats;
          repeats.count = in.next<std::int32_t>();
          repeats.cold = in.next<std::uint8_t>() != 0;
          return run(*loaded_.rows[row()], *call_, repeats, memory_, page_);
        });
      default:
        leave();
    }
  }

  std::size_t row() const { return static_cast<std::size_t>(call_->kernel()); }

  void load(wire::Unpacker& in) {
    const std::string path = in.text();
    memory_ = in.next<std::uint64_t>();
    in.end();
    wire::Packer out;
    try {
      limit_memory(memory_);
      loaded_ = load_plugin(path, page_);
      limit_memory(memory_);
      out.put(wire::Answer::ok);
      pack_plugin(loaded_, out);
    } catch (const Unusable& error) {
      out = wire::Packer();
      out.put(wire::Answer::failed).text(error.what());
    } catch (const std::bad_alloc&) {
      out = wire::Packer();
      out.put(wire::Answer::out_of_memory).text("ran out of memory while loading");
    }
    page_.phase.store(static_cast<std::uint32_t>(wire::Phase::idle));
    reply(out);
  }

  // Answered together with the request that follows it.
  void lay_out(wire::Unpacker& in) {
    call_.reset();
    layout_error_.clear();
    page_.phase.store(static_cast<std::uint32_t>(wire::Phase::mapping));
    try {
      call_ = std::make_unique<MappedCall>(in, arena_, inputs_, outputs_, page_);
      if (row() >= loaded_.rows.size()) leave();
    } catch (const std::exception& error) {
      call_.reset();
      layout_error_ = error.what();
    }
    page_.phase.store(static_cast<std::uint32_t>(wire::Phase::idle));
  }

  template <typename F>
  void answer(F&& work) {
    Result result;
    if (call_ == nullptr) {
      result.answer = wire::Answer::host_error;
      result.detail = layout_error_.empty() ? "no call was laid out" : layout_error_;
    } else {
      result = work();
    }
    wire::Packer out;
    out.put(result.answer)
        .text(result.detail)
        .text(result.fp_change)
        .text(result.process_change)
        .list(std::span<const double>(result.seconds));
    reply(out);
  }

  void reply(const wire::Packer& out) {
    std::fflush(stdout);
    if (!wire::send_message(control_, inbox_.sequence(), out.bytes())) leave();
  }

  // The host is gone, or the plugin closed or garbled the control descriptor.
  [[noreturn]] void leave() {
    page_.phase.store(static_cast<std::uint32_t>(wire::Phase::control_lost));
    _exit(kExitLostHost);
  }

  int control_, inputs_, outputs_;
  wire::StatusPage& page_;
  wire::Inbox inbox_;
  std::size_t memory_ = 0;
  LoadedPlugin loaded_;
  Arena arena_;
  std::unique_ptr<MappedCall> call_;
  std::string layout_error_;
};

int start() {
  void* page =
      mmap(nullptr, sizeof(wire::StatusPage), PROT_READ | PROT_WRITE, MAP_SHARED, wire::kStatusPage, 0);
  if (page == MAP_FAILED || fcntl(wire::kControl, F_GETFD) < 0) {
    std::fputs("karat-worker: started by hand; karat starts it by itself and hands it its descriptors\n",
               stderr);
    return kExitNotStarted;
  }
  close(wire::kStatusPage);
  auto& status = *static_cast<wire::StatusPage*>(page);
  const int control = move_high(wire::kControl), inputs = move_high(wire::kInputs);
  const int outputs = move_high(wire::kOutputs);
  die_with_host(move_high(wire::kLifeline));
  // No core files.  1 and not 0: the kernel would still pipe a core to a handler with 0.
  rlimit no_core{1, 1};
  setrlimit(RLIMIT_CORE, &no_core);
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  watch_faults(&status);
  Session(control, inputs, outputs, status).serve();
  return 0;
}

}  // namespace
}  // namespace karat::worker

int main() {
  try {
    return karat::worker::start();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "karat-worker: %s\n", error.what());
    return 70;
  }
}
