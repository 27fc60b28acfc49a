"""The architecture that all arms of a run share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ctviz.settings import Settings


class ModelSettings(Settings):
    """A multilayer perceptron; without hidden layers, a linear model."""

    hidden: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((32,), max_length=8)
    activation: Literal["relu", "tanh", "sigmoid", "softplus"] = "relu"
