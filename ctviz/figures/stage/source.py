"""The text of the modules and styles that run in the browser; they lie beside this file."""

from __future__ import annotations

from importlib.resources import files


def source(name: str) -> str:
    """The text of ``stage.js``, ``stage.css`` …"""
    return (files(__package__) / name).read_text(encoding="utf-8")
