// SPDX-License-Identifier: MIT
#include "plugins/worker/fp_environment.hpp"

#include <cfenv>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace karat::worker {
namespace {

void add(std::string& text, const char* what, const std::string& before, const std::string& after) {
  if (before == after) return;
  if (!text.empty()) text += ", ";
  text += std::string(what) + " " + before + "→" + after;
}

#if defined(__x86_64__)

constexpr std::uint32_t kSticky = 0x3f, kDaz = 1u << 6, kFtz = 1u << 15;
constexpr std::uint32_t kMxcsrDefault = 0x1f80, kX87Default = 0x037f;

std::string on(bool value) { return value ? "on" : "off"; }

std::string rounding(std::uint32_t two_bits) {
  const char* const names[] = {"nearest", "down", "up", "toward zero"};
  return names[two_bits & 3];
}

std::string precision(std::uint32_t two_bits) {
  const char* const names[] = {"24 bits", "reserved", "53 bits", "64 bits"};
  return names[two_bits & 3];
}

// Which exceptions are unmasked, in the order of the mask bits.
std::string traps(std::uint32_t masks) {
  const char* const names[] = {"invalid", "denormal", "divide", "overflow", "underflow", "inexact"};
  std::string text;
  for (int i = 0; i < 6; ++i)
    if ((masks >> i & 1) == 0) text += (text.empty() ? "" : "+") + std::string(names[i]);
  return text.empty() ? "none" : text;
}

#endif

}  // namespace

#if defined(__x86_64__)

FpControl reset_fp_control() {
  _mm_setcsr(kMxcsrDefault);
  const std::uint16_t word = kX87Default;
  __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(word));
  return {kMxcsrDefault, kX87Default, 0};
}

FpControl read_fp_control() {
  std::uint16_t word = 0;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return {_mm_getcsr() & ~kSticky, word, 0};
}

std::string describe_fp_change(const FpControl& before, const FpControl& after) {
  std::string text;
  const auto b = before.mxcsr, a = after.mxcsr;
  add(text, "FTZ", on(b & kFtz), on(a & kFtz));
  add(text, "DAZ", on(b & kDaz), on(a & kDaz));
  add(text, "rounding", rounding(b >> 13), rounding(a >> 13));
  add(text, "traps", traps(b >> 7), traps(a >> 7));
  add(text, "x87 precision", precision(before.x87 >> 8), precision(after.x87 >> 8));
  add(text, "x87 rounding", rounding(before.x87 >> 10), rounding(after.x87 >> 10));
  add(text, "x87 traps", traps(before.x87), traps(after.x87));
  return text;
}

#else

FpControl reset_fp_control() {
  std::fesetenv(FE_DFL_ENV);
  return read_fp_control();
}

FpControl read_fp_control() { return {0, 0, static_cast<std::uint32_t>(std::fegetround())}; }

std::string describe_fp_change(const FpControl& before, const FpControl& after) {
  const auto name = [](std::uint32_t mode) -> std::string {
    switch (static_cast<int>(mode)) {
      case FE_TONEAREST:
        return "nearest";
      case FE_UPWARD:
        return "up";
      case FE_DOWNWARD:
        return "down";
      case FE_TOWARDZERO:
        return "toward zero";
      default:
        return "unknown";
    }
  };
  std::string text;
  add(text, "rounding", name(before.rounding), name(after.rounding));
  return text;
}

#endif

}  // namespace karat::worker
