// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "plugins/host/explain.hpp"
#include "plugins/host/file_check.hpp"
#include "plugins/host/host.hpp"
#include "plugins/host/layout.hpp"
#include "plugins/host/process.hpp"
#include "plugins/host/shared_memory.hpp"
#include "plugins/host/text.hpp"
#include "plugins/karat_plugin.h"
#include "plugins/worker/wire.hpp"

namespace karat::host {
namespace {

using Status = Outcome::Status;

constexpr std::size_t kNameBytes = 256, kTextBytes = 2048, kPrintedBytes = 4096;

// What an answer says besides its status.
struct Answer {
  wire::Answer code = wire::Answer::ok;
  std::vector<double> seconds;
};

Status status_of(wire::Answer code) {
  switch (code) {
    case wire::Answer::ok:
      return Status::ok;
    case wire::Answer::declined:
      return Status::declined;
    case wire::Answer::failed:
      return Status::failed;
    case wire::Answer::out_of_memory:
      return Status::out_of_memory;
    case wire::Answer::host_error:
      return Status::host_error;
  }
  throw wire::Malformed("no such answer");
}

// Reads the answer to supports or run.  Throws wire::Malformed.
Answer read_answer(std::span<const std::byte> bytes, Outcome& outcome) {
  wire::Unpacker in(bytes);
  Answer answer;
  answer.code = in.next<wire::Answer>();
  Outcome read;
  read.status = status_of(answer.code);
  read.detail = printable(in.text(), kTextBytes);
  read.fp_env_changed = printable(in.text(), kNameBytes);
  read.process_changed = printable(in.text(), kTextBytes);
  answer.seconds = in.list<double>();
  in.end();
  for (const double seconds : answer.seconds)
    if (!(std::isfinite(seconds) && seconds >= 0)) throw wire::Malformed("a time that is no time");
  outcome = std::move(read);
  if (!answer.seconds.empty()) outcome.seconds = answer.seconds.back();
  return answer;
}

// Reads the worker's answer to load.  Throws wire::Malformed, LoadError.
PluginInfo read_info(std::span<const std::byte> bytes, const std::string& who) {
  wire::Unpacker in(bytes);
  if (const auto code = in.next<wire::Answer>(); code != wire::Answer::ok) {
    static_cast<void>(status_of(code));
    throw LoadError(who + printable(in.text(), kTextBytes));
  }
  PluginInfo info;
  info.name = printable(in.text(), kNameBytes);
  info.version = printable(in.text(), kNameBytes);
  info.description = printable(in.text(), kTextBytes);
  info.abi_major = in.next<std::int32_t>();
  info.abi_minor = in.next<std::int32_t>();
  info.expected_verdict = printable(in.text(), kNameBytes);
  if (const std::string change = in.text(); !change.empty())
    info.warnings.push_back(
        "changes the floating-point environment while loading: " + printable(change, kNameBytes) +
        " (an object linked with -ffast-math does); Karat restores it before each call");
  info.interposed = printable(in.text(), kTextBytes);
  const auto count = in.next<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    KernelRow row;
    row.index = static_cast<int>(i);
    row.op = printable(in.text(), kNameBytes);
    row.kernel = printable(in.text(), kNameBytes);
    row.claim = printable(in.text(), kNameBytes);
    row.dtype = in.next<std::int32_t>();
    row.compute_dtype = in.next<std::int32_t>();
    row.capabilities = in.next<std::uint32_t>();
    row.min_alignment = in.next<std::int32_t>();
    row.over_read = in.next<std::int32_t>();
    info.kernels.push_back(std::move(row));
  }
  in.end();
  return info;
}

}  // namespace

struct Worker::State {
  State(std::filesystem::path file, Limits l)
      : path(std::move(file)), limits(l), inputs("karat-inputs", true), outputs("karat-outputs", false) {}

  PluginInfo load();
  bool ready(Outcome& outcome);
  void lost() {
    ++restarts;
    laid_out = false;
  }
  std::vector<double> run(int repeats, bool cold, std::uint64_t poison, Outcome& outcome);
  bool exchange(const wire::Packer& request, Outcome& outcome, Answer& answer);
  Process::Watch watch() const {
    const std::size_t tensors = layout ? layout->total_bytes() : 0;
    return {limits.call_time, limits.memory_bytes + wire::kShadowRatio * tensors, tensors};
  }

  std::filesystem::path path;
  Limits limits;
  SharedFile inputs, outputs;
  PluginInfo info;
  std::unique_ptr<Process> process;
  std::unique_ptr<Layout> layout;
  bool laid_out = false;  // the process knows the layout
  int restarts = 0;
};

// Starts a process and loads the plugin.  Throws LoadError.
PluginInfo Worker::State::load() {
  const std::string who = path.string() + ": ";
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  laid_out = false;
  process.reset();
  process = std::make_unique<Process>(worker_program(), inputs, outputs);

  wire::Packer request;
  request.put(wire::Request::load)
      .text(error ? path.string() : absolute.string())
      .put(std::uint64_t{limits.memory_bytes});
  const bool sent = process->send(request);
  const auto end = process->wait({limits.load_time, limits.memory_bytes, 0});
  const std::string printed = printable(process->take_printed(), kPrintedBytes, true);
  const std::string said = printed.empty() ? "" : "; it printed: " + printed;
  if (!sent || end != Process::End::message) {
    Outcome outcome;
    explain_end(end, *process, limits, nullptr, outcome);
    throw LoadError(who + outcome.detail + "; a back end must load and list its kernels" + said);
  }
  try {
    PluginInfo read = read_info(process->reply(), who);
    if (!printed.empty()) read.warnings.push_back("prints while loading: " + printed);
    process->set_baseline();
    return read;
  } catch (const LoadError& refused) {
    throw LoadError(refused.text + said);
  } catch (const wire::Malformed&) {
    throw LoadError(who + "wrote something that is no answer to the worker's control channel while loading");
  }
}

