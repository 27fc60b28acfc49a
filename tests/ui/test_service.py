"""What may be trained, why not, and about how long it takes; what is imported for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ctviz.data.catalogue import load
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import service
from ctviz.ui.kit.service import AT_EASE, SLOWEST, WATCHES, Watchers, about_seconds, reason_not_to_train

MOONS, MNIST = Experiment.preset("moons"), Experiment.preset("mnist")
RANGED = MOONS.replace({"arms.full.ranges": ((0, 50.0, 60.0),)})


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the data sets that are loaded."""
    found: list[str] = []

    def noting(data):
        found.append(data.name)
        return load(data)

    service.schema_of.cache_clear()
    monkeypatch.setattr(service, "load", noting)
    return found


@pytest.mark.parametrize("experiment", [MOONS, Experiment.preset("lock"), MNIST], ids=lambda e: e.to_query()["preset"])
def test_without_ranges_no_data_are_looked_at(loaded, experiment: Experiment) -> None:
    assert reason_not_to_train(experiment) is None
    assert loaded == []


def test_with_ranges_they_are_looked_at_once(loaded) -> None:
    reasons = {reason_not_to_train(RANGED) for _ in range(3)}
    assert loaded == ["moons"]
    assert "some values of the domain of x1, " in reasons.pop()


def test_a_refusal_calls_features_what_the_page_does() -> None:
    reason = reason_not_to_train(RANGED, ("debt", "age"))
    assert "some values of the domain of debt, " in reason
    assert "x1" not in reason


def test_a_picture_is_needed_where_there_is_a_plane() -> None:
    assert "Without a probability field" in reason_not_to_train(MOONS.replace({"evaluation.field": 0}))


@pytest.mark.parametrize(
    ("changes", "at_least"),
    [
        ({"training.epochs": 200}, 1.9),
        ({"arms": "vanilla,full,full locked,energy"}, 1.4),
        ({"model.hidden": (256,)}, 1.5),
        ({"model.channels": (6, 16)}, 1.5),
        ({"training.n_ce": 10_000}, 1.5),
    ],
)
def test_what_takes_longer_is_said_to(changes: dict, at_least: float) -> None:
    assert about_seconds(MNIST.replace(changes)) > at_least * about_seconds(MNIST)


def test_digits_take_minutes_at_most_and_moons_seconds() -> None:
    assert 20 < about_seconds(MNIST) < 200
    assert 1 < about_seconds(MOONS) < 20
    conventional = MNIST.replace({"arms": "vanilla"})
    assert about_seconds(conventional) < about_seconds(MNIST) / 4


def test_where_many_watch_each_looks_less_often() -> None:
    now = [0.0]
    watchers = Watchers(lambda: now[0])
    for number in range(3 * AT_EASE):
        watchers.note(f"session {number}", "run")
        watchers.note(f"session {number}", "run")
        assert watchers.slower() == max((number + 1) / AT_EASE, 1.0)
    assert watchers.of("run") == {f"session {number}" for number in range(3 * AT_EASE)}
    assert watchers.of("another run") == set()
    now[0] = 2 * WATCHES
    assert watchers.of("run") == set()
    watchers.note("session 1", "run")
    assert watchers.slower() == 1.0
    for number in range(1000):
        watchers.note(f"session {number}", "run")
    assert watchers.slower() == SLOWEST


def test_the_app_opens_with_pandas_and_without_libraries_that_only_some_need() -> None:
    """Nor does a worker need the others to train: they take longer to import than all else.

    The large ones that the first page needs are loaded ahead of it.
    """
    code = (
        "import sys, ctviz.ui.launch\n"
        "ctviz.ui.launch.load_ahead()\n"
        "ahead = {*sys.modules}\n"
        "import ctviz.ui.home, ctviz.ui.kit.frame, ctviz.ui.kit.service, ctviz.experiments.run\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'torch') if name not in ahead])\n"
        "print([name for name in ('captum', 'pandas', 'scipy', 'sklearn') if name in sys.modules])\n"
        "import captum.attr, captum.robust, torch\n"
        "print(captum.attr.Saliency(torch.nn.Identity()).attribute(torch.ones(1, 2), 1).tolist())\n"
        "print('matplotlib' in sys.modules)\n"
    )
    said = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], encoding="utf-8").splitlines()
    assert said == ["[]", "['pandas']", "[[0.0, 1.0]]", "False"], "captum attributes without Matplotlib"
