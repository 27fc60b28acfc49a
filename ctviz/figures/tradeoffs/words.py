"""What a sweep shows, in sentences: the finding of a map, and the text in the place of each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ctviz.catalogue.differences import reduction
from ctviz.catalogue.metrics import metric as catalogued
from ctviz.figures.tradeoffs.cells import LEVEL, METRIC, axes_of, best_cell, cells, ordered, part_of, plain, setting_of
from ctviz.figures.tradeoffs.front import points
from ctviz.figures.tradeoffs.metrics import (
    REASONS,
    Measure,
    better_of,
    interval,
    shown,
    title,
    unit_of,
    what,
)
from ctviz.prose import listed, spelled


def finding(
    across: pd.DataFrame,
    metric: str,
    measure: Measure = "reduction",
    names: Mapping[str, str] | None = None,
    level: float = LEVEL,
) -> str:
    """What a sweep shows of one metric, in a few sentences.

    How many cells are better than the conventional model; which setting matters most, by the range of its marginal
    means (the mean over all cells with one value of it); the best cell, and whether its interval leaves out zero.
    """
    if across.empty or metric not in set(across["metric"]):
        return "Nothing has been measured yet."
    frame = cells(across, metric, measure, level)
    done = frame[frame["counts"]]
    if done.empty:
        return f"No model of this sweep has anything to measure: {_reasons(frame['reason'].tolist())}."
    said = [_how_many(done, metric)] if len(done) > 1 else []
    said.append(_matters_most(done, axes_of(across), metric, measure, names))
    best = best_cell(across, metric, measure)
    if best is not None:
        row = {str(key): value for key, value in done[done["cell"] == best].iloc[0].items()}
        said.append(_best(row, setting_of(across, best, names), metric, measure, len(done), level))
    waiting = int((~frame["counts"] & (frame["state"] == "waiting")).sum())
    failed = int((frame["state"] == "failed").sum())
    if failed:
        left = f"{failed} of {len(frame)} cells failed and {'is' if failed == 1 else 'are'} left out"
        said.append(f"{left} ({_reasons(frame['reason'].tolist())}).")
    if waiting:
        said.append(f"{waiting} of {len(frame)} cells {'is' if waiting == 1 else 'are'} still to be trained.")
    return " ".join(part for part in said if part)


def _reasons(reasons: Sequence[str]) -> str:
    heads = [reason.partition(" (seeds:")[0] for reason in reasons]
    return "; ".join(dict.fromkeys(REASONS.get(head, head) for head in heads if head)) or "nothing is measured yet"


def _how_many(done: pd.DataFrame, metric: str) -> str:
    """In how many cells the mean is better than the conventional model's."""
    better = better_of(metric, "value")
    below = done["base"].to_numpy() - done["value"].to_numpy()
    known = below[np.isfinite(below)]
    if better is None or not known.size:
        return ""
    ahead = int((known > 0).sum() if better == "less" else (known < 0).sum())
    return f"In {ahead} of {len(known)} cells the mean is better than the conventional model's."


def marginal_means(done: pd.DataFrame, axis: str) -> list[tuple[Any, float]]:
    """The mean of what is shown over all measured cells with each value of an axis, in the order of the values."""
    values = [plain(value) for value in done[axis]]
    numbers = done["shown"].to_numpy()
    return [(value, float(numbers[[other == value for other in values]].mean())) for value in ordered(values)]


