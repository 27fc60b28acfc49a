"""Scales of the maps: purple for worse than conventional, gold for better, as of attributions; and ink upon them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ctviz.catalogue.metrics import Direction
from ctviz.figures.digits.pictures import INKS
from ctviz.figures.theme import DARK, Palette
from ctviz.figures.tradeoffs.metrics import Measure

Rgb = tuple[int, int, int]
Scale = Literal["signed", "against", "rising", "falling", "plain"]
"""``signed`` has its middle at zero and gold above it, ``against`` gold below; ``rising`` is gold where values are
high, ``falling`` where they are low; ``plain`` takes no side."""

PURPLE: dict[bool, Rgb] = {False: INKS["light"].against, True: INKS["dark"].against}
GOLD: dict[bool, Rgb] = {False: INKS["light"].speaks_for, True: INKS["dark"].speaks_for}
MIDDLE: dict[bool, Rgb] = {False: (244, 245, 247), True: (38, 48, 60)}
FAINT: dict[bool, Rgb] = {False: (170, 177, 187), True: (98, 109, 122)}
STRONG: dict[bool, Rgb] = {False: (62, 74, 92), True: (190, 200, 212)}
"""Ends and middle of the scales, by whether the ground is dark; ``FAINT`` is the middle of lines, which must be seen on
the ground. No class and no model has these colours, and each scale changes in lightness towards either end, so that it
is read without colour vision too."""

DARK_INK, LIGHT_INK = (0, 0, 0), (255, 255, 255)


def rgb(colour: str) -> Rgb:
    """``#rrggbb`` as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexed(colour: Rgb) -> str:
    """Three numbers as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def tint(colour: str, opacity: float) -> str:
    """A colour that lets the ground through."""
    return "rgba({},{},{},{:g})".format(*rgb(colour), opacity)


def stops(scale: Scale, palette: Palette, *, lines: bool = False) -> tuple[Rgb, ...]:
    """Colours of a scale at equal distances, from its lowest to its highest value."""
    dark = palette == DARK
    middle = FAINT[dark] if lines else MIDDLE[dark]
    if scale in ("signed", "against"):
        both = PURPLE[dark], middle, GOLD[dark]
        return both if scale == "signed" else both[::-1]
    if scale == "plain":
        return middle, STRONG[dark]
    ends = middle, GOLD[dark]
    return ends if scale == "rising" else ends[::-1]


def colourscale(scale: Scale, palette: Palette) -> list[list[float | str]]:
    """A scale as plotly takes it."""
    colours = stops(scale, palette)
    return [[place / (len(colours) - 1), hexed(colour)] for place, colour in enumerate(colours)]


def colour_at(place: float, scale: Scale, palette: Palette, *, lines: bool = False) -> Rgb:
    """The colour at a place in [0, 1] of a scale; beyond the ends, that of the end."""
    colours = stops(scale, palette, lines=lines)
    along = min(max(place, 0.0), 1.0) * (len(colours) - 1)
    low = min(math.floor(along), len(colours) - 2)
    part = along - low
    first, second = colours[low], colours[low + 1]
    red, green, blue = (round(a + part * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def luminance(colour: Rgb) -> float:
    """Relative luminance of a colour, from 0 to 1 (WCAG 2.2)."""
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def scale_of(better: Direction | None, measure: Measure) -> Scale:
    """The scale of a metric that is better on one side: gold there; of reductions with zero in its middle."""
    if better is None:
        return "plain"
    if measure == "reduction":
        return "signed" if better == "more" else "against"
    return "rising" if better == "more" else "falling"


def contrast(first: Rgb, second: Rgb) -> float:
    """Contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: Rgb) -> str:
    """Black or white, whichever is read better on a colour: a contrast of 4.5 at least, whatever the colour."""
    return hexed(max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour)))


def extent(values: Sequence[float], scale: Scale) -> tuple[float, float]:
    """What the ends of a scale stand for.

    A signed scale has zero in its middle and ends at the largest magnitude, at 100 at most: a reduction cannot be
    larger, and a single loss of 500 % would pale all others.
    """
    finite = [value for value in values if math.isfinite(value)]
    signed = scale in ("signed", "against")
    if not finite:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    if signed:
        most = min(max(abs(value) for value in finite), 100.0) or 1.0
        return -most, most
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0))
