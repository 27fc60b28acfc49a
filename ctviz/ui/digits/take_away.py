"""What a person can take away from Digits: the link, the picture as a drawing or a page, its numbers, the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ctviz.errors import CtvizError
from ctviz.evaluation.bootstrap import Interval
from ctviz.figures.digits.export import wall_html, wall_svg
from ctviz.figures.digits.wall import Wall
from ctviz.ui.digits import answers as ask
from ctviz.ui.digits import pictures
from ctviz.ui.digits.answers import answers
from ctviz.ui.digits.view import PARTS, USUAL, DigitsView
from ctviz.ui.draft import Draft
from ctviz.ui.feed import Feed
from ctviz.ui.service import Service
from ctviz.ui.take_away import metrics_csv, stem
from ctviz.ui.take_away import take_away as offer


@dataclass(frozen=True)
class Shown:
    """The picture of a part, the frame that it rests on, and how strong its colours are."""

    wall: Wall
    frame: int
    strength: int


def take_away(service: Service, draft: Draft[DigitsView]) -> None:
    """Everything that can be taken away, in one place; files are made when they are asked for."""
    offer(draft, service.feed(draft.experiment.key), lambda feed: _files(feed, draft.view))
    st.button(
        "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
        help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
    )  # fmt: skip


def _files(feed: Feed, view: DigitsView) -> None:
    name = f"{stem(feed.experiment)}-{view.part}"
    files = (
        ("Picture (SVG)", lambda: svg(feed, view), f"{name}.svg", "image/svg+xml", "image"),
        ("Picture that plays offline (HTML)", lambda: page(feed, view), f"{name}.html", "text/html", "movie"),
        ("Numbers of this part (CSV)", lambda: numbers_csv(feed, view), f"{name}.csv", "text/csv", "table"),
        ("Metrics of every epoch (CSV)", metrics_csv(feed), f"{stem(feed.experiment)}.csv", "text/csv", "table_rows"),
    )
    for label, made, file, kind, icon in files:
        st.download_button(
            label, made, file, kind, key=f"take-{file}", on_click="ignore", icon=f":material/{icon}:", width="stretch"
        )


def shown(feed: Feed, view: DigitsView) -> Shown | None:
    """What the page shows at the moment, made anew from what is kept; None before a digit is drawn."""
    snapshot, experiment = feed.at(view.epoch), feed.experiment
    explorer = answers().explorer(experiment)
    if view.part == "classes":
        means, digits = ask.class_means(feed, snapshot, view), ask.mean_digits(feed)
        return Shown(pictures.of_classes(means, digits, experiment, explorer.locked, view.sign), 0, view.strength)
    digit = ask.digit_of(feed, view)
    if digit is None:
        return None
    if view.part == "digit":
        seen = ask.seen(feed, digit, view)
        at = seen.at(feed.last if view.epoch is None else view.epoch)
        return Shown(pictures.of_digit(digit, seen, experiment, explorer.locked), at, view.strength)
    if view.part == "counterfactuals":
        wall = pictures.of_counterfactuals(ask.counterfactuals(feed, snapshot, digit, view), digit, experiment)
    else:
        label = ask.label_of(explorer, snapshot, digit)
        wall = pictures.of_fooled(ask.fooled(feed, snapshot, digit, label, view), digit, label, experiment)
    last = wall.shape[2] - 1
    usual = USUAL if view.part == "fool" else last
    return Shown(wall, usual if view.frame is None else min(view.frame, last), view.tint)


def svg(feed: Feed, view: DigitsView) -> str:
    """The picture as it stands."""
    found = shown(feed, view)
    return "" if found is None else wall_svg(found.wall, found.frame, found.strength)


def page(feed: Feed, view: DigitsView) -> str:
    """The picture with all its frames, as a page that works offline."""
    found = shown(feed, view)
    return "" if found is None else wall_html(found.wall, f"{PARTS[view.part].title}: {found.wall.alt}")


# -- numbers -----------------------------------------------------------------------------------------


def numbers_csv(feed: Feed, view: DigitsView) -> str:
    """The numbers of a part: one row for each model and whatever else they are taken for."""
    try:
        rows = TABLES[view.part](feed, view)
    except CtvizError as error:
        return f"error\n{error}\n"
    return str(pd.DataFrame(rows).to_csv(index=False, float_format="%.7g"))


def _digit_rows(feed: Feed, view: DigitsView) -> list[dict[str, Any]]:
    digit = ask.digit_of(feed, view)
    if digit is None:
        return []
    seen, names = ask.seen(feed, digit, view), [arm.name for arm in feed.experiment.arms]
    return [
        {
            "model": name, "epoch": epoch,
            "completeness_error": seen.error[e, arm], "locked_share": seen.shares[e, arm],
            **{f"p{c}": seen.probabilities[e, arm, c] for c in range(seen.probabilities.shape[-1])},
        }
        for e, epoch in enumerate(seen.epochs)
        for arm, name in enumerate(names)
    ]  # fmt: skip


def _class_rows(feed: Feed, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = feed.at(view.epoch)
    means = ask.class_means(feed, snapshot, view)
    rows = _interval_rows(means.arms, snapshot.epoch, "locked_share", means.share, means.difference)
    rows += _interval_rows(
        means.arms, snapshot.epoch, "locked_standardised", means.standardised, means.standardised_difference
    )
    for row in range(means.rows.value.shape[1]):
        parts = (_at(interval, row) for interval in (means.rows, means.row_difference))
        rows += _interval_rows(means.arms, snapshot.epoch, f"share_of_row_{row + 1}", *parts)
    return rows


def _counterfactual_rows(feed: Feed, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = feed.at(view.epoch)
    numbers = ask.counterfactual_numbers(feed, snapshot, view)
    return [
        row
        for name, interval in numbers.metrics.items()
        for row in _interval_rows(numbers.arms, snapshot.epoch, name, interval, numbers.differences[name])
    ]


def _fool_rows(feed: Feed, view: DigitsView) -> list[dict[str, Any]]:
    snapshot = feed.at(view.epoch)
    found = ask.robustness(feed, snapshot, view)
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
    arms: Sequence[str], epoch: int, name: str, found: Interval, apart: Interval
) -> list[dict[str, Any]]:
    return [
        {
            "model": arm, "epoch": epoch, "number": name,
            **{part: float(np.asarray(getattr(found, part))[i]) for part in ("value", "low", "high")},
            **{f"difference_{part}": float(np.asarray(getattr(apart, part))[i]) for part in ("value", "low", "high")},
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
