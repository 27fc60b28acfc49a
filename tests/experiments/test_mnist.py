"""What the shipped run on handwritten digits shows, and what it does not, by the functions that the page uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ctviz
from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.run import Run
from ctviz.experiments.store import Store

VANILLA, FULL, LOCKED = range(3)


@pytest.fixture(scope="module")
def run() -> Run:
    return ctviz.load_run(Experiment.preset("mnist").key)


def searched_by(run: Run) -> ctviz.SearchSettings:
    """The search that a run was measured with."""
    evaluation = run.experiment.evaluation
    return ctviz.SearchSettings(**{name: getattr(evaluation, name) for name in ctviz.SearchSettings.model_fields})


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
    numbers = explorer.counterfactual_numbers(run.snapshot(), searched_by(run), count=100)
    for arm in (FULL, LOCKED):
        assert numbers.metrics["variation"].high[arm] < numbers.metrics["variation"].low[VANILLA]


def test_digits_of_the_readable_run_are_read_as_what_they_claim_to_be_and_at_which_price(tmp_path: Path) -> None:
    """On test digits, with the search that the run was measured with; a protocol with the reader finds it too."""
    readable = ctviz.load_run(Experiment.preset("readable").key)
    explorer = ImageExplorer(readable.experiment)
    numbers = explorer.counterfactual_numbers(readable.snapshot(), searched_by(readable), count=200)
    theirs, ours = numbers.metrics["read_as"].value
    assert theirs < 0.05 and ours > 0.75 and numbers.differences["read_as"].low[1] > 0.5
    X, y = (part.numpy() for part in explorer.data.test)
    theirs, ours = (explorer.probabilities(readable.snapshot(), X).argmax(-1) == y).mean(-1)
    assert theirs - ours < 0.02
    protocol = ctviz.Protocol(
        rounds=4, factuals=10, lambda_egy=(20.0,), tau=0.999, steps=200, step_size=0.5, also=("reader",)
    )
    report = ctviz.evaluate(readable, protocol, store=Store(tmp_path))
    assert report.metrics[-2:] == ("read_as", "read_as_before")
    theirs, ours = report.rounds[-2, :, 0].mean(-1)
    assert theirs < 0.2 < 0.6 < ours
    with pytest.raises(ConfigError, match="but for digits"):
        protocol.check(Experiment.preset("moons"))
