// SPDX-License-Identifier: MIT
#include "plugins/host/explain.hpp"

#include <cinttypes>
#include <csignal>
#include <cstdio>

#include "plugins/host/text.hpp"

namespace karat::host {
namespace {

using Status = Outcome::Status;
using wire::Access;
using wire::Phase;

std::string verb(Access access) {
  return access == Access::write ? "writes" : access == Access::read ? "reads" : "touches memory";
}

std::string hex(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value);
  return text;
}

// Something that lies between guard pages in the worker.
struct Place {
  std::string name;
  std::uint64_t data, data_bytes;   // what the kernel may touch
  std::uint64_t pages, page_bytes;  // mapped
  bool read_only;
  std::size_t element_bytes;
};

std::vector<Place> places(const wire::StatusPage& page, const Layout* layout) {
  std::vector<Place> found;
  if (layout == nullptr) return found;
  for (std::size_t i = 0; i < layout->regions().size(); ++i) {
    const Region& region = layout->regions()[i];
    if (region.shares >= 0 || page.data[i] == 0) continue;
    found.push_back({layout->call().tensors[i].name, page.data[i], region.data_bytes,
                     page.data[i] - region.data_offset, region.bytes, !region.writable,
                     region.element_bytes});
  }
  if (page.scratch != 0) {
    const std::uint64_t unit = page_size();
    const std::uint64_t first = page.scratch / unit * unit;
    const std::uint64_t last = (page.scratch + page.scratch_bytes + unit - 1) / unit * unit;
    found.push_back(
        {"scratch", page.scratch, page.scratch_bytes, first, last - first, false, std::size_t{1}});
  }
  return found;
}

// The sentence about an access to `place` or its guard pages; false if it lies elsewhere.
bool explain_access(const Place& place, std::uint64_t address, Access access, Outcome& outcome) {
  if (address < place.pages - wire::kGuardBytes ||
      address >= place.pages + place.page_bytes + wire::kGuardBytes)
    return false;
  const std::uint64_t end = place.data + place.data_bytes;
  const std::string holds = place.data_bytes == 0
                                ? place.name + " has no elements"
                                : place.name + " has bytes 0 to " + std::to_string(place.data_bytes - 1);
  if (address >= place.data && address < end) {
    if (!place.read_only) return false;  // readable and writable: not a fault that we can explain
    const std::uint64_t byte = address - place.data;
    outcome.status = Status::input_modified;
    outcome.detail = verb(access) + " to input " + place.name + " at byte " + std::to_string(byte) +
                     " (element " + std::to_string(byte / place.element_bytes) + " of its storage)";
    return true;
  }
  outcome.status = Status::out_of_bounds;
  if (address < place.data) {
    const std::string distance = std::to_string(place.data - address);
    outcome.detail = verb(access) + " " + distance + (distance == "1" ? " byte" : " bytes") +
                     " before the start of " + place.name + " (byte -" + distance + "; " + holds + ")";
  } else {
    const std::uint64_t distance = address - end;
    outcome.detail = verb(access) + " " + std::to_string(distance) + (distance == 1 ? " byte" : " bytes") +
                     " past the end of " + place.name + " (byte " + std::to_string(address - place.data) +
                     "; " + holds + ")";
  }
  return true;
}

void explain_signal(const Process& process, const Layout* layout, Outcome& outcome) {
  const wire::StatusPage& page = process.status();
  const std::string where = " " + phase_text(page);
  const std::string name = signal_name(process.signal());
  outcome.status = Status::crashed;
  outcome.detail = "died of " + name + where;
  const bool has_words = page.fault.load() == 2 && page.signal == process.signal();
  if (!has_words) {
    if (process.signal() == SIGKILL) outcome.detail += " (killed from outside: out of memory?)";
    return;
  }
  if (page.has_address == 0) return;
  const auto access = page.access == static_cast<std::int32_t>(Access::write)  ? Access::write
                      : page.access == static_cast<std::int32_t>(Access::read) ? Access::read
                                                                               : Access::unknown;
  const auto phase = static_cast<Phase>(page.phase.load());
  if (phase == Phase::run)
    for (const Place& place : places(page, layout))
      if (explain_access(place, page.address, access, outcome)) return;

  constexpr std::uint64_t near_stack = std::uint64_t{64} << 10;
  outcome.detail +=
      ": " + verb(access) + (access == Access::unknown ? " at " : " at address ") + hex(page.address);
  if (page.address + near_stack >= page.stack_pointer && page.address <= page.stack_pointer + near_stack)
    outcome.detail += " (near its stack pointer: stack overflow?)";
  else if (page.address < near_stack)
    outcome.detail += " (a null pointer?)";
}

}  // namespace

std::string phase_text(const wire::StatusPage& page) {
  switch (static_cast<Phase>(page.phase.load())) {
    case Phase::starting:
      return "while starting";
    case Phase::loading:
      return "while being loaded";
    case Phase::entry:
      return "in karat_plugin_entry()";
    case Phase::listing:
      return "while listing its kernels";
    case Phase::idle:
      return "between two calls";
    case Phase::mapping:
      return "while the worker maps tensors";
    case Phase::supports:
      return "in supports()";
    case Phase::scratch:
      return "in scratch_bytes()";
    case Phase::run:
      return "in run()";
    case Phase::control_lost:
      return "when the worker answered";
  }
  return "at an unknown place";
}

std::string explain_interposed(const std::string& names) {
  return "exports " + names +
         ", names of the C library: whoever loads it may get these in place of the system's, and with them times and memory that "
         "nobody can trust; hide them (-fvisibility=hidden, a version script with local: *, or -Wl,--exclude-libs,ALL)";
}

void explain_end(Process::End end, const Process& process, const Limits& limits, const Layout* layout,
                 Outcome& outcome) {
  const std::string where = " " + phase_text(process.status());
  switch (end) {
    case Process::End::message:
      return;
    case Process::End::hung: {
      const auto phase = static_cast<Phase>(process.status().phase.load());
      const bool loading = phase <= Phase::listing;
      outcome.status = Status::hung;
      outcome.detail = "did not return within " +
                       std::to_string((loading ? limits.load_time : limits.call_time).count()) + " ms" +
                       where;
      return;
    }
    case Process::End::grew:
      outcome.status = Status::out_of_memory;
      outcome.detail = "used " + std::to_string(process.growth() >> 20) + " MiB" + where +
                       " beyond its tensors, the limit is " + std::to_string(limits.memory_bytes >> 20) +
                       " MiB";
      return;
    case Process::End::lost_control:
      outcome.status = Status::exited;
      outcome.detail = "closed the worker's control channel" + where + " and went on";
      return;
    case Process::End::garbage:
      outcome.status = Status::exited;
      outcome.detail = "wrote something that is no answer to the worker's control channel";
      return;
    case Process::End::died:
      break;
  }
  if (process.signal() != 0) return explain_signal(process, layout, outcome);
  outcome.status = Status::exited;
  if (static_cast<Phase>(process.status().phase.load()) == Phase::control_lost)
    outcome.detail = "closed the worker's control channel";
  else
    outcome.detail = "ended its process with exit code " + std::to_string(process.exit_code()) + where;
}

}  // namespace karat::host
