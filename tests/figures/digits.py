"""Digits of nobody's for the tests of what shows digits: written with a plain font, changed by formulas."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ctviz.figures.digits.image_grid import ImageGrid, Label, Scale
from ctviz.figures.digits.pictures import greys, quantised

ROWS = (
    Label("Conventional", role="conventional", dash="dash"),
    Label("Counterfactual training", "rows 1–5 and 24–28 locked", role="counterfactual"),
)
LOCKED = np.repeat((np.arange(28) < 5) | (np.arange(28) >= 23), 28)


@functools.cache
def x(digit: int) -> np.ndarray:
    """Pixels (784) of a digit in [−1, 1]."""
    image = Image.new("L", (28, 28))
    font = ImageFont.load_default(size=24)
    ImageDraw.Draw(image).text((14, 14), str(digit), fill=255, font=font, anchor="mm", stroke_width=1)
    return (np.asarray(image, dtype=np.float32) / 127.5 - 1).ravel()


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def smooth(values: np.ndarray, times: int = 3) -> np.ndarray:
    """Blurred along the two axes of the picture (… 784)."""
    out = values.reshape(*values.shape[:-1], 28, 28)
    for _ in range(times):
        for axis in (-1, -2):
            out = (np.roll(out, 1, axis) + 2 * out + np.roll(out, -1, axis)) / 4
    return out.reshape(values.shape)


@functools.cache
def many(steps: int = 30, start: int = 3) -> ImageGrid:
    """A digit on its way to every other one, by two models, one rough and one smooth."""
    share = np.linspace(0, 1, steps + 1)[:, None]
    goals = np.stack([x(k) for k in range(10)])
    rough = np.clip(x(start) + share * (goals[:, None] * 0.25 + 0.9 * noise(1, 10, 1, 784)), -1, 1)
    soft = x(start) + share * (goals[:, None] - x(start)) * 0.9
    points = np.stack([rough, soft])  # r c f d
    over = smooth(noise(2, 2, 10, 1, 784), 2) * np.array([1.0, 0.6]).reshape(2, 1, 1, 1) + 0.2 * points[:, :, -1:]
    overlays, limit = quantised(over)
    present = np.ones((2, 10), dtype=bool)
    present[:, start] = False
    last = [[f"{k} · {100 * (f + 1) / (steps + 2):.0f} %" for f in range(steps + 1)] for k in range(10)]
    ends = [["searching"] * steps + ["mature" if k % 4 else "failed"] for k in range(10)]
    return ImageGrid(
        rows=ROWS, columns=[f"to {k}" for k in range(10)], images=greys(points), overlays=overlays, scale=Scale(limit),
        frames=[f"step {f} of {steps}" for f in range(steps + 1)], axis="Search step", captions=[last, last],
        marks=[ends, ends], outline=LOCKED, present=present, alt="A 3 becomes every other digit.", highlight=[(1, 8)],
        clickable="Click a digit to look at it alone.",
    )  # fmt: skip


@functools.cache
def other() -> ImageGrid:
    """The same shape as ``many``, another digit, fewer steps."""
    return many(steps=12, start=7)


@functools.cache
def single(frames: int = 1) -> ImageGrid:
    """One digit and its attributions, two models side by side."""
    overlays, limit = quantised(smooth(noise(3, 2, 1, frames, 784), 2) * np.array([1.0, 0.5]).reshape(2, 1, 1, 1))
    return ImageGrid(
        rows=ROWS, columns=[""], images=greys(np.tile(x(5), (2, 1, 1, 1))), overlays=overlays, scale=Scale(limit),
        frames=[f"epoch {f}" for f in range(frames)], axis="Epoch", captions=[["5 · 98 %"], ["3 · 61 %"]],
        marks=[["right"], ["wrong"]], outline=LOCKED, alt="Attributions of a 5.",
    )  # fmt: skip


@functools.cache
def models() -> ImageGrid:
    """A digit by itself and as three models see it, two of which have the same title."""
    one = single()
    free = Label("Counterfactual training", "nothing locked", role="counterfactual")
    rows = [Label("The digit", "a 5, test digit 15"), ROWS[0], free, ROWS[1]]
    overlays = np.concatenate([np.zeros_like(one.overlays[:1]), one.overlays, one.overlays[:1]])
    return ImageGrid(
        rows=rows, columns=[""], images=one.images[[0, 0, 1, 1]], overlays=overlays, scale=one.scale, outline=LOCKED,
        captions=[["a 5 was meant"], ["5 · 98 %"], ["3 · 61 %"], ["5 · 90 %"]], alt="A 5, and where models look.",
    )  # fmt: skip


@functools.cache
def means() -> ImageGrid:
    """Mean attributions of every class without digits under them."""
    overlays, limit = quantised(np.abs(smooth(np.stack([np.stack([x(k) + 1 for k in range(10)])] * 2)))[:, :, None])
    scale = Scale(limit, "mean attribution", "", "much", signed=False)
    return ImageGrid(
        rows=ROWS, columns=[str(k) for k in range(10)], images=None, overlays=overlays, scale=scale, outline=LOCKED,
        alt="Mean attributions of each class.",
    )  # fmt: skip


@functools.cache
def gallery() -> ImageGrid:
    """Digits to choose from, without headings; the first has a caption, the third is chosen."""
    images = np.stack([greys(x(k)) for k in range(8)]).reshape(2, 4, 1, 784)
    return ImageGrid(
        rows=[""] * 2, columns=[""] * 4, images=images, alt="Digits to choose from.", clickable="Look at this digit",
        captions=[["zero", "", "", ""], [""] * 4], present=np.arange(8).reshape(2, 4) < 7, highlight=[(0, 2)],
        names=[[f"a {k}, test digit {10 * k}" for k in range(row, row + 4)] for row in (0, 4)],
    )  # fmt: skip


GRIDS = {"many": many, "other": other, "single": single, "models": models, "means": means, "gallery": gallery}
