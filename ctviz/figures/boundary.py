"""A decision boundary as a still picture: the field of one model, the data on it, the line between two classes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw

from ctviz.experiments.energy import EnergyField, levels_of
from ctviz.experiments.snapshot import Scene
from ctviz.figures.theme import CLASS_COLOURS, DARK, ENERGY, Palette

SIDE = 300
"""Pixels of a picture's side, drawn at twice as many, for sharp screens."""

MOST_POINTS = 200
"""Samples drawn; more hide the field."""

Rgb = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A search on a picture: its points in data units (t d), the classes it leads from and to, whether it arrived, and
    the real sample nearest to its end, if that is to be pointed out. A single point is where nobody is searched from.
    """

    points: npt.NDArray[np.float32]
    start: int
    target: int
    mature: bool
    nearest: tuple[float, float] | None = None


@dataclass(frozen=True)
class EnergyTint:
    """The energy of a class, to colour a picture in place of the probability: of which class, and the energies as
    shares of a scale from low (0, strong) to high (1, the ground), (g g)."""

    target: int
    shares: npt.NDArray[np.float64]


def energy_tints(found: EnergyField) -> list[EnergyTint]:
    """How the models of the last epoch are tinted, on one scale for all of them."""
    low, high = levels_of(found.span).tolist()
    shares = ((found.levels[-1].astype(np.float64) - low) / max(high - low, 1)).clip(0, 1)  # m g g
    return [EnergyTint(found.means.target, own) for own in shares]


def boundary_png(
    scene: Scene,
    plane: npt.NDArray[np.uint8],
    palette: Palette,
    side: int = SIDE,
    ways: Sequence[Way] = (),
    energy: EnergyTint | None = None,
) -> bytes:
    """A PNG of one model's field.

    Args:
        scene: extent, and the samples that are drawn: circles, squares, triangles … by class.
        plane: (c g g) probabilities × 255, of class 1 alone for two classes; row 0 is the lowest x2.
        palette: of the theme that it will lie on.
        side: pixels in the page.
        ways: searches, drawn on top: a mark of the class they begin in, a line, a diamond where they end, filled where
            they have arrived.
        energy: colours the plane in place of the probability; the samples of its class alone are drawn then.
    """
    size = 2 * side
    up = np.stack([_enlarged(channel, size) for channel in plane])  # c s s, the highest x2 first
    shares = np.stack([1 - up[0], up[0]]) if len(up) == 1 else up
    tint = None if energy is None else _tinted(_enlarged(255 * energy.shares, size), palette)
    image = Image.fromarray(_painted(shares, palette, tint).astype(np.uint8))
    _draw_points(image, scene, palette, None if energy is None else energy.target)
    for way in ways:
        _draw_way(image, scene, palette, way)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _enlarged(channel: npt.NDArray[Any], size: int) -> npt.NDArray[np.float64]:
    picture = Image.fromarray(channel[::-1].astype(np.float32) / 255, mode="F")
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64).clip(0, 1)


def _tinted(shares: npt.NDArray[np.float64], palette: Palette) -> Rgb:
    """The colours of energies, as the stage mixes them: low is strong, high fades into the ground.  (s s 3)"""
    least = 0.12 if palette == DARK else 0.06
    low, ground = (
        np.array(ImageColor.getrgb(colour)[:3], dtype=np.float64)
        for colour in (ENERGY["dark" if palette == DARK else "light"], palette.ground)
    )
    return np.asarray(low + (ground - low) * (least + (1 - least) * shares[..., None]))


def _painted(shares: npt.NDArray[np.float64], palette: Palette, tint: Rgb | None = None) -> Rgb:
    """Tints of the likeliest class, meeting in the ground, or those given; a line where the likeliest class changes.

    (s s 3)
    """
    k, most = len(shares), 0.42 if palette == DARK else 0.34
    classes = np.array([ImageColor.getrgb(colour)[:3] for colour in CLASS_COLOURS[:k]], dtype=np.float64)
    ground, ink = (np.array(ImageColor.getrgb(c)[:3], dtype=np.float64) for c in (palette.ground, palette.ink))
    likeliest, best = shares.argmax(axis=0), shares.max(axis=0)
    strength = most * (((best - 1 / k) / (1 - 1 / k)).clip(0, 1) ** 0.75)[..., None]
    painted = ground + (classes[likeliest] - ground) * strength if tint is None else tint
    edge = np.zeros(likeliest.shape, dtype=bool)
    for axis in (0, 1):
        for shift in (1, 2):
            moved = np.roll(likeliest, shift, axis) != likeliest
            moved[(slice(None),) * axis + (slice(0, shift),)] = False  # what rolls in from the other side is no edge
            edge |= moved
    painted[edge] = ink
    return np.asarray(painted)


def _draw_points(image: Image.Image, scene: Scene, palette: Palette, only: int | None = None) -> None:
    draw, size = ImageDraw.Draw(image), image.width
    span = np.where(scene.upper > scene.lower, scene.upper - scene.lower, 1)
    places = (scene.points[:MOST_POINTS] - scene.lower) / span * size
    for (x, y), label in zip(places, scene.labels[:MOST_POINTS], strict=False):
        if only is not None and label != only:
            continue
        colour = CLASS_COLOURS[int(label) % len(CLASS_COLOURS)]
        if palette == DARK:  # lighter than the tint that it lies on
            red, green, blue = (round(part + 0.28 * (255 - part)) for part in ImageColor.getrgb(colour)[:3])
            colour = f"#{red:02x}{green:02x}{blue:02x}"
        _mark(draw, float(x), size - float(y), 5.0, int(label), colour, palette.ground)


def _draw_way(image: Image.Image, scene: Scene, palette: Palette, way: Way) -> None:
    draw, size = ImageDraw.Draw(image), image.width
    span = np.where(scene.upper > scene.lower, scene.upper - scene.lower, 1)

    def pixels(points: npt.ArrayLike) -> list[tuple[float, float]]:
        return [(float(x), size - float(y)) for x, y in (np.asarray(points) - scene.lower) / span * size]

    line = pixels(way.points)
    if way.nearest is not None:
        draw.line([line[-1], *pixels([way.nearest])], fill=palette.ink, width=2)
    for width, colour in ((9, palette.ground), (4, palette.ink)):
        draw.line(line, fill=colour, width=width, joint="curve")
    from_, to = (CLASS_COLOURS[c % len(CLASS_COLOURS)] for c in (way.start, way.target))
    _mark(draw, *line[0], 10.0, way.start, from_, palette.ink)
    if len(line) > 1:
        _mark(draw, *line[-1], 14.0, 3, to if way.mature else palette.ground, palette.ink)


def _mark(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, shape: int, fill: str, outline: str) -> None:
    if shape % 4 == 0:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=outline)
        return
    corners: Sequence[tuple[float, float]] = {
        1: ((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)),
        2: ((x, y - r), (x + r, y + r), (x - r, y + r)),
        3: ((x, y - r), (x + r, y), (x, y + r), (x - r, y)),
    }[shape % 4]
    draw.polygon(corners, fill=fill, outline=outline)
