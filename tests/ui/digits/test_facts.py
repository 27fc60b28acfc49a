"""What stands beside the pictures: units without a mouse, counts that were judged, and differences that are told."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ctviz.data.kinds import PICTURES
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.bootstrap import Interval
from ctviz.evaluation.ends import metrics_of
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.answers import ClassMeans, ImageNumbers
from ctviz.figures.advice import Span
from ctviz.figures.digit_words import Change
from ctviz.ui.digits import facts, pictures
from ctviz.ui.digits.counterfactuals import change_of
from ctviz.ui.digits.training import AS_SHIPPED, MODELS
from ctviz.ui.kit.facts import Fact, as_html
from ctviz.ui.kit.search import measured_search

SHIPPED = Experiment.preset("mnist")
STYLES = pictures.styles_of(SHIPPED)
NOTHING = math.nan


def interval(*values: float, width: float = 0.001) -> Interval:
    array = np.array(values)
    return Interval(array, array - width, array + width)


def numbers() -> ImageNumbers:
    metrics = {name: interval(0.90, 0.80, 0.70) for name in metrics_of(PICTURES)}
    apart = {name: interval(NOTHING, -0.10, -0.20) for name in metrics_of(PICTURES)}
    settings = measured_search(SHIPPED)
    arms = tuple(arm.name for arm in SHIPPED.arms)
    return ImageNumbers(arms, 0.99, np.array([198, 197, 196]), metrics, apart, settings, 200)


def block(found: list[Fact], title: str) -> str:
    """What is said under a title."""
    return as_html(next(fact for fact in found if fact.title == title))


def test_units_and_words_are_there_without_a_mouse() -> None:
    found = facts.taken(numbers(), STYLES)
    assert not any(fact.help for fact in found)
    assert "Total variation" in block(found, "Unevenness of the digit")
    assert "from black to white is 2" in block(found, "Ink moved")
    assert "at least τ = 0.5" in block(found, "Mature")


def test_counts_are_those_that_were_judged() -> None:
    counted = block(facts.taken(numbers(), STYLES), "Searches that count")
    assert all(f"<b>{count}</b>" in counted for count in (198, 197, 196))


def test_a_lock_in_the_search_is_named_where_it_may_be_the_cause() -> None:
    found = facts.taken(numbers(), STYLES, pictures.limits_apart(SHIPPED))
    assert block(found, "Unevenness of the digit").count("partly because fewer pixels may change") == 1
    assert "partly" not in block(found, "Arrive")
    assert "partly" not in "".join(map(as_html, facts.taken(numbers(), STYLES)))
    before = block(facts.taken(numbers(), STYLES, pictures.limits_apart(SHIPPED), started=False), "Ink moved")
    assert "less ink, because fewer pixels may change" in before, "before training there is no other cause"


def test_shares_differ_by_points() -> None:
    nothing = interval(0.5, 0.5, 0.5)
    share, apart = interval(0.50, 0.45, 0.55), interval(NOTHING, -0.05, 0.05)
    empty = np.zeros(0)
    means = ClassMeans(
        ("a", "b", "c"), AttributionSettings(), 0.99, 500, *(empty,) * 4,
        share, apart, nothing, apart, nothing, nothing, empty,
    )  # fmt: skip
    said = block(facts.attention(means, STYLES, 280), "On locked pixels")
    assert "5 points less (4.9 to 5.1)" in said
    assert "10 % less" not in said


def test_another_strength_than_the_pictures_is_named() -> None:
    found, apart = [Span(0.5, 0.4, 0.6)] * 3, [Span(NOTHING)] * 3
    assert "Right at ε = 0.10 (measured nearest to 0.11)" in facts.right_at(found, apart, STYLES, 0.10, 0.11).title
    assert "nearest" not in facts.right_at(found, apart, STYLES, 0.10, 0.10).title


def test_the_run_that_ships_says_where_it_is_not_as_in_the_paper() -> None:
    assert "but for λ_reg" in AS_SHIPPED
    assert all(len(title) <= 30 for title, _ in MODELS.values()), "longer ones are cut off in the select box"


def test_the_change_that_is_told_is_that_of_the_picture() -> None:
    """By hand, on 2 × 2 pixels: to class 2, which the first model finds likelier than class 0; class 1 is read."""
    trace = SimpleNamespace(
        predicted=np.array([[1, 1, 1], [1, 1, 1]]), targets=np.arange(3), valid=np.array([[True, True, True]] * 2),
        probability=np.array([[[0.1], [0.7], [0.2]], [[0.6], [0.4], [0.0]]]), factuals=np.zeros((3, 4), np.float32),
        final=np.zeros((2, 3, 4), np.float32), judged=np.array([[True, False, True]] * 2),
    )  # fmt: skip
    trace.final[0, 2] = [1, 0, 0, 0]  # one dot: two differences of 1 for 1 unit of ink
    trace.final[1, 2] = [1, 1, 1, 0]  # two differences for 3 units
    train = (torch.tensor([[1.0, 0, 0, 0.1], [1.0, 1, 0.9, 0], [0, 0, 0, 1.0]]), torch.tensor([1, 2, 0]))
    explorer = SimpleNamespace(grid=(2, 2), data=SimpleNamespace(train=train))
    found = change_of(trace, explorer, (0, 1))
    assert found == Change((1, 1), 2, (2.0, pytest.approx(2 / 3)), (1, 2))
    trace.valid[1, 2] = False
    assert change_of(trace, explorer, (0, 1)).target == 0, "where both arrive"
    trace.valid[0, 0] = False
    assert change_of(trace, explorer, (0, 1)) is None
