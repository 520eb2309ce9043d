#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints minimax.hpp: polynomials of least relative error (Remez), for narrow-inl.h.  Needs mpmath.

Usage: python3 kernels/elementary/minimax.py | clang-format > kernels/elementary/minimax.hpp
"""
import struct

from mpmath import atanh, cos, exp, log, lu_solve, matrix, mp, mpf, nstr, pi, sqrt

mp.dps = 40


def remez(f, weight, low, high, degree):
    """Coefficients of the polynomial whose largest |weight·(f - polynomial)| on [low, high] is least."""
    n = degree + 2
    grid = [low + (high - low) * (1 - cos(pi * i / mpf(1500))) / 2 for i in range(1501)]
    points = [low + (high - low) * (1 - cos(pi * (2 * i + 1) / (2 * n))) / 2 for i in range(n)]
    values = [(x, f(x), weight(x)) for x in grid]
    coefficients = []
    for _ in range(20):
        system, right = matrix(n, n), matrix(n, 1)
        for row, x in enumerate(points):
            for power in range(degree + 1):
                system[row, power] = weight(x) * x ** power
            system[row, degree + 1] = (-1) ** row
            right[row] = weight(x) * f(x)
        solution = lu_solve(system, right)
        coefficients = [solution[i] for i in range(degree + 1)]
        errors = [w * (y - evaluate(coefficients, x)) for x, y, w in values]
        peaks = [0]  # the largest error of each run of one sign
        for i, error in enumerate(errors):
            if (error > 0) != (errors[peaks[-1]] > 0):
                peaks.append(i)
            elif abs(error) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        while len(peaks) > n:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if len(peaks) < n or max(map(abs, errors)) < abs(solution[degree + 1]) * mpf("1.001"):
            break
        points = [grid[i] for i in peaks]
    return coefficients


def evaluate(coefficients, x):
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def array(name, comment, values, relative_error):
    """With the error of the coefficients as they are printed, in double."""
    doubles = [float(v) for v in values]
    worst = relative_error([mpf(v) for v in doubles])
    print(f"// {comment}: relative error 2^{nstr(log(worst, 2), 5)}.")
    print(f"inline constexpr double {name}[] = {{")
    for value in doubles:
        print(f"    {value.hex()},  // {value:.17g}")
    print("};\n")


def steps(low, high, n=4001):
    return [low + (high - low) * i / (n - 1) for i in range(n)]


def exponential(name, degree):
    """P of e^r = 1 + r + r²·P(r)."""
    limit = log(mpf(2)) / 2 * mpf("1.0001")
    rest = lambda r: (exp(r) - 1 - r) / r ** 2 if abs(r) > mpf("1e-12") else mpf(1) / 2
    # A weight that does not vanish inside the interval keeps the system regular.
    p = remez(rest, lambda r: (r ** 2 + mpf("1e-7")) / exp(r), -limit, limit, degree - 2)
    array(name, f"P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/2, to r^{degree}", p,
          lambda c: max(abs((1 + r + r ** 2 * evaluate(c, r)) / exp(r) - 1) for r in steps(-limit, limit)))


def logarithm(name, limit, degree, where):
    """P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s²."""
    whole = lambda z: 2 * atanh(sqrt(z)) / sqrt(z) if z else mpf(2)
    rest = lambda z: (whole(z) - 2) / z if abs(z) > mpf("1e-15") else mpf(2) / 3
    p = remez(rest, lambda z: (z + mpf("1e-9")) / whole(z), mpf(0), limit, degree)
    array(name, f"P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², {where}, degree {degree}", p,
          lambda c: max(abs((2 + z * evaluate(c, z)) / whole(z) - 1) for z in steps(mpf(0), limit)))


def single(value):
    return struct.unpack("f", struct.pack("f", float(value)))[0]


def floats(name, comment, values):
    print(f"// {comment}")
    print(f"alignas(64) inline constexpr float {name}[] = {{")
    for value in values:
        print(f"    {single(value).hex()}f,  // {single(value):.9g}")
    print("};\n")


def for_floats():
    """e^t = 2^(n/8)·(1 + p): the table twice over, for vectors of sixteen."""
    eighth = log(mpf(2)) / 8
    high = mpf(int(eighth * 2 ** 17)) / 2 ** 17
    ln2 = log(mpf(2))
    high_of_ln2 = mpf(int(ln2 * 2 ** 17)) / 2 ** 17
    print("// ln2/8 to 14 bits, the rest, and 8/ln 2; ln2 to 17 bits, the rest, and 1/ln 2.")
    for name, value in (("kEighthOfLn2High", high), ("kEighthOfLn2Low", eighth - high), ("kEighthsOfLog2E", 1 / eighth),
                        ("kLn2High", high_of_ln2), ("kLn2Low", ln2 - high_of_ln2), ("kLog2E", 1 / ln2)):
        print(f"inline constexpr float {name} = {single(value).hex()}f;")
    print()
    roots = [mpf(2) ** (mpf(j % 8) / 8) for j in range(16)]
    floats("kRoots", "2^(j/8), j = 0 … 7, twice", roots)
    floats("kRootsRest", "what that leaves, relative", [(root - single(root)) / mpf(single(root)) for root in roots])
    limit = eighth / 2 * mpf("1.001")
    rest = lambda r: (exp(r) - 1 - r) / r ** 2 if abs(r) > mpf("1e-10") else mpf(1) / 2
    c = [mpf(single(v)) for v in remez(rest, lambda r: (r ** 2 + mpf("1e-9")) / exp(r), -limit, limit, 2)]
    worst = max(abs((1 + r + r ** 2 * evaluate(c, r)) / exp(r) - 1) for r in steps(-limit, limit))
    floats("kExpEighth", f"P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/16: relative error 2^{nstr(log(worst, 2), 5)}", c)
    whole = lambda z: 2 * atanh(sqrt(z)) / sqrt(z) if z else mpf(2)
    rest = lambda z: (whole(z) - 2) / z if abs(z) > mpf("1e-15") else mpf(2) / 3
    end = mpf(1) / 9 * mpf("1.001")
    c = [mpf(single(v)) for v in remez(rest, lambda z: (z + mpf("1e-9")) / whole(z), mpf(0), end, 3)]
    worst = max(abs((2 + z * evaluate(c, z)) / whole(z) - 1) for z in steps(mpf(0), end))
    floats("kLog1pFloat", f"P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 1/3: relative error 2^{nstr(log(worst, 2), 5)}", c)


print("// SPDX-License-Identifier: MIT")
print("// Printed by kernels/elementary/minimax.py: do not edit.")
print("#pragma once\n")
print("namespace karat::kernels::minimax {\n")
for size in (6, 7, 8, 9):
    exponential(f"kExp{size}", size)
ROOT = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.0001")
for size in (2, 4):
    logarithm(f"kLog{size}", ROOT, size, "|s| ≤ 0.1716")
for size in (3, 6):
    logarithm(f"kLog1p{size}", mpf(1) / 9 * mpf("1.0001"), size, "|s| ≤ 1/3")
for_floats()
print("}  // namespace karat::kernels::minimax")
