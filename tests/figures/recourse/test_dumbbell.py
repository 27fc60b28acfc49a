"""The picture of a plan: every value is on it, where it belongs, and nothing of a table's text becomes HTML."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ctviz.figures.recourse import dumbbell
from ctviz.figures.theme import DARK
from tests.figures.recourse.plans import GAIN, HOURS, SCHOOL, WORK, Seen, model, planned


@pytest.mark.parametrize("counterfactual", [True, False])
def test_every_change_is_on_it_before_and_after(counterfactual):
    asked = model(planned(WORK), planned(HOURS, GAIN, WORK, SCHOOL), counterfactual=counterfactual)
    html = dumbbell.dumbbell(asked, 1, DARK)
    seen = Seen(html)
    assert not seen.open
    for change in asked.plans[1].changes:
        assert change.feature in seen.text and all(text in seen.text for text in change.texts)
    assert f'class="ctv-bells {"counterfactual" if counterfactual else "conventional"}"' in html
    assert f"--ground:{DARK.ground};" in html
    assert html.count('class="ring"') == html.count('class="tip"') == 3  # a category has its names alone
    assert "Among accepted people: sales 6 %, office 24 %" in seen.text
    assert [html.count(f'class="row {way} ') for way in ("up", "down", "other")] == [2, 1, 1]


def places(html: str, mark: str) -> float:
    end = {"ring": "--now", "tip": "--then"}.get(mark)
    found = re.search(f"{end}:([0-9.]+)%" if end else f'class="{mark}" style="left:([0-9.]+)%', html)
    return float(found[1])


def test_values_lie_on_the_scale_where_they_are():
    html = dumbbell.chart(model(), planned(HOURS))
    assert places(html, "ring") == pytest.approx(100 * 37 / 98, abs=0.01)
    assert places(html, "tip") == pytest.approx(100 * 44 / 98, abs=0.01)
    assert places(html, "band") == pytest.approx(100 * 39 / 98, abs=0.01)
    assert places(html, "reach") == places(html, "ring")  # fewer hours are not allowed
    assert "cut" not in html


def test_a_small_part_of_a_long_domain_is_drawn_wide_and_says_so():
    html = dumbbell.chart(model(), planned(GAIN))
    low, high = dumbbell.shown_part(GAIN.scale)
    assert (low, high) == (0, 750)
    assert places(html, "ring") == pytest.approx(100 * 500 / 750, abs=0.01) and places(html, "tip") == 0
    assert '<small class="high cut">$99,999</small>' in html and '<small class="low">$0</small>' in html


def test_values_outside_of_the_domain_are_on_the_scale():
    outside = replace(HOURS.scale, before=120)
    assert dumbbell.shown_part(outside) == (1, 120)


def test_words_for_those_who_do_not_see_it():
    asked = model(planned(HOURS, GAIN, WORK, SCHOOL))
    said = dumbbell.described(asked)
    assert said.startswith("4 changes. Raise hours per week from 38 to 45 hours, on a scale from 1 to 99; of accepted")
    assert "half from 40 to 50." in said and "half at $0." in said
    assert "6 % have “sales”, 24 % “office”." in said
    assert said.replace("“", "&#8220;")[:9] in dumbbell.dumbbell(asked) and 'role="img"' in dumbbell.dumbbell(asked)
    assert dumbbell.described(model(planned(WORK))).startswith("1 change. ")


def test_the_table_holds_what_the_picture_shows():
    seen = Seen(dumbbell.table(planned(HOURS, WORK)))
    assert not seen.open and seen.tags.count("tr") == 3
    for text in ("hours per week", "38", "45 hours", "1.40", "Half from 40 to 50", "work", "sales", "office"):
        assert text in seen.text


def test_names_and_levels_stay_text():
    evil = "<img src=x onerror=alert(1)>\"'&"
    change = replace(WORK, feature=evil, before=evil, after=evil, texts=(evil, evil))
    number = replace(HOURS, feature=evil + "2", texts=(evil, evil))
    html = dumbbell.dumbbell(model(planned(change, number)))
    assert "img" not in Seen(html).tags and "<img" not in html
    assert evil in Seen(html).text


def test_long_names_are_cut():
    long = "name " * 2000
    html = dumbbell.dumbbell(model(planned(replace(WORK, feature=long, texts=(long, long)), HOURS)))
    assert len(html) < 16_000 and "name na…" in html
