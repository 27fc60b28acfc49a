"""How long and in what batches a run trains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ctviz.settings import Settings


class Schedule(Settings):
    """The training schedule that all arms of a run share."""

    epochs: int = Field(100, ge=1, le=10_000)
    batch: int = Field(30, ge=1, le=100_000)
    n_ce: int = Field(1000, ge=0, le=100_000)
    burnin: float = Field(0.0, ge=0, le=1)
    optimiser: Literal["adam", "amsgrad"] = "adam"
    lr: float = Field(0.001, gt=0, le=10)
