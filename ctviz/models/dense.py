"""Multilayer perceptrons, whose layers are fully connected."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from ctviz.models.activations import ACTIVATIONS
from ctviz.models.architecture import Layers


@dataclass(frozen=True)
class Dense:
    """A multilayer perceptron; with two sizes, a linear model."""

    sizes: tuple[int, ...]  # d, the hidden layers, k
    activation: str

    @property
    def d(self) -> int:
        """Number of inputs."""
        return self.sizes[0]

    @property
    def k(self) -> int:
        """Number of classes."""
        return self.sizes[-1]

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Outputs and inputs of each layer's weights."""
        return tuple((b, a) for a, b in pairwise(self.sizes))

    @property
    def fans(self) -> tuple[tuple[int, int], ...]:
        """Fan-in and fan-out of each layer."""
        return tuple(pairwise(self.sizes))

    @property
    def widest(self) -> int:
        """Width of the widest activation, with its constant one."""
        return max(self.sizes) + 1

    def logits(self, layers: Layers, x: Tensor) -> Tensor:
        """Logits (m b k) of samples (m b d)."""
        module = ACTIVATIONS[self.activation].module()
        for i, layer in enumerate(layers):
            x = torch.baddbmm(layer[:, None, :, -1], module(x) if i else x, layer[:, :, :-1].mT)
        return x

    def run(self, layers: Layers, b: int) -> DensePass:
        """Buffers for passes of ``b`` samples per model."""
        return DensePass(self, layers, b)

    def modules(self, layers: Layers, arm: int) -> list[nn.Module]:
        """Linear layers with the activation between them."""
        modules: list[nn.Module] = []
        for i, layer in enumerate(layers):
            # Without a draw of weights: that would move torch's own random stream under the caller.
            linear = nn.utils.skip_init(nn.Linear, layer.shape[2] - 1, layer.shape[1], dtype=layer.dtype)
            with torch.no_grad():
                linear.weight.copy_(layer[arm, :, :-1])
                linear.bias.copy_(layer[arm, :, -1])
            modules += [linear] if i == 0 else [ACTIVATIONS[self.activation].module(), linear]
        return modules


class DensePass:
    """A forward pass and its derivatives, written out; see ``Pass``."""

    def __init__(self, architecture: Dense, layers: Layers, b: int) -> None:
        m, hidden, like = len(layers[0]), architecture.sizes[1:-1], layers[0]
        self._layers = layers
        self._before = [like.new_empty(m, h, b) for h in hidden]
        self._after = [like.new_ones(m, h + 1, b) for h in hidden]  # the last row stays 1
        self._values = [after[:, :-1] for after in self._after]
        self._back = [like.new_empty(m, h, b) for h in hidden]
        self._logits = like.new_empty(m, architecture.k, b)
        self._back_weights = [layer[:, :, :-1].mT for layer in layers]
        self._activation = ACTIVATIONS[architecture.activation]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m k b) of inputs with a last row of ones (m d+1 b)."""
        for i, layer in enumerate(self._layers[:-1]):
            torch.bmm(layer, x, out=self._before[i])
            self._activation.forward(self._before[i], self._values[i])
            x = self._after[i]
        return torch.bmm(self._layers[-1], x, out=self._logits)

    def weight_gradient(self, gradient: Tensor, x: Tensor, into: Layers) -> None:
        """From the gradient with respect to the logits (m k b), the one with respect to each layer, into ``into``."""
        for i in range(len(into) - 1, 0, -1):
            torch.bmm(gradient, self._after[i - 1].mT, out=into[i])
            gradient = self._hidden_gradient(gradient, i)
        torch.bmm(gradient, x.mT, out=into[0])

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the logits (m k b), the one with respect to the inputs (m d b)."""
        for i in range(len(self._layers) - 1, 0, -1):
            gradient = self._hidden_gradient(gradient, i)
        return torch.bmm(self._back_weights[0], gradient)

    def _hidden_gradient(self, gradient: Tensor, i: int) -> Tensor:
        """Gradient before the activation that feeds layer ``i``."""
        torch.bmm(self._back_weights[i], gradient, out=self._back[i - 1])
        return self._activation.backward(self._back[i - 1], self._before[i - 1], self._values[i - 1])