def _matters_most(
    done: pd.DataFrame, axes: Sequence[str], metric: str, measure: Measure, names: Mapping[str, str] | None
) -> str:
    ranges = []
    for axis in axes:
        means = marginal_means(done, axis)
        if 1 < len(means) <= max(12, len(done) // 2):
            low, high = min(means, key=lambda pair: pair[1]), max(means, key=lambda pair: pair[1])
            ranges.append((high[1] - low[1], axis, low, high))
    if not ranges:
        return ""
    _, axis, low, high = max(ranges, key=lambda entry: entry[0])
    unit = unit_of(metric, measure)
    name = what(axis, names)
    whose = f"{name} matters most" if len(ranges) > 1 else f"{name} matters"
    kind = "mean reduction" if measure == "reduction" else "mean"
    return (
        f"{whose}: the {kind} runs from {shown(metric, low[1], measure)}{unit} at {spelled(low[0])} "
        f"to {shown(metric, high[1], measure)}{unit} at {spelled(high[0])}."
    )


def _best(row: Mapping[str, Any], setting: str, metric: str, measure: Measure, count: int, level: float) -> str:
    if measure == "reduction":
        found = reduction(catalogued(metric), row["shown"]).words
    else:
        unit = f" {catalogued(metric).unit}".rstrip()
        found = f"{shown(metric, row['shown'], measure)}{unit}"
    between = interval(metric, row["low"], row["high"], measure)
    if not between:
        sure = ", from one seed" if row["seeds"] == 1 else ""
    elif measure == "reduction":
        apart = "leaves out zero" if row["low"] > 0 or row["high"] < 0 else "includes zero"
        sure = f" ({100 * level:g} % interval {between}, which {apart})"
    else:
        sure = f" ({100 * level:g} % interval {between})"
    where = f"at {setting}" if setting else "in the one cell"
    chosen = f", the best of {count} and so likely flattered" if count > 1 else ""
    return f"Best {where}{chosen}: {found}{sure}."


def describe_map(
    across: pd.DataFrame,
    metric: str,
    axes: Sequence[str | None],
    measure: Measure = "reduction",
    names: Mapping[str, str] | None = None,
    level: float = LEVEL,
) -> str:
    """The text in the place of a map: what it is of, how far its numbers go, and what it shows."""
    shown_axes = [what(axis, names) for axis in axes if axis is not None]
    over = f" over {listed(shown_axes)}"
    frame = cells(across, metric, measure)
    numbers = frame.loc[frame["counts"], "shown"]
    head = f"{title(metric, measure, part_of(across, metric))}{over if shown_axes else ''}"
    if numbers.empty:
        return f"{head}: nothing measured yet."
    unit = unit_of(metric, measure)
    low, high = (f"{shown(metric, float(end), measure)}{unit}" for end in (numbers.min(), numbers.max()))
    return f"{head}: {low} to {high} in {len(numbers)} cells. {finding(across, metric, measure, names, level)}"


def describe_front(
    across: pd.DataFrame, x: str, y: str, measure: Measure = "value", names: Mapping[str, str] | None = None
) -> str:
    """The text in the place of a front: how many cells are on it, and its two ends."""
    found = points(across, x, y, measure)
    head = f"{title(y, measure, found.parts[1])} against {title(x, measure, found.parts[0])}"
    if not len(found.frame):
        return f"{head}: no cell has both numbers yet."
    on = found.frame[found.front].sort_values("shown_x")
    count = f"{len(on)} of {len(found.frame)} cells {'are' if len(on) > 1 else 'is'} beaten by no other in both"
    if on.empty:
        return f"{head}: none of {len(found.frame)} cells trained without failure."
    ends = on.iloc[[0, -1]] if len(on) > 1 else on
    said = [
        f"{shown(x, float(a), measure)}{unit_of(x, measure)} and {shown(y, float(b), measure)}{unit_of(y, measure)} "
        f"at {setting_of(across, int(cell), names) or 'the one cell'}"
        for cell, a, b in zip(ends["cell"], ends["shown_x"], ends["shown_y"], strict=True)
    ]
    return f"{head}: {count}, from {' to '.join(said)}." if len(said) > 1 else f"{head}: {count}, {said[0]}."


def describe_lines(
    across: pd.DataFrame,
    dimensions: Sequence[str],
    kept: Sequence[int] | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """The text in the place of the lines: what they pass through, and how many the brushes have left."""
    called = [
        catalogued(name.removeprefix(METRIC)).title if name.startswith(METRIC) else what(name, names)
        for name in dimensions
    ]
    total = across["cell"].nunique()
    left = "" if kept is None else f"; {len(kept)} of them lie within all brushes"
    return f"One line for each of {total} cells through {', '.join(called)}{left}."
