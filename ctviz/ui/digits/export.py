"""The files that Digits offers: the picture as a drawing or a page, and the numbers of the part that is open."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pandas as pd

from ctviz.errors import CtvizError
from ctviz.figures.digits.export import grid_html, grid_svg
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.layout import Picture
from ctviz.ui.digits.parts import PARTS
from ctviz.ui.kit import link
from ctviz.ui.kit.export import ExportFile, metrics, stem
from ctviz.ui.kit.pages import DIGITS
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import LEVEL


def files(run_view: RunView, view: DigitsView) -> list[ExportFile]:
    """What can be downloaded; made when it is asked for."""
    name = file_name(run_view, view)
    return [
        ExportFile("Picture (SVG)", lambda: svg(run_view, view), f"{name}.svg", "image/svg+xml", "image"),
        ExportFile(
            "Picture that plays offline (HTML)", lambda: html(run_view, view), f"{name}.html", "text/html", "movie"
        ),
        ExportFile(
            "Numbers of this part (CSV)", lambda: numbers_csv(run_view, view), f"{name}.csv", "text/csv", "table"
        ),
        metrics(run_view),
    ]


def svg(run_view: RunView, view: DigitsView) -> str:
    """The picture as it stands."""
    shown = _picture(run_view, view)
    return "" if shown is None else grid_svg(shown.grid, shown.frame, shown.strength, note=note(run_view, view))


def html(run_view: RunView, view: DigitsView) -> str:
    """The picture with all its frames, as a page that works offline and opens at what is seen."""
    shown, title = _picture(run_view, view), PARTS[view.part].title
    if shown is None:
        return ""
    title = f"Digits: {title[0].lower()}{title[1:]}"
    return grid_html(shown.grid, shown.frame, shown.strength, title=title, note=note(run_view, view))


def _picture(run_view: RunView, view: DigitsView) -> Picture | None:
    """What the page shows at the moment, made anew from answers that are kept; None before a digit is drawn."""
    return PARTS[view.part].picture(run_view, run_view.at(view.epoch), view)


def numbers_csv(run_view: RunView, view: DigitsView) -> str:
    """The numbers of the part: one row for each model and whatever else they are taken for."""
    try:
        rows = PARTS[view.part].rows(run_view, run_view.at(view.epoch), view)
    except CtvizError as error:
        return f"error\n{error}\n"
    made_of = about(run_view, view, picture=False)
    return str(pd.DataFrame([{**row, **made_of} for row in rows]).to_csv(index=False, float_format="%.7g"))


# -- what a file is of -------------------------------------------------------------------------------


def about(run_view: RunView, view: DigitsView, *, picture: bool) -> dict[str, Any]:
    """All that the picture of a part, or its numbers, depend on, by name; the link opens the same again."""
    experiment, part = run_view.experiment, PARTS[view.part]
    if part.samples is not None and not (picture and part.one_digit):
        digits = {"level": LEVEL, "test_digits": part.samples(run_view, view)}
    else:
        digits = _about_digit(run_view, view)
    return {
        "run": experiment.key[:8], "part": view.part, **digits, **part.settings(run_view, view),
        "link": f"{DIGITS.name}?{urlencode(link.write(experiment, view))}",
    }  # fmt: skip


def _about_digit(run_view: RunView, view: DigitsView) -> dict[str, Any]:
    picked = ask.gallery(run_view, view)
    if picked is None:
        return {"digit": "own drawing"}
    at = min(view.at, len(picked.y) - 1)
    return {"digit": f"test {int(picked.index[at])}", "meant": int(picked.y[at])}


def note(run_view: RunView, view: DigitsView) -> str:
    """The same in a line, for a picture."""
    parts = {"epoch": run_view.at(view.epoch).epoch, **about(run_view, view, picture=True)}
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in parts.items())


IN_NAMES = ("method", "baseline", "shown", "search_generator", "attack", "digit")
"""What the names of files tell, besides the run, the part and the epoch."""


def file_name(run_view: RunView, view: DigitsView) -> str:
    """Name of a file about a part, without its ending; another method, attack, digit or epoch has another."""
    made_of = about(run_view, view, picture=True)
    parts = [str(made_of[name]) for name in IN_NAMES if name in made_of]
    parts += ["any range"] if made_of.get("pixels_stay_in_range") is False else []
    parts += [f"epoch {run_view.at(view.epoch).epoch}"]
    return "-".join([stem(run_view.experiment), view.part, *(part.replace(" ", "_") for part in parts)])
