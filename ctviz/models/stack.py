"""m models of one architecture as one: parameters carry a leading ``m`` axis, one product serves all.

Inside, samples come last: an activation is (m features b). Then a softmax over the classes and every elementwise
step run over long rows, which is what makes a step on small models cheap. A layer keeps weights and bias together,
(m out in+1) with the bias in the last column, and inputs carry a last row of ones; all layers are views of one flat
vector, so that an optimiser step is a few operations on one vector.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.errors import DataError
from ctviz.models.architecture import Architecture, Pass
from ctviz.models.convolutional import Convolutional
from ctviz.models.dense import Dense
from ctviz.models.model_settings import ModelSettings
from ctviz.models.sizes import Grid, check_channels

if TYPE_CHECKING:
    from ctviz.models.counterfactual_networks import CounterfactualNetworks


def architecture(settings: ModelSettings, d: int, k: int, grid: Grid | None = None) -> Architecture:
    """The kind of model that the settings describe, for ``d`` inputs, ``k`` classes, pictures of ``grid`` pixels.

    Raises:
        ConfigError: convolutions for data without pictures, or for pictures that are too small.
    """
    if not settings.channels:
        return Dense((d, *settings.hidden, k), settings.activation)
    grid = check_channels(settings, d, grid)
    return Convolutional.of(grid, settings.channels, settings.hidden, k, settings.activation)


class Stack:
    """m models of the same architecture.

    ``stack(x)`` maps (m b d) to logits (m b k) and is differentiable by autograd, once, with respect to ``x``; training
    and search use ``run``, the same map with its derivatives written out.
    """

    def __init__(self, architecture: Architecture, flat: Tensor, m: int) -> None:
        self.architecture = architecture
        self.m = m
        self.flat = flat
        self.layers = self.split(flat)
        self.networks: CounterfactualNetworks | None = None  # those of CounterNet, where arms have some

    @classmethod
    def initialise(
        cls,
        settings: ModelSettings,
        d: int,
        k: int,
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
        grid: Grid | None = None,
    ) -> Stack:
        """Fresh models for ``d`` inputs and ``k`` classes, pictures of ``grid`` pixels; weights as in ``initial``.

        "fan_in": weights and biases from U(−1/√in, 1/√in). "glorot": weights from U(−a, a) with a = √(6/(in + out)),
        biases 0 (Glorot and Bengio 2010). One draw per seed, so models of the same seed start alike.

        Raises:
            ConfigError: as ``architecture``.
        """
        made = architecture(settings, d, k, grid)
        draws = {seed: _draw(made, settings.initial, seed) for seed in set(seeds)}
        layers = [torch.stack([draws[seed][i] for seed in seeds]) for i in range(len(made.shapes))]
        return Stack(made, _flatten(layers).to(device), len(seeds))

    def split(self, flat: Tensor) -> tuple[Tensor, ...]:
        """A flat vector (the parameters, a gradient) as layers, (m out in+1) each; views, no copies."""
        views, start = [], 0
        for out, inputs in self.architecture.shapes:
            n = self.m * (inputs + 1) * out
            views.append(flat[start : start + n].view(self.m, out, inputs + 1))
            start += n
        return tuple(views)

    @property
    def d(self) -> int:
        return self.architecture.d

    @property
    def k(self) -> int:
        return self.architecture.k

    @property
    def widest(self) -> int:
        """Size of a pass's widest buffer, in numbers per sample and model."""
        return self.architecture.widest

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
        taken = Stack(self.architecture, _flatten([layer[index] for layer in self.layers]), len(index))
        taken.networks = self.networks.take(arms) if self.networks else None
        return taken

    def to(self, target: torch.device | torch.dtype | str) -> Stack:
        """A copy on another device or in another floating-point type."""
        moved = Stack(self.architecture, self.flat.clone().to(target), self.m)
        moved.networks = self.networks.to(target) if self.networks else None
        return moved

    def in_arms(self, members: Sequence[int]) -> Stack:
        """The models as arms of so many models each, in their order; an arm of several is an ensemble.

        The weights are shared. With one model for each arm, the stack itself.
        """
        if all(size == 1 for size in members) and len(members) == self.m:
            return self
        from ctviz.models.ensemble import EnsembleStack  # a stack itself

        return EnsembleStack(self, members)

    def __call__(self, x: Tensor) -> Tensor:
        return self.architecture.logits(self.layers, x)

    def run(self, b: int) -> Pass:
        """Buffers for forward and backward passes of ``b`` samples per model."""
        return self.architecture.run(self.layers, b)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """``"0.weight"`` (m out in), ``"0.bias"`` (m out), ``"1.weight"`` …: copies on the CPU.

        A convolution's weights come channel by channel, then row by row, as torch has them.
        """
        named: dict[str, npt.NDArray[np.float32]] = {}
        for i, layer in enumerate(self.layers):
            array = layer.detach().to("cpu", torch.float32).numpy()
            named[f"{i}.weight"] = array[:, :, :-1].copy()
            named[f"{i}.bias"] = array[:, :, -1].copy()
        return named

    @classmethod
    def from_weights(
        cls,
        weights: Mapping[str, npt.NDArray[np.float32]],
        settings: ModelSettings,
        grid: Grid | None = None,
        members: Sequence[int] = (),
    ) -> Stack:
        """Inverse of ``weights``, for pictures of ``grid`` pixels where there are convolutions.

        ``members``: how many of the models each arm has, as for ``in_arms``; by default one.

        Raises:
            ConfigError: as ``architecture``. DataError: weights whose sizes are not those of the settings.
        """
        layers = [
            torch.cat([torch.tensor(weights[f"{i}.weight"]), torch.tensor(weights[f"{i}.bias"]).unsqueeze(-1)], dim=-1)
            for i in range(len(weights) // 2)
        ]
        found = tuple((layer.shape[1], layer.shape[2] - 1) for layer in layers)
        d = math.prod(grid) if settings.channels and grid is not None else found[0][1]
        made = architecture(settings, d, found[-1][0], grid)
        if found != made.shapes:
            held, wanted = (", ".join(f"{out} × {inputs}" for out, inputs in shapes) for shapes in (found, made.shapes))
            raise DataError(f"The weights are of layers {held}; the settings of the model are of layers {wanted}.")
        stack = Stack(made, _flatten(layers), len(layers[0]))
        return stack.in_arms(members) if members else stack

    def module(self, arm: int) -> nn.Sequential:
        """One of the models as a plain ``torch.nn.Module`` from (b d) to logits (b k); a copy, on the CPU."""
        return nn.Sequential(*self.architecture.modules(self.layers, arm))


def with_ones(x: Tensor) -> Tensor:
    """Samples (m b d) as the input of a ``Pass``, (m d+1 b) with a last row of ones."""
    return torch.cat([x.mT, x.new_ones(x.shape[0], 1, x.shape[1])], dim=1)


def predict(logits: Tensor) -> Tensor:
    """Class with the largest logit, (m k …) → (m …); ties go to the first. Faster over short axes than ``argmax``."""
    largest, found = logits[:, 0], torch.zeros_like(logits[:, 0], dtype=torch.int64)
    for c in range(1, logits.shape[1]):
        found = torch.where(logits[:, c] > largest, c, found)
        largest = torch.maximum(largest, logits[:, c])
    return found


def _flatten(layers: Sequence[Tensor]) -> Tensor:
    return torch.cat([layer.reshape(-1) for layer in layers])


def _draw(made: Architecture, initial: str, seed: int) -> list[Tensor]:
    """First weights of one model, (out in+1) per layer."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for (out, inputs), (fan_in, fan_out) in zip(made.shapes, made.fans, strict=True):
        layer = torch.zeros(out, inputs + 1)
        if initial == "glorot":
            bound = math.sqrt(6 / (fan_in + fan_out))
            layer[:, :-1] = torch.empty(out, inputs).uniform_(-bound, bound, generator=generator)
        else:
            layer.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
        layers.append(layer)
    return layers
