"""Tables of results as a test wants them: draws that differ by little, so that intervals are narrow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from ctviz.studies.draw import COLUMNS
from ctviz.studies.study import Study

Value = Callable[[str, str, float, int, str], float]
"""Panel, variant, dose, epoch and metric → the value."""


def made_up(study: Study, value: Value, epochs: tuple[int, ...] = (100,), draws: int = 5) -> pd.DataFrame:
    """A table of a limit with ``value`` in it; NaN leaves a row out."""
    rows = []
    for panel in study.panels:
        for variant in (variant for stack in panel.stacks for variant in stack.variants):
            for seed in range(draws):
                for epoch in epochs:
                    for metric in study.metrics:
                        found = value(panel.name, variant.name, variant.dose, epoch, metric)
                        wobble = 1 + 0.001 * (seed - draws / 2)
                        if not math.isnan(found):
                            rows.append((panel.name, variant.name, variant.dose, seed, epoch, metric, found * wobble))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def shortened(study: Study, epochs: int, n_train: int) -> Study:
    """The same limit with a shorter schedule and fewer samples."""
    panels = []
    for panel in study.panels:
        e = panel.experiment
        batch, every = min(e.training.batch, n_train), min(e.evaluation.every, epochs)
        changes = {"training.epochs": epochs, "training.batch": batch, "evaluation.every": every}
        sizes = {"data.n_train": n_train, "evaluation.factuals": min(e.evaluation.factuals, n_train)}
        panels.append(replace(panel, experiment=e.replace({**sizes, **changes})))
    return replace(study, panels=tuple(panels))
