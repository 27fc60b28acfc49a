"""Experiments on points of one's own: texts, links and keys; runs and sweeps as on other data."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.catalogue.settings import differences
from ctviz.data.drawn import EXTENT, FEWEST, MOST_POINTS, DrawnSettings, encode
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import Training
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.plan import plan
from ctviz.ui.kit import link
from tests.data.paintings import spread

names = st.tuples(st.text("abc äö=&;", min_size=1, max_size=8), st.text("ABC 1_[", min_size=1, max_size=8)).filter(
    lambda pair: all(name == name.strip() for name in pair)
)

labels = st.lists(st.text("no yes,=&[", min_size=1, max_size=20), max_size=4, unique=True).map(
    lambda found: tuple(name for name in found if name == name.strip())
)


@st.composite
def drawn(draw):
    """Any experiment on points of one's own."""
    counts = draw(st.lists(st.integers(FEWEST, 60), min_size=2, max_size=4))
    points = encode(*spread(counts, draw(st.integers(0, 99))))
    base = Experiment.preset("drawn")
    changes = {
        "data.points": points,
        "data.columns": draw(names),
        "data.labels": draw(labels),
        "data.seed": draw(st.integers(0, 9)),
    }
    return base.replace({**changes, "training.epochs": draw(st.integers(1, 99))})


@settings(max_examples=30)
@given(drawn())
def test_texts_and_links_there_and_back(experiment):
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert Experiment.from_toml(experiment.to_toml()) == experiment
    address = urlencode(link.write(experiment, link.View()))
    opened = link.read(dict(parse_qsl(address, strict_parsing=True, keep_blank_values=True)))
    assert opened.experiment == experiment
    assert opened.problems == ()


@settings(max_examples=30)
@given(drawn(), drawn())
def test_keys_are_equal_where_experiments_are(a, b):
    assert (a.key == b.key) == (a == b)


def test_the_link_of_as_many_points_as_are_allowed_is_read():
    points = encode(*spread([MOST_POINTS - 30, 10, 10, 10]))
    experiment = Experiment.preset("drawn").replace({"data.points": points})
    query = link.write(experiment, link.View())
    assert len(urlencode(query)) < 3000
    assert link.read(query).experiment == experiment


@pytest.mark.parametrize("text", ["abc", "a" * 5000, "aAgAyAAA", ""])
def test_points_that_a_link_garbles_are_left_out_and_named(text):
    opened = link.read({"preset": "drawn", "data.points": text})
    assert opened.experiment == Experiment.preset("drawn")
    assert len(opened.problems) == 1 and "data.points" in opened.problems[0]


def test_other_data_have_no_points_and_these_no_noise():
    drawn, moons = Experiment.preset("drawn"), Experiment.preset("moons")
    for experiment, path in ((moons, "data.points"), (drawn, "data.noise"), (drawn, "data.n_train")):
        with pytest.raises(ConfigError, match="no such setting"):
            experiment.replace({path: 3})
    assert moons.replace({"data.name": "drawn"}).data == DrawnSettings()
    assert drawn.replace({"data.name": "moons"}).data == moons.data


def test_differences_count_the_points():
    changed = Experiment.preset("drawn").replace({"data.points": encode(*spread([12, 30]))})
    assert differences(changed) == ("42 points: 12 of class 0 and 30 of class 1",)


@pytest.mark.parametrize("counts", [(FEWEST, FEWEST), (FEWEST,) * 4, (60, FEWEST, 25)])
def test_a_run_on_few_points_measures_all_that_others_do(counts):
    experiment = Experiment.preset("drawn").replace(
        {"data.points": encode(*spread(counts)), "data.columns": ("income", "age"), "training.epochs": 2}
    )
    training = Training(experiment, "cpu")
    last = [*training][-1]
    scene = training.scene
    assert scene.features == ("income", "age")
    assert [*scene.lower, *scene.upper] == [-EXTENT] * 2 + [EXTENT] * 2
    assert len(scene.points) == experiment.data.n_train
    for name in ("loss_class", "train_accuracy", "validation_accuracy", "robust_accuracy", "validity"):
        assert np.isfinite(last.metrics[name]).all(), name
    assert all(np.isfinite(weights).all() for weights in last.weights.values())
    assert experiment.data.n_validation >= 2


def test_points_on_a_line_are_trained_on():
    """Spread over both axes, and yet of no area."""
    along = np.linspace(0, 255, 40).astype(np.uint8)
    points = encode(np.stack([along, along], axis=1), np.repeat([0, 1], 20).astype(np.uint8))
    *_, last = Training(Experiment.preset("drawn").replace({"data.points": points, "training.epochs": 2}), "cpu")
    assert all(np.isfinite(weights).all() for weights in last.weights.values())


def test_a_sweep_declares_and_plans_them(tmp_path):
    base = Experiment.preset("drawn").replace({"data.points": encode(*spread([12, 30]))})
    sweep = Sweep(base=base, axes=(Axis(setting="lambda_div", values=(0.1, 0.5)),))
    assert Sweep.from_toml(sweep.to_toml()) == sweep
    assert Sweep.from_json(sweep.to_json()) == sweep
    planned = plan(sweep, Store(tmp_path))
    assert planned.tasks and all(task.experiment.data == base.data for task in planned.tasks)
