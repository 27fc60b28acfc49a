"""The colours of the stage: those of all figures, for the header of a message."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ctviz.figures.theme import CLASS_COLOURS, DARK, ENERGY, LIGHT


def palette() -> dict[str, Any]:
    """The colours of the classes, one set of the others per theme, and that of low energy."""
    return {"classes": list(CLASS_COLOURS), "light": asdict(LIGHT), "dark": asdict(DARK), "energy": ENERGY}
