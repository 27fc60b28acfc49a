"""The controls for what advice may change: the direction and the range of a feature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.display import DisplayScale
from ctviz.data.schema import Mutability, ends_of
from ctviz.figures.advice import decimals
from ctviz.training.arm import Arm
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import rounded
from ctviz.ui.kit.service import schema_of

DIRECTIONS = {
    Mutability.BOTH: "free",
    Mutability.FIXED: "locked",
    Mutability.INCREASE: "↑",
    Mutability.DECREASE: "↓",
}
LISTS = {Mutability.INCREASE: "increase_only", Mutability.DECREASE: "decrease_only", Mutability.FIXED: "locked"}


def named(arms: Sequence[Arm]) -> str:
    """A part of a control's name for the arms it changes."""
    return ",".join(arm.name for arm in arms)


def mutability(
    draft: Draft[Any],
    arms: Sequence[Arm],
    position: int,
    label: str,
    options: Mapping[Mutability, str] = DIRECTIONS,
    **more: Any,
) -> None:
    """Which way advice may move a feature, for all of ``arms``, which share their constraints (the first one's).

    ``more``: of the binding, see ``to_settings``.
    """
    control = f"arms.{named(arms)}.mutability.{FEATURE_NAMES[position]}"
    refs = {position, FEATURE_NAMES[position]}
    shown = next((way for way, name in LISTS.items() if refs & set(getattr(arms[0], name))), Mutability.BOTH)

    def read(label: str | None) -> dict[str, Any]:
        way = next((way for way, said in options.items() if said == label), Mutability.BOTH)
        changes: dict[str, Any] = {}
        for arm in _now_of(draft, arms):
            wanted = _wanted(draft, arm)
            lists = {name: tuple(ref for ref in wanted[name] if ref not in refs) for name in LISTS.values()}
            if way in LISTS:
                lists[LISTS[way]] += (position,)
            if way is Mutability.FIXED:  # what is locked has no range to move in
                lists["ranges"] = tuple(entry for entry in wanted["ranges"] if entry[0] not in refs)
            changes |= {f"arms.{arm.name}.{name}": left for name, left in lists.items()}
        return changes

    def waiting(changes: Mapping[str, Any]) -> str:
        found = (w for w, name in LISTS.items() if position in changes[f"arms.{arms[0].name}.{name}"])
        return options[next(found, Mutability.BOTH)]

    binding = bind.to_settings(draft, control, options[shown], read, waiting, **more)
    bind.choice(
        label, options.values(), binding, kind="buttons",
        help="Which way advice may move it: both ways, only up, only down, or not at all, at any step.",
    )  # fmt: skip


def allowed_range(
    draft: Draft[Any],
    arms: Sequence[Arm],
    position: int,
    label: str,
    scale: DisplayScale | None = None,
    **more: Any,
) -> None:
    """The lowest and the highest value that advice may give a feature, by the two ends of a slider.

    ``scale``: how people read the feature. The setting holds the values of the column; without a scale, the slider does
    too.
    """
    control = f"arms.{named(arms)}.range.{FEATURE_NAMES[position]}"
    refs = {position, FEATURE_NAMES[position]}
    bounds = schema_of(draft.experiment.data).bounds()
    lower, upper = (float(ends[position]) for ends in bounds)
    scale = scale or DisplayScale(step=10.0 ** -decimals(upper - lower))
    step, places = scale.step, scale.places
    least = round(math.floor(scale.to_shown(lower) / step) * step, places)
    most = round(math.ceil(scale.to_shown(upper) / step) * step, places)

    def inside(low: float | None, high: float | None) -> tuple[float, float]:
        low, high = (
            scale.to_shown(end) if scale.plain or math.isinf(end) else scale.rounded(end) for end in ends_of(low, high)
        )
        return min(max(low, least), most), max(min(high, most), least)

    def read(ends: tuple[float, float]) -> dict[str, Any]:
        low, high = (round(float(end), places) for end in ends)
        high = max(high, round(low + step, places))
        whole = low <= least and high >= most
        entry = (
            ()
            if whole
            else ((position, *(end if scale.plain else rounded(scale.of_shown(end)) for end in (low, high))),)
        )
        return {
            f"arms.{arm.name}.ranges": tuple(k for k in _wanted(draft, arm)["ranges"] if k[0] not in refs) + entry
            for arm in _now_of(draft, arms)
        }

    def of(ranges: Any) -> tuple[float, float]:
        return inside(*next(((low, high) for ref, low, high in ranges if ref in refs), (None, None)))

    locked = bool(refs & set(arms[0].locked))
    binding = bind.to_settings(
        draft, control, of(arms[0].ranges), read, lambda changes: of(next(iter(changes.values()))), **more
    )
    bind.slider(
        label, least, most, binding, step=step, format=f"{scale.prefix}%.{places}f", disabled=locked,
        help="Advice gives it no value outside of this range." + (" It is locked: free it first." if locked else ""),
    )  # fmt: skip


def _now_of(draft: Draft[Any], arms: Sequence[Arm]) -> list[Arm]:
    """The arms as they are at this moment, which may be later than when their control was drawn."""
    names = {arm.name for arm in arms}
    return [arm for arm in draft.experiment.arms if arm.name in names]


def _wanted(draft: Draft[Any], arm: Arm) -> dict[str, tuple[Any, ...]]:
    """An arm's constraints as they are asked for, whether taken over or still waiting for others to fit.

    Several controls write into the same lists, and the last one must not undo what another one waits for.
    """
    lists = {name: getattr(arm, name) for name in (*LISTS.values(), "ranges")}
    for waiting in draft.pending.values():
        lists |= {name: waiting[path] for name in lists if (path := f"arms.{arm.name}.{name}") in waiting}
    return lists
