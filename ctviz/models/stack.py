"""m models of one architecture as one: parameters carry a leading ``m`` axis, one product serves all.

Inside, samples come last: an activation is (m features b). Then a softmax over the classes and every elementwise
step run over long rows, which is what makes a step on small models cheap. A layer keeps weights and bias together,
(m out in+1) with the bias in the last column, and inputs carry a last row of ones; all layers are views of one flat
vector, so that an optimiser step is a few operations on one vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.models.settings import ModelSettings


class _Softplus(nn.Softplus):
    """Softplus that becomes a straight line only where float32 cannot tell: value and derivative agree."""

    def __init__(self) -> None:
        super().__init__(threshold=80.0)


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


def _softplus(x: Tensor, out: Tensor) -> None:
    out.copy_(nn.functional.softplus(x, threshold=80.0))


def _softplus_back(gradient: Tensor, x: Tensor, value: Tensor) -> Tensor:
    return gradient.mul_(torch.sigmoid(x))


@dataclass(frozen=True)
class Activation:
    """A non-linearity: as a module, as a map into a buffer, and its derivative times a gradient (in place)."""

    module: type[nn.Module]
    forward: Callable[[Tensor, Tensor], None]  # (x, out)
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]  # (gradient, x, value)


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(nn.ReLU, _relu, _relu_back),
    "tanh": Activation(nn.Tanh, _tanh, _tanh_back),
    "sigmoid": Activation(nn.Sigmoid, _sigmoid, _sigmoid_back),
    "softplus": Activation(_Softplus, _softplus, _softplus_back),
}


class Stack:
    """m multilayer perceptrons with the same layer sizes.

    ``stack(x)`` maps (m b d) to logits (m b k) and is differentiable by autograd with respect to ``x``; training and
    search use a ``Pass``, the same map with its derivatives written out.
    """

    def __init__(self, sizes: Sequence[int], activation: str, flat: Tensor, m: int) -> None:
        self.sizes = tuple(sizes)
        self.activation = activation
        self.m = m
        self.flat = flat
        self.layers = self.split(flat)

    @classmethod
    def initialise(
        cls, settings: ModelSettings, d: int, k: int, seeds: Sequence[int], device: torch.device | str = "cpu"
    ) -> Stack:
        """Weights and biases from U(−1/√in, 1/√in); one draw per seed, so models of the same seed start alike."""
        sizes = (d, *settings.hidden, k)
        draws = {seed: _draw(sizes, seed) for seed in set(seeds)}
        layers = [torch.stack([draws[seed][i] for seed in seeds]) for i in range(len(sizes) - 1)]
        return cls(sizes, settings.activation, _flatten(layers).to(device), len(seeds))

    def split(self, flat: Tensor) -> tuple[Tensor, ...]:
        """A flat vector (the parameters, a gradient) as layers, (m out in+1) each; views, no copies."""
        views, start = [], 0
        for a, b in pairwise(self.sizes):
            n = self.m * (a + 1) * b
            views.append(flat[start : start + n].view(self.m, b, a + 1))
            start += n
        return tuple(views)

    @property
    def d(self) -> int:
        return self.sizes[0]

    @property
    def k(self) -> int:
        return self.sizes[-1]

    @property
    def widest(self) -> int:
        """Width of the widest activation."""
        return max(self.sizes) + 1

    @property
    def device(self) -> torch.device:
        return self.flat.device

    @property
    def dtype(self) -> torch.dtype:
        return self.flat.dtype

    def owners(self) -> Tensor:
        """For every entry of the flat vector, the model that it belongs to."""
        index = torch.arange(self.m, device=self.device).view(-1, 1, 1)
        return torch.cat([index.expand_as(layer).reshape(-1) for layer in self.layers])

    def take(self, arms: Sequence[int]) -> Stack:
        """A stack of copies of some of the models."""
        index = torch.tensor(list(arms), dtype=torch.int64, device=self.device)
        return Stack(self.sizes, self.activation, _flatten([layer[index] for layer in self.layers]), len(index))

    def to(self, target: torch.device | torch.dtype | str) -> Stack:
        """A copy on another device or in another floating-point type."""
        return Stack(self.sizes, self.activation, self.flat.clone().to(target), self.m)

    def __call__(self, x: Tensor) -> Tensor:
        module = ACTIVATIONS[self.activation].module()
        for i, layer in enumerate(self.layers):
            x = torch.baddbmm(layer[:, None, :, -1], module(x) if i else x, layer[:, :, :-1].mT)
        return x

    def run(self, b: int) -> Pass:
        """Buffers for forward and backward passes of ``b`` samples per model."""
        return Pass(self, b)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """``"0.weight"`` (m out in), ``"0.bias"`` (m out), ``"1.weight"`` …: copies on the CPU."""
        named: dict[str, npt.NDArray[np.float32]] = {}
        for i, layer in enumerate(self.layers):
            array = layer.detach().to("cpu", torch.float32).numpy()
            named[f"{i}.weight"] = array[:, :, :-1].copy()
            named[f"{i}.bias"] = array[:, :, -1].copy()
        return named

    @classmethod
    def from_weights(cls, weights: dict[str, npt.NDArray[np.float32]], activation: str) -> Stack:
        """Inverse of ``weights``."""
        layers = [
            torch.cat([torch.tensor(weights[f"{i}.weight"]), torch.tensor(weights[f"{i}.bias"]).unsqueeze(-1)], dim=-1)
            for i in range(len(weights) // 2)
        ]
        sizes = [layers[0].shape[2] - 1, *(layer.shape[1] for layer in layers)]
        return cls(sizes, activation, _flatten(layers), len(layers[0]))

    def module(self, arm: int) -> nn.Sequential:
        """One of the models as a plain ``torch.nn.Module`` from (b d) to logits (b k); a copy, on the CPU."""
        modules: list[nn.Module] = []
        for i, layer in enumerate(self.layers):
            # Without a draw of weights: that would move torch's own random stream under the caller.
            linear = nn.utils.skip_init(nn.Linear, layer.shape[2] - 1, layer.shape[1], dtype=layer.dtype)
            with torch.no_grad():
                linear.weight.copy_(layer[arm, :, :-1])
                linear.bias.copy_(layer[arm, :, -1])
            modules += [linear] if i == 0 else [ACTIVATIONS[self.activation].module(), linear]
        return nn.Sequential(*modules)


class Pass:
    """A forward pass through a stack and its derivatives, in buffers that the next call overwrites."""

    def __init__(self, stack: Stack, b: int) -> None:
        self.stack = stack
        m, hidden, like = stack.m, stack.sizes[1:-1], stack.flat
        self._before = [like.new_empty(m, h, b) for h in hidden]
        self._after = [like.new_ones(m, h + 1, b) for h in hidden]  # the last row stays 1
        self._values = [after[:, :-1] for after in self._after]
        self._back = [like.new_empty(m, h, b) for h in hidden]
        self._logits = like.new_empty(m, stack.k, b)
        self._back_weights = [layer[:, :, :-1].mT for layer in stack.layers]
        self._activation = ACTIVATIONS[stack.activation]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m k b) of inputs with a last row of ones (m d+1 b)."""
        for i, layer in enumerate(self.stack.layers[:-1]):
            torch.bmm(layer, x, out=self._before[i])
            self._activation.forward(self._before[i], self._values[i])
            x = self._after[i]
        return torch.bmm(self.stack.layers[-1], x, out=self._logits)

    def weight_gradient(self, gradient: Tensor, x: Tensor, into: Sequence[Tensor]) -> None:
        """From the gradient with respect to the logits (m k b), the one with respect to each layer, into ``into``."""
        for i in range(len(into) - 1, 0, -1):
            torch.bmm(gradient, self._after[i - 1].mT, out=into[i])
            gradient = self._hidden_gradient(gradient, i)
        torch.bmm(gradient, x.mT, out=into[0])

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the logits (m k b), the one with respect to the inputs (m d b)."""
        for i in range(len(self.stack.layers) - 1, 0, -1):
            gradient = self._hidden_gradient(gradient, i)
        return torch.bmm(self._back_weights[0], gradient)

    def _hidden_gradient(self, gradient: Tensor, i: int) -> Tensor:
        """Gradient before the activation that feeds layer ``i``."""
        torch.bmm(self._back_weights[i], gradient, out=self._back[i - 1])
        return self._activation.backward(self._back[i - 1], self._before[i - 1], self._values[i - 1])


def with_ones(x: Tensor) -> Tensor:
    """Samples (m b d) as the input of a ``Pass``, (m d+1 b) with a last row of ones."""
    return torch.cat([x.mT, x.new_ones(x.shape[0], 1, x.shape[1])], dim=1)


def predict(logits: Tensor) -> Tensor:
    """Class with the largest logit, (m k …) → (m …); the first of equals. Faster over short axes than ``argmax``."""
    largest, found = logits[:, 0], torch.zeros_like(logits[:, 0], dtype=torch.int64)
    for c in range(1, logits.shape[1]):
        found = torch.where(logits[:, c] > largest, c, found)
        largest = torch.maximum(largest, logits[:, c])
    return found


def _flatten(layers: Sequence[Tensor]) -> Tensor:
    return torch.cat([layer.reshape(-1) for layer in layers])


def _draw(sizes: Sequence[int], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for a, b in pairwise(sizes):
        bound = 1 / math.sqrt(a)
        layers.append(torch.empty(b, a + 1).uniform_(-bound, bound, generator=generator))
    return layers
