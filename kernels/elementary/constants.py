#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints constants.hpp: the numbers of elementary-inl.h and double_double-inl.h.

Exact rational arithmetic throughout; ln 2 comes from its series to 400 bits.
Usage: python3 kernels/elementary/constants.py | clang-format > kernels/elementary/constants.hpp
"""
from fractions import Fraction
from math import factorial


def rounded(value, bits=53):
    """value to `bits` significant bits, to nearest even, as a float (no subnormals here)."""
    if value == 0:
        return 0.0
    exponent, scaled = 0, abs(value)
    while scaled >= 2 ** bits:
        scaled, exponent = scaled / 2, exponent + 1
    while scaled < 2 ** (bits - 1):
        scaled, exponent = scaled * 2, exponent - 1
    integer = round(scaled)  # Fraction rounds half to even
    return float((integer if value > 0 else -integer) * Fraction(2) ** exponent)


def ln2(bits=400):
    """ln 2 = sum over n >= 1 of 1/(n 2^n), cut below 2^-bits."""
    return sum(Fraction(1, n * 2 ** n) for n in range(1, bits + 8))


def cut(value, bits):
    """value rounded towards zero to a multiple of 2^-bits."""
    return Fraction(int(value * 2 ** bits), 2 ** bits)


def array(name, comment, values):
    print(f"// {comment}")
    print(f"inline constexpr double {name}[] = {{")
    for value in values:
        print(f"    {value.hex()},  // {value:.17g}")
    print("};\n")


def number(name, value, comment):
    print(f"inline constexpr double {name} = {float(value).hex()};  // {comment}")


LN2 = ln2()
HIGH = cut(LN2, 38)  # 38 bits: its product with |k| < 2^14 is exact
MIDDLE = cut(LN2 - HIGH, 78)
print("// SPDX-License-Identifier: MIT")
print("// Printed by kernels/elementary/constants.py: do not edit.")
print("#pragma once\n")
print("namespace karat::kernels::constants {\n")
number("kLog2E", rounded(1 / LN2), "1/ln 2")
number("kLn2High", HIGH, "ln 2 to 38 bits behind the point: times |k| < 2^14 is exact")
number("kLn2Low", rounded(LN2 - HIGH), "ln 2 - kLn2High, rounded")
number("kLn2Middle", MIDDLE, "the next 40 bits of ln 2: times |k| < 2^13 is exact")
number("kLn2Rest", rounded(LN2 - HIGH - MIDDLE), "ln 2 - kLn2High - kLn2Middle, rounded")
print()
array("kExp", "1/n! for n = 2 … 13, of e^r = 1 + r + r²·Σ kExp[i]·r^i. "
      "Left out: r^14/14! < 2^-57 for |r| ≤ 0.3466.",
      [rounded(Fraction(1, factorial(n))) for n in range(2, 14)])
array("kAtanh", "2/(2n+1) for n = 1 … 10, of log((1+s)/(1-s)) = 2s + s·s²·Σ kAtanh[i]·s^(2i). "
      "Left out: 2·s^23/23 < 2^-59·2s for |s| ≤ 0.1716.",
      [rounded(Fraction(2, 2 * n + 1)) for n in range(1, 11)])
ATANH_FIFTH = sum(Fraction(1, (2 * n + 1) * 5 ** (2 * n + 1)) for n in range(100))
number("kLogThreeHalves", rounded(2 * ATANH_FIFTH), "log 3/2 = 2 artanh 1/5, rounded")
number("kTwoThirdsLow", rounded(Fraction(2, 3) - Fraction(rounded(Fraction(2, 3)))), "2/3 - kAtanh[0]")
print()
array("kAtanhTail", "2/(2n+1) for n = 2 … 13 of the same series. Left out: 2·s^29/29 < 2^-75·2s for |s| ≤ 0.1716.",
      [rounded(Fraction(2, 2 * n + 1)) for n in range(2, 14)])
HEAD = [Fraction(1, factorial(n)) for n in range(1, 12)]
array("kExpHeadHigh", "1/n! for n = 1 … 11 as unevaluated sums of two doubles: the leading ones", [rounded(c) for c in HEAD])
array("kExpHeadLow", "… and what they leave", [rounded(c - Fraction(rounded(c))) for c in HEAD])
array("kExpTail", "1/n! for n = 12 … 23, in one double each: r^12/12! < 2^-47·r. Left out: r^24/24! < 2^-114·r.",
      [rounded(Fraction(1, factorial(n))) for n in range(12, 24)])
print("}  // namespace karat::kernels::constants")
