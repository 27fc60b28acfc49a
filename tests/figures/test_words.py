"""The finding of an epoch in words: honest with signs, zeros and what is missing."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ctviz.catalogue.metrics import RECORDED
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import MeanEnergies
from ctviz.experiments.run import load_run
from ctviz.figures.theme import arm_styles, reference_pair
from ctviz.figures.words import (
    as_lists,
    describe_curve,
    energy_gap,
    headline,
    leap,
    left_in_short_steps,
    samples_of,
)

NAN = math.nan
STYLES = arm_styles(Experiment.preset("moons"))


def test_headline_says_epoch_direction_and_that_it_is_one_run() -> None:
    said = headline(100, STYLES, {"ip": [1.0, 0.44]})
    for part in ("At epoch 100", "the counterfactually trained model", "56 % closer to real data", "in this run"):
        assert part in said


@pytest.mark.parametrize(
    ("epoch", "ip", "part"),
    [
        (40, [1.0, 1.12], "12 % farther from real data"),
        (40, [1.0, 1.001], "as far from real data"),
        (40, [1.0, 1.0], "as far from real data"),
        (0, [1.0, 1.0], "Before training, the two models still see the data alike."),
        (3, [NAN, 1.0], "the conventional one has none to measure"),
        (3, [1.0, NAN], "the counterfactually trained one has none to measure"),
        (3, [NAN, NAN], "neither has any to measure"),
        (3, [], "nothing has been measured"),
    ],
)
def test_headline_is_honest(epoch: int, ip: list[float], part: str) -> None:
    said = headline(epoch, STYLES, {"ip": ip})
    assert part in said
    assert "closer" not in said


def test_headline_of_one_model_compares_nothing() -> None:
    alone = arm_styles(Experiment.preset("moons").replace({"arms": "vanilla"}))
    said = headline(5, alone, {"ip": [1.0], "validation_accuracy": [0.97]})
    assert "At epoch 5" in said and "“Conventional”" in said and "97.0 %" in said and "than" not in said
    assert "nothing has been measured" in headline(5, alone, {})


def test_the_pair_compared_is_conventional_and_full() -> None:
    styles = arm_styles(Experiment.preset("moons").replace({"arms": "full,energy,vanilla"}))
    assert reference_pair(styles) == (2, 0)
    assert reference_pair(styles[:2]) == (None, 0)
    assert reference_pair(styles[2:]) == (0, None)


def test_searches_leap_where_half_of_those_that_arrive_take_two_steps_or_fewer() -> None:
    steps = np.array([[1, 2, 9, 9], [9, 9, 1, 1], [3, 3, 3, 3]])
    mature = np.array([[True, True, True, False], [True, True, True, False], [False] * 4])
    paths = SimpleNamespace(steps=steps, mature=mature)  # medians of 2, 9, and none that arrive
    assert leap(paths, (0, 1)) and leap(paths, (1, 0))
    assert not leap(paths, (1, 2))


def test_what_is_left_in_short_steps_is_said_as_far_as_it_is_clear() -> None:
    def ends(*ip: float, clear: bool = True) -> SimpleNamespace:
        interval = SimpleNamespace(value=np.array(ip), significant=np.array([False, clear]))
        return SimpleNamespace(metrics={"ip": interval}, differences={"ip": interval})

    assert left_in_short_steps(ends(2.0, 1.5), (0, 1)) == (
        "Most of these searches leap; in short steps: 25 % closer to real data."
    )
    assert "in short steps, at epoch 7: as far from real data." in left_in_short_steps(ends(2.0, 2.0), (0, 1), 7)
    assert left_in_short_steps(ends(math.nan, 2.0), (0, 1)) == ""
    assert "closer" not in left_in_short_steps(ends(2.0, 1.5, clear=False), (0, 1))


def test_a_run_that_ships_is_told_without_its_page() -> None:
    run = load_run(Experiment.preset("moons").key)
    said = headline(100, STYLES, as_lists(run.snapshot()), samples_of(run.experiment))
    assert said.startswith("At epoch 100, counterfactuals of the counterfactually trained model end ")


def test_another_name_than_full_is_called_by_it() -> None:
    styles = arm_styles(Experiment.preset("moons").replace({"arms": "vanilla,adversarial,energy"}))
    assert styles[2].title in headline(9, styles, {"ip": [1.0, 0.7, 0.5]})


def test_text_alternative_names_every_arm() -> None:
    said = describe_curve(RECORDED["ip"], STYLES, 12, [1.9, NAN])
    assert RECORDED["ip"].title in said and "epoch 12" in said
    assert "Conventional 1.90" in said and "Counterfactual training —" in said


@pytest.mark.parametrize(
    ("real", "ends", "mature", "gap", "said"),
    [
        (-3.12, -1.18, 3, "1.9 higher", "real samples −3.1, counterfactuals −1.2"),
        (-5.6, -18.2, 3, "12.6 lower", "real samples −5.6, counterfactuals −18.2"),
        (0.04, -0.04, 3, "the same", "real samples 0.0, counterfactuals 0.0"),
        (-3.1, NAN, 0, "–", "real samples −3.1; none of 4 counterfactuals matured"),
        (NAN, 1.0, 3, "–", "real samples –, counterfactuals 1.0"),
    ],
)
def test_energies_lie_apart_as_far_as_the_numbers_beside(
    real: float, ends: float, mature: int, gap: str, said: str
) -> None:
    one = np.array([[real]]), np.array([[ends]])
    means = MeanEnergies(1, (5,), *one, np.array([[mature]]), 4, *one)
    assert energy_gap(means, 0, 0) == (gap, said)


def test_headline_names_the_price_of_a_gain_as_far_as_it_is_more_than_chance() -> None:
    metrics = {"ip": [1.0, 0.63], "validation_accuracy": [0.998, 0.92], "robust_accuracy": [0.99, 0.985]}
    metrics |= {"cost": [2.0, 2.4]}
    samples = {"validation_accuracy": 600, "robust_accuracy": 600}
    said = headline(100, STYLES, metrics, samples, "It hangs on this.")
    assert said.endswith(
        "in this run, at the price of 7.8 points less often right and 20 % more effort. It hangs on this."
    )
    loss = headline(100, STYLES, metrics | {"ip": [1.0, 1.5]}, samples, "It hangs on this.")
    assert loss.endswith("in this run, with 7.8 points less often right and 20 % more effort.")
