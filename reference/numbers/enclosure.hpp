// SPDX-License-Identifier: MIT
// Enclosure: a ball [m ± r] that certainly contains the real number that it stands for
// (ball arithmetic, Arb).  Raising the working precision (precision.hpp) makes it narrower;
// decide() does so until a question has an answer or the cap is reached (Ziv's strategy).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "reference/numbers/format.hpp"
#include "reference/numbers/precision.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat {

// A comparison that the working precision does not decide.  Ends the evaluation; the one who
// chose the precision raises it.
struct Undecided {};

class Enclosure {
 public:
  Enclosure() : Enclosure(0) {}
  Enclosure(int value);              // NOLINT: formulas write 1 + x
  explicit Enclosure(double value);  // exactly that number, infinities and NaN included
  Enclosure(const Format& f, Bits b) : Enclosure(to_double(f, b)) {}
  Enclosure(const Enclosure& other);
  Enclosure(Enclosure&& other) noexcept;
  Enclosure& operator=(const Enclosure& other);
  Enclosure& operator=(Enclosure&& other) noexcept;
  ~Enclosure();

  friend Enclosure operator+(const Enclosure& x, const Enclosure& y);
  friend Enclosure operator-(const Enclosure& x, const Enclosure& y);
  friend Enclosure operator*(const Enclosure& x, const Enclosure& y);
  friend Enclosure operator/(const Enclosure& x, const Enclosure& y);
  friend Enclosure operator-(const Enclosure& x);
  friend Enclosure exp(const Enclosure& x);
  friend Enclosure expm1(const Enclosure& x);
  friend Enclosure log(const Enclosure& x);
  friend Enclosure log1p(const Enclosure& x);
  friend Enclosure sqrt(const Enclosure& x);
  friend Enclosure abs(const Enclosure& x);
  friend Enclosure max(const Enclosure& x, const Enclosure& y);
  friend Enclosure min(const Enclosure& x, const Enclosure& y);
  friend Enclosure ldexp(const Enclosure& x, long exponent);  // x · 2^exponent, exact

  // Throw Undecided where the enclosures overlap, and for NaN.
  friend bool operator<(const Enclosure& x, const Enclosure& y);
  friend bool operator>(const Enclosure& x, const Enclosure& y) { return y < x; }
  friend bool operator<=(const Enclosure& x, const Enclosure& y) { return !(y < x); }
  friend bool operator>=(const Enclosure& x, const Enclosure& y) { return !(x < y); }

  // Certain statements: false also means "not known at this precision".
  bool certainly_below(const Enclosure& y) const;
  bool certainly_at_most(const Enclosure& y) const;
  bool is_exact() const;    // radius 0, finite
  bool is_bounded() const;  // neither NaN nor unbounded
  bool is_nan() const;      // made from a NaN
  friend bool is_exact_zero(const Enclosure& x);

  // The ends, cut to 64 bits (`more` says that something was cut).
  Truncated lower() const;
  Truncated upper() const;
  // The ends themselves, as exact enclosures.
  Enclosure lower_end() const;
  Enclosure upper_end() const;
  // ⌊log2|x|⌋ of every number inside, if it is one and the same.
  std::optional<long> binade() const;

  double midpoint() const;  // rounded; for display
  // `digits` significant decimal digits, rounded to nearest, if the enclosure decides them.
  std::optional<std::string> decimal(int digits) const;
  // The midpoint to at most 15 hexadecimal digits, cut: "-0x1.c73b0e…p-102" (no … if exact).
  std::string hexadecimal(int digits) const;

 private:
  friend struct Balls;
  alignas(8) std::byte storage_[48];
};

inline bool not_a_number(const Enclosure& x) { return x.is_nan(); }

// Ziv's loop: `attempt(bits)` is tried at growing working precision until it returns a
// value; it may throw Undecided.  nullopt: the cap was reached.
inline constexpr int first_precision = 96;
inline constexpr int precision_cap = 4096;

template <class Attempt>
auto decide(Attempt&& attempt) -> decltype(attempt(0)) {
  for (int bits = first_precision;; bits = bits * 2 < precision_cap ? bits * 2 : precision_cap) {
    const PrecisionScope scope(bits);
    try {
      if (auto answer = attempt(bits)) return answer;
    } catch (const Undecided&) {  // a wider look at the same question follows
    }
    if (bits == precision_cap) return {};
  }
}

// Both ends round to the same bits: that is the rounding of every number inside.
std::optional<Bits> round_nearest(const Format& f, const Enclosure& x);

}  // namespace karat
