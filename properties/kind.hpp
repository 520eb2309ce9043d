// SPDX-License-Identifier: MIT
// The ways in which a kernel can fail.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace karat::properties {

enum class Kind {
  inaccurate,
  special_value,
  unwritten,
  out_of_bounds,
  input_modified,
  nondeterministic,
  law_broken,
  fp_env_changed,
  protocol_violation,
  crashed,
  hung,
  out_of_memory
};

struct KindRow {
  Kind kind;
  std::string_view name;
  std::string_view meaning;
};

inline constexpr std::array<KindRow, 12> kinds{{
    {Kind::inaccurate, "inaccurate",
     "a finite result lies further from the exact value than the level allows"},
    {Kind::special_value, "special_value",
     "NaN, an infinity, a zero's sign or an exact value is not what the operator's row asks for"},
    {Kind::unwritten, "unwritten", "an output element still holds what was there before the call"},
    {Kind::out_of_bounds, "out_of_bounds", "memory outside a tensor was read or written"},
    {Kind::input_modified, "input_modified", "an input was written to"},
    {Kind::nondeterministic, "nondeterministic",
     "the same call gave other bits: again, at another address, or with other threads, although the row "
     "claims it does not"},
    {Kind::law_broken, "law_broken",
     "results of calls that belong together contradict a law of the operator: a range, a symmetry, a sum"},
    {Kind::fp_env_changed, "fp_env_changed",
     "rounding, flush-to-zero or exception masks differ after the call: every later computation in the "
     "process suffers"},
    {Kind::protocol_violation, "protocol_violation",
     "the kernel left the process, broke the control channel, reported an error for a call that it had "
     "accepted, or left its process changed (signal handlers, CPUs, threads, the clock); or its plugin exports "
     "names of the C library"},
    {Kind::crashed, "crashed", "the worker process died of a signal during the call"},
    {Kind::hung, "hung", "the call did not return within the time limit"},
    {Kind::out_of_memory, "out_of_memory", "the worker grew beyond the memory limit"},
}};

constexpr std::string_view to_text(Kind kind) {
  for (const KindRow& row : kinds)
    if (row.kind == kind) return row.name;
  return "?";
}

}  // namespace karat::properties
