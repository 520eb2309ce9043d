#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Agreement with PyTorch in double precision: forward, gradients by its autograd, and steps of its
optimizers.  Skipped by name where PyTorch is missing.
"""
import sys

import peer

np = peer.need("numpy")
torch = peer.need("torch")
from torch.nn import functional as F  # noqa: E402  needs torch

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)

SUMS = 64        # ulps of results that nothing cancels in
CANCEL = 1 << 15  # of gradients whose terms cancel: 7e-12 of the result


def between(low, high, *shape):
    return low + (high - low) * torch.rand(shape)


def absent():
    return torch.zeros(0)


def both(name, op, attributes, inputs, function, differentiated, output="y"):
    """The operator and its gradient.  inputs: by name, in the row's order; None for an absent one."""
    leaves = {k: v.clone().requires_grad_(k in differentiated) if v is not None else None for k, v in inputs.items()}
    y = function(*leaves.values())
    dy = between(-1, 1, *y.shape)
    y.backward(dy)
    plain = {k: (v.detach() if v is not None else absent()).numpy() for k, v in leaves.items()}
    yield name, op, attributes, plain, {output: y.detach().numpy()}, SUMS
    gradients = {"d" + k: leaves[k].grad.numpy() if leaves[k] is not None else absent().numpy() for k in differentiated}
    yield name + "_backward", op + "_backward", attributes, {"d" + output: dy.numpy(), **plain}, gradients, CANCEL


def activations():
    x = between(-4, 4, 3, 5)
    for op, function, attributes in (
            ("sigmoid", torch.sigmoid, {}), ("tanh", torch.tanh, {}), ("relu", F.relu, {}),
            ("leaky_relu", lambda x: F.leaky_relu(x, 0.25), {"alpha": 0.25}),
            ("softplus", lambda x: F.softplus(x, 2, 20), {"beta": 2, "threshold": 20}),
            ("softmax", lambda x: F.softmax(x, 1), {"axis": 1}), ("log_softmax", lambda x: F.log_softmax(x, 1), {"axis": 1})):
        yield from both(op, op, attributes, {"x": x}, function, ["x"])


def losses():
    x, t = between(-2, 2, 4, 3), between(0.1, 0.9, 4, 3)
    weights, classes = between(0.5, 2, 3), torch.tensor([0, 2, -100, 1])
    for reduction in ("mean", "sum", "none"):
        a = {"reduction": reduction}
        yield from both("mse_" + reduction, "mse_loss", a, {"x": x, "t": t}, lambda x, t: F.mse_loss(x, t, reduction=reduction), ["x", "t"])
        yield from both("bce_" + reduction, "binary_cross_entropy", {**a, "log_clamp": -100.0}, {"t": t, "p": between(0.1, 0.9, 4, 3)},
                        lambda t, p: F.binary_cross_entropy(p, t, reduction=reduction), ["p"])
        yield from both("bce_logits_" + reduction, "binary_cross_entropy_with_logits", a, {"t": t, "x": x},
                        lambda t, x: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), ["x"])
        for smoothing in (0.0, 0.125):
            for w in (None, weights):
                tag = f"{reduction}_{smoothing}_{'weighted' if w is not None else 'plain'}"
                b = {**a, "label_smoothing": smoothing}
                yield from both("ce_" + tag, "softmax_cross_entropy", b, {"x": x, "t": classes, "w": w},
                                lambda x, t, w: F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing), ["x"])
                yield from both("ce_probabilities_" + tag, "softmax_cross_entropy_probabilities", b, {"x": x, "t": t, "w": w},
                                lambda x, t, w: F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing), ["x"])


