"""Sweeps that take a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctviz.experiments.config import Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.studies.sweeps.declaration import Axis, Sweep

CHANGES = {
    "data.n_train": 60,
    "data.n_validation": 20,
    "data.n_test": 40,
    "training.epochs": 3,
    "training.lr": 0.05,
    "training.batch": 30,
    "training.n_ce": 20,
    "model.hidden": (8,),
    "arms.*.steps": 30,
    "arms.*.step_size": 0.5,
    "arms.*.tau": 0.5,
}

PROTOCOL = Protocol(rounds=4, factuals=10, lambda_egy=(1.0,), steps=5, also=())


def base(**changes: Any) -> Experiment:
    return Experiment().replace({**CHANGES, **{name.replace("__", "."): value for name, value in changes.items()}})


def small(grid: Mapping[str, Any] | None = None, seeds: int = 1, **changes: Any) -> Sweep:
    axes = tuple(Axis(setting=name, values=values) for name, values in (grid or {"lambda_div": (0.1, 1.0)}).items())
    values: dict[str, Any] = {"base": base(), "protocol": PROTOCOL, **changes}
    return Sweep(axes=axes, seeds=seeds, **values)


TINY = {
    **{name: str(CHANGES[name])
       for name in ("data.n_train", "data.n_validation", "data.n_test", "training.epochs", "training.n_ce")},
    "grid.tau": "0.5,0.9", "seeds": "1", "rounds": "2",
}  # fmt: skip
"""A link to Trade-offs with another such sweep, to be run from there."""
