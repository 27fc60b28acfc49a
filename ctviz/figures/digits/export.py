"""An image grid as a file: as a page that works offline, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import product
from textwrap import wrap

from ctviz.figures.digits.image_grid import STRENGTH, ImageGrid, Label, grid_message
from ctviz.figures.digits.pictures import INKS, Colour, Theme, edges, paint, png_uri
from ctviz.figures.page import page
from ctviz.figures.player.source import standalone, style
from ctviz.figures.theme import DARK, LIGHT, Palette

DASHES = {"dash": "6 4", "dot": "2 3", "dashdot": "6 3 2 3", "longdash": "10 4", "longdashdot": "10 3 2 3"}


def grid_html(
    grid: ImageGrid,
    frame: int | None = None,
    strength: int = STRENGTH,
    *,
    title: str = "Digits, as the models see them",
    words: str = "",
    note: str = "",
) -> str:
    """A self-contained page with the image grid; it works offline and makes no request.

    Args:
        grid: what to show.
        frame: which frame it opens at; None is the last.
        strength: of the overlay at first, in per cent.
        title: of the page.
        words: a sentence or two below the title; by default what is seen.
        note: below the grid: how it was made.
    """
    how = f'<p class="note">{escape(note)}</p>' if note else ""
    return page(
        title,
        words or grid.alt,
        f'<div id="figure"></div>{how}',
        standalone("ImageGrid"),
        data=grid_message(grid, {"frame": frame, "strength": strength, "playing": False}),
        style=style("ImageGrid"),
        width=1320,
    )


def grid_svg(
    grid: ImageGrid, frame: int | None = None, strength: int = STRENGTH, theme: Theme = "light", *, note: str = ""
) -> str:
    """One frame as a self-contained picture: pixels as PNG, words as text.

    Args:
        grid: what to show.
        frame: which frame; None is the last.
        strength: of the overlay, in per cent.
        theme: on light or on dark ground.
        note: below the name of the frame: how the picture was made.
    """
    return _Drawing(grid, grid.shape[2] - 1 if frame is None else frame, strength, theme, note).svg()


class _Drawing:
    """A grid at one frame; models of a single digit stand side by side, as on the screen."""

    def __init__(self, grid: ImageGrid, frame: int, strength: int, theme: Theme, note: str) -> None:
        r, c, _ = grid.shape
        self.grid, self.frame, self.theme = grid, frame, theme
        self.strength = strength if grid.images is not None else 100
        self.colours: Palette = DARK if theme == "dark" else LIGHT
        self.turned = c == 1
        self.across, self.down = (r, 1) if self.turned else (c, r)
        self.cell = 224 if self.across <= 4 else 84
        self.gap = 16 if self.across <= 4 else 10
        self.left = 16 if self.turned else 176
        self.size = 14 if self.cell > 100 else 11.5
        self.foot = self.size * 1.35 * ((1 if grid.captions else 0) + (1 if grid.marks else 0)) + 18
        self.noted = self.turned and any(label.note for label in grid.row_labels)
        self.width = max(self.left + self.across * (self.cell + self.gap) + 16, 640)
        self.note = wrap(note, int((self.width - 32) / 6.2))
        self.top = (78.0 if self.noted else 62.0) + 16 * len(self.note)

    def svg(self) -> str:
        width = self.width
        high = self.top + self.down * (self.cell + self.foot) + 34
        body = [*self._headings(), *self._cells(), *self._key(high - 20)]
        name = self.grid.frames[self.frame]
        first = 42 if name else 24
        body += [
            self._text(16, first + 16 * n, line, fill=self.colours.muted, size=12) for n, line in enumerate(self.note)
        ]
        title = escape(f"{self.grid.alt} {name}".strip())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {high:g}" width="{width:g}" '
            f'height="{high:g}" role="img" font-family="system-ui, -apple-system, Segoe UI, sans-serif">'
            f'<title>{title}</title><rect width="100%" height="100%" fill="{self.colours.ground}"/>'
            f"{self._text(16, 24, name[:1].upper() + name[1:], weight=650, size=15)}{''.join(body)}</svg>"
        )

    def _at(self, row: int, column: int) -> tuple[float, float]:
        i, j = (0, row) if self.turned else (row, column)
        return self.left + j * (self.cell + self.gap), self.top + i * (self.cell + self.foot)

    def _headings(self) -> list[str]:
        parts = []
        for i, label in enumerate(self.grid.row_labels):
            x, y = self._at(i, 0)
            place = (x, self.top - (25 if self.noted else 9)) if self.turned else (16.0, y + 18)
            parts += self._row_heading(label, *place)
        if self.turned:
            return parts
        middle = self.cell / 2
        for j, label in enumerate(self.grid.column_labels):
            parts.append(self._text(self._at(0, j)[0] + middle, self.top - 9, label.title, weight=650, anchor="middle"))
        return parts

    def _row_heading(self, label: Label, x: float, y: float) -> list[str]:
        counterfactual = label.role == "counterfactual"
        parts = []
        if label.role:
            colour = self.colours.of(label.role)
            dash = f' stroke-dasharray="{DASHES[label.dash]}"' if label.dash in DASHES else ""
            parts.append(f'<path d="M{x:g} {y - 5:g}h26" stroke="{colour}" stroke-width="3"{dash}/>')
        fill = self.colours.accent if counterfactual else self.colours.ink
        if self.turned:
            x += 34 if label.role else 0
            note = self._text(x, y + 16, label.note, fill=self.colours.muted, size=11.5)
            return [*parts, self._text(x, y, label.title, fill=fill, weight=650, size=14), note]
        lines = [(line, 650, fill, 14.0) for line in wrap(label.title, 20)]
        lines += [(line, 400, self.colours.muted, 11.5) for line in wrap(label.note, 24)]
        y += 14 if label.role else 0
        return parts + [
            self._text(x, y + 17 * n, line, fill=colour, weight=weight, size=size)
            for n, (line, weight, colour, size) in enumerate(lines)
        ]

    def _cells(self) -> list[str]:
        r, c, _ = self.grid.shape
        present = self.grid.present
        there = [(i, j) for i, j in product(range(r), range(c)) if present is None or present[i, j]]
        return [self._cell(i, j) for i, j in there]

    def _cell(self, row: int, column: int) -> str:
        grid, side = self.grid, self.cell
        x, y = self._at(row, column)
        image, overlay = grid.pixels(row, column, self.frame)
        signed = grid.scale.signed if grid.scale else True
        uri = png_uri(paint(image, overlay, self.strength, self.theme, signed=signed))
        caption, mark = (grid.text(kind, row, column, self.frame) for kind in ("captions", "marks"))
        parts = [
            f'<image x="{x:g}" y="{y:g}" width="{side}" height="{side}" image-rendering="pixelated" href="{uri}"/>'
        ]
        mask = grid.locked(row)
        if mask is not None and mask.any():
            parts.append(self._outline(x, y, edges(mask)))
        if (row, column) in [tuple(cell) for cell in grid.highlight]:
            rim = f'x="{x - 3:g}" y="{y - 3:g}" width="{side + 6}" height="{side + 6}"'
            parts.append(f'<rect {rim} fill="none" stroke="{self.colours.ink}" stroke-width="2"/>')
        line = y + side + self.size * 1.35
        for text, colour in ((caption, self.colours.ink), (mark, self.colours.muted)):
            if text:
                parts.append(self._text(x + side / 2, line, text, fill=colour, anchor="middle"))
                line += self.size * 1.35
        return "".join(parts)

    def _outline(self, x: float, y: float, lines: Sequence[tuple[int, int, int, int]]) -> str:
        h, w = self.grid.size
        path = "".join(
            f"M{x + a * self.cell / w:g} {y + b * self.cell / h:g}L{x + c * self.cell / w:g} {y + d * self.cell / h:g}"
            for a, b, c, d in lines
        )
        return (
            f'<path d="{path}" stroke="#101820" fill="none"/>'
            f'<path d="{path}" stroke="#ffffff" stroke-dasharray="3 3" fill="none"/>'
        )

    def _key(self, y: float) -> list[str]:
        grid, parts, x = self.grid, [], 16.0
        if grid.scale and grid.overlays is not None:
            scale, inks = grid.scale, INKS[self.theme]
            low, high = (f"{end} {word}".strip() for end, word in zip(grid.ends, (scale.low, scale.high), strict=True))
            ground = inks.bare if grid.images is None else inks.paper
            before = f"{scale.name[:1].upper()}{scale.name[1:]}: {low}"
            bar = x + 6.6 * len(before) + 8
            colours = (inks.against, ground, inks.speaks_for) if scale.signed else (ground, inks.much)
            stops = "".join(
                f'<stop offset="{n / (len(colours) - 1):g}" stop-color="{_hex(v)}"/>' for n, v in enumerate(colours)
            )
            parts += [
                f'<defs><linearGradient id="ctviz-scale">{stops}</linearGradient></defs>',
                self._text(x, y + 9, before, fill=self.colours.muted, size=12),
                f'<rect x="{bar:g}" y="{y:g}" width="120" height="10" fill="url(#ctviz-scale)"/>',
                self._text(bar + 128, y + 9, high, fill=self.colours.muted, size=12),
            ]
            x = bar + 128 + 6.6 * len(high) + 24
        if grid.outline is not None and grid.outline.any():
            rim = f'x="{x:g}" y="{y - 1:g}" width="22" height="12" fill="none"'
            parts.append(f'<rect {rim} stroke="#101820"/><rect {rim} stroke="#ffffff" stroke-dasharray="3 3"/>')
            parts.append(self._text(x + 30, y + 9, grid.outlined, fill=self.colours.muted, size=12))
        return parts

    def _text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        fill: str = "",
        weight: int = 400,
        size: float = 0,
        anchor: str = "start",
    ) -> str:
        return (
            f'<text x="{x:g}" y="{y:g}" fill="{fill or self.colours.ink}" font-size="{size or self.size:g}" '
            f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'
        )


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
