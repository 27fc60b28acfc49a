"""Every setting has words, a sentence of help, and bounds that a control can offer."""

from __future__ import annotations

import math
from typing import Literal, get_args, get_origin

import pytest

from ctviz.data.catalogue import DATASETS
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.ui.kit.controls import OWN, STRENGTHS, free_name, strength_of
from ctviz.ui.vocabulary import CHOICES, SECTIONS, WORDS, bounds, differences, field_of, generic, plain, value_of

PATHS = [
    *dict.fromkeys(
        f"{section}.{name}" for section, models in SECTIONS.items() for model in models for name in model.model_fields
    ),
    "seed",
]


def test_every_setting_has_words_and_there_are_no_others() -> None:
    assert set(WORDS) == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_help_is_one_sentence(path: str) -> None:
    words = WORDS[path]
    assert words.label[0].isupper()
    assert words.help.endswith(".")
    assert words.help.count(". ") == 0


def test_every_option_has_a_name() -> None:
    assert set(DATASETS) <= set(CHOICES)
    options = [
        get_args(kind)
        for path in PATHS
        for kind in (field_of(path).annotation, *get_args(field_of(path).annotation))
        if get_origin(kind) is Literal
    ]
    assert len(options) > 5
    assert {option for found in options for option in found} <= set(CHOICES)


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
    assert bounds(path) == expected


def test_paths_of_arms_share_their_words() -> None:
    assert generic("arms.my arm.tau") == "arms.tau"
    assert generic("training.epochs") == "training.epochs"
    assert value_of(Experiment.preset("moons"), "arms.full.tau") == 0.75


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
        "range (mine) x2 from -1 to 0.25",
        "when the locks hold (mine) in advice only",
    }


@pytest.mark.parametrize(("value", "text"), [(None, "its own"), ((), "none"), ((32, 16), "32, 16"), (0.10, "0.1")])
def test_plain(value: object, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_is_found_again(strength: float) -> None:
    changes = {"arms.full.lambda_div": 0.5 * strength, "arms.full.lambda_adv": 0.25 * strength}
    assert strength_of(Experiment.preset("moons").replace(changes)) == strength


def test_strength_of_other_weights_is_their_own() -> None:
    assert strength_of(Experiment.preset("moons").replace({"arms.full.lambda_div": 0.7})) == OWN
    assert strength_of(Experiment.preset("moons").replace({"arms": "vanilla"})) == OWN
    four = Experiment.preset("moons").replace({"arms": "vanilla,adversarial,energy,full"})
    assert strength_of(four) == 1


def test_a_copied_name_is_free_and_valid() -> None:
    assert free_name("full", {"full", "full 2"}) == "full 3"
    assert free_name("new", {"full"}) == "new"
    long = "a" * 40
    Arm.variant(free_name(long, {long}))
