// SPDX-License-Identifier: MIT
// Waivers: failures that are known and borne until a date.  A file of tables
//
//   [[waiver]]
//   op = "softplus"            # globs; plugin, dtype, kind and case may be left out
//   kernel = "eltwise"
//   case = "* x=-0x1*"         # of the replay line
//   reason = "fixed upstream, in release 3.2"
//   owner = "ana@example.org"
//   expires = 2027-01-31
//
// An expired waiver that matches waives nothing, and is a failure itself; so is one whose kernels were
// judged and that matched no failure.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "properties/check.hpp"

namespace karat::properties {

struct Waiver {
  std::string plugin = "*", op, kernel, dtype = "*", kind = "*", replay = "*";
  std::string reason, owner;
  std::chrono::year_month_day expires;
  std::string place;  // "waivers.toml:3"
};

class Waivers {
 public:
  Waivers() = default;
  // Throws ProfileError: "waivers.toml:7:3: …".
  static Waivers parse(std::string_view text, const std::string& file);
  static Waivers read(const std::filesystem::path& file);

  // Marks what is waived; to be called with each verdict of a run.
  void apply(KernelVerdict& verdict, std::chrono::year_month_day today);

  // After the run: what is wrong with the waivers themselves, a sentence each.
  struct Problem {
    std::string status;  // "expired", "stale"
    std::string message;
  };
  std::vector<Problem> problems(std::chrono::year_month_day today) const;

 private:
  struct Use {
    bool judged = false, matched = false;
  };
  std::vector<Waiver> waivers_;
  std::vector<Use> uses_;
};

std::chrono::year_month_day today();

}  // namespace karat::properties
