"""A person as a text in the link, and the order in which people are picked."""

from __future__ import annotations

import pytest

from ctviz.data.catalogue import load
from ctviz.data.tables.settings import TableSettings
from ctviz.data.tables.table import Table
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse.person import pick_next, typed_text, values_of
from ctviz.ui.recourse.recourse_view import RecourseView


@pytest.mark.parametrize("name", ["german", "california"])
def test_a_person_comes_back_from_the_link_as_they_were(name: str) -> None:
    table = load(TableSettings(name=name))
    assert isinstance(table, Table)
    for x in table.test[0][:5].numpy():
        person = table.person(x)
        assert table.person(table.row(values_of(typed_text(person, table), table))) == person


def test_a_text_of_another_table_is_refused(german_table: Table) -> None:
    with pytest.raises(DataError, match="It has 2 values; german has 20 features"):
        values_of("1|2", german_table)


def test_everybody_comes_once_before_anybody_comes_again() -> None:
    draft, rows = Draft(Experiment.preset("german"), RecourseView()), (3, 5, 8, 13, 21)
    seen = []
    for _ in range(2 * len(rows)):
        pick_next(draft, rows)
        seen.append(draft.view.person)
    assert set(seen[: len(rows)]) == set(rows) and seen[: len(rows)] == seen[len(rows) :]
    assert seen[: len(rows)] != sorted(rows), "at random"
