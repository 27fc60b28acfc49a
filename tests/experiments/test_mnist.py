"""What the shipped run on handwritten digits shows, and what it does not, by the functions that the page uses."""

from __future__ import annotations

import numpy as np
import pytest

import ctviz
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.run import Run

VANILLA, FULL, LOCKED = range(3)


@pytest.fixture(scope="module")
def run() -> Run:
    return ctviz.load_run(Experiment.preset("mnist").key)


@pytest.fixture(scope="module")
def explorer(run: Run) -> ImageExplorer:
    return ImageExplorer(run.experiment)


@pytest.mark.parametrize("baseline", ["uniform", "black"])
def test_counterfactual_training_looks_less_at_the_rows(run: Run, explorer: ImageExplorer, baseline: str) -> None:
    means = explorer.class_means(run.snapshot(), AttributionSettings(baseline=baseline), per_class=25)
    assert means.difference.high[FULL] < 0


def test_what_the_lock_does_depends_on_the_baseline(run: Run, explorer: ImageExplorer) -> None:
    """Against noise, pixels that never hold ink count too, and to these the lock does harm; in real digits it helps."""
    noise = explorer.class_means(run.snapshot(), AttributionSettings(baseline="uniform"), per_class=25)
    assert noise.difference.low[LOCKED] > 0
    for baseline in ("black", "mean"):
        ink = explorer.class_means(run.snapshot(), AttributionSettings(baseline=baseline), per_class=25)
        assert ink.difference.high[LOCKED] < 0


def test_accuracy_under_attack_and_without(run: Run, explorer: ImageExplorer) -> None:
    curve = explorer.robustness(run.snapshot(), np.array([0.0, 0.1]), "fgsm", within=False)
    clean, attacked = curve.accuracy.value.T
    assert attacked[FULL] - attacked[VANILLA] > 0.25
    assert clean[VANILLA] - clean[FULL] < 0.04
    assert clean[VANILLA] - clean[LOCKED] < 0.04


def test_counterfactual_digits_are_smoother(run: Run, explorer: ImageExplorer) -> None:
    evaluation = run.experiment.evaluation
    settings = ctviz.SearchSettings(**{name: getattr(evaluation, name) for name in ctviz.SearchSettings.model_fields})
    numbers = explorer.counterfactual_numbers(run.snapshot(), settings, count=100)
    for arm in (FULL, LOCKED):
        assert numbers.metrics["variation"].high[arm] < numbers.metrics["variation"].low[VANILLA]
