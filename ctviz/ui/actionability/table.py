"""The numbers of the group beside the picture, as a table that lies as the panels do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from ctviz.catalogue.metrics import METRICS
from ctviz.experiments.config import Experiment
from ctviz.figures import advice as words
from ctviz.figures.advice import Names, Span
from ctviz.prose import number, percent
from ctviz.studies.lock_draws import LEVEL, settings_of
from ctviz.ui.actionability.names import Grid, focus_of, grid_of, labels_of, movable, pair_of
from ctviz.ui.actionability.numbers import Numbers
from ctviz.ui.actionability.panel import LocksView


@dataclass(frozen=True)
class Block:
    """One number of all models: its title, what it means, what to say of it, and the number of each."""

    title: str
    help: str
    said: str
    cells: tuple[tuple[str, str], ...]  # m: the number, and its interval or nothing


def table(experiment: Experiment, numbers: Numbers, names: Names, view: LocksView) -> str:
    """The numbers of the group, one block for each, models as in the grid of panels."""
    grid = grid_of(experiment, view)
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in grid.columns)
    body = "".join(_rows(block, grid) for block in blocks(experiment, numbers, names, view))
    asking = names.people(max(numbers.asked, default=0))
    crossed = " crossed" if len(grid.columns) > 1 else ""
    about = f"Of {asking}; small: {100 * LEVEL:.0f}\u00a0% intervals"
    return (
        f'<table class="ctviz-grid{crossed}"><caption>{escape(about)}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead>{body}</table>"
    )


def _rows(block: Block, grid: Grid) -> str:
    said = f"<p>{escape(block.said)}</p>" if block.said else ""
    head = (
        f'<tr><th class="group" scope="rowgroup" colspan="{len(grid.columns) + 1}" title="{escape(block.help)}">'
        f"{escape(block.title)}{said}</th></tr>"
    )
    rows = []
    for name, cells in zip(grid.rows, grid.cells, strict=True):
        shown = "".join(
            f"<td><b>{escape(block.cells[arm][0])}</b><small>{escape(block.cells[arm][1])}</small></td>"
            if arm is not None
            else "<td></td>"
            for arm in cells
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{shown}</tr>')
    return f"<tbody>{head}{''.join(rows)}</tbody>"


def blocks(experiment: Experiment, numbers: Numbers, names: Names, view: LocksView) -> list[Block]:
    """All blocks of the table, the most telling first."""
    focus = focus_of(experiment)
    feature = names.features[focus]
    found = [
        _effort(experiment, numbers),
        _advised(experiment, numbers, names, view),
        _leaning(numbers, focus, feature),
    ]
    if view.part == "proxies":
        found = [found[2], _going_along(numbers, focus, feature), *found[:2]]
    if view.part == "where":
        found.append(
            Block(
                f"Advice that changes {feature}",
                f"Share of the advice that asks people to change {feature}.",
                "",
                tuple(_share(changed[focus]) for changed in numbers.changed),
            )
        )
    if any(map(math.isfinite, numbers.tilt)):
        upright, level = names.features
        found.append(
            Block(
                "Angle of the boundary",
                f"90° is upright: {upright} alone decides. 0° is level: {level} alone does. "
                "Taken where the boundary runs between the two classes.",
                f"90°: {upright} alone decides, 0°: {level} alone",
                tuple((f"{angle:.0f}°" if math.isfinite(angle) else "—", "") for angle in numbers.tilt),
            )
        )
    return found


def _effort(experiment: Experiment, numbers: Numbers) -> Block:
    pair = pair_of(experiment.arms)
    said = ""
    if pair is not None:
        compared = words.effort(numbers.effort[pair[1]], numbers.effort[pair[0]], bool(numbers.differs[pair]))
        said = f"{compared.words} with counterfactual training" if compared.words else ""
    return Block(
        METRICS["cost"].title,
        "Mean ℓ1 distance from people to their advice, in data units, over those who get any (cost).",
        said,
        tuple(_span(span) for span in numbers.effort),
    )


def _advised(experiment: Experiment, numbers: Numbers, names: Names, view: LocksView) -> Block:
    limited = [words.why_not(numbers.outcomes[i], names, movable(arm, names.features))
               for i, arm in enumerate(experiment.arms)]  # fmt: skip
    # Beside four panels there is room for one reason: that of the model with the fewest helped.
    worst = min(range(len(limited)), key=numbers.got)
    title = labels_of(experiment, view)[worst].title
    tau = percent(settings_of(experiment).tau)
    return Block(
        "Get advice",
        f"People whose search arrives where the model is {tau} sure of the class they hope for (τ), out of those it "
        "refuses.",
        f"{title}: {limited[worst]}" if limited[worst] else "",
        tuple((words.of_those(numbers.got(arm), asked), "") for arm, asked in enumerate(numbers.asked)),
    )


def _leaning(numbers: Numbers, focus: int, feature: str) -> Block:
    return Block(
        f"How far answers rest on {feature}",
        f"Share of the attribution that falls on {feature}: integrated gradients of the answer on test data, "
        "|g| of the feature over the sum of all.",
        "",
        tuple(_share(shares[focus]) for shares in numbers.share),
    )


def _going_along(numbers: Numbers, focus: int, feature: str) -> Block:
    return Block(
        f"How far decisions go along with {feature}",
        f"Correlation of the decision with {feature} among test samples of the same class: what a proxy can carry "
        "even where answers do not rest on it.",
        "correlation within a class",
        tuple((number(along[focus]), "") for along in numbers.leak),
    )


def _span(span: Span) -> tuple[str, str]:
    if not span.known:
        return "—", ""
    return number(span.value), f"{number(span.low)}–{number(span.high)}" if math.isfinite(span.low) else ""


def _share(span: Span) -> tuple[str, str]:
    if not span.known:
        return "—", ""
    low, high = (f"{100 * end:.0f}" if math.isfinite(end) else "" for end in (span.low, span.high))
    return percent(span.value), f"{low}–{high} %" if low != high else ""
