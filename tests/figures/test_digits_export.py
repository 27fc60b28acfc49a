"""What is taken away stands on its own: well-formed, with its words, and without a reference to anywhere."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ctviz.figures.digits.export import grid_html, grid_svg
from ctviz.figures.digits.image_grid import ImageGrid
from ctviz.figures.digits.pictures import paint
from tests.figures import digits

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert("x")</script> & co'


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["many", "single", "means"])
def test_a_picture_is_whole(name, theme):
    grid = digits.GRIDS[name]()
    root = ElementTree.fromstring(grid_svg(grid, theme=theme))
    cells = root.findall(f".//{SVG}image")
    assert len(cells) == (18 if name == "many" else 2 if name == "single" else 20)
    assert all(cell.get("href").startswith("data:image/png;base64,") for cell in cells)
    words = " ".join(node.text or "" for node in root.iter(f"{SVG}text"))
    for expected in ("Conventional", "locked pixels", grid.scale.name.capitalize()):
        assert expected in words
    assert root.find(f"{SVG}title").text.startswith(grid.alt)


def test_a_picture_shows_the_frame_that_was_asked_for():
    grid = digits.many()
    for frame in (0, 30):
        root = ElementTree.fromstring(grid_svg(grid, frame, strength=40))
        data = root.findall(f".//{SVG}image")[4].get("href").split(",")[1]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        assert (pixels == paint(*grid.pixels(0, 5, frame), 40)).all()
        words = [node.text for node in root.iter(f"{SVG}text")]
        assert f"Step {frame} of 30" in words and grid.text("captions", 0, 5, frame) in words


def test_words_cannot_break_out():
    grid = ImageGrid([NASTY], [NASTY], digits.single().images[:1], NASTY, captions=[[NASTY]], marks=[[NASTY]])
    root = ElementTree.fromstring(grid_svg(grid))
    assert not root.findall(f".//{SVG}script") and NASTY in [node.text for node in root.iter(f"{SVG}text")]
    page = grid_html(grid, title=NASTY)
    assert "<script>alert" not in page and page.count("<script") == 2


@pytest.mark.parametrize(("frame", "strength"), [(4, 35), (None, 80)])
def test_a_page_opens_at_what_was_seen(frame, strength):
    page = grid_html(digits.many(), frame, strength)
    data = base64.b64decode(re.search(r'id="data">([^<]+)<', page)[1])
    header = json.loads(data[8 : 8 + int.from_bytes(data[4:8], "little")])
    assert header["initial"] == {"frame": frame, "strength": strength, "playing": False}
    assert page.count("A 3 becomes every other digit.") == 1, "what is seen is said once"


def test_how_it_was_made_goes_along():
    note = "Integrated gradients; baseline: random pixels, seed 3 <&> " + "and so on " * 20
    texts = ElementTree.fromstring(grid_svg(digits.single(), note=note)).iter(f"{SVG}text")
    lines = [node.text or "" for node in texts]
    at = next(i for i, line in enumerate(lines) if line.startswith("Integrated gradients"))
    assert " ".join(lines[at:]).startswith(note.strip()) and max(map(len, lines)) < 110
    page = grid_html(digits.single(), note=note)
    assert 'class="note"' in page and "seed 3 &lt;&amp;&gt; and so on" in page
    assert 'class="note"' not in grid_html(digits.single())


def test_a_note_lies_above_the_pictures():
    low = lambda note: float(  # noqa: E731
        ElementTree.fromstring(grid_svg(digits.single(), note=note)).find(f"{SVG}image").get("y")
    )
    assert low("One line.") == low("") + 16


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_a_page_refers_to_nothing_outside():
    page = grid_html(digits.many(), title="Digits & more")
    links = Links()
    links.feed(page)
    assert links.found == []
    assert "<title>Digits &amp; more</title>" in page and "A 3 becomes every other digit." in page
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bimport\s*\(|\bfetch\s*\(|XMLHttpRequest|@import|url\(", page)
    assert "default-src 'none'" in page
