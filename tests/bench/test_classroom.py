"""The benchmark of a class: its percentiles and rows, and what it says when it could not be measured."""

from __future__ import annotations

import json

import pytest

from ctviz.bench import browser, classroom
from ctviz.bench.classroom import PLACES, Tally, header, share
from ctviz.errors import CtvizError


def test_the_share_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [share(hundred), share(hundred, 0.5), share(hundred, 1.0)] == [95.0, 50.0, 100.0]
    assert share([3.0]) == 3.0
    assert share([1.0, 2.0]) == 2.0


def test_the_header_of_a_message_is_read() -> None:
    text = json.dumps({"key": "a.1", "total": 20}).encode()
    assert header(b"CTV1" + len(text).to_bytes(4, "little") + text + b"\x00payload") == {"key": "a.1", "total": 20}


def test_goals_are_judged_and_what_went_wrong_is_told() -> None:
    tally = Tally(lost=["visitor 3: gone"], actions=4)
    tally.opened["Boundaries"] = [1.0, 5.0]
    tally.reruns["Boundaries"], tally.reruns["Digits"] = [0.5], [2.5]
    tally.sent = [1000, 3000, 4000]
    rows = {row.what: row for row in classroom._rows(tally, used=1.0, held=950.0, seconds=60)}
    assert {what: row.verdict for what, row in rows.items() if row.goal} == {
        "a page opens, 95 of 100": "NO",
        "Boundaries: a rerun, 95 of 100": "yes",
        "Digits: a rerun, 95 of 100": "yes",
        "server's memory after that": "NO",
        "sessions lost, pages that failed": "NO",
    }
    assert rows["a page opens, 95 of 100"].ours == 5.0
    assert rows["server's processor time for an action"].ours == 250.0
    assert rows["sent for a rerun"].ours == 3.0
    assert "visitor 3: gone" in rows["sessions lost, pages that failed"].note


def test_without_a_server_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: str) -> None:
        raise CtvizError("The server did not start.")

    monkeypatch.setattr(browser, "server", fail)
    rows = classroom.measure(1)
    assert [row.note for row in rows] == ["not measured: The server did not start."]


def test_what_is_measured_has_the_goals_that_were_set() -> None:
    assert {place.title: place.goal for place in PLACES if place.goal} == {
        "Boundaries": 1.0, "Trajectories": 1.0, "Actionability": 1.0, "Digits": 3.0, "Learn": 1.0,
    }  # fmt: skip
