"""Estimates of processor time, beside what was measured once, on one thread of a machine of 2026."""

from __future__ import annotations

import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import about_seconds, evaluation_seconds, exact_seconds, training_seconds
from ctviz.experiments.protocol import Protocol
from ctviz.studies.reproduce.reproduction import CELLS, Reproduction

TABLE = Reproduction(data=("ls", "moons", "german", "california", "adult", "credit", "mnist"))
WITHIN = 2.0
"""Most that an estimate may be off by, either way."""


def close(estimate: float, measured: float) -> bool:
    return measured / WITHIN < estimate < measured * WITHIN


@pytest.mark.parametrize(
    ("data", "arms", "milliseconds"),
    [
        ("moons", 2, 8.2), ("moons", 5, 15.0), ("moons", 13, 32.2), ("ls", 5, 20.3), ("ls", 13, 35.4),
        ("german", 2, 14.5), ("german", 5, 38.0), ("german", 13, 104.7), ("california", 2, 32.5),
        ("california", 5, 90.3), ("california", 13, 275.4), ("credit", 2, 37.1), ("credit", 5, 101.4),
        ("credit", 13, 350.0), ("adult", 2, 116.3), ("adult", 5, 453.3), ("adult", 13, 1407.3), ("mnist", 2, 873.5),
    ],
)  # fmt: skip
def test_the_training_of_an_epoch(data: str, arms: int, milliseconds: float) -> None:
    final = TABLE.final(data, 0, CELLS[5], CELLS[1])
    experiment = {
        2: final.replace({"arms": final.arms[:2]}),
        5: final,
        13: TABLE.selection(data, 0),
    }[arms]
    estimate = 1000 * training_seconds(experiment) / experiment.training.epochs
    assert close(estimate, milliseconds), estimate


@pytest.mark.parametrize(
    ("data", "what", "seconds"),
    [
        ("ls", "short", 1.04), ("ls", "long", 0.27), ("california", "test", 4.32), ("california", "short", 9.35),
        ("california", "long", 1.96), ("california", "validation", 0.99), ("german", "locked", 0.39),
        ("german", "test", 0.34), ("german", "short", 1.86), ("german", "long", 0.23), ("german", "validation", 0.34),
    ],
)  # fmt: skip
def test_an_evaluation(data: str, what: str, seconds: float) -> None:
    """By the protocols of Table 1, with its steps or with shorter and longer ones."""
    final = TABLE.final(data, 0, CELLS[5], CELLS[1])
    experiment = {
        "validation": TABLE.selection(data, 0),
        "locked": TABLE.locked_final(data, 0, CELLS[5], CELLS[1]),
    }.get(what, final)
    other = {"also": (), "attacks": ()}
    protocol = {
        "validation": TABLE.on_validation(data),
        "locked": TABLE.on_test_locked(data),
        "test": TABLE.on_test(data),
        "short": TABLE.on_test(data).change({"step_size": 0.01, "steps": 1000, **other}),
        "long": TABLE.on_test(data).change({"step_size": 0.25, **other}),
    }[what]
    estimate = evaluation_seconds(experiment, protocol)
    assert close(estimate, seconds), estimate


def test_more_factuals_solved_exactly_take_longer_by_as_much_for_each_arm() -> None:
    experiment = Experiment.preset("moons")
    none, some, more = (evaluation_seconds(experiment, Protocol(exact=n)) for n in (0, 50, 100))
    assert more - some == pytest.approx(some - none)
    assert some - none == pytest.approx(50 * len(experiment.arms) * exact_seconds(experiment))
    assert evaluation_seconds(experiment, Protocol(exact=9000)) < 20 * some, "no more than there are samples"


@pytest.mark.parametrize(
    ("preset", "seconds"),
    [
        ("moons", 3.9), ("loans", 2.4), ("figure1", 3.0), ("german", 2.8), ("california", 5.3), ("adult", 26.5),
        ("credit", 8.3), ("mnist", 192.2),
    ],
)  # fmt: skip
def test_runs_that_are_followed(preset: str, seconds: float) -> None:
    estimate = about_seconds(Experiment.preset(preset))
    assert close(estimate, seconds), estimate
