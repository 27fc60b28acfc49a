"""Links that people hold mean what they meant when they were made, down to the sentences about what is wrong in them.

``old_links.json`` holds links of every page and what each meant at commit c599156. To add one, write its page and its
parameters into the file and run ``python -m tests.ui.test_old_links``, which adds what it means; what is there stays.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ctviz.ui.actionability.panel import LocksView
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.kit import link
from ctviz.ui.limits.limits_view import LimitsView
from ctviz.ui.paper.paper_view import PaperView
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView
from ctviz.ui.trajectories.tracks_view import TracksView

VIEWS: dict[str, tuple[type[link.BaseView], str]] = {
    "boundaries": (link.View, "moons"),
    "trajectories": (TracksView, "moons"),
    "actionability": (LocksView, "figure1"),
    "digits": (DigitsView, "mnist"),
    "tradeoffs": (TradeoffsView, "moons"),
    "paper": (PaperView, "moons"),
    "limits": (LimitsView, "moons"),
}
"""Page → the class of its view, the preset that a link without one starts from."""

FILE = Path(__file__).with_name("old_links.json")
LINKS = json.loads(FILE.read_text(encoding="utf-8"))


def meaning(page: str, query: str) -> dict[str, Any]:
    """What a link to a page means."""
    view, preset = VIEWS[page]
    opened = link.read(dict(parse_qsl(query, keep_blank_values=True)), view, preset)
    return {
        "key": opened.experiment.key,
        "view": json.loads(opened.view.model_dump_json()),
        "problems": list(opened.problems),
        "written": link.write(opened.experiment, opened.view),
    }


def test_every_page_has_links() -> None:
    assert {entry["page"] for entry in LINKS} == set(VIEWS)


@pytest.mark.parametrize("entry", LINKS, ids=lambda entry: f"{entry['page']}?{entry['link'][:60]}")
def test_an_old_link_means_what_it_meant(entry: dict[str, Any]) -> None:
    now = meaning(entry["page"], entry["link"])
    now["view"] = {name: now["view"].get(name) for name in entry["view"]}  # what came later says nothing in old links
    assert now == {name: entry[name] for name in now}


def complete() -> None:
    """Adds to the file what its new links mean."""
    for entry in LINKS:
        if "key" not in entry:
            entry.update(meaning(entry["page"], entry["link"]))
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in LINKS)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    complete()
