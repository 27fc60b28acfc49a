"""Parts of the kit that make HTML: nothing that comes from outside becomes markup, and screen readers get names."""

from __future__ import annotations

import pytest
import streamlit as st

from ctviz.ui.kit.facts import Fact, Row, as_html, fact_list
from ctviz.ui.kit.tables import heads, number_table, numbers, row, table, words

EVIL = "<script>&\"'"
SAFE = "&lt;script&gt;&amp;&quot;&#x27;"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    bodies: list[str] = []
    monkeypatch.setattr(st, "html", bodies.append)
    return bodies


def test_a_fact_escapes_all_of_its_texts() -> None:
    fact = Fact(EVIL, [Row(EVIL, EVIL, interval=EVIL, small=EVIL)], words=EVIL, text=EVIL, note=EVIL, help=EVIL)
    html = as_html(fact)
    assert EVIL not in html
    assert html.count(SAFE) == 9


def test_a_fact_has_what_it_is_given_and_nothing_else() -> None:
    assert as_html(Fact("Title")) == "<div><dt>Title</dt></div>"
    html = as_html(Fact("Effort", [Row("Full", "1.2", "counterfactual")], words="20 % less"))
    assert html == (
        '<div><dt>Effort</dt><dd class="ctviz-words">20 % less</dd>'
        '<dd class="counterfactual"><span>Full</span> <b>1.2</b></dd></div>'
    )


def test_columns_of_a_table_may_stand_under_a_title_of_their_own() -> None:
    html = table(heads("", "a", "b", "c"), [row("r", numbers("1", "2", "3"))], groups=[("one", 1), (EVIL, 2)])
    assert html.count("<tr>") == 3
    assert '<td></td><th class="ctviz-group" scope="colgroup" colspan="1">one</th>' in html
    assert f'colspan="2">{SAFE}</th></tr>' in html


def test_a_fact_list_is_one_list_in_the_colours_of_the_theme(shown: list[str]) -> None:
    fact_list([Fact("a"), Fact("b")], "ctviz-cell")
    assert len(shown) == 1
    assert shown[0].startswith('<dl class="ctviz-beside ctviz-cell" style="--accent:#')
    assert shown[0].count("<dt>") == 2


def test_a_table_scrolls_under_a_name_and_can_be_reached_by_keyboard(shown: list[str]) -> None:
    number_table(EVIL, ["IP"], [row("Moons", numbers("1.2"))], width=40)
    assert f'tabindex="0" role="region" aria-label="{SAFE}"' in shown[0]
    assert '<thead><tr><td></td><th class="number" scope="col">IP</th></tr></thead>' in shown[0]
    assert '<tr><th scope="row">Moons</th><td class="number">1.2</td></tr>' in shown[0]
    assert 'style="min-width:40rem"' in shown[0]


def test_cells_are_text() -> None:
    html = table(heads(EVIL), [row(EVIL, [*numbers(EVIL), *words(EVIL)], symbol=EVIL, help=EVIL)], caption=EVIL)
    assert EVIL not in html
    assert html.count(SAFE) == 7
