"""Digits in words and charts: what is a difference and what is not, and numbers that say no more than is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ctviz.catalogue.differences import Difference
from ctviz.catalogue.metrics import DIGIT_METRICS
from ctviz.evaluation import reader
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
    said = words.headline_of_counterfactuals(TWO, None, measured(NEITHER, NEITHER, NEITHER), 200)
    assert said == (
        "Over 200 digits, no clear difference in how smooth counterfactuals are or how close to real digits."
    )
    assert "no clear difference" in words.headline_of_fooling(TWO, SHARES[:2], (SELF, NEITHER), 0.1)
    assert words.of_relative(NEITHER, 0.31, DIGIT_METRICS["roughness"]) == "no clear difference"
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
    assert said == "The models disagree: conventional 3 and counterfactual 8; a 3 was meant.", (
        "short: two lines at most"
    )
    said = words.headline_of_digit(THREE, [3, 8, 8], None, [0.3, 0.2, 0.4])
    assert said == "The models disagree: conventional 3, counterfactual 8 and counterfactual with the lock 8."
    assert "but a 5 was meant" in words.headline_of_digit(TWO, [3, 3], 5, [0.3, 0.3])
    assert "was meant" not in words.headline_of_digit(TWO, [3, 3], None, [0.3, 0.3]), "nobody knows what was meant"


def test_the_strength_of_an_attack_is_named() -> None:
    assert words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.0).startswith("Without an attack, ")
    said = words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.1, "After epoch 5: ")
    assert said.startswith("After epoch 5: with every pixel moved by at most 0.10 of the 2 from black to white, ")
    assert "more often" in said


def test_where_another_strength_is_measured_than_shown_that_is_said() -> None:
    said = words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.10, shown=0.11)
    assert "0.10 of the 2 from black to white (measured nearest to 0.11), " in said
    assert "nearest" not in words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.1, shown=0.1)


def test_a_lock_of_one_model_is_not_said_to_be_all_models_lock() -> None:
    where = "pixels locked for one of the models"
    said = words.headline_of_digit(THREE, [3, 3, 3], 3, [0.31, 0.26, 0.42], "", where)
    assert said == f"All models read a 3; 31 %, 26 % and 42 % of where they look lies on {where}."


def test_numbers_that_differ_are_written_so_that_they_do() -> None:
    shares = (Span(0.3441, 0.34, 0.35), Span(0.3449, 0.34, 0.35), Span(0.341, 0.33, 0.35))
    said = words.headline_of_classes(THREE, shares, (SELF, Span(0.0008, 0.0002, 0.001), NEITHER), 280)
    assert "34.4 % in the conventional model" in said or "34.41 % in the conventional model" in said
    told = words.told_apart(shares, (SELF, Span(0.0008, 0.0002, 0.001), NEITHER), words.span_of_shares)
    assert told[0].split(" %")[0] != told[1].split(" %")[0]
    usual = words.told_apart(shares, (SELF, NEITHER, NEITHER), words.span_of_shares)
    assert [one.split(" %")[0] for one in usual] == ["34.4", "34.5", "34.1"], "no more digits than are needed"
    sure = words.headline_of_fooling(THREE, (Span(0.996), Span(0.999), Span(0.996)), (SELF, MORE, NEITHER), 0.0)
    assert "99.6 % in the conventional model, 99.9 % with counterfactual training (more)" in sure


def test_a_difference_carries_its_direction_once() -> None:
    assert words.of_difference(Span(-0.026, -0.041, -0.012)) == "2.6 points less (1.2 to 4.1)"
    assert words.of_difference(Span(0.026, 0.012, 0.041)) == "2.6 points more (1.2 to 4.1)"
    assert words.of_difference(Span(0.01, -0.02, 0.04)) == "no clear difference (−2.0 to 4.0 points)"
    assert words.of_difference(Span(0, 0, 0)) == "no clear difference", "resamples that are all alike are no interval"


FEWER = "fewer pixels may change"
THREE_TO_EIGHT = words.Change((3, 3), 8, (2.1, 1.3), (3, 3))


def measured(roughness: Span, ip: Span, cost: Span, values: tuple[float, float] = (2.0, 1.5)) -> dict:
    """Of two models: 25 % less of each metric, beyond chance as the differences say."""
    found = tuple(Span(value, value - 0.1, value + 0.1) for value in values)
    alike = words.Measured(found, (SELF, NEITHER))
    return {
        "roughness": words.Measured(found, (SELF, roughness)), "ip": words.Measured(found, (SELF, ip)),
        "validity": alike, "mature": alike, "cost": words.Measured(found[::-1], (SELF, cost)),
    }  # fmt: skip


def test_counterfactual_digits_are_told_as_a_person_sees_them_with_gain_and_price() -> None:
    worse = Difference("3.7 points less often right", "less", "worse")
    said = words.headline_of_counterfactuals(TWO, THREE_TO_EIGHT, measured(LESS, LESS, MORE), 196, worse)
    assert said == (
        "To make this 3 an 8, the conventional model changes specks, the counterfactually trained model patches: over "
        "196 digits, its counterfactuals are 25 % smoother and 25 % closer to real digits, at the price of 3.7 points "
        "less often right and 33 % more ink. The real digit most similar to either result is still a 3."
    )
    both = words.Change((3, 5), 8, (0.5, 0.9), (3, 8))
    said = words.headline_of_counterfactuals(TWO, both, measured(MORE, NEITHER, NEITHER, (1.5, 2.0)), 196, worse)
    assert said == (
        "To make it an 8, both the conventional model and the counterfactually trained model change strokes: over 196 "
        "digits, its counterfactuals are 33 % rougher, with 3.7 points less often right. "
        "The real digit most similar to the counterfactually trained model's "
        "result is an 8, to the other's it is not."
    )
    for nearest, end in (
        ((8, 8), "is an 8."),
        ((8, 3), "model's result is an 8, to the other's it is not."),
        ((5, 3), "is not an 8."),
    ):
        change = replace(THREE_TO_EIGHT, nearest=nearest)
        assert words.headline_of_counterfactuals(TWO, change, measured(LESS, LESS, MORE), 9).endswith(end)


@pytest.mark.parametrize(("roughness", "word"), [(4, "specks"), (2.83, "specks"), (1.3, "patches"), (0.67, "strokes")])
def test_lonely_dots_are_specks_and_even_lines_strokes(roughness: float, word: str) -> None:
    assert words.made_of(roughness) == word


def test_what_a_lock_does_to_a_search_is_not_credited_to_training() -> None:
    numbers, limits = measured(LESS, NEITHER, NEITHER), ("", FEWER)
    said = words.headline_of_counterfactuals(
        TWO, None, numbers, 9, Difference(), "Before training: ", limits, started=False
    )
    assert said.startswith("Before training: no model has learnt anything yet")
    assert "smoother" not in said
    said = words.headline_of_counterfactuals(TWO, None, numbers, 9, Difference(), "", limits)
    assert said.endswith(f" are 25 % smoother. Partly because {FEWER}.")


def test_where_nothing_arrives_nothing_is_compared() -> None:
    said = words.headline_of_counterfactuals(TWO, None, measured(SELF, SELF, SELF, (2.0, math.nan)), 0)
    assert said == "Too few counterfactuals arrive to compare the models."


def test_a_gain_never_stands_alone_where_it_has_a_price() -> None:
    worse = Difference("4 points less often right", "less", "worse")
    said = words.headline_of_classes(TWO, SHARES[:2], (SELF, LESS), 280, "", worse)
    assert said.endswith("24 % against 31 %, at the price of 4 points less often right.")
    said = words.headline_of_fooling(TWO, SHARES[:2], (SELF, MORE), 0.1, "", None, worse)
    assert said.endswith(" of digits, at the price of 4 points less often right without an attack.")
    assert "price" not in words.headline_of_fooling(TWO, SHARES[:2], (SELF, LESS), 0.1, "", None, worse)
    assert "price" not in words.headline_of_fooling(TWO, SHARES[:2], (SELF, LESS), 0.0, "", None, worse), (
        "it is the number"
    )


def test_a_drawing_is_neither_right_nor_wrong() -> None:
    assert words.of_attacked(2, 2, known=True) == "right"
    assert words.of_attacked(3, 2, known=True) == "wrong"
    assert words.of_attacked(2, 2, known=False) == "as before"
    assert words.of_attacked(3, 2, known=False) == "changed"


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
        words.headline_of_counterfactuals(one, None, {}, 0),
        words.headline_of_fooling(one, share, (SELF,), 0.1),
        words.headline_of_digit(one, [3], 3, [0.2]),
    ):
        assert said.endswith(".")
        assert "nan" not in said


def test_the_curves_carry_their_names_and_a_marker() -> None:
    epsilons = [0.0, 0.1, 0.2, 0.3]
    value = np.array([[0.9, 0.2, 0.1, 0.0], [0.9, 0.6, 0.3, 0.1]])
    figure = robust(epsilons, (value, value - 0.01, value + 0.01), TWO, LIGHT, 0.1)
    assert not figure.layout.annotations, "names on the lines cannot be read"
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["Conventional", "Counterfactual"]
    assert figure.layout.legend.y > 1
    assert figure.layout.legend.yanchor == "bottom"
    assert figure.layout.shapes[0].x0 == 0.1
    np.testing.assert_allclose(figure.data[3].y, 100 * value[1])


def test_locked_rows_are_shaded() -> None:
    locked = np.zeros(28, bool)
    locked[[0, 27]] = True
    figure = by_row(np.full((2, 28), 1 / 28), TWO, LIGHT, locked)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [(0.5, 1.5), (27.5, 28.5)]
    assert by_row(np.full((1, 28), 1 / 28), TWO[:1], LIGHT, None).layout.shapes == ()


def reading(difference: Span, shares: tuple[float, float] = (0.53, 0.98)) -> dict[str, words.Measured]:
    """What a reader says of two models' digits, and that nothing else differs."""
    read = tuple(Span(share, share - 0.02, share + 0.01) for share in shares)
    alike = words.Measured((Span(1.0), Span(1.0)), (SELF, NEITHER))
    farther = words.Measured((Span(300.0), Span(360.0)), (SELF, MORE))
    rest = {"validity": alike, "mature": alike, "cost": alike, "ip": farther}
    return {words.READ: words.Measured(read, (SELF, difference)), **rest}


def test_what_a_reader_says_is_told_with_its_price_and_that_it_is_no_person() -> None:
    worse = Difference("3.7 points less often right", "less", "worse")
    said = words.headline_of_reading(TWO, reading(MORE), 196, worse)
    assert said == (
        "An independent reader takes 98 % of 196 counterfactual digits of the counterfactually trained model for what "
        "they claim to be, and 53 % of the conventional model's, at the price of 3.7 points less often right and 20 % "
        f"farther from real digits. {words.NO_PERSON}"
    )
    assert "at the price" not in words.headline_of_reading(TWO, reading(LESS), 196, worse)
    assert "no clear difference" in words.headline_of_reading(TWO, reading(NEITHER), 196)
    assert words.headline_of_reading(TWO, reading(MORE, (math.nan, math.nan)), 0).startswith("Too few")
    assert words.headline_of_reading((TRAINED,), reading(MORE), 196).startswith("An independent reader takes 53 %")


def test_what_the_reader_is_and_is_not_is_said_with_its_own_numbers() -> None:
    said = words.about_reader()
    assert "49,000 digits that no model here has seen" in said and "no person" in said and "σ = 0.3" in said
    assert words.percent(reader.facts()["clean"]) in said
