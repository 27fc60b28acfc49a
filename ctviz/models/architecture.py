"""The interface of a model architecture; ``dense.py`` and ``convolutional.py`` implement it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

Layers = Sequence[Tensor]
"""The layers of m models, (m out in+1) each: the weights of every output, and its bias in the last column."""


class Pass(Protocol):
    """A forward pass through m models and its derivatives, in buffers that the next call overwrites.

    Samples come last. The derivatives are those of the last ``forward``; they do not modify their arguments.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Logits (m k b) of inputs with a last row of ones (m d+1 b)."""
        ...

    def weight_gradient(self, gradient: Tensor, x: Tensor, into: Layers) -> None:
        """From the gradient with respect to the logits (m k b), the one with respect to each layer, into ``into``.

        ``x`` is the argument of that ``forward``.
        """
        ...

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the logits (m k b), the one with respect to the inputs (m d b), new."""
        ...


class Architecture(Protocol):
    """A kind of model with its sizes; it holds no weights."""

    @property
    def d(self) -> int:
        """Number of inputs."""
        ...

    @property
    def k(self) -> int:
        """Number of classes."""
        ...

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Outputs and inputs (out, in) of each layer's weights; a convolution's inputs are those of one position."""
        ...

    @property
    def fans(self) -> tuple[tuple[int, int], ...]:
        """Fan-in and fan-out of each layer."""
        ...

    @property
    def widest(self) -> int:
        """Size of a pass's widest buffer, in numbers per sample and model."""
        ...

    def logits(self, layers: Layers, x: Tensor) -> Tensor:
        """Logits (m b k) of samples (m b d), differentiable by autograd, once, with respect to both."""
        ...

    def run(self, layers: Layers, b: int) -> Pass:
        """Buffers for passes of ``b`` samples per model."""
        ...

    def modules(self, layers: Layers, arm: int) -> list[nn.Module]:
        """One of the models as modules of torch in sequence, from (b d) to (b k)."""
        ...
