"""Comparisons draw by draw, against hand-made cases and the intervals of Table 1."""

import math
from dataclasses import asdict

import pytest

from ctviz.errors import DataError
from ctviz.figures.rivals_words import how
from ctviz.studies.reproduce.intervals import Paired, combine
from ctviz.studies.rivals.result import MEASURES, VerdictResult, read, shipped
from ctviz.studies.rivals.settings import EXTENTS
from tests.studies.rivals.made_up import result, row


def test_gains_have_the_interval_of_table_1():
    one = row("moons", {"conventional": {"ip": 2.0}, "full": {"ip": 1.5}})
    made = result(one)
    found = made.compared(one, "full", "conventional", MEASURES["ip"], "paper")
    values = [one.values(name, MEASURES["ip"], "paper") for name in ("full", "conventional")]
    known = combine([Paired.of([values[0][seed]], [values[1][seed]]) for seed in range(3)])
    assert (found.value, found.low, found.high) == pytest.approx((known.value, known.low, known.high))
    assert found.sign == 1


def test_a_lead_is_the_difference_of_two_gains_and_turns_with_the_sides():
    one = row(
        "moons", {"conventional": {"ip": 2.0}, "schedule": {"ip": 1.0}, "full": {"ip": 1.5, "seconds": 4, "pgd": 0.8}}
    )
    lead = one.edges("full", "schedule", MEASURES["ip"], "paper")
    gains = [one.edges(name, "conventional", MEASURES["ip"], "paper") for name in ("full", "schedule")]
    assert lead == pytest.approx([a - b for a, b in zip(*gains, strict=True)])
    for measure in MEASURES.values():
        forth, back = (
            one.edges("full", "conventional", measure, "paper"),
            one.edges("conventional", "full", measure, "paper"),
        )
        assert forth == pytest.approx([-edge for edge in back])
    assert one.edges("full", "conventional", MEASURES["pgd"], "") == pytest.approx([-10.0] * 3), "points"
    assert one.edges("full", "conventional", MEASURES["seconds"], "")[0] == pytest.approx(-2), "four times as long"
    assert one.edges("full", "conventional", MEASURES["cost"], "paper") == [5.0, 6.0, 7.0]
    assert one.edges("full", "schedule", MEASURES["cost"], "paper") == []
    assert one.edges("full", "nobody", MEASURES["ip"], "paper") == []


def test_a_file_is_read_back_and_anything_else_is_refused():
    made = result(row("moons", {"conventional": {"ip": math.nan}, "full": {"ip": 1.5}}, (5.0, 6.0, 7.0)))
    text = made.to_json()
    again = VerdictResult.from_json(text)
    assert again.to_json() == text
    assert again.rows[0].values("conventional", MEASURES["ip"], "paper") == {}
    with pytest.raises(DataError, match="no result of `ctviz reproduce rivals`"):
        VerdictResult.from_json("{}")
    with pytest.raises(DataError, match="its searches are not paper and careful"):
        VerdictResult.from_json(text.replace('"careful": {', '"other": {'))
    with pytest.raises(DataError, match="a search has no steps"):
        VerdictResult.from_json(text.replace('"step_size": ', '"eta": '))


def test_an_extent_that_does_not_say_how_much_was_computed_is_refused():
    usual = asdict(EXTENTS["mnist"])
    made = row("mnist", {"conventional": {}, "full": {}})
    text = result(made.model_copy(update={"extent": usual})).to_json()
    assert "2,000 training samples" in how(VerdictResult.from_json(text))
    for wrong in (
        {"rounds": None},
        {"careful": {}},
        {"changes": "none"},
        {"careful": {**usual["careful"], "tau": [1]}},
    ):
        text = result(made.model_copy(update={"extent": {**usual, **wrong}})).to_json()
        with pytest.raises(DataError, match="does not say how much was computed"):
            VerdictResult.from_json(text)


def test_a_number_that_is_not_finite_is_left_out():
    one = row("moons", {"conventional": {"seconds": math.inf}, "full": {"seconds": 4.0}})
    assert one.values("conventional", MEASURES["seconds"], "") == {}
    assert one.edges("conventional", "full", MEASURES["seconds"], "") == []


def test_what_ships_can_be_read():
    found = read(shipped())
    assert found.rows and {"conventional", "full"} <= {method.name for method in found.methods}
    assert found.to_json().encode() == shipped().read_bytes()
