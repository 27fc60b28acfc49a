"""The pictures of the limits: one for each panel, in the colours of the two trainings, within their axes."""

from __future__ import annotations

import math
from functools import cache

import pandas as pd
import pytest

from ctviz.figures.limits import key, pictures, summary_rows
from ctviz.figures.theme import DARK, LIGHT
from ctviz.studies.registry import LIMITS, study_of
from ctviz.studies.study import Study
from ctviz.studies.summary import CONVENTIONAL
from tests.studies.tables import made_up


def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
    if metric == "trained_mature":
        return math.nan if math.isnan(dose) else 0.5 + 0.001 * epoch
    return 4.0 if variant == CONVENTIONAL else 2.0 + (0.0 if math.isnan(dose) else 0.01 * dose)


def epochs(study: Study) -> tuple[int, ...]:
    return (1, 10, 100) if study.kind == "epochs" else (100,)


@cache
def table_of(name: str) -> pd.DataFrame:
    return made_up(study_of(name), value, epochs(study_of(name)))


EACH = [(study, metric) for study in LIMITS.values() for metric in study.shown]


@pytest.mark.parametrize(("study", "metric"), EACH, ids=lambda part: part.name)
def test_every_limit_has_its_pictures_by_every_number(study: Study, metric) -> None:
    table = table_of(study.name)
    drawn = pictures(study, table, metric, LIGHT)
    assert len(drawn) == (4 if study.kind == "doses" else len(study.panels))
    for picture in drawn:
        colours = {trace.line.color or trace.marker.color for trace in picture.figure.data if trace.mode != "none"}
        assert colours <= {LIGHT.accent, LIGHT.conventional}
        assert metric.title in picture.alt
        assert len(picture.figure.to_json()) < 20_000
    assert summary_rows(study, table, metric)


def test_nothing_measured_draws_nothing() -> None:
    study = study_of("long")
    assert pictures(study, made_up(study, value, draws=0), study.metric(), DARK) == ()


def test_gains_are_drawn_against_maturity_with_their_intervals() -> None:
    study = study_of("maturity")
    table = made_up(study, value)
    figure = pictures(study, table, study.metric(), LIGHT)[0].figure
    assert len(figure.data) == 3  # one line for each η
    first = figure.data[0]
    assert list(first.x) == pytest.approx([60.0] * 4, rel=1e-3)
    assert list(first.y) == pytest.approx([50 - 25 * 0.01 * tau for tau in (0.5, 0.75, 0.9, 0.99)], abs=0.01)
    assert all(up > 0 for up in first.error_y.array)
    assert [note.text for note in figure.layout.annotations] == ["conventional", "without the divergence"]
    assert [words for _, words in key(study)] == ["η = 0.01", "η = 0.05", "η = 0.25"]
    assert key(study_of("locks"))[0] == ("●", "a draw of “lock with protection”")


def test_labels_of_levels_lie_clear_of_marks_and_of_each_other() -> None:
    """Marks at the right end, on the line of the level without the divergence, where its label used to be."""
    study = study_of("maturity")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if metric == "trained_mature":
            return math.nan if math.isnan(dose) else 0.98
        return 4.0 if variant == CONVENTIONAL else 3.9

    figure = pictures(study, made_up(study, value), study.metric(), LIGHT)[0].figure
    conventional, without = figure.layout.annotations
    assert without.y == pytest.approx(2.5)
    assert without.xanchor == "left" and without.x + 0.0215 * len(without.text) < 0.9
    assert {conventional.yanchor, without.yanchor} == {"top", "bottom"}


def test_logarithmic_axes_hold_every_line() -> None:
    study = study_of("energies")

    def exploding(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        return epoch**3.0 if dose == 0 else 1.0

    metric = study.metric("energy")
    figure = pictures(study, made_up(study, exploding, (1, 10, 100)), metric, LIGHT)[0].figure
    low, high = figure.layout.yaxis.range
    assert figure.layout.yaxis.type == "log"
    assert low < 0
    assert 6 < high < 7
    assert {note.text for note in figure.layout.annotations} >= {CONVENTIONAL, "λ_reg = 0"}


def test_every_draw_is_a_dot_and_the_mean_a_number() -> None:
    study = study_of("locks")
    table = made_up(study, lambda *_: 0.25, draws=7)
    figure = pictures(study, table, study.metric("share"), LIGHT)[0].figure
    assert [len(trace.x) for trace in figure.data[:2]] == [7, 1]
    assert any("lock with protection" in note.text and "25 %" in note.text for note in figure.layout.annotations)


def test_doses_stand_in_their_order_with_the_undisturbed_one_marked() -> None:
    study = study_of("generator")
    drawn = pictures(study, made_up(study, value), study.metric(), LIGHT)
    assert [list(picture.figure.layout.xaxis.ticktext) for picture in drawn] == [
        ["1", "2", "5", "10", "<b>30</b>"],
        ["<b>0</b>", "1", "3", "10"],
        ["0.005", "0.02", "<b>0.25</b>", "1", "5"],
        ["<b>eccco</b>", "generic", "revise"],
    ]


def test_one_draw_has_no_bars() -> None:
    study = study_of("generator")
    figure = pictures(study, made_up(study, value, draws=1), study.metric(), LIGHT)[0].figure
    assert figure.data[0].error_y.array is None


def test_on_a_large_screen_every_letter_is_larger() -> None:
    study = study_of("energies")
    table = made_up(study, lambda *_: 2.0, epochs=(1, 100))
    (small, *_), (large, *_) = (pictures(study, table, study.metric(), LIGHT, scale) for scale in (1.0, 1.5))
    for sizes in (_sizes(small.figure.to_dict()["layout"]), _sizes(small.figure.to_dict()["data"])):
        assert sizes
    assert _sizes(large.figure.to_dict()) == [1.5 * size for size in _sizes(small.figure.to_dict())]


def _sizes(part: object) -> list[float]:
    """Every font and symbol size of a figure."""
    if isinstance(part, dict):
        own = [value for name, value in part.items() if name == "size" and isinstance(value, int | float)]
        return [*own, *(size for each in part.values() for size in _sizes(each))]
    return [size for each in part for size in _sizes(each)] if isinstance(part, list | tuple) else []
