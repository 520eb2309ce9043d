// SPDX-License-Identifier: MIT
// A search for the inputs at which a kernel is worst, where there are too many to try them all:
// f64, and operators of several values.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "properties/check.hpp"

namespace karat::properties {

// An input that was hunted down.
struct Prey {
  std::string line;  // as `karat replay` takes it, without a level
  double score = 0;  // elementwise: its error in ulps; else the largest error of an element ÷ what its level allows
};

struct HuntProgress {
  std::uint64_t tried = 0;
  double worst = 0, seconds = 0;
};

struct HuntOptions {
  std::optional<Level> level;
  std::uint64_t seed = 1;
  double seconds = 10;
  std::filesystem::path folder;  // the population is kept here and taken up again; empty: nowhere
  std::function<bool()> stop = [] { return false; };
  std::function<void(const HuntProgress&)> progress = [](const HuntProgress&) {};
};

struct Hunt {
  std::vector<Prey> prey;  // the worst first
  std::uint64_t tried = 0, taken_up = 0;
  bool by_ulps = true;     // what scores are: ulps, or shares of what is allowed
  KernelVerdict verdict;   // of the worst, by the level
  double seconds = 0;
};

// Throws SweepError for a kept population that is damaged, of another kernel or format.
Hunt hunt(host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel, const HuntOptions& options);

// The lines that hunts for this kernel kept in a folder; none if there is no such folder.
std::vector<std::string> hunted(const std::filesystem::path& folder, const std::string& plugin, const host::KernelRow& kernel);
// Tries such lines as well, and puts what they show into the verdict.
void include_hunted(host::Worker& worker, KernelVerdict& verdict, const std::vector<std::string>& lines, std::uint64_t seed);

}  // namespace karat::properties
