#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Agreement with NumPy, an implementation of its own: NumPy makes inputs and outputs in double
precision, `karat judge` finds each result within a few ulps, and NumPy reads back the exact outputs.
Skipped by name where NumPy is missing.

Inputs are such that the formula is well conditioned, so that NumPy's own rounding is what is seen.
"""
import sys

import peer

np = peer.need("numpy")
rng = np.random.default_rng(5)


def positive(*shape):
    return rng.uniform(0.5, 2.0, shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv2d(x, w, b):
    n, _, h, v = x.shape
    m, _, kh, kw = w.shape
    y = np.empty((n, m, h - kh + 1, v - kw + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = np.tensordot(x[:, :, i:i + kh, j:j + kw], w, ([1, 2, 3], [1, 2, 3])) + b
    return y


def cases():
    """name, operator, attributes, inputs, outputs, ulps that NumPy may be off."""
    x = positive(5, 7)
    for op in ("exp", "expm1", "log", "log1p", "sqrt", "tanh"):
        v = x + 1 if op == "log" else x  # away from log 1 = 0
        yield op, op, {}, {"x": v}, {"y": getattr(np, op)(v)}, 4
    yield "sigmoid", "sigmoid", {}, {"x": x}, {"y": sigmoid(x)}, 4
    yield "softplus", "softplus", {}, {"x": x}, {"y": np.log1p(np.exp(x))}, 4
    e = np.exp(x)
    yield "softmax", "softmax", {"axis": 1}, {"x": x}, {"y": e / e.sum(1, keepdims=True)}, 8
    yield "log_softmax", "log_softmax", {"axis": 1}, {"x": x}, {"y": x - np.log(e.sum(1, keepdims=True))}, 8
    t = positive(5, 7)
    yield "mse", "mse_loss", {"reduction": "mean"}, {"x": x, "t": t}, {"y": np.mean((x - t) ** 2)}, 16
    p = e / e.sum(1, keepdims=True)
    q = t / t.sum(1, keepdims=True)
    yield "cross_entropy", "cross_entropy", {"reduction": "mean"}, {"t": q, "p": p}, {"y": -np.mean(np.sum(q * np.log(p), 1))}, 16
    w, b = positive(3, 2, 2, 3), positive(3)
    image = positive(2, 2, 4, 5)
    yield "conv2d", "conv2d", {}, {"x": image, "w": w, "b": b}, {"y": conv2d(image, w, b)}, 8
    gamma, beta, mean, var = positive(7), positive(7) + 8, positive(7), positive(7)
    y = gamma * (x - mean) / np.sqrt(var + 0.125) + beta
    yield "batch_norm", "batch_norm_inference", {"eps": 0.125}, {"x": x, "gamma": gamma, "beta": beta, "mean": mean, "var": var}, {"y": y}, 8
    centred = x - x.mean(1, keepdims=True)
    y = gamma * centred / np.sqrt((centred ** 2).mean(1, keepdims=True) + 0.125) + beta
    yield "layer_norm", "layer_norm", {"eps": 0.125}, {"x": x, "gamma": gamma, "beta": beta}, {"y": y}, 8
    yield "max_pool", "max_pool2d", {}, {"x": image[:, :, :, :4]}, {"y": image[:, :, :, :4].reshape(2, 2, 2, 2, 2, 2).max((3, 5))}, 0
    theta, g, v, s = positive(9) + 4, positive(9), positive(9), positive(9)
    v1, s1 = 0.875 * v + 0.125 * g, 0.75 * s + 0.25 * g * g
    step = 0.25 * (v1 / (1 - 0.875 ** 3)) / (np.sqrt(s1 / (1 - 0.75 ** 3)) + 0.5)
    yield ("adam", "adam", {"eta": 0.25, "beta1": 0.875, "beta2": 0.75, "eps": 0.5, "t": 3},
           {"theta": theta, "g": g, "v": v, "s": s, "s_max": np.zeros(9)}, {"theta": theta - step, "v": v1, "s": s1, "s_max": np.zeros(9)}, 8)


peer.compare(np, sys.argv[1], cases())
