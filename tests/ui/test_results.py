"""What is left of a gain in short steps: the sentence against loops over the shipped runs."""

from __future__ import annotations

import re

import numpy as np
import pytest

import ctviz
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import load_run
from ctviz.figures.theme import arm_styles
from ctviz.ui.kit import results
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import Searches
from tests.reference import plausibility as slow


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> Searches:
    found = Searches(ctviz.open_store())
    monkeypatch.setattr(results, "searches", lambda: found)
    return found


def run_view(preset: str) -> RunView:
    run = load_run(Experiment.preset(preset).key)
    return RunView(run.experiment, run.scene, 0.0, list(run.snapshots))


def test_where_searches_leap_the_gain_in_short_steps_is_told(searches: Searches) -> None:
    shown = run_view("moons")
    experiment, last = shown.experiment, shown.at(None)
    explorer = searches.explorer(experiment)
    factuals, labels = explorer.pick("random", experiment.evaluation.factuals)
    settings = experiment.evaluation
    short = ctviz.SearchSettings(
        **{name: getattr(settings, name) for name in ctviz.SearchSettings.model_fields}
        | {"step_bound": 0.02, "steps": 4 * settings.steps}
    )
    trace = explorer.trace(last, factuals, 1 - labels, short)
    X, y = (part.numpy() for part in explorer.data.validation)
    ip = []
    for arm in range(2):
        judged = trace.predicted[arm] != trace.targets
        ends = [(end, t) for end, t in zip(trace.final[arm][judged], trace.targets[judged], strict=True)]
        ip.append(np.mean([slow.implausibility(end, X[y == t]) for end, t in ends]))

    styles = arm_styles(experiment)
    said = results.leaps(shown, styles, last)
    assert said.startswith("Most of these searches leap; in short steps: ")
    (percent,) = re.findall(r"(\d+) % closer to real data", said)
    assert int(percent) == pytest.approx(100 * (1 - ip[1] / ip[0]), abs=0.51)
    assert results.leaps(shown, styles, shown.at(60)) == said.replace("short steps:", "short steps, at epoch 100:")


def test_nothing_is_told_where_steps_are_short_or_nothing_is_compared(searches: Searches) -> None:
    loans, moons = run_view("loans"), run_view("moons")
    assert results.leaps(loans, arm_styles(loans.experiment), loans.at(None)) == ""
    assert results.leaps(moons, arm_styles(moons.experiment)[:1], moons.at(None)) == ""
