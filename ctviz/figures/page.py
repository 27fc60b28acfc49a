"""A figure as one file: a page that works offline, from a folder, without the app, and makes no request."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict
from html import escape
from importlib.resources import files
from string import Template

from ctviz.figures.theme import DARK, LIGHT, Palette

OFFLINE = "This page works offline and sends nothing."

NOSCRIPT = "<noscript><p>The picture is drawn with JavaScript, which is switched off here.</p></noscript>\n"


def page(
    title: str,
    words: str,
    body: str,
    script: str = "",
    *,
    library: str = "",
    data: bytes = b"",
    style: str = "",
    footer: str = OFFLINE,
    width: int = 1120,
    palette: Palette | None = None,
) -> str:
    """A self-contained page, whose policy allows its own scripts and no request.

    Args:
        title: of the page.
        words: a sentence or two below the title.
        body: what follows, as HTML; the script finds its place there.
        script: a module that draws the figure; none where the body is all there is.
        library: a classic script that the module needs.
        data: what the script reads: in base64, in the element ``data``.
        style: added to that of the page.
        footer: a sentence or two at the end.
        width: of the text and the figure at most, in pixels.
        palette: of the page; by default light or dark, as the reader's system.
    """
    light, dark = (palette, palette) if palette else (LIGHT, DARK)
    scripts = [
        f'<script type="text/plain" id="data">{base64.b64encode(data).decode()}</script>' if data else "",
        f"<script>{library}</script>" if library else "",
        f'<script type="module">{script}</script>' if script else "",
    ]
    return Template((files(__package__) / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title), words=escape(words), body=body, footer=escape(footer), style=style, width=width,
        light=variables(light), dark=variables(dark),
        scheme="light dark" if palette is None else "dark" if palette == DARK else "light",
        hashes=" ".join(f"'{_hash(text)}'" for text in (library, script) if text) or "'none'",
        noscript=NOSCRIPT if script else "",
        scripts="\n".join(filter(None, scripts)),
    )  # fmt: skip


def details(summary: str, inside: str) -> str:
    """Tables and notes that are opened by a click; ``inside`` is HTML."""
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def variables(palette: Palette) -> str:
    """The colours of a palette as variables of a style: ``--ink: #1B2430; …``"""
    return " ".join(f"--{name}: {colour};" for name, colour in asdict(palette).items())


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
