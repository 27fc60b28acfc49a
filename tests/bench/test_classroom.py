"""The benchmark of a class: its percentiles and rows, and what it says when it could not be measured."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from ctviz.bench import browser, classroom
from ctviz.bench.classroom import PLACES, Person, Tally, control, header, player, share
from ctviz.bench.streamlit_client import Received
from ctviz.errors import CtvizError


def test_the_share_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert [share(hundred), share(hundred, 0.5), share(hundred, 1.0)] == [95.0, 50.0, 100.0]
    assert share([3.0]) == 3.0
    assert share([1.0, 2.0]) == 2.0


def test_the_header_of_a_message_is_read() -> None:
    text = json.dumps({"key": "a.1", "total": 20}).encode()
    assert header(b"CTV1" + len(text).to_bytes(4, "little") + text + b"\x00payload") == {"key": "a.1", "total": 20}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["train", "stage-earlier"], None),
        (["stage-earlier", "stage-1"], "stage-1"),
        (["stage-0", "train"], "stage-0"),
        (["backstage-1"], None),
    ],
)
def test_the_player_that_is_seen_is_found_whatever_link_was_opened(keys: list[str], found: str | None) -> None:
    assert player(keys, "stage") == found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["recourse-next", "recourse-fixed"], "recourse-fixed"),
        (["recourse-fixed-3"], "recourse-fixed-3"),
        (["recourse-fixed-more", "a-recourse-fixed"], None),
    ],
)
def test_a_control_is_found_whether_the_page_has_moved_it_or_not(keys: list[str], found: str | None) -> None:
    assert control(keys, "recourse-fixed") == found


class Quiet:
    """A visitor whose training never comes to an end, or that has nothing to see."""

    def __init__(self, again: dict[str, float]) -> None:
        self.again, self.looks = again, []

    async def look_again(self, part: str) -> Received:
        self.looks.append(part)
        self.again = {} if len(self.looks) == 4 else self.again
        return Received(seconds=0.5)

    def keys(self) -> list[str]:
        return ["stage-earlier"]

    def texts(self) -> list[str]:
        return ["This training was stopped."]


def test_each_part_is_watched_at_its_own_pace() -> None:
    visitor = Quiet({"picture": 0.0, "curves": 30.0})
    person = Person(visitor, random.Random(0), Tally())
    asyncio.run(classroom._watch_until(person, lambda: False))
    assert visitor.looks == ["picture"] * 4
    assert person.tally.looked == [0.5] * 4


def test_people_glance_at_a_proof_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "GLANCE", 0.0)
    visitor, received = Quiet({"proof": 30.0}), Received()
    assert asyncio.run(classroom._glance(Person(visitor, random.Random(0), Tally()), received)) == [received]
    assert visitor.looks == [] and visitor.again


def test_who_has_nothing_to_see_waits_while_a_training_does_and_else_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    scrub = classroom._scrub("stage")
    with pytest.raises(CtvizError, match="none is to come: This training was stopped"):
        asyncio.run(scrub(Person(Quiet({}), random.Random(0), Tally())))
    monkeypatch.setattr(classroom, "PATIENCE", 0.0)
    assert asyncio.run(scrub(Person(Quiet({"picture": 0.0}), random.Random(0), Tally()))) == []


def test_goals_are_judged_and_what_went_wrong_is_told() -> None:
    tally = Tally(lost=["visitor 3: gone"], actions=4)
    tally.opened["Boundaries"] = [1.0, 5.0]
    tally.reruns["Boundaries"], tally.reruns["Digits"] = [0.5], [2.5]
    tally.looked = [0.2, 1.5]
    tally.sent = [1000, 3000, 4000]
    rows = {row.what: row for row in classroom._rows(tally, used=(1.0, 2.0), held=950.0, seconds=60)}
    assert {what: row.verdict for what, row in rows.items() if row.goal} == {
        "a page opens, 95 of 100": "NO",
        "Boundaries: a rerun, 95 of 100": "yes",
        "Digits: a rerun, 95 of 100": "yes",
        "a look at a run or a proof under way, 95 of 100": "NO",
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
        "Boundaries": 1.0, "Trajectories": 1.0, "Actionability": 1.0, "Digits": 3.0, "Recourse": 1.0, "Learn": 1.0,
    }  # fmt: skip
