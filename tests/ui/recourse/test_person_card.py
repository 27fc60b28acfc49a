"""The card of a person: months as rows of a table, and nothing that is not escaped."""

from __future__ import annotations

import re

from ctviz.data.catalogue import load
from ctviz.data.schema import Feature, Schema
from ctviz.data.tables.settings import TableSettings
from ctviz.data.tables.table import Table
from ctviz.ui.recourse.person_card import by_month, card


def test_features_of_months_go_together() -> None:
    names = ("age", "bill June", "bill May", "bill April", "paid June", "paid May", "born in May")
    assert by_month(names) == {"bill": ("June", "May", "April")}


def test_every_value_of_credit_stands_on_the_card_once() -> None:
    table = load(TableSettings(name="credit"))
    assert isinstance(table, Table)
    texts = table.texts(table.test[0][0].numpy())
    told = card(texts, table.schema, ("bill September",))
    assert len(re.findall("<dt>|<td>|<td class", told)) == len(texts) + 1, "the corner of the table is empty"
    assert told.count("<tr>") == 4 and told.count('class="asked"') == 1
    assert all(f">{text}<" in told for text in texts.values())


def test_names_and_levels_of_a_file_are_no_html() -> None:
    schema = Schema(features=(Feature(name="<b>x", kind="category", levels=("<i>", "y")),))
    told = card({"<b>x": "<i>"}, schema)
    assert "<b>x" not in told and "&lt;b&gt;x" in told and "&lt;i&gt;" in told
