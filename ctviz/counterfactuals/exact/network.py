"""A network of linear layers with ReLU between them, as matrices in float64; torch is not needed for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctviz.errors import ConfigError

Floats = npt.NDArray[np.float64]

MAX_UNITS = 512
"""Most hidden units of a network that is solved exactly; each may need a yes or no of its own."""


@dataclass(frozen=True, eq=False)
class Network:
    """z = W_n · relu(… relu(W_1 x + b_1) …) + b_n; each layer is a pair of weights (out in) and biases (out).

    Raises:
        ConfigError: fewer than two classes; weights that are not finite.
    """

    layers: tuple[tuple[Floats, Floats], ...]

    def __post_init__(self) -> None:
        if self.k < 2:
            raise unfit(f"one of {self.k} logit")
        if not all(np.isfinite(part).all() for layer in self.layers for part in layer):
            raise unfit("one with weights that are not finite")

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


def unfit(what: str) -> ConfigError:
    """The error for a model that the exact search cannot take."""
    allowed = "linear layers with ReLU between them, dense, of up to 512 units; other generators take any model"
    return ConfigError("model for the exact search", what, allowed)
