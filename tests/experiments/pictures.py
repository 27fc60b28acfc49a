"""A small trained run on digits, for tests that ask its models about them."""

from __future__ import annotations

from functools import cache

import ctviz
from ctviz import Experiment
from ctviz.experiments.images.explorer import ImageExplorer

ROWS = ("rows 1-5", "rows 24-28")

EXPERIMENT = Experiment.preset("mnist").replace(
    {
        "data.n_train": 600,
        "data.n_validation": 100,
        "data.n_test": 300,
        "training.epochs": 6,
        "training.batch": 60,
        "training.n_ce": 60,
        "model.hidden": [16],
        "evaluation.factuals": 5,
        "evaluation.every": 3,
        "evaluation.also": [],
        "arms": "vanilla,full,free",
        "arms.*.locked": [],
        "arms.full.locked": ROWS,
        "arms.full.steps": 10,
        "arms.free.steps": 10,
    }
)
VANILLA, FULL, FREE = range(3)
M, K, D, GRID = 3, 10, 784, (28, 28)


@cache
def run(channels=()):
    """An explorer, and the snapshots; of small networks with convolutions where there are channels."""
    experiment = EXPERIMENT
    if channels:
        experiment = experiment.replace({"model.channels": list(channels), "training.epochs": 1, "training.n_ce": 10})
    return ImageExplorer(experiment), tuple(ctviz.train(experiment, device="cpu"))
