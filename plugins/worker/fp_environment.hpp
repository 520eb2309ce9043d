// SPDX-License-Identifier: MIT
// The control bits of the floating-point unit: rounding, FTZ, DAZ, exception masks.
#pragma once

#include <cstdint>
#include <string>

namespace karat::worker {

struct FpControl {
  std::uint32_t mxcsr = 0;     // x86: without the sticky exception flags
  std::uint32_t x87 = 0;       // x86: the control word
  std::uint32_t rounding = 0;  // elsewhere: fegetround()
  bool operator==(const FpControl&) const = default;
};

// Puts this thread's unit into the state that a C program starts in, and returns it.
FpControl reset_fp_control();
FpControl read_fp_control();

// "FTZ off→on, rounding nearest→up"; empty if nothing differs.
std::string describe_fp_change(const FpControl& before, const FpControl& after);

}  // namespace karat::worker
