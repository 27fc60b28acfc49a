"""Digits in words and charts: what is a difference and what is not, and numbers that say no more than is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctviz.figures import digit_words as words
from ctviz.figures.advice import Span
from ctviz.figures.digit_curves import by_row, robust
from ctviz.figures.theme import LIGHT, ArmStyle

CONVENTIONAL = ArmStyle("vanilla", "Conventional", "Conventional", "conventional", "dash")
TRAINED = ArmStyle("full", "Counterfactual training", "Counterfactual", "counterfactual", "solid")
LOCKED = ArmStyle(
    "full locked", "Counterfactual training, rows locked", "Counterfactual, locked", "counterfactual", "dot"
)
TWO, THREE = (CONVENTIONAL, TRAINED), (CONVENTIONAL, TRAINED, LOCKED)
SELF = Span(math.nan, math.nan, math.nan)
LESS, MORE, NEITHER = Span(-0.1, -0.2, -0.05), Span(0.1, 0.05, 0.2), Span(-0.1, -0.3, 0.1)
SHARES = (Span(0.31, 0.30, 0.32), Span(0.24, 0.23, 0.25), Span(0.33, 0.32, 0.34))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.5, "50 %"), (0.004, "< 1 %"), (0.0, "0 %"), (0.9999, "> 99 %"), (1.0, "100 %"), (math.nan, "—")],
)
def test_what_is_nearly_all_is_not_called_all(share: float, said: str) -> None:
    assert words.percent(share) == said


def test_an_answer_is_the_likeliest_class_and_what_else() -> None:
    shares = np.array([0.0, 0.01, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.79, 0.0])
    assert words.answer(shares) == "8 · 79 %"
    assert words.reading(shares) == "Reads an 8 (79 %), else a 3 (20 %)."
    assert words.reading(np.eye(10)[2]) == "Reads a 2 (100 %)."


@pytest.mark.parametrize(("difference", "how"), [(LESS, "less"), (MORE, "more")])
def test_a_difference_beyond_chance_is_told(difference: Span, how: str) -> None:
    said = words.headline_of_classes(TWO, SHARES[:2], (SELF, difference), 280)
    assert said == f"The counterfactually trained model looks {how} at locked pixels than the conventional one: " + (
        "24 % against 31 %."
    )


def test_what_chance_may_have_done_is_no_difference() -> None:
    assert "No clear difference" in words.headline_of_classes(TWO, SHARES[:2], (SELF, NEITHER), 280)
    assert "about as smooth" in words.headline_of_counterfactuals(TWO, SHARES[:2], (SELF, NEITHER))
    assert "no clear difference" in words.headline_of_fooling(TWO, SHARES[:2], (SELF, NEITHER), 0.1)
    assert words.of_relative(NEITHER, 0.31, "less", "more") == "no clear difference"
    assert words.of_difference(NEITHER).startswith("no clear difference")


def test_of_three_models_each_is_compared_with_the_first() -> None:
    said = words.headline_of_classes(THREE, SHARES, (SELF, LESS, MORE), 280)
    assert "31 % in the conventional model" in said
    assert "24 % with counterfactual training (less)" in said
    assert "33 % where it was trained with the lock (more)" in said


def test_without_locks_nothing_is_claimed_of_them() -> None:
    nothing = (SELF,) * 2
    assert "Nothing is locked" in words.headline_of_classes(TWO, nothing, nothing, 0)
    said = words.headline_of_digit(TWO, [3, 3], 3, [math.nan, math.nan])
    assert said == "Both models read a 3."


def test_models_that_disagree_or_are_wrong_are_told() -> None:
    said = words.headline_of_digit(TWO, [3, 8], 3, [0.3, 0.2])
    assert said.startswith("The models disagree: the conventional model reads a 3 and the counterfactually trained")
    assert "30 % and 20 % is locked" in said
    assert "but a 5 was meant" in words.headline_of_digit(TWO, [3, 3], 5, [0.3, 0.3])
    assert "was meant" not in words.headline_of_digit(TWO, [3, 3], None, [0.3, 0.3]), "nobody knows what was meant"


def test_the_strength_of_an_attack_is_named() -> None:
    assert words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.0).startswith("Without an attack, ")
    said = words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.1, "After epoch 5: ")
    assert said.startswith("After epoch 5: with every pixel moved by at most 0.10, ")
    assert "more often" in said


def test_smoothness_is_told_by_how_much() -> None:
    variation, apart = (Span(200, 190, 210), Span(150, 140, 160)), (SELF, Span(-50, -60, -40))
    said = words.headline_of_counterfactuals(TWO, variation, apart)
    assert "smoother" in said
    assert "25 % less total variation" in said
    too_few = (SELF, Span(150, 140, 160))
    assert "Too few" in words.headline_of_counterfactuals(TWO, too_few, (SELF, SELF))


def test_completeness_is_claimed_only_where_it_holds() -> None:
    assert "does not claim" in words.of_completeness([math.nan, math.nan])
    assert "0.091" in words.of_completeness([0.02, -0.091])
    assert words.of_mean_completeness([0.001, 0.002]) == (
        "Attributions miss what they should add up to by < 1 % of their size at most."
    )


def test_one_model_alone_is_enough() -> None:
    one, share = (TRAINED,), (SHARES[1],)
    for said in (
        words.headline_of_classes(one, share, (SELF,), 280),
        words.headline_of_counterfactuals(one, share, (SELF,)),
        words.headline_of_fooling(one, share, (SELF,), 0.1),
        words.headline_of_digit(one, [3], 3, [0.2]),
    ):
        assert said.endswith(".")
        assert "nan" not in said


def test_the_curves_carry_their_names_and_a_marker() -> None:
    epsilons = [0.0, 0.1, 0.2, 0.3]
    value = np.array([[0.9, 0.2, 0.1, 0.0], [0.9, 0.6, 0.3, 0.1]])
    figure = robust(epsilons, (value, value - 0.01, value + 0.01), TWO, LIGHT, 0.1)
    assert [note.text for note in figure.layout.annotations] == ["Conventional", "Counterfactual"]
    assert {note.x for note in figure.layout.annotations} == {0.1}, "where the lines are farthest apart"
    assert figure.layout.shapes[0].x0 == 0.1
    np.testing.assert_allclose(figure.data[3].y, 100 * value[1])


def test_locked_rows_are_shaded() -> None:
    locked = np.zeros(28, bool)
    locked[[0, 27]] = True
    figure = by_row(np.full((2, 28), 1 / 28), TWO, LIGHT, locked)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(0.5, 1.5), (27.5, 28.5)]
    assert by_row(np.full((1, 28), 1 / 28), TWO[:1], LIGHT, None).layout.shapes == ()
