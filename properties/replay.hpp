// SPDX-License-Identifier: MIT
// A case as one line of text, and back:
//
//   mylib gelu f32 x=-0x1.78752p+3
//   onednn softmax bf16 shape=2x3 x=[0x1p+0,-inf*2,0x0p+0*3] axis=1 place=start+4 threads=2
//
//   mylib sigmoid f32 case=plan:17 seed=1
//
//   mylib mse_loss f32 x=2x3:[0x0p+0*6] t=2x3:[0x1p+0*6] reduction=sum
//
// `value*n` repeats.  `2x3:` before a list is that tensor's own shape (`scalar:` rank 0).  Without `shape` a single value has shape 1 and a list its length; without
// `place` tensors end at the guard page; attributes not named have their standard values.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "properties/case.hpp"
#include "properties/level.hpp"

namespace karat::properties {

struct Replay {
  std::string plugin;
  std::string kernel;  // variant name, empty: the only one
  Case c;
  Level level = default_level;
  // Instead of inputs, where they are too many to write: a case of the kernel's plan, "plan:17"
  // or "random:5", by the seed.
  std::string generated;
  std::uint64_t seed = 1;
};

// Lines up to this length write their inputs out.
inline constexpr std::size_t longest_replay = 2000;

// What is wrong with a text, and where: "axis=x: expected an integer, got 'x'".
struct ReplayError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string to_text(const Replay& replay);
Replay parse_replay(std::string_view text);  // throws ReplayError
// The same line with its plugin named otherwise: as a path, for example.
std::string with_plugin(const std::string& line, const std::string& plugin);

// The part shared with `karat eval` and `karat explain`: "x=0x1p+0 alpha=0x1p-2".
// Tensors of a question without plugin and layout.  Throws ReplayError.
Question parse_question(const Operator& op, const Format& f, std::string_view text);
// Attributes alone: "eta=0x1p-4 nesterov=1".  Throws ReplayError.
Attributes parse_attributes(const Operator& op, const Format& f, std::string_view text);

}  // namespace karat::properties
