"""Tables: what a spreadsheet copies becomes points, and what cannot is answered in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.drawn import MOST_POINTS, DrawnSettings, decode, encode
from ctviz.data.pasted import MARGIN, MOST_TABLE, from_table, to_csv
from ctviz.errors import CtvizError
from tests.data.paintings import spread

ROWS = [(i % 7 + 0.5, 20 + i % 13, "yes" if i % 7 > 3 else "no") for i in range(60)]
"""A person's income, age and answer."""

HEADED = ("income", "age", "granted")


def table(separator="\t", comma=False, head=HEADED, rows=ROWS, end="\n"):
    def cell(value):
        return str(value).replace(".", ",") if comma else str(value)

    lines = [separator.join(map(cell, row)) for row in rows]
    return end.join([*([separator.join(head)] if head else []), *lines])


EXPECTED = from_table(table())


@pytest.mark.parametrize(
    "text",
    [
        table(comma=True),
        table(";"),
        table(";", comma=True),
        table(","),
        table(", "),
        table(" "),
        table(" ", comma=True),
        table(end="\r\n") + "\r\n\r\n",
        "\ufeff" + table(),
        table(rows=[(f"{x:.1e}", y, c) for x, y, c in ROWS]),
    ],
)
def test_separators_and_decimal_commas_are_told_apart(text):
    assert from_table(text) == EXPECTED


def test_columns_are_stretched_linearly_and_keep_their_names():
    places, labels = decode(EXPECTED.points)
    assert EXPECTED.columns == ("income", "age")
    assert EXPECTED.labels == ("no", "yes")
    expected = []
    for x, y, c in ROWS:  # incomes go from 0.5 to 6.5, ages from 20 to 32
        at = [round(MARGIN + (value - low) / (high - low) * (255 - 2 * MARGIN))
              for value, low, high in ((x, 0.5, 6.5), (y, 20, 32))]  # fmt: skip
        expected.append((int(c == "yes"), *at))
    found = sorted((int(c), int(x), int(y)) for (x, y), c in zip(places, labels, strict=True))
    assert found == sorted(expected)


def test_a_table_without_names_has_the_usual_ones():
    bare = from_table(table(head=None))
    assert bare.columns == ("x1", "x2")
    assert bare.points == EXPECTED.points


def test_classes_that_are_numbers_keep_their_order():
    rows = [(x, y, "10" if c == "yes" else "9") for x, y, c in ROWS]
    assert from_table(table(rows=rows[::-1])).labels == ("9", "10")
    assert from_table(table(rows=ROWS[4:])).labels == ("yes", "no"), "others are taken as they come"


@given(st.lists(st.integers(10, 30), min_size=2, max_size=4), st.integers(0, 99))
def test_what_was_downloaded_can_be_pasted_again(counts, seed):
    settings = DrawnSettings(points=encode(*spread(counts, seed)))
    assert from_table(to_csv(settings)) == settings


def test_a_pasted_table_survives_download_and_paste():
    assert from_table(to_csv(EXPECTED)) == EXPECTED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The table is empty"),
        ("  \n\n", "The table is empty"),
        ("x\ty\tclass", "no rows below its line of names"),
        ("1\n2\n3", "Row 1 of the table has 1 column; needed are three"),
        ("1\t2\n3\t4", "Row 1 of the table has 2 columns; needed are three"),
        ("1\t2\ta\n3\t4", "Row 2 of the table has 2 columns"),
        ("1\t2\ta\n3\tabc\tb", "Row 2 of the table has “abc” in column x2; needed is a finite number"),
        ("in\tout\tclass\n1\t2\ta\nNaN\t4\tb", "Row 3 of the table has “NaN” in column in"),
        ("1\t2\ta\ninf\t4\tb", "“inf”"),
        ("1\t2\ta\n\t4\tb", "“” in column x1"),
        ("1\t2\t\n1\t4\tb", "no class in its third column"),
        (table(rows=[(x, y, "a") for x, y, _ in ROWS]), "has one class; needed are two to 4"),
        (table(rows=[(x, y, i % 5) for i, (x, y, _) in enumerate(ROWS)]), "has 5 classes"),
        (table(rows=[(7, y, c) for _, y, c in ROWS]), "Column income of the table holds one value only, 7"),
        (table(rows=ROWS * 200), f"a table of 12,000 rows; allowed: at most {MOST_POINTS:,}"),
        (table(rows=ROWS[:10]), "points is"),
        (table(head=("income", "income", "c")), "two different names"),
        ("1\t2\ta\n" * (MOST_TABLE // 5), "characters; allowed"),
        ('1\t"2\ta\n3\t4\tb', "columns"),
    ],
)
def test_what_is_no_table_of_points_is_refused_in_a_sentence(text, said):
    with pytest.raises(CtvizError) as refused:
        from_table(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text("0123456789.,;\t\n ab-\"'e\x00", max_size=60) | st.text(max_size=40))
def test_any_text_is_a_table_or_a_sentence(text):
    try:
        found = from_table(text)
    except CtvizError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(decode(found.points)[0]).all()
