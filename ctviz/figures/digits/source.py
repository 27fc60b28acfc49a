"""The text of what runs in the browser: the stage's modules and styles, and those that lie beside this file."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from ctviz.figures.stage.source import source as stage_source

Part = Literal["wall", "pad"]


def source(name: str) -> str:
    """The text of ``wall.js``, ``wall.css`` …"""
    return (files(__package__) / name).read_text(encoding="utf-8")


def script(part: Part) -> str:
    """The module of a part, after those of the stage and of all tiles, whose elements, colours and mounting it uses."""
    return stage_source("stage.js") + source("tiles.js") + source(f"{part}.js")


def style(part: Part) -> str:
    """The style of a part, after that of the stage."""
    return stage_source("stage.css") + source(f"{part}.css")
