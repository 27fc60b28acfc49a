"""Stored runs as lines of a list: their names, what they found, and what a search finds."""

from __future__ import annotations

import math

import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import default_references
from ctviz.experiments.store import RunInfo
from ctviz.training.arm import Arm
from ctviz.ui.tradeoffs.runs.run_entries import entry_of, is_stack, matches, ordered, title_of

MOONS = Experiment.preset("moons").replace({"training.epochs": 20})


def info(experiment=MOONS, **changes):
    values = {
        "key": experiment.key,
        "state": "done",
        "data": experiment.data.name,
        "arms": tuple(arm.name for arm in experiment.arms),
        "epochs": experiment.training.epochs,
        "bytes": 1000,
        "last_used": 5.0,
        "preset": False,
        "experiment": experiment,
        "summary": None,
        "started": 5.0,
    }
    return RunInfo(**{**values, **changes})


def results(*arms):
    """``results((accuracy, ip, ip*, cost), …)``, one for each arm, as a snapshot has them."""
    names = ("validation_accuracy", "ip", "ip_star", "cost")
    return {name: list(values) for name, values in zip(names, zip(*arms, strict=True), strict=True)}


def stack(count=24):
    arms = [Arm.variant("vanilla"), *(Arm.variant(f"{number:012x}", lambda_div=number) for number in range(1, count))]
    return Experiment(**{**MOONS.model_dump(), "arms": [arm.model_dump() for arm in arms]})


def test_a_run_is_called_by_what_is_special_about_it():
    assert title_of(info(MOONS.replace({"arms.full.tau": 0.5, "seed": 3}))) == "moons, τ 0.5, seed 3, epochs 20"
    assert title_of(info(MOONS.replace({"arms.*.tau": 0.5}))) == "moons, τ 0.5, epochs 20"
    assert title_of(info(MOONS.replace({"arms.vanilla.tau": 0.5}))) == "moons, τ 0.5 (vanilla), epochs 20"
    assert title_of(info(Experiment.preset("lock"))) == "lock"
    assert title_of(info(name="mine")) == "mine"
    assert title_of(info(stack())) == "24 models of a sweep"
    assert title_of(info(MOONS.replace({"data.name": "gaussians"}))).startswith("gaussians, ")


def test_a_long_description_ends_where_there_is_no_room():
    changed = {"arms.full.lambda_div": 2, "arms.full.lambda_adv": 1, "arms.full.lambda_reg": 1, "arms.full.epsilon": 1}
    title = title_of(info(MOONS.replace({**changed, "training.lr": 0.1, "model.hidden": [4], "data.n_train": 500})))
    assert title.endswith(", …") and len(title) <= 64


def test_only_names_made_by_a_sweep_make_a_stack():
    assert is_stack(stack())
    assert not is_stack(MOONS)
    assert is_stack(MOONS.replace({"evaluation.field": 0, "evaluation.paths": 0}))
    assert is_stack(MOONS.replace({"arms": "vanilla,cell 1,cell 2"}))
    assert not is_stack(Experiment.preset("mnist"))
    assert not is_stack(MOONS.replace({"arms": "vanilla"}))
    assert not is_stack(MOONS.replace({"arms": "vanilla,full,0123456789ab"}))


MEASURED = results((0.9, 2.0, 0.4, 1.0), (0.91, 1.0, 0.1, 1.5), (0.8, 0.8, 0.2, 0.5))


def test_the_models_that_all_pages_compare_are_compared_and_of_a_stack_the_best():
    found = entry_of(info(MOONS.replace({"arms": "vanilla,full,energy"})), MEASURED)
    assert (found.pair, found.compared, found.accuracy) == ((0, 1), "full", 0.91)
    assert found.changes == pytest.approx({"ip": -0.5, "ip_star": -0.75, "cost": 0.5})
    found = entry_of(info(stack(3)), MEASURED)
    assert (found.pair, found.accuracy, found.change("ip")) == ((0, 2), 0.8, pytest.approx(-0.6))


def test_a_model_is_compared_with_the_conventional_one_of_its_seed():
    arms = [
        Arm.variant("a", seed=1, lambda_div=0, lambda_adv=0, lambda_reg=0),
        Arm.variant("b", seed=2, lambda_div=0, lambda_adv=0, lambda_reg=0),
        Arm.variant("full", seed=2),
        Arm.variant("other", seed=7),
    ]
    experiment = Experiment(**{**MOONS.model_dump(), "arms": [arm.model_dump() for arm in arms]})
    assert default_references(experiment) == {"full": "b", "other": "a"}
    assert default_references(MOONS.replace({"arms": "full"})) == {}


@pytest.mark.parametrize(
    "found",
    [None, {}, results((0.9, math.nan, math.nan, math.nan), (0.9, math.nan, math.nan, math.nan)),
     results((0.9, 0.0, 0.0, 0.0), (0.9, 1.0, 1.0, 1.0))],
    ids=["none", "empty", "no numbers", "nothing to divide by"],
)  # fmt: skip
def test_without_results_there_is_nothing_to_say(found):
    entry = entry_of(info(MOONS), found)
    assert all(math.isnan(entry.change(name)) for name in ("ip", "ip_star", "cost"))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", True),
        ("moons", True),
        ("MOON mine", True),
        ("circles", False),
        ("moons circles", False),
        ("full", True),
        ("epochs=20", True),
        ("epochs=20 moons", True),
        ("epochs=21", False),
        (MOONS.key[:6], True),
        ("done", True),
        ("preset", False),
        ("=", False),
        ("tau=", False),
        ("(", False),
    ],
)
def test_a_run_is_found_by_its_words_and_settings(search, found):
    assert matches(entry_of(info(name="mine")), search) is found


def test_orders_put_what_is_pinned_first():
    gained = results((0.9, 2.0, 1, 1), (0.9, 1.0, 1, 1))
    lines = [
        entry_of(info(name="b", started=1.0, bytes=9)),
        entry_of(info(name="a", started=3.0, bytes=5), gained),
        entry_of(info(name="c", started=2.0, bytes=1, pinned=True)),
        entry_of(info(name="d", started=9.0, bytes=7, preset=True)),
    ]
    assert [found.title for found in ordered(lines, "new")] == ["c", "a", "b", "d"]
    assert [found.title for found in ordered(lines, "name")] == ["c", "a", "b", "d"]
    assert [found.title for found in ordered(lines, "size")] == ["c", "b", "d", "a"]
    assert [found.title for found in ordered(lines, "gain")][:2] == ["c", "a"]
