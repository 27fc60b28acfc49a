"""The architecture that all arms of a run share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ctviz.settings import Settings


class ModelSettings(Settings):
    """A multilayer perceptron; without hidden layers, a linear model; with channels, a convolutional network."""

    later = ("channels", "initial")

    hidden: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((32,), max_length=8)
    activation: Literal["relu", "tanh", "sigmoid", "softplus"] = "relu"
    channels: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field((), max_length=3)
    initial: Literal["fan_in", "glorot"] = "fan_in"
    """First weights: uniform up to 1/√in, or Glorot's √(6/(in + out)) with biases of 0."""
