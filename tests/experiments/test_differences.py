"""Which settings differ, and which experiments a search by a setting finds."""

from __future__ import annotations

import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.differences import differences, has

MOONS = Experiment.preset("moons")


def table(*experiments, **options):
    return {entry.path: entry.values for entry in differences(experiments, **options)}


def test_only_what_differs_is_listed():
    other = MOONS.replace({"training.epochs": 20, "arms.full.tau": 0.9, "seed": 3})
    assert table(MOONS, other) == {"training.epochs": (100, 20), "arms.full.tau": (0.75, 0.9), "seed": (0, 3)}


def test_nothing_differs_from_itself():
    assert table(MOONS, MOONS) == {} and table(MOONS) == {}


def test_what_all_models_share_is_one_line():
    other = MOONS.replace({"arms.*.tau": 0.9})
    assert table(MOONS, other) == {"arms.*.tau": (0.75, 0.9)}


def test_of_all_settings_each_is_listed_once_and_says_whether_it_differs():
    other = MOONS.replace({"arms.*.tau": 0.9})
    found = differences([MOONS, other], alike=True)
    paths = [entry.path for entry in found]
    assert len(paths) == len(set(paths)) > 40
    assert [entry.path for entry in found if entry.differs] == ["arms.*.tau"]
    assert {"data.noise", "training.lr", "evaluation.tau", "arms", "arms.full.lambda_div", "seed"} <= set(paths)


def test_a_model_that_one_run_lacks_shows_what_is_unusual_about_it():
    other = MOONS.replace({"arms": "vanilla,full,mine,adversarial", "arms.mine.tau": 0.9})
    assert table(MOONS, other) == {
        "arms": (("vanilla", "full"), ("vanilla", "full", "mine", "adversarial")),
        "arms.mine.tau": (None, 0.9),
    }


def test_what_images_do_not_have_does_not_differ_for_that_alone():
    found = table(MOONS, Experiment.preset("mnist"))
    assert found["data.name"] == ("moons", "mnist")
    assert "data.correlation" not in found and "data.source" not in found


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("tau", "0.75", True),
        ("tau", "0.750", True),
        ("tau", ".75", True),
        ("TAU", "0.75", True),
        ("tau", "0.95", True),  # that of measuring
        ("full.tau", "0.95", False),
        ("arms.full.tau", "0.75", True),
        ("au", "0.75", False),
        ("tau", "high", False),
        ("hidden", "32", True),
        ("hidden", "[32]", True),
        ("hidden", "32,16", False),
        ("generator", "ECCCo", True),
        ("generator", "dice", False),
        ("epochs", "100", True),
        ("seed", "0", True),
        ("seed", "null", True),
        ("data.name", "moons", True),
        ("nothing", "1", False),
        ("tau", "", False),
    ],
)
def test_a_setting_is_found_by_its_value(name, text, found):
    assert has(MOONS, name, text) is found
