"""Every setting has a title, a sentence of help, options with words, and bounds that a control can offer."""

from __future__ import annotations

import math

import pytest

from ctviz.catalogue.settings import (
    CHOICES,
    OFFERED,
    SECTIONS,
    SETTINGS,
    differences,
    generic,
    setting,
    value_of,
    value_words,
)
from ctviz.data.catalogue import DATASETS
from ctviz.experiments.config import Experiment, parse_value
from ctviz.studies.sweeps.declaration import Axis, Sweep

PATHS = {
    "seed",
    *(f"{section}.{name}" for section, owners in SECTIONS.items() for owner in owners for name in owner.model_fields),
}


def test_every_setting_is_described_and_there_are_no_others() -> None:
    assert set(SETTINGS) == PATHS


@pytest.mark.parametrize("one", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_described_whole(one) -> None:
    assert one.title[0].isupper() and one.brief
    assert one.help.endswith(".") and one.help.count(". ") == 0, "one sentence"
    assert not one.symbol or one.symbol in one.label
    assert set(one.options) <= set(one.choices), "every option has words"
    low, high = one.bounds
    assert low is None or high is None or low < high


def test_an_option_means_the_same_wherever_it_is_chosen() -> None:
    for one in SETTINGS.values():
        assert one.choices.items() <= CHOICES.items()
    assert set(DATASETS) <= set(CHOICES)


@pytest.mark.parametrize("section", ["evaluation", "protocol"])
def test_a_search_has_the_same_words_whatever_it_is_for(section: str) -> None:
    shared = [one for one in SETTINGS.values() if one.path.startswith(f"{section}.") and one.purpose]
    assert {one.path.partition(".")[2] for one in shared} >= {"generator", "tau", "steps", "step_size", "lambda_cost"}
    for one in shared:
        base = SETTINGS[f"arms.{one.path.partition('.')[2]}"]
        assert one.label == base.label + one.purpose
        assert one.brief == base.brief and one.choices == base.choices


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("training.epochs", (1, 10_000)),
        ("arms.full.tau", (math.nextafter(0, 1), math.nextafter(1, 0))),
        ("data.seed", (0, 2**31 - 1)),
        ("training.lr", (math.nextafter(0, 1), 10)),
        ("data.separation", (0, 100)),
    ],
)
def test_bounds_are_those_of_the_setting(path: str, expected: tuple[float, float]) -> None:
    assert setting(path).bounds == expected


def test_numbers_are_written_as_what_they_are() -> None:
    assert (setting("training.epochs").format, setting("training.lr").format) == ("%d", "%g")
    assert setting("arms.seed").whole and not setting("data.noise").whole


def test_a_setting_is_found_by_all_its_names() -> None:
    assert generic("arms.my arm.tau") == "arms.tau"
    assert setting("tau") is setting("arms.my arm.tau") is SETTINGS["arms.tau"]
    assert setting("seed").path == "seed"
    assert setting("data.some_thing").label == "some thing"
    assert value_of(Experiment.preset("moons"), "arms.full.tau") == 0.75


@pytest.mark.parametrize("name", OFFERED)
def test_what_a_sweep_is_offered_can_be_swept(name: str) -> None:
    values = tuple(parse_value(part.strip()) for part in OFFERED[name].split(","))
    assert Sweep(axes=(Axis(setting=name, values=values),)).size == len(values) > 1


def test_differences_are_said_in_words() -> None:
    assert differences(Experiment.preset("ls")) == ()
    changed = Experiment.preset("moons").replace(
        {
            "training.epochs": 20,
            "data.noise": 0.3,
            "arms": "vanilla,full,mine",
            "arms.mine.locked": (0,),
            "arms.mine.ranges": (("x2", -1, 0.25),),
            "arms.mine.lock_when": "searching",
        }
    )
    assert set(differences(changed)) == {
        "epochs 20 instead of 100",
        "noise 0.3 instead of its own",
        "models: vanilla, full, mine",
        "locked (mine) x1",
        "range (mine) x2 from −1 to 0.25",
        "when the locks hold (mine) in advice only",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "its own"), ((), "none"), ((32, 16), "32, 16"), (0.10, "0.1"), ("eccco", CHOICES["eccco"]), (-0.5, "−0.5")],
)
def test_values_in_words(value: object, text: str) -> None:
    assert value_words(value) == text
