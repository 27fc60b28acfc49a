"""The non-linearities between layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Activation:
    """A non-linearity: as a module, as a map into a buffer, and its derivative times a gradient (in place)."""

    module: Callable[[], nn.Module]
    forward: Callable[[Tensor, Tensor], None]  # (x, out)
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]  # (gradient, x, value)


def _relu(x: Tensor, out: Tensor) -> None:
    torch.clamp_min(x, 0.0, out=out)


def _relu_back(gradient: Tensor, x: Tensor, value: Tensor) -> Tensor:
    torch.ops.aten.threshold_backward.grad_input(gradient, x, 0.0, grad_input=gradient)
    return gradient


def _tanh(x: Tensor, out: Tensor) -> None:
    torch.tanh(x, out=out)


def _tanh_back(gradient: Tensor, x: Tensor, value: Tensor) -> Tensor:
    return gradient.mul_(1 - value * value)


def _sigmoid(x: Tensor, out: Tensor) -> None:
    torch.sigmoid(x, out=out)


def _sigmoid_back(gradient: Tensor, x: Tensor, value: Tensor) -> Tensor:
    return gradient.mul_(value * (1 - value))


LINEAR_FROM = 80.0
"""Input from which softplus is taken as linear: in float32 neither its value nor its derivative differs there."""


def _softplus(x: Tensor, out: Tensor) -> None:
    out.copy_(nn.functional.softplus(x, threshold=LINEAR_FROM))


def _softplus_back(gradient: Tensor, x: Tensor, value: Tensor) -> Tensor:
    return gradient.mul_(torch.sigmoid(x))


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(nn.ReLU, _relu, _relu_back),
    "tanh": Activation(nn.Tanh, _tanh, _tanh_back),
    "sigmoid": Activation(nn.Sigmoid, _sigmoid, _sigmoid_back),
    "softplus": Activation(partial(nn.Softplus, threshold=LINEAR_FROM), _softplus, _softplus_back),
}
