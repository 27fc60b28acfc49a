"""The chart of everyone: its marks are the numbers, in colours and shapes of the models; so say words and table."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import numpy as np
import pytest

from ctviz.catalogue.population import headline, with_interval
from ctviz.experiments.groups import Grouping
from ctviz.experiments.population import METRICS, Drawn
from ctviz.figures.recourse import everyone as module
from ctviz.figures.theme import DARK, LIGHT
from tests.catalogue.everyone import ARMS, SURE, VALUES, made, rows, three

SEX = Grouping("sex", ("female", "male"), np.repeat([0, 1], 100))


@pytest.fixture
def found():
    less = {name: (a / 2, b / 2) for name, (a, b) in VALUES.items()}
    more = [*rows(VALUES, SURE, "sex", "female", people=100), *rows(less, SURE, "sex", "male", people=100)]
    apart = [replace(row, against="others") for row in more if not row.against]
    return made(more=[*more, *apart], groupings=(SEX,))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_marks_are_the_numbers(found, metric, palette):
    figure = module.chart(found, metric, palette)
    scale = 100 if metric in ("planned", "closer") else 1
    for m, (trace, colour) in enumerate(zip(figure.data, (palette.conventional, palette.accent), strict=True)):
        lines = [line for line in module.lines_of(found, metric) if line.rows]
        assert [line.title for line in lines] == ["everyone", "female", "male"]
        assert list(trace.x) == pytest.approx([scale * line.rows[m].spread.value for line in lines])
        highs = [x + end for x, end in zip(trace.x, trace.error_x.array, strict=True)]
        assert highs == pytest.approx([scale * line.rows[m].spread.high for line in lines])
        assert trace.marker.color == colour and trace.marker.symbol == module.SYMBOLS[m]
        assert max(highs) <= figure.layout.xaxis.range[1] or scale == 100
    first, second = figure.data
    assert all(a < b for a, b in zip(first.y, second.y, strict=True)), "the conventional model lies above"
    assert len({note.y for note in figure.layout.annotations}) == len(figure.layout.annotations) == 4


def test_three_models_have_three_marks_and_a_column_each():
    found = three(VALUES)
    marks = module.chart(found, "effort", LIGHT).data
    assert [trace.x[0] for trace in marks] == [VALUES["effort"][0], *VALUES["effort"]]
    assert [trace.y[0] for trace in marks] == sorted({trace.y[0] for trace in marks})
    assert len({trace.marker.symbol for trace in marks}) == 3 and module.key(3).count("counterfactual training") == 2
    assert all(len(numbers) == 4 for _, _, numbers, _ in module.table_rows(found))
    sheet = module.three_to_paper(found, "a+b", 5)
    assert "With rules" in sheet and "of run a+b, after epoch 5" in sheet and "Trained with the rules too" in sheet


def test_words_and_table_say_the_same(found):
    said = module.described(found, "effort")
    for place in (("", ""), ("sex", "female"), ("sex", "male")):
        for arm in ARMS:
            assert with_interval(found.row("effort", arm, feature=place[0], group=place[1])) in said
    assert "sex: female" in said and said.startswith("Effort of a plan.")
    table = module.table_rows(found)
    assert len(table) == 3 * len(METRICS)
    assert table[1][2][0] == with_interval(found.row("effort", "plain")) and table[4][0] == "sex: female"


def test_a_number_that_is_none_is_left_out(found):
    nan = {**VALUES, "effort": (float("nan"), 4.0)}
    figure = module.chart(made(nan), "effort", LIGHT)
    assert not len(figure.data[0].x) and list(figure.data[1].x) == [4.0]
    assert module.chart(made({**VALUES, "effort": (float("nan"),) * 2}), "effort", LIGHT).layout.height > 0


def test_the_sheet_holds_headline_numbers_and_sentences(found):
    paper = module.to_paper(found)
    assert escape(headline(found)) in paper and "Advice for everyone" in paper
    for place in (("", ""), ("sex", "female"), ("sex", "male")):
        for metric in module.PRINTED:
            numbers = "".join(
                f"<td>{with_interval(found.row(metric, arm, feature=place[0], group=place[1]))}</td>" for arm in ARMS
            )
            assert numbers in paper
    assert paper.count("<tr>") == 2 + 3 and "break no rule" in paper


def test_names_of_groups_are_escaped():
    odd = Grouping("<b>", ("a & b", "c"), np.repeat([0, 1], 100))
    more = [*rows(VALUES, SURE, "<b>", "a & b"), *rows(VALUES, SURE, "<b>", "c")]
    apart = [replace(row, against="others") for row in more if not row.against]
    paper = module.to_paper(made(more=[*more, *apart], groupings=(odd,)))
    assert "<b>" not in paper and "&lt;b&gt;: a &amp; b" in paper


def test_nobody_makes_a_sheet_without_a_table():
    none = Drawn(np.zeros(0, dtype=np.int64), np.zeros((2, 0), dtype=bool), 10, (0, 0), 0)
    assert "<table>" not in module.to_paper(made(drawn=none))
