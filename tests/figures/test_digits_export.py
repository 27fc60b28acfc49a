"""What is taken away stands on its own: well-formed, with its words, and without a reference to anywhere."""

import base64
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ctviz.figures.digits.export import wall_html, wall_svg
from ctviz.figures.digits.pictures import paint
from ctviz.figures.digits.wall import Wall
from tests.figures import digits

SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert("x")</script> & co'


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["many", "single", "means"])
def test_a_picture_is_whole(name, theme):
    wall = digits.WALLS[name]()
    root = ElementTree.fromstring(wall_svg(wall, theme=theme))
    cells = root.findall(f".//{SVG}image")
    assert len(cells) == (18 if name == "many" else 2 if name == "single" else 20)
    assert all(cell.get("href").startswith("data:image/png;base64,") for cell in cells)
    words = " ".join(node.text or "" for node in root.iter(f"{SVG}text"))
    for expected in ("Conventional", "locked pixels", wall.scale.name.capitalize()):
        assert expected in words
    assert root.find(f"{SVG}title").text.startswith(wall.alt)


def test_a_picture_shows_the_frame_that_was_asked_for():
    wall = digits.many()
    for frame in (0, 30):
        root = ElementTree.fromstring(wall_svg(wall, frame, strength=40))
        data = root.findall(f".//{SVG}image")[4].get("href").split(",")[1]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        assert (pixels == paint(*wall.pixels(0, 5, frame), 40)).all()
        words = [node.text for node in root.iter(f"{SVG}text")]
        assert f"Step {frame} of 30" in words and wall.text("captions", 0, 5, frame) in words


def test_words_cannot_break_out():
    wall = Wall([NASTY], [NASTY], digits.single().images[:1], NASTY, captions=[[NASTY]], marks=[[NASTY]])
    root = ElementTree.fromstring(wall_svg(wall))
    assert not root.findall(f".//{SVG}script") and NASTY in [node.text for node in root.iter(f"{SVG}text")]
    page = wall_html(wall, title=NASTY)
    assert "<script>alert" not in page and page.count("<script") == 2


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [f"{tag} {value}" for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_a_page_refers_to_nothing_outside():
    page = wall_html(digits.many(), "Digits & more")
    links = Links()
    links.feed(page)
    assert links.found == []
    assert "<title>Digits &amp; more</title>" in page and "A 3 becomes every other digit." in page
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bimport\s*\(|\bfetch\s*\(|XMLHttpRequest|@import|url\(", page)
    assert "default-src 'none'" in page