def convolutions():
    x = between(0.5, 2, 2, 4, 6, 5)
    for tag, stride, padding, dilation, groups, b in (("plain", (1, 1), (0, 0), (1, 1), 1, True), ("strided", (2, 1), (1, 2), (1, 1), 2, False),
                                                      ("dilated", (1, 2), (1, 1), (2, 3), 4, True)):
        a = {"stride": list(stride), "padding": [*padding, *padding], "dilation": list(dilation), "groups": groups}
        bias = between(0.5, 2, 4) if b else None
        yield from both("conv_" + tag, "conv2d", a, {"x": x, "w": between(0.5, 2, 4, 4 // groups, 3, 2), "b": bias},
                        lambda x, w, b: F.conv2d(x, w, b, stride, padding, dilation, groups), ["x", "w", "b"])
        extra = [s - 1 for s in stride]
        yield from both("convt_" + tag, "conv_transpose2d", {**a, "output_padding": extra}, {"x": x, "w": between(0.5, 2, 4, 4 // groups, 3, 2), "b": bias},
                        lambda x, w, b: F.conv_transpose2d(x, w, b, stride, padding, extra, groups, dilation), ["x", "w", "b"])


def pooling():
    x = between(0.5, 2, 2, 3, 7, 6)
    for kernel, stride, padding, ceil in (((2, 2), (2, 2), (0, 0), False), ((3, 2), (2, 2), (1, 1), False), ((3, 3), (2, 2), (1, 1), True)):
        a = {"kernel_shape": list(kernel), "stride": list(stride), "padding": [*padding, *padding], "ceil_mode": int(ceil)}
        tag = f"{kernel[0]}{kernel[1]}_{int(ceil)}"
        yield from both("max_" + tag, "max_pool2d", a, {"x": x}, lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil), ["x"])
        for include in (0, 1):
            yield from both(f"mean_{tag}_{include}", "mean_pool2d", {**a, "count_include_pad": include}, {"x": x},
                            lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, bool(include)), ["x"])
    yield from both("l2", "l2_pool2d", {}, {"x": x}, lambda x: F.lp_pool2d(x, 2, 2), ["x"])


def normalization():
    x, gamma, beta = between(-2, 2, 4, 3, 2, 2), between(0.5, 2, 3), between(8, 9, 3)
    names = ["x", "gamma", "beta"]
    yield from both("batch_norm", "batch_norm", {"eps": 0.125}, {"x": x, "gamma": gamma, "beta": beta},
                    lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, True, 0, 0.125), names)
    mean, var = between(1, 2, 3), between(1, 2, 3)
    after_mean, after_var = mean.clone(), var.clone()
    F.batch_norm(x + 3, after_mean, after_var, gamma, beta, True, 0.25, 0.125)
    yield ("batch_norm_statistics", "batch_norm_statistics", {"momentum": 0.25}, {"x": (x + 3).numpy(), "running_mean": mean.numpy(), "running_var": var.numpy()},
           {"running_mean": after_mean.numpy(), "running_var": after_var.numpy()}, SUMS)
    row = between(-2, 2, 4, 5)
    yield from both("layer_norm", "layer_norm", {"eps": 0.125}, {"x": row, "gamma": between(0.5, 2, 5), "beta": between(8, 9, 5)},
                    lambda x, gamma, beta: F.layer_norm(x, [5], gamma, beta, 0.125), names)


def optimizers():
    """Three steps from zero states; each is a case, with the states that PyTorch had before it."""
    start, gradients = between(1, 2, 6), [between(0.5, 1, 6) for _ in range(3)]

    def steps(tag, op, attributes, make, states):
        theta = start.clone().requires_grad_()
        optimizer = make([theta])
        held = {ours: torch.zeros(6) for ours in states}
        for t, g in enumerate(gradients, 1):
            before = {"theta": theta.detach().clone().numpy(), "g": g.numpy(), **{k: v.numpy() for k, v in held.items()}}
            theta.grad = g.clone()
            optimizer.step()
            now = optimizer.state[theta]
            held = {ours: now[theirs].detach().clone() if now.get(theirs) is not None else torch.zeros(6) for ours, theirs in states.items()}
            after = {"theta": theta.detach().clone().numpy(), **{k: v.numpy() for k, v in held.items()}}
            yield f"{tag}_{t}", op, {**attributes, **({"t": t} if op in ("adam", "momentum") else {})}, before, after, SUMS

    o = torch.optim
    yield from steps("sgd", "sgd", {"eta": 0.25}, lambda p: o.SGD(p, 0.25), {})
    for name, more, ours in (("plain", {}, {}), ("nesterov", {"nesterov": True}, {"nesterov": 1}),
                             ("damped", {"dampening": 0.25, "weight_decay": 0.125}, {"dampening": 0.25, "weight_decay": 0.125})):
        yield from steps("momentum_" + name, "momentum", {"eta": 0.25, "beta": 0.75, **ours}, lambda p: o.SGD(p, 0.25, momentum=0.75, **more), {"v": "momentum_buffer"})
    adam = {"eta": 0.25, "beta1": 0.875, "beta2": 0.75, "eps": 0.5}
    states = {"v": "exp_avg", "s": "exp_avg_sq", "s_max": "max_exp_avg_sq"}
    for name, make, more, ours in (("plain", o.Adam, {}, {}), ("amsgrad", o.Adam, {"amsgrad": True}, {"amsgrad": 1}), ("coupled", o.Adam, {"weight_decay": 0.125}, {"weight_decay": 0.125}),
                                   ("decoupled", o.AdamW, {"weight_decay": 0.125}, {"weight_decay": 0.125, "decay": "decoupled"})):
        yield from steps("adam_" + name, "adam", {**adam, **ours}, lambda p: make(p, 0.25, (0.875, 0.75), 0.5, **{"weight_decay": 0, **more}), states)
    yield from steps("adagrad", "adagrad", {"eta": 0.25, "eps": 0.5}, lambda p: o.Adagrad(p, 0.25, eps=0.5), {"s": "sum"})
    yield from steps("adadelta", "adadelta", {"eta": 0.5, "gamma": 0.75, "rho": 0.75, "eps": 0.5}, lambda p: o.Adadelta(p, 0.5, rho=0.75, eps=0.5),
                     {"s": "square_avg", "delta": "acc_delta"})
    rms = {"eta": 0.25, "gamma": 0.75, "eps": 0.5}
    states = {"s": "square_avg", "m": "grad_avg", "b": "momentum_buffer"}
    for name, more, ours in (("plain", {}, {}), ("centered", {"centered": True}, {"centered": 1}), ("momentum", {"momentum": 0.5, "weight_decay": 0.125}, {"momentum": 0.5, "weight_decay": 0.125})):
        yield from steps("rmsprop_" + name, "rmsprop", {**rms, **ours}, lambda p: o.RMSprop(p, 0.25, alpha=0.75, eps=0.5, **more), states)


def cases():
    for family in (activations, losses, convolutions, pooling, normalization, optimizers):
        yield from family()


peer.compare(np, sys.argv[1], cases())
