"""A network of linear layers with ReLU between them, as matrices in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from ctviz.counterfactuals.adapter import ModuleAdapter
from ctviz.counterfactuals.search_result import Searchable
from ctviz.errors import ConfigError
from ctviz.models.dense import Dense
from ctviz.models.ensemble import Ensembles
from ctviz.models.stack import Stack

Floats = npt.NDArray[np.float64]

MAX_UNITS = 512
"""Most hidden units of a network that is solved exactly; each may need a yes or no of its own."""

_NOTHING = (nn.Identity, nn.Dropout)
"""Modules that leave a sample as it is in evaluation mode."""


@dataclass(frozen=True, eq=False)
class Network:
    """z = W_n · relu(… relu(W_1 x + b_1) …) + b_n; each layer is a pair of weights (out in) and biases (out).

    Raises:
        ConfigError: fewer than two classes; weights that are not finite.
    """

    layers: tuple[tuple[Floats, Floats], ...]

    def __post_init__(self) -> None:
        if self.k < 2:
            raise _unfit(f"one of {self.k} logit")
        if not all(np.isfinite(part).all() for layer in self.layers for part in layer):
            raise _unfit("one with weights that are not finite")

    @property
    def d(self) -> int:
        """Number of columns."""
        return int(self.layers[0][0].shape[1])

    @property
    def k(self) -> int:
        """Number of classes."""
        return int(self.layers[-1][0].shape[0])

    def first(self, X: npt.ArrayLike) -> Floats:
        """The first layer's outputs before the ReLU for samples (… d), (… h)."""
        W, b = self.layers[0]
        return np.asarray(np.asarray(X, dtype=np.float64) @ W.T + b)

    def shift(self, columns: tuple[int, ...], changes: npt.ArrayLike) -> Floats:
        """By how much changes (n w) of some columns move ``first``, (n h)."""
        W, _ = self.layers[0]
        return np.asarray(np.asarray(changes, dtype=np.float64) @ W[:, list(columns)].T)

    def rest(self, outputs: Floats) -> Floats:
        """Logits (… k) from the first layer's outputs (… h)."""
        for W, b in self.layers[1:]:
            outputs = np.maximum(outputs, 0.0) @ W.T + b
        return outputs

    def largest(self, columns: npt.ArrayLike) -> float:
        """What no output of any layer exceeds in size for columns of at most these sizes (d)."""
        outputs, found = np.asarray(columns, dtype=np.float64), [0.0]
        for W, b in self.layers:
            outputs = np.abs(W) @ outputs + np.abs(b)
            found.append(float(outputs.max()))
        return max(found)

    def logits(self, X: npt.ArrayLike) -> Floats:
        """Logits (… k) of samples (… d)."""
        return self.rest(self.first(X))


def margin(logits: Floats, target: int) -> Floats:
    """z_y − log Σ_{c ≠ y} exp z_c of logits (… k), (…): log(p_y/(1 − p_y)), so p_y ≥ τ iff it is ≥ log(τ/(1 − τ)).

    With two classes it is linear, z_y − z_c.
    """
    if logits.shape[-1] == 2:
        return np.asarray(logits[..., target] - logits[..., 1 - target])
    others = np.delete(logits, target, axis=-1)
    top = others.max(axis=-1)
    return np.asarray(logits[..., target] - top - np.log(np.exp(others - top[..., None]).sum(axis=-1)))


def least_margin(tau: float) -> float:
    """The margin at which a target's probability is ``tau``."""
    return math.log(tau) - math.log1p(-tau)


def confidence(margins: npt.ArrayLike) -> Floats:
    """The probability that belongs to each margin (…), (…)."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(margins, dtype=np.float64))))


def networks_of(model: Searchable | nn.Module) -> list[Network]:
    """The networks of a stack, one for each arm, or of a module.

    Raises:
        ConfigError: a model that has something else than linear layers with ReLU between them, or too many units.
    """
    if isinstance(model, Ensembles):
        raise _unfit(f"an ensemble of {max(model.members)} models")
    if isinstance(model, Stack):
        found = _of_stack(model)
    elif isinstance(model, ModuleAdapter):
        found = [_of_module(model.model)] * model.m
    elif isinstance(model, nn.Module):
        found = [_of_module(model)]
    else:
        raise _unfit(type(model).__name__)
    units = sum(len(b) for _, b in found[0].layers[:-1])
    if units > MAX_UNITS:
        raise _unfit(f"one of {units} hidden units")
    return found


def _of_stack(stack: Stack) -> list[Network]:
    shape = stack.architecture
    if not isinstance(shape, Dense):
        raise _unfit("a convolutional network")
    if shape.activation != "relu" and len(shape.sizes) > 2:
        raise _unfit(f"one with {shape.activation}")
    layers = [layer.detach().cpu().double().numpy() for layer in stack.layers]
    return [Network(tuple((layer[arm, :, :-1], layer[arm, :, -1]) for layer in layers)) for arm in range(stack.m)]


def _of_module(model: nn.Module) -> Network:
    layers: list[tuple[Floats, Floats]] = []
    expected: type[nn.Module] = nn.Linear
    for module in _in_order(model):
        if isinstance(module, _NOTHING):
            continue
        if type(module) is not expected:
            raise _unfit(f"one with {type(module).__name__}")
        if isinstance(module, nn.Linear):
            W = module.weight.detach().cpu().double()
            b = W.new_zeros(len(W)) if module.bias is None else module.bias.detach().cpu().double()
            layers.append((W.numpy(), b.numpy()))
        expected = nn.ReLU if expected is nn.Linear else nn.Linear
    if expected is nn.Linear:
        raise _unfit("one that ends with ReLU" if layers else "one without layers")
    return Network(tuple(layers))


def _in_order(model: nn.Module) -> Sequence[nn.Module]:
    """The modules of nested ``nn.Sequential``s, one after the other."""
    if isinstance(model, nn.Sequential):
        return [part for child in model for part in _in_order(child)]
    return [model]


def _unfit(what: str) -> ConfigError:
    allowed = "linear layers with ReLU between them, dense, of up to 512 units; other generators take any model"
    return ConfigError("model for the exact search", what, allowed)
