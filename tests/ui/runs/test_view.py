"""The link to a comparison, however malformed."""

from __future__ import annotations

import pytest

from ctviz.experiments.config import Experiment
from ctviz.ui.kit import link
from ctviz.ui.tradeoffs.runs.view import MOST, RunsView, joined

KEYS = ("0123456789012345", "12345678901234e5", "abcdefabcdefabcd")
MOONS = Experiment.preset("moons")


@pytest.mark.parametrize("keys", [(), KEYS[:1], KEYS[1:2], KEYS], ids=["none", "digits", "a number", "three"])
def test_what_is_compared_round_trips_through_the_link(keys):
    view = RunsView(runs=joined(keys), search="tau=0.5", order="size", curve="cost", settings="all", stacks=1)
    opened = link.read(link.write(MOONS, view), RunsView)
    assert opened.problems == () and opened.view == view and opened.view.chosen == keys


@pytest.mark.parametrize("search", ["true", "null", "0.5", "12", "[1", "tau=0.5 moons"])
def test_a_search_is_text_whatever_it_looks_like(search):
    opened = link.read({"search": search}, RunsView)
    assert opened.problems == () and opened.view.search in (search, "")


@pytest.mark.parametrize(
    "query",
    [
        {"runs": "../../etc"},
        {"runs": ",".join(["0" * 15 + str(number) for number in range(MOST + 1)])},
        {"order": "random"},
        {"curve": "nothing"},
        {"stacks": "7"},
        {"search": "x" * 101},
    ],
    ids=lambda query: next(iter(query)),
)
def test_what_is_malformed_is_left_out_and_named(query):
    opened = link.read(query, RunsView)
    assert len(opened.problems) == 1 and next(iter(query)) in opened.problems[0]
    assert opened.view == RunsView()


def test_the_same_run_is_compared_once():
    assert RunsView(runs=f"{KEYS[2]},{KEYS[2]}").chosen == KEYS[2:]