// A living process that knows the layout.  False: the outcome says why not.
bool Worker::State::ready(Outcome& outcome) {
  if (layout == nullptr) throw std::logic_error("Worker: run before prepare");
  if (process != nullptr && process->alive()) return true;
  try {
    const PluginInfo again = load();
    if (again.kernels.size() == info.kernels.size()) return true;
    outcome.status = Status::failed;
    outcome.detail = "lists " + std::to_string(again.kernels.size()) + " kernels when loaded again, " +
                     std::to_string(info.kernels.size()) + " at first";
    process.reset();
  } catch (const std::exception& error) {
    outcome.status = Status::host_error;
    outcome.detail = std::string("cannot start the worker again: ") + error.what();
    process.reset();
  }
  return false;
}

// One request and its answer.  False: the process ended, and the outcome says how.
bool Worker::State::exchange(const wire::Packer& request, Outcome& outcome, Answer& answer) {
  if (!laid_out) {
    wire::Packer description;
    layout->pack(description);
    process->send(description);
    laid_out = true;
  }
  process->send(request);  // a failure shows as the end of the process
  auto end = process->wait(watch());
  if (end == Process::End::message) {
    try {
      answer = read_answer(process->reply(), outcome);
      return true;
    } catch (const wire::Malformed&) {
      process->kill();
      end = Process::End::garbage;
    }
  }
  explain_end(end, *process, limits, layout.get(), outcome);
  return false;
}

std::vector<double> Worker::State::run(int repeats, bool cold, std::uint64_t poison, Outcome& outcome) {
  if (!ready(outcome)) return {};
  layout->before_call(poison);
  Answer answer;
  wire::Packer request;
  request.put(wire::Request::run).put(std::int32_t{repeats}).put(static_cast<std::uint8_t>(cold));
  const bool lives = exchange(request, outcome, answer);
  outcome.printed = printable(process->take_printed(), kPrintedBytes, true);
  layout->after_call(outcome);
  if (!lives) {
    lost();
  } else if (outcome.status == Status::ok && answer.seconds.size() != static_cast<std::size_t>(repeats)) {
    process->kill();
    lost();
    explain_end(Process::End::garbage, *process, limits, layout.get(), outcome);
  } else if (!outcome.process_changed.empty()) {
    // Neither the next call nor another kernel shall answer for it.
    process->kill();
    laid_out = false;
  }
  if (!info.interposed.empty() && outcome.status == Status::ok)
    outcome.process_changed = explain_interposed(info.interposed) + (outcome.process_changed.empty() ? "" : "; " + outcome.process_changed);
  return std::move(answer.seconds);
}

Worker::Worker(std::filesystem::path plugin, Limits limits) {
  check_shared_object(plugin);
  try {
    state_ = std::make_unique<State>(std::move(plugin), limits);
    state_->info = state_->load();
  } catch (const std::system_error& error) {
    throw LoadError(std::string("karat-worker: ") + error.what());
  }
}

Worker::~Worker() = default;
Worker::Worker(Worker&&) noexcept = default;
Worker& Worker::operator=(Worker&&) noexcept = default;

const PluginInfo& Worker::info() const { return state_->info; }
const std::filesystem::path& Worker::path() const { return state_->path; }
int Worker::restarts() const { return state_->restarts; }

std::vector<std::span<std::byte>> Worker::prepare(const CallSpec& call) {
  const auto& rows = state_->info.kernels;
  if (call.kernel < 0 || static_cast<std::size_t>(call.kernel) >= rows.size())
    throw std::invalid_argument("prepare: the plugin has no kernel " + std::to_string(call.kernel) +
                                ", it lists " + std::to_string(rows.size()));
  state_->layout.reset();
  state_->layout = std::make_unique<Layout>(call, rows[static_cast<std::size_t>(call.kernel)], state_->inputs,
                                            state_->outputs);
  state_->laid_out = false;
  return state_->layout->spans();
}

Outcome Worker::run(std::uint64_t poison) {
  Outcome outcome;
  state_->run(1, false, poison, outcome);
  return outcome;
}

std::optional<std::string> Worker::declines() {
  Outcome outcome;
  Answer answer;
  // What goes wrong here goes wrong in run() as well, and is reported there.
  if (!state_->ready(outcome)) return std::nullopt;
  wire::Packer request;
  request.put(wire::Request::supports);
  if (!state_->exchange(request, outcome, answer)) {
    state_->lost();
    return std::nullopt;
  }
  return outcome.status == Status::declined ? std::optional(outcome.detail) : std::nullopt;
}

Worker::Timing Worker::time(std::uint64_t poison, int repeats, bool cold) {
  if (repeats < 1) throw std::invalid_argument("Worker::time: repeats must be 1 or more");
  Timing timing;
  timing.seconds = state_->run(repeats, cold, poison, timing.outcome);
  return timing;
}

}  // namespace karat::host
