"""An exported file says what it is: how it was made, of what, and under a name of its own."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.images.answers import ImageSample
from ctviz.figures.digits.image_grid import ImageGrid
from ctviz.ui.digits import export
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import Picture
from ctviz.ui.digits.parts import PARTS

SHIPPED = Experiment.preset("mnist")


@pytest.fixture
def run_view(monkeypatch) -> Any:
    """A run with epochs, and a gallery that needs none of its models."""
    picked = ImageSample(np.array([1204, 7]), np.zeros((2, 784), np.float32), np.array([3, 8]))
    gallery = lambda run_view, view: None if view.pick == "own" else picked  # noqa: E731
    monkeypatch.setattr(export.ask, "gallery", gallery)
    return SimpleNamespace(experiment=SHIPPED, at=lambda epoch: SimpleNamespace(epoch=100 if epoch is None else epoch))


LOOKS = [
    *({"part": part} for part in PARTS),
    {"part": "fool", "attack": "pgd"},
    {"part": "fool", "within": 0},
    {"part": "fool", "at": 1},
    {"part": "fool", "epoch": 5},
    {"part": "digit", "attribution": (("baseline", "black"),)},
    {"part": "digit", "attribution": (("method", "saliency"),)},
    {"part": "digit", "pick": "own"},
    {"part": "counterfactuals", "search": (("generator", "generic"),)},
    {"part": "classes", "sign": "strength"},
]  # fmt: skip


def test_files_of_what_differs_have_names_that_differ(run_view) -> None:
    names = [export.file_name(run_view, DigitsView(**look)) for look in LOOKS]
    assert len(set(names)) == len(names)
    assert all(" " not in name and "/" not in name for name in names)


@pytest.mark.parametrize(
    ("look", "told"),
    [
        ({"part": "digit"}, {"method": "integrated_gradients", "baseline": "uniform", "steps": 50, "seed": 0,
                             "digit": "test 1204", "meant": 3, "explained": "own answer"}),
        ({"part": "classes"}, {"method": "integrated_gradients", "test_digits": 500, "level": 0.99, "shown": "signed"}),
        ({"part": "counterfactuals", "at": 1}, {"search_generator": "eccco", "test_digits": 200, "level": 0.99}),
        ({"part": "fool", "attack": "pgd", "within": 0}, {"attack": "pgd", "pixels_stay_in_range": False,
                                                          "test_digits": 500, "level": 0.99}),
    ],
)  # fmt: skip
def test_numbers_say_in_each_row_how_they_were_made(run_view, monkeypatch, look, told) -> None:
    view = DigitsView(**look)
    rows = lambda run_view, snapshot, view: [{"model": "vanilla", "epoch": 5}] * 2  # noqa: E731
    monkeypatch.setitem(export.PARTS, view.part, replace(PARTS[view.part], rows=rows))
    table = pd.read_csv(StringIO(export.numbers_csv(run_view, view)))
    for name, value in {**told, "run": SHIPPED.key[:8]}.items():
        assert str(table[name].iloc[1]) == str(value), name
    assert ("meant" in table) == (view.part == "digit"), "numbers of many digits are not those of one"
    assert table["link"].iloc[0].startswith("digits?preset=mnist")
    assert f"part={view.part}" in table["link"].iloc[0] or view.part == "digit"


def test_a_picture_says_how_it_was_made_and_a_page_opens_at_what_is_seen(run_view, monkeypatch) -> None:
    grid = ImageGrid(["A"], ["B"], np.zeros((1, 1, 3, 784), np.uint8), "A digit.", frames=["one", "two", "three"])
    monkeypatch.setattr(export, "_picture", lambda run_view, view: Picture(grid, 1, 35))
    opened: dict[str, Any] = {}
    monkeypatch.setattr(export, "grid_html", lambda *given, **named: opened.update(named, given=given) or "page")
    view = DigitsView(part="fool", epoch=5)
    drawing = export.svg(run_view, view)
    assert export.html(run_view, view) == "page"
    assert opened["given"][1:] == (1, 35)
    assert opened["title"] == "Digits: fool it"
    for text in ("epoch: 5", "attack: fgsm", "digit: test 1204", f"run: {SHIPPED.key[:8]}"):
        assert text in opened["note"]
        assert text in drawing
