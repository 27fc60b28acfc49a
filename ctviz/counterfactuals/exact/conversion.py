"""Models of torch as what the exact search and ``polish`` take: the matrices of a network, or any model as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.counterfactuals.adapter import ModuleAdapter
from ctviz.counterfactuals.exact.network import MAX_UNITS, Floats, Network, unfit
from ctviz.counterfactuals.polish import Judged
from ctviz.counterfactuals.search_result import Searchable
from ctviz.errors import ConfigError
from ctviz.models.dense import Dense
from ctviz.models.ensemble import EnsembleStack
from ctviz.models.stack import Stack

_NOTHING = (nn.Identity, nn.Dropout)
"""Modules that leave a sample as it is in evaluation mode."""


class AnyModel:
    """A model of any kind, the only one of a stack or an adapter; its logits in its own type."""

    def __init__(self, model: Searchable, like: Tensor) -> None:
        self._model, self._like = model, like

    def first(self, X: npt.ArrayLike) -> Floats:
        """The samples themselves."""
        return np.asarray(X, dtype=np.float64)

    def shift(self, columns: tuple[int, ...], changes: npt.ArrayLike) -> Floats:
        """Changes (n w) of some columns as changes of all, (n d)."""
        own = np.asarray(changes, dtype=np.float64)
        whole = np.zeros((len(own), len(self._like)))
        whole[:, list(columns)] = own
        return whole

    def rest(self, outputs: Floats) -> Floats:
        """Logits (… k) of samples (… d)."""
        flat = torch.from_numpy(outputs.reshape(-1, outputs.shape[-1]).T.copy()).to(self._like)
        x = torch.cat([flat, torch.ones_like(flat[:1])])[None]
        logits = self._model.run(x.shape[-1]).forward(x)[0].T.double().cpu().numpy()
        return logits.reshape(*outputs.shape[:-1], -1)


def judged(model: Searchable, like: Tensor) -> Judged:
    """A model, the only one of its stack or adapter, as ``polish`` needs it; ``like`` (d …) has its type and device."""
    try:
        return networks_of(model)[0]
    except ConfigError:
        return AnyModel(model, like)


def networks_of(model: Searchable | nn.Module) -> list[Network]:
    """The networks of a stack, one for each arm, or of a module.

    Raises:
        ConfigError: a model that has something else than linear layers with ReLU between them, or too many units.
    """
    if isinstance(model, EnsembleStack):
        raise unfit(f"an ensemble of {max(model.members)} models")
    if isinstance(model, Stack):
        found = _of_stack(model)
    elif isinstance(model, ModuleAdapter):
        found = [_of_module(model.model)] * model.m
    elif isinstance(model, nn.Module):
        found = [_of_module(model)]
    else:
        raise unfit(type(model).__name__)
    units = sum(len(b) for _, b in found[0].layers[:-1])
    if units > MAX_UNITS:
        raise unfit(f"one of {units} hidden units")
    return found


def _of_stack(stack: Stack) -> list[Network]:
    shape = stack.architecture
    if not isinstance(shape, Dense):
        raise unfit("a convolutional network")
    if shape.activation != "relu" and len(shape.sizes) > 2:
        raise unfit(f"one with {shape.activation}")
    layers = [layer.detach().cpu().double().numpy() for layer in stack.layers]
    return [Network(tuple((layer[arm, :, :-1], layer[arm, :, -1]) for layer in layers)) for arm in range(stack.m)]


def _of_module(model: nn.Module) -> Network:
    layers: list[tuple[Floats, Floats]] = []
    expected: type[nn.Module] = nn.Linear
    for module in _in_order(model):
        if isinstance(module, _NOTHING):
            continue
        if type(module) is not expected:
            raise unfit(f"one with {type(module).__name__}")
        if isinstance(module, nn.Linear):
            W = module.weight.detach().cpu().double()
            b = W.new_zeros(len(W)) if module.bias is None else module.bias.detach().cpu().double()
            layers.append((W.numpy(), b.numpy()))
        expected = nn.ReLU if expected is nn.Linear else nn.Linear
    if expected is nn.Linear:
        raise unfit("one that ends with ReLU" if layers else "one without layers")
    return Network(tuple(layers))


def _in_order(model: nn.Module) -> Sequence[nn.Module]:
    """The modules of nested ``nn.Sequential``s, one after the other."""
    if isinstance(model, nn.Sequential):
        return [part for child in model for part in _in_order(child)]
    return [model]
