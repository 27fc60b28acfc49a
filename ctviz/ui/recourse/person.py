"""Who is on the page: a row of the test data, or one who is typed in, whom only this session knows unless asked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
import streamlit as st

from ctviz.data.people import Person, Value
from ctviz.data.schema import Array
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, CtvizError, DataError
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import sentence
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.people import conditions_of, escaped, matching
from ctviz.ui.recourse.recourse_view import UNSENT, RecourseView

TYPED = "recourse-typed"
"""Where the session keeps who was typed in: the name of the table, and their values."""

SEED = 0
"""Of the order in which people are picked at random: each comes once before anybody comes again."""

LOST = (
    "The person who was typed in is not in the link, so this page does not know them: type them in again, and switch "
    "on “Put this person into the link” to keep them."
)


@dataclass(frozen=True, eq=False)
class Picked:
    """The person of the page.

    Attributes:
        columns: as the models see them (d).
        row: of the test data; None for one who was typed in.
        problem: why it is not the one who was asked for, a sentence.
    """

    columns: Array
    row: int | None
    problem: str = ""

    @property
    def key(self) -> Hashable:
        """Names the person wherever an answer is kept."""
        return self.columns.tobytes() if self.row is None else self.row

    @property
    def title(self) -> str:
        """Who it is."""
        return "The person you typed in" if self.row is None else f"Person {self.row} of the test data"

    @property
    def asked(self) -> Any:
        """As an adviser takes a person."""
        return self.columns if self.row is None else self.row


def picked(draft: Draft[RecourseView], context: AdviceContext) -> Picked:
    """The person whom the link names, or who was typed in; else the first one whom both models refuse."""
    view, table = draft.view, context.adviser.table
    if view.person is not None:
        try:
            return Picked(context.adviser.row(view.person)[0], view.person)
        except CtvizError:
            last = len(table.test[0]) - 1
            return _usual(draft, context, sentence("person", view.person, f"0 to {last:,}, a row of the test data"))
    if view.typed and view.typed != UNSENT:
        try:
            return Picked(table.row(values_of(view.typed, table)), None)
        except CtvizError as error:
            return _usual(draft, context, f"In the link, the typed-in person cannot be read. {error}")
    if view.typed == UNSENT:
        name, values = st.session_state.get(TYPED, (None, None))
        if name == table.name and values is not None:
            return Picked(table.row(values), None)
        return _usual(draft, context, LOST)
    return _usual(draft, context)


def _usual(draft: Draft[RecourseView], context: AdviceContext, problem: str = "") -> Picked:
    """The first one whom both models refuse, and whom the filter holds for if there is one."""
    try:
        fitting = candidates(draft, context)
    except ConfigError:  # which the page says
        fitting = ()
    row = next(iter(fitting or context.refused), 0)
    return Picked(context.adviser.row(row)[0], row, problem)


def candidates(draft: Draft[RecourseView], context: AdviceContext) -> tuple[int, ...]:
    """The rows of those who fit the filter and whom both models refuse.

    Raises:
        ConfigError: a filter that cannot be read.
    """
    table = context.adviser.table
    rows = matching(table, conditions_of(draft.view.who, table.schema))
    return tuple(sorted(set(rows.tolist()) & set(context.refused)))


def pick_next(draft: Draft[RecourseView], rows: tuple[int, ...]) -> None:
    """Goes on to another of these people, in an order that is random and always the same."""
    order = np.random.default_rng(SEED).permutation(rows).tolist()
    at = order.index(draft.view.person) if draft.view.person in order else -1
    pick_row(draft, order[(at + 1) % len(order)])


def pick_row(draft: Draft[RecourseView], row: int) -> None:
    """Puts a person of the test data on the page."""
    draft.look(person=row, typed="", plan=0)


def type_in(draft: Draft[RecourseView], table: Table, values: Mapping[str, Value], share: bool) -> None:
    """Puts a person on the page whom the session alone knows, unless they are to be shared by the link.

    Raises:
        DataError: a value that a feature cannot have.
    """
    table.row(values)
    st.session_state[TYPED] = (table.name, dict(values))
    draft.look(person=None, typed=typed_text(values, table) if share else UNSENT, plan=0)


def typed_text(person: Person, table: Table) -> str:
    """A person as the link holds them: the values in the order of the features."""
    return "|".join(escaped(str(person[name])) for name in table.schema.names)


def values_of(text: str, table: Table) -> dict[str, Value]:
    """The person of such a text.

    Raises:
        DataError: it has another count of values.
    """
    parts, names = text.split("|"), table.schema.names
    if len(parts) != len(names):
        raise DataError(f"It has {len(parts)} values; {table.name} has {len(names)} features.")
    return dict(zip(names, map(unquote, parts), strict=True))
