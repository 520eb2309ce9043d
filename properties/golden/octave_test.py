#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Agreement with GNU Octave: its own functions (conv2, median, norm, var, mldivide …) in double
precision.  Skipped by name where Octave or NumPy is missing.
"""
import shutil
import subprocess
import sys

import peer

np = peer.need("numpy")
octave = shutil.which("octave-cli") or shutil.which("octave")
if not octave:
    print("Octave is missing (octave): skipped")
    sys.exit(peer.SKIPPED)
rng = np.random.default_rng(9)


def positive(*shape):
    return rng.uniform(0.5, 2.0, shape)


def matrix(a):
    """A matrix of the same values as Octave writes it; a vector is a column."""
    rows = np.atleast_2d(a) if np.ndim(a) != 1 else np.reshape(a, (-1, 1))
    return "[" + ";".join(",".join(repr(float(v)) for v in row) for row in rows) + "]"


def questions():
    """name, operator, attributes, inputs, output, its shape, variables, an expression in them, ulps."""
    x = positive(4, 5)
    for op, function in (("exp", "exp"), ("expm1", "expm1"), ("log1p", "log1p"), ("sqrt", "sqrt"), ("tanh", "tanh")):
        yield op, op, {}, {"x": x}, "y", x.shape, {"x": x}, f"{function}(x)", 4
    yield "softmax", "softmax", {"axis": 1}, {"x": x}, "y", x.shape, {"x": x}, "exp(x) ./ sum(exp(x), 2)", 8
    image, kernel = positive(5, 6), positive(2, 3)
    # conv2 turns its filter; a network's convolution does not.
    yield ("conv2d", "conv2d", {}, {"x": image[None, None], "w": kernel[None, None], "b": np.zeros(0)}, "y", (1, 1, 4, 4),
           {"x": image, "w": kernel}, "conv2(x, rot90(w, 2), 'valid')", 8)
    yield ("conv_transpose2d", "conv_transpose2d", {}, {"x": image[None, None], "w": kernel[None, None], "b": np.zeros(0)}, "y", (1, 1, 6, 8),
           {"x": image, "w": kernel}, "conv2(x, w)", 8)
    window = positive(3, 3)
    whole = {"kernel_shape": [3, 3], "stride": [3, 3]}
    for op, expression in (("median_pool2d", "median(x(:))"), ("l2_pool2d", "norm(x(:))"), ("max_pool2d", "max(x(:))"), ("mean_pool2d", "mean(x(:))")):
        yield op, op, whole, {"x": window[None, None]}, "y", (1, 1, 1, 1), {"x": window}, expression, 8
    gamma, beta = positive(5), positive(5) + 8
    yield ("batch_norm", "batch_norm", {"eps": 0.125}, {"x": x, "gamma": gamma, "beta": beta}, "y", x.shape,
           {"x": x, "g": gamma, "b": beta}, "g' .* (x - mean(x)) ./ sqrt(var(x, 1) + 0.125) + b'", 8)
    theta, g = positive(4) + 8, positive(4)
    h = positive(4, 4)
    h = h @ h.T + 4 * np.eye(4)
    yield "newton", "newton", {"eta": 1.0}, {"theta": theta, "g": g, "H": h}, "theta", (4,), {"t": theta, "g": g, "H": h}, "t - H \\ g", 32
    design, target, weights = positive(5, 3), positive(5) + 30, positive(3)
    yield ("linear_regression", "linear_regression_loss", {"reduction": "sum"}, {"X": design, "Y": target, "theta": weights}, "y", (),
           {"X": design, "y": target, "t": weights}, "sumsq(y - X * t)", 32)


asked = list(questions())
script = "1;\n"
for _, _, _, _, _, _, variables, expression, _ in asked:
    script += "".join(f"{k} = {matrix(v)};\n" for k, v in variables.items())
    # One line of its results, row by row.
    script += f"r = ({expression})'; printf('%.17g ', r); printf('\\n');\n"
ran = subprocess.run([octave, "--no-gui", "--norc", "--quiet", "--eval", script], capture_output=True, text=True)
if ran.returncode != 0:
    sys.exit(f"Octave ended with {ran.returncode}: {ran.stderr}")


def cases():
    for line, (name, op, attributes, inputs, output, shape, _, _, ulps) in zip(ran.stdout.splitlines(), asked, strict=True):
        yield name, op, attributes, inputs, {output: np.array([float(v) for v in line.split()]).reshape(shape)}, ulps


peer.compare(np, sys.argv[1], cases())
