"""What is taken away stands on its own: no request, no way out of a name, a sentence where a picture cannot be made."""

import base64
import hashlib
import json
import re

import pytest

from ctviz.errors import DataError
from ctviz.figures.theme import DARK, LIGHT
from ctviz.figures.tradeoffs import export
from ctviz.figures.tradeoffs.export import config, image, standalone
from ctviz.figures.tradeoffs.heatmap import heatmap
from ctviz.figures.tradeoffs.tables import across_table
from tests.figures.sweeps import made

NASTY = '</script><script>alert("x")</script>'


@pytest.fixture(scope="module")
def page():
    across = made({"generator": (NASTY, "eccco")})
    figure = heatmap(across, "ip", DARK, x="generator")
    return standalone(figure, NASTY, DARK, f"What {NASTY} shows", across_table(across, "ip"))


def test_the_page_allows_its_own_scripts_alone(page):
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe-eval" not in policy


def test_names_cannot_break_out(page):
    assert 'alert("x")</script>' not in page
    assert "&lt;/script&gt;" in page


def test_the_page_has_words_numbers_and_colours(page):
    body = page[page.index("<body>"):]  # fmt: skip
    assert "The numbers" in body and "eccco" in body and 'role="img"' in body
    assert f"--ground: {DARK.ground}" in page and f"--ground: {LIGHT.ground}" not in page
    assert 'name="color-scheme" content="dark"' in page


def test_the_figure_is_in_it_as_it_is(page):
    boot = re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.DOTALL)[1]
    data = json.loads(f"[{boot.removeprefix('Plotly.newPlot(').removesuffix(');')}]")
    figure = heatmap(made({"generator": (NASTY, "eccco")}), "ip", DARK, x="generator")
    assert data[0] == "figure" and data[1:3] == [json.loads(figure.to_json())[k] for k in ("data", "layout")]


def test_the_corner_button_keeps_a_drawing():
    assert config("x")["toImageButtonOptions"]["format"] == "svg" and config("x")["displayModeBar"]
    assert config("x", "png")["toImageButtonOptions"] == {"format": "png", "filename": "x", "scale": 3}


def test_without_kaleido_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(export, "can_draw", lambda: False)
    with pytest.raises(DataError, match=r"ctviz\[images\].*button"):
        image(heatmap(made({"tau": (0.5,)}), "ip", LIGHT, x="tau"), "svg")


def test_a_kaleido_that_fails_does_too(monkeypatch):
    monkeypatch.setattr(export, "can_draw", lambda: True)
    figure = heatmap(made({"tau": (0.5,)}), "ip", LIGHT, x="tau")

    def fails(self, **options):
        raise RuntimeError("no Chrome here")

    monkeypatch.setattr(type(figure), "to_image", fails)
    with pytest.raises(DataError, match=r"RuntimeError.*ctviz\[images\]"):
        image(figure, "png")
