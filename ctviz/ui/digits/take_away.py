"""What a person can take away from Digits: the link, the picture as a drawing or a page, its numbers, the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.errors import CtvizError
from ctviz.evaluation.bootstrap import Interval
from ctviz.evaluation.methods import METHODS
from ctviz.figures.digits.export import wall_html, wall_svg
from ctviz.figures.digits.wall import Wall
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import pictures
from ctviz.ui.digits.answers import answers
from ctviz.ui.digits.view import PARTS, USUAL, DigitsView, attribution_of, search_of
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import metrics_csv, stem
from ctviz.ui.kit.export import take_away as offer
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import LEVEL
from ctviz.ui.kit.service import Service


@dataclass(frozen=True)
class Shown:
    """The picture of a part, the frame that it rests on, and how strong its colours are."""

    wall: Wall
    frame: int
    strength: int


def take_away(service: Service, draft: Draft[DigitsView]) -> None:
    """Everything that can be taken away, in one place; files are made when they are asked for."""
    offer(draft, service.run_view(draft.experiment.key), lambda run_view: _files(run_view, draft.view))
    st.button(
        "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
        help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
    )  # fmt: skip


def _files(run_view: RunView, view: DigitsView) -> None:
    name = file_name(run_view, view)
    files = (
        ("Picture (SVG)", lambda: svg(run_view, view), f"{name}.svg", "image/svg+xml", "image"),
        ("Picture that plays offline (HTML)", lambda: page(run_view, view), f"{name}.html", "text/html", "movie"),
        ("Numbers of this part (CSV)", lambda: numbers_csv(run_view, view), f"{name}.csv", "text/csv", "table"),
        (
            "Metrics of every epoch (CSV)",
            metrics_csv(run_view),
            f"{stem(run_view.experiment)}.csv",
            "text/csv",
            "table_rows",
        ),
    )
    for label, made, file, kind, icon in files:
        st.download_button(
            label, made, file, kind, key=f"take-{icon}", on_click="ignore", icon=f":material/{icon}:", width="stretch"
        )


def shown(run_view: RunView, view: DigitsView) -> Shown | None:
    """What the page shows at the moment, made anew from what is kept; None before a digit is drawn."""
    snapshot, experiment = run_view.at(view.epoch), run_view.experiment
    explorer = answers().explorer(experiment)
    if view.part == "classes":
        means, digits = ask.class_means(run_view, snapshot, view), ask.mean_digits(run_view)
        return Shown(pictures.of_classes(means, digits, experiment, explorer.locked, view.sign), 0, view.strength)
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return None
    if view.part == "digit":
        seen = ask.seen(run_view, digit, view)
        at = seen.at(run_view.last if view.epoch is None else view.epoch)
        return Shown(pictures.of_digit(digit, seen, experiment, explorer.locked), at, view.strength)
    if view.part == "counterfactuals":
        wall = pictures.of_counterfactuals(ask.counterfactuals(run_view, snapshot, digit, view), digit, experiment)
    else:
        labels = ask.labels_of(explorer, snapshot, digit)
        wall = pictures.of_fooled(ask.fooled(run_view, snapshot, digit, labels, view), digit, labels, experiment)
    last = wall.shape[2] - 1
    usual = USUAL if view.part == "fool" else last
    return Shown(wall, usual if view.frame is None else min(view.frame, last), view.tint)


def svg(run_view: RunView, view: DigitsView) -> str:
    """The picture as it stands."""
    found = shown(run_view, view)
    return "" if found is None else wall_svg(found.wall, found.frame, found.strength, note=note(run_view, view))


def page(run_view: RunView, view: DigitsView) -> str:
    """The picture with all its frames, as a page that works offline and opens at what is seen."""
    found = shown(run_view, view)
    if found is None:
        return ""
    title = f"Digits: {PARTS[view.part].title[0].lower()}{PARTS[view.part].title[1:]}"
    return wall_html(found.wall, found.frame, found.strength, title=title, note=note(run_view, view))


# -- what it is --------------------------------------------------------------------------------------


def about(run_view: RunView, view: DigitsView, *, picture: bool) -> dict[str, Any]:
    """All that what is taken away depends on, by name; the link opens the same again.

    ``picture``: of what is seen of one digit, else of the numbers of the part, which may be of many.
    """
    experiment, many = run_view.experiment, view.part == "classes" or (view.part != "digit" and not picture)
    told: dict[str, Any] = {"run": experiment.key[:8], "part": view.part}
    told |= {"level": LEVEL, "test_digits": _count(run_view, view)} if many else _about_digit(run_view, view)
    if view.part == "digit":
        told |= _about_method(view) | {"explained": "own answer" if view.explain is None else view.explain}
    elif view.part == "classes":
        told |= _about_method(view) | {"shown": view.sign}
    elif view.part == "counterfactuals":
        settings = search_of(experiment, view)
        used = ("generator", *GENERATORS[settings.generator].settings)
        told |= {f"search_{name}": getattr(settings, name) for name in used}
    else:
        told |= {"attack": view.attack, "pixels_stay_in_range": bool(view.within)}
    return {**told, "link": f"digits?{urlencode(link.write(experiment, view))}"}


def _count(run_view: RunView, view: DigitsView) -> int:
    """How many test digits the numbers of a part are of."""
    return {"classes": 10 * ask.PER_CLASS, "counterfactuals": ask.GROUP}.get(view.part, ask.attacked(run_view, view))


def _about_digit(run_view: RunView, view: DigitsView) -> dict[str, Any]:
    picked = ask.gallery(run_view, view)
    if picked is None:
        return {"digit": "own drawing"}
    at = min(view.at, len(picked.y) - 1)
    return {"digit": f"test {int(picked.index[at])}", "meant": int(picked.y[at])}


def _about_method(view: DigitsView) -> dict[str, Any]:
    settings = attribution_of(view)
    used = METHODS[settings.method].settings
    names = ["method", *(name for name in ("baseline", "steps") if name in used)]
    names += ["seed"] if ("baseline" in used and settings.baseline == "uniform") or settings.smooth else []
    names += ["smooth", "noise"] if settings.smooth else []
    return {name: getattr(settings, name) for name in names}


def note(run_view: RunView, view: DigitsView) -> str:
    """The same in a line, for a picture."""
    told = {"epoch": run_view.at(view.epoch).epoch, **about(run_view, view, picture=True)}
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items())


IN_NAMES = ("method", "baseline", "shown", "search_generator", "attack", "digit")
"""What files are told apart by, besides the run, the part and the epoch."""


def file_name(run_view: RunView, view: DigitsView) -> str:
    """Name of a file about a part, without its ending; another method, attack, digit or epoch has another."""
    told = about(run_view, view, picture=True)
    parts = [str(told[name]) for name in IN_NAMES if name in told]
    parts += ["any range"] if told.get("pixels_stay_in_range") is False else []
    parts += [f"epoch {run_view.at(view.epoch).epoch}"]
    return "-".join([stem(run_view.experiment), view.part, *(part.replace(" ", "_") for part in parts)])


# -- numbers -----------------------------------------------------------------------------------------


def numbers_csv(run_view: RunView, view: DigitsView) -> str:
    """The numbers of a part: one row for each model and whatever else they are taken for."""
    try:
        rows = TABLES[view.part](run_view, view)
    except CtvizError as error:
        return f"error\n{error}\n"
    told = about(run_view, view, picture=False)
    return str(pd.DataFrame([{**row, **told} for row in rows]).to_csv(index=False, float_format="%.7g"))


def _digit_rows(run_view: RunView, view: DigitsView) -> list[dict[str, Any]]:
    digit = ask.digit_of(run_view, view)
    if digit is None:
        return []
    seen, names = ask.seen(run_view, digit, view), [arm.name for arm in run_view.experiment.arms]
    return [
        {
            "model": name, "epoch": epoch,
            "completeness_error": seen.error[e, arm], "locked_share": seen.shares[e, arm],
            **{f"p{c}": seen.probabilities[e, arm, c] for c in range(seen.probabilities.shape[-1])},
        }
        for e, epoch in enumerate(seen.epochs)
        for arm, name in enumerate(names)
    ]  # fmt: skip


def _class_rows(run_view: RunView, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = run_view.at(view.epoch)
    means = ask.class_means(run_view, snapshot, view)
    rows = _interval_rows(means.arms, snapshot.epoch, "locked_share", means.share, means.difference)
    rows += _interval_rows(
        means.arms, snapshot.epoch, "locked_standardised", means.standardised, means.standardised_difference
    )
    for row in range(means.rows.value.shape[1]):
        found, apart = (_at(interval, row) for interval in (means.rows, means.row_difference))
        rows += _interval_rows(means.arms, snapshot.epoch, f"share_of_row_{row + 1}", found, apart)
    return rows


def _counterfactual_rows(run_view: RunView, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = run_view.at(view.epoch)
    numbers = ask.counterfactual_numbers(run_view, snapshot, view)
    return [
        row
        for name, interval in numbers.metrics.items()
        for row in _interval_rows(
            numbers.arms, snapshot.epoch, name, interval, numbers.differences[name], numbers.judged
        )
    ]


def _fool_rows(run_view: RunView, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = run_view.at(view.epoch)
    found = ask.robustness(run_view, snapshot, view)
    return [
        {**row, "epsilon": epsilon}
        for at, epsilon in enumerate(found.epsilons)
        for row in _interval_rows(
            found.arms, snapshot.epoch, "right", _at(found.accuracy, at), _at(found.difference, at)
        )
    ]


def _at(interval: Interval, position: int) -> Interval:
    return Interval(interval.value[:, position], interval.low[:, position], interval.high[:, position])


def _interval_rows(
    arms: Sequence[str],
    epoch: int,
    name: str,
    found: Interval,
    apart: Interval,
    judged: Sequence[int] | npt.NDArray[np.int64] = (),
) -> list[dict[str, Any]]:
    return [
        {
            "model": arm, "epoch": epoch, "number": name,
            **{part: float(np.asarray(getattr(found, part))[i]) for part in ("value", "low", "high")},
            **{f"difference_{part}": float(np.asarray(getattr(apart, part))[i]) for part in ("value", "low", "high")},
            **({"searches_that_count": int(judged[i])} if len(judged) else {}),
        }
        for i, arm in enumerate(arms)
    ]  # fmt: skip


TABLES = {
    "digit": _digit_rows,
    "classes": _class_rows,
    "counterfactuals": _counterfactual_rows,
    "fool": _fool_rows,
}
"""Part → its numbers."""
