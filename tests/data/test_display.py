"""Numbers as people read them: there and back, rounded, written; and units for made-up data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ctviz.data.display import DisplayScale, fitted
from ctviz.data.schema import Feature, Schema
from ctviz.experiments.config import Experiment

DEBT = DisplayScale(prefix="$", offset=5000, scale=5000, step=100)
AGE = DisplayScale(unit="years", offset=55, scale=10, step=1)
CASES = (
    (DEBT, 6.0, "$35,000"), (DEBT, -1.505, "−$2,500"), (DEBT, -1.0001, "$0"),
    (AGE, 0.26, "58"), (AGE, -1.26, "42"),
    (DisplayScale(step=0.1), -0.31, "−0.3"), (DisplayScale(step=0.25), 1.13, "1.25"),
)  # fmt: skip


@pytest.mark.parametrize(("scale", "x", "text"), CASES)
def test_what_is_read_by_hand(scale, x, text):
    assert scale.text(x) == text


def test_amounts_names_and_what_is_plain():
    assert (AGE.amount(3), DEBT.amount(3100), DisplayScale().amount(3)) == ("3 years", "$3,100", "3.00")
    assert (AGE.titled("age"), DEBT.titled("debt"), DisplayScale().titled("x1")) == ("age (years)", "debt ($)", "x1")
    assert DisplayScale(step=7).plain and not AGE.plain and not DisplayScale(scale=2).plain


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_there_and_back(x, offset, scale):
    shown = DisplayScale(offset=offset, scale=scale)
    assert shown.of_shown(shown.to_shown(x)) == pytest.approx(x, rel=1e-6, abs=1e-6 * (1 + abs(offset) / scale))
    np.testing.assert_allclose(shown.to_shown(np.array([x, 0.0])), [offset + scale * x, offset])


@given(st.floats(-200, 200), st.floats(0.01, 400), st.floats(-1e5, 1e5), st.floats(0.1, 1e5))
def test_made_up_data_get_plausible_numbers(lower, width, least, span):
    assume(lower + width > lower)
    scale = fitted(lower, lower + width, least, least + span, 1)
    low, high = scale.to_shown(lower), scale.to_shown(lower + width)
    assert least - 1e-6 * span <= low < high <= least + span * (1 + 1e-6)
    assert high - low >= 0.3 * span, "and much of it"
    assert float(f"{scale.scale:.1e}") == pytest.approx(scale.scale)


def test_nothing_between_the_ends_leaves_numbers_as_they_are():
    assert fitted(1.0, 1.0, 16, 92, 1, unit="years") == DisplayScale(unit="years", step=1)


@pytest.mark.parametrize("bad", [{"scale": 0}, {"scale": -1}, {"step": 0}, {"offset": float("inf")}, {"units": "x"}])
def test_what_cannot_be_undone_is_refused(bad):
    with pytest.raises(ValueError):
        DisplayScale(**bad)


def test_it_changes_neither_keys_nor_what_is_searched():
    feature = Feature(name="age", domain=(-2, 3), display=AGE)
    schema = Schema(features=(feature, Feature(name="x2")))
    assert schema.bounds()[0][0] == -2
    assert schema.constrain(ranges=[("age", -1, 1)]).features[0].display == AGE
    assert Schema.model_validate_json(schema.model_dump_json()) == schema
    assert "display" not in Experiment.preset("figure1").to_json()
