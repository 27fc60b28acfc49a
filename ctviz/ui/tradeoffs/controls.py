"""What a person chooses on Trade-offs: the sweep, what is measured, how it is drawn, which cells are looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.errors import ConfigError
from ctviz.experiments.config import parse_value
from ctviz.figures.tradeoffs.cells import METRIC, Brush, axes_of, brushed, cells, metrics_of, ordered, plain
from ctviz.figures.tradeoffs.heatmap import usual_axes
from ctviz.figures.tradeoffs.metrics import metric_words, shown, spelled
from ctviz.ui.held import held
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import Changes, sentence
from ctviz.ui.tradeoffs.view import CHARTS, PARTS, TradeoffsView, changed, is_range, range_of, range_text
from ctviz.ui.vocabulary import CHOICES, WORDS


def hold(name: str, value: Any, take: Callable[[Any], None]) -> dict[str, Any]:
    """``held`` with this page's keys."""
    return held(f"trade-{name}", value, take)


def parts(draft: Draft[TradeoffsView]) -> None:
    """The choice of the part."""
    st.segmented_control(
        "Part of the page", list(PARTS), default=draft.view.part, required=True, label_visibility="collapsed",
        format_func=PARTS.__getitem__, **hold("part", draft.view.part, lambda part: draft.look(part=part)),
    )  # fmt: skip


def chart(draft: Draft[TradeoffsView]) -> None:
    """How the sweep is drawn."""
    st.segmented_control(
        "Drawn as", list(CHARTS), default=draft.view.chart, required=True, label_visibility="collapsed",
        format_func=CHARTS.__getitem__, **hold("chart", draft.view.chart, lambda chart: draft.look(chart=chart)),
    )  # fmt: skip


# -- axes and cells that a view names --------------------------------------------------------------------


def label(setting: str) -> str:
    """A setting in plain words with its symbol."""
    words = WORDS.get(setting) or WORDS.get(f"arms.{setting}")
    return words.label if words else setting


def value_words(value: Any) -> str:
    """A value of an axis in plain words."""
    return CHOICES.get(value, value) if isinstance(value, str) else spelled(value)


def chosen_axes(across: pd.DataFrame, view: TradeoffsView) -> tuple[str, str | None, str | None]:
    """Axes of the map: those of the link where the sweep has them, else what suits the sweep."""
    known = axes_of(across)
    usual = usual_axes(across)
    wanted = [view.x, view.y, view.by]
    found: list[str | None] = [name if name in known else None for name in wanted]
    taken = [name for name in found if name]
    if not taken or len(set(taken)) < len(taken):
        return usual
    first = found[0] or next((name for name in known if name not in taken), taken[0])
    up, panels = (name if name != first else None for name in found[1:])
    return first, up, panels


def check(draft: Draft[TradeoffsView], across: pd.DataFrame) -> None:
    """Puts right what the link asks for and this sweep cannot answer, and says so."""
    view, said, changes = draft.view, list[str](), dict[str, Any]()
    axes, metrics = axes_of(across), metrics_of(across)
    if not metrics:
        return  # nothing is measured yet: what is asked for may still come
    for field in ("metric", "against"):
        wanted = getattr(view, field)
        if wanted not in metrics:
            usual = type(view).model_fields[field].default
            changes[field] = usual if usual in metrics else metrics[0]
            if wanted != usual:
                said.append(sentence(field, wanted, f"one of {', '.join(metrics)}"))
    shown_now = changes.get("metric", view.metric)
    others = against(metrics, shown_now)
    if view.chart == "front" and others and changes.get("against", view.against) not in others:
        changes["against"] = others[0]
    taken = set[str]()
    for field in ("x", "y", "by"):
        wanted = getattr(view, field)
        if wanted and (wanted not in axes or wanted in taken):
            changes[field] = ""
            said.append(sentence(field, wanted, f"one of {', '.join(axes)}, each once"))
        taken.add(wanted)
    kept, missed = _only(across, view)
    if missed:
        said += missed
        changes["only"] = kept
    numbers = across["cell"].unique()
    if view.cell is not None and view.cell not in numbers:
        said.append(sentence("cell", view.cell, f"0 to {int(numbers.max())}"))
        changes["cell"] = None
    if changes:
        draft.view = view.model_copy(update=changes)
        draft.problems = (*draft.problems, *said)


def against(metrics: Sequence[str], metric: str) -> list[str]:
    """What a metric may be set against in a front: others of which one side is better."""
    return [name for name in metrics if name != metric and metric_words(name).better is not None]


def _only(across: pd.DataFrame, view: TradeoffsView) -> tuple[Changes, list[str]]:
    """What is looked at, without what the sweep does not have; and a sentence for each of that."""
    axes, metrics = axes_of(across), metrics_of(across)
    kept, said = list[tuple[str, float | int | str]](), list[str]()
    for name, text in view.only:
        if name not in axes and (not name.startswith(METRIC) or name.removeprefix(METRIC) not in metrics):
            said.append(sentence(f"only.{name}", text, "an axis or a metric of the sweep"))
        elif is_range(str(text)):
            kept.append((name, text))
        else:
            known = [plain(value) for value in ordered(across[name].tolist()) if value is not None]
            parts = str(text).split("|")
            there = [part for part in parts if plain(parse_value(part.strip())) in known]
            if len(there) < len(parts):
                said.append(sentence(f"only.{name}", text, ", ".join(str(value) for value in known)))
            if there:
                kept.append((name, "|".join(there)))
    return tuple(kept), said


def brushes_of(view: TradeoffsView) -> dict[str, Brush]:
    """What is looked at, as the figures take it."""
    found: dict[str, Brush] = {}
    for name, text in view.only:
        if is_range(str(text)):
            found[name] = range_of(str(text))
        else:
            values = [parse_value(part.strip()) for part in str(text).split("|")]
            found[name] = frozenset(plain(value) for value in values)
    return found


def kept_cells(across: pd.DataFrame, view: TradeoffsView) -> tuple[int, ...] | None:
    """The cells that are looked at; None for all."""
    if not view.only:
        return None
    try:
        return brushed(across, brushes_of(view), view.show)
    except (ConfigError, TypeError):
        return None


# -- the controls ----------------------------------------------------------------------------------------


def choices(draft: Draft[TradeoffsView], across: pd.DataFrame) -> None:
    """What is measured and how it is laid out."""
    view, metrics = draft.view, list(metrics_of(across))
    if not metrics:
        return
    _metric(draft, "metric", "What is shown", metrics, view.metric)
    if view.chart == "front":
        _metric(draft, "against", "Against", against(metrics, view.metric), view.against)
    options = {"reduction": "Reduction", "value": "Value"}
    st.segmented_control(
        "Shown as", list(options), default=view.show, required=True, format_func=options.__getitem__,
        help="How far below the conventional model of the same seed the mean lies, in percent of it, or the number "
        "itself.", **hold("show", view.show, lambda show: draft.look(show=show)),
    )  # fmt: skip
    if view.chart == "map":
        _axes(draft, across)


def _metric(draft: Draft[TradeoffsView], field: str, words: str, metrics: list[str], value: str) -> None:
    if not metrics:
        return
    value = value if value in metrics else metrics[0]
    st.selectbox(
        words, metrics, metrics.index(value), format_func=lambda name: metric_words(name).title,
        help=metric_words(value).sentence, **hold(field, value, lambda name: draft.look(**{field: name})),
    )  # fmt: skip


def _axes(draft: Draft[TradeoffsView], across: pd.DataFrame) -> None:
    known = list(axes_of(across))
    if len(known) < 2:
        return
    x, y, by = chosen_axes(across, draft.view)
    shown_now = {"x": x, "y": y or "", "by": by or ""}
    titles = {"x": "Across", "y": "Upwards", "by": "Panels"}
    for field in ("x", "y", "by")[: max(2, min(len(known), 3))]:
        options = known if field == "x" else ["", *known]
        value = shown_now[field]

        def take(name: str, field: str = field) -> None:
            draft.look(**_swapped(shown_now, field, name))

        st.selectbox(
            titles[field], options, options.index(value), format_func=lambda name: label(name) if name else "none",
            **hold(field, value, take),
        )  # fmt: skip
    left = [name for name in known if name not in shown_now.values() and not _is_pinned(draft.view, name)]
    if left:
        st.caption(f"The mean over {', '.join(label(name) for name in left)}; choose single values under “Look at”.")


def _is_pinned(view: TradeoffsView, name: str) -> bool:
    return "|" not in str(dict(view.only).get(name, "|"))


def _swapped(before: Mapping[str, Any], field: str, name: str) -> dict[str, Any]:
    """The axes with one of them changed; where the name was in use elsewhere, the two change places."""
    found = dict(before)
    for other, value in before.items():
        if other != field and value == name and name:
            found[other] = before[field]
    found[field] = name
    if not found["x"]:
        found["x"], found["y"] = found["y"], ""
    return found


def filters(draft: Draft[TradeoffsView], across: pd.DataFrame) -> None:
    """Which cells are looked at: values of the axes, a range of what is measured."""
    view = draft.view
    one = across.drop_duplicates("cell")
    for name in axes_of(across):
        values = [value for value in ordered(one[name].tolist()) if value is not None]
        if 1 < len(values) <= 12:
            _values(draft, name, values)
    _range(draft, view.metric, across)
    if view.chart != "map" and view.against != view.metric:
        _range(draft, view.against, across)
    if view.only:
        st.button(
            "Look at all cells", key="trade-all", type="tertiary", icon=":material/undo:",
            on_click=lambda: draft.look(only=()),
        )  # fmt: skip


def _values(draft: Draft[TradeoffsView], name: str, values: list[Any]) -> None:
    kept = brushes_of(draft.view).get(name)
    value = [v for v in values if v in kept] if isinstance(kept, frozenset) else []

    def take(chosen: list[Any]) -> None:
        text = "|".join(str(v) for v in chosen)
        draft.look(only=changed(draft.view.only, name, text or None))

    st.pills(
        label(name), values, selection_mode="multi", default=value, format_func=value_words,
        help="None chosen: all of them.", **hold(f"only-{name}", value, take),
    )  # fmt: skip


def _range(draft: Draft[TradeoffsView], metric: str, across: pd.DataFrame) -> None:
    if metric not in metrics_of(across):
        return
    numbers = cells(across, metric, draft.view.show)["shown"].dropna()
    if len(numbers) < 2 or numbers.min() == numbers.max():
        return
    low, high = (float(f"{end:.3g}") for end in (numbers.min(), numbers.max()))
    low, high = low - 0.005 * abs(low), high + 0.005 * abs(high)  # rounded, an end still lies inside
    name = f"{METRIC}{metric}"
    kept = brushes_of(draft.view).get(name)
    value = (max(low, kept[0]), min(high, kept[1])) if isinstance(kept, tuple) else (low, high)
    value = value if value[0] < value[1] else (low, high)

    def take(ends: tuple[float, float]) -> None:
        text = None if (ends[0] <= low and ends[1] >= high) else range_text(*ends)
        draft.look(only=changed(draft.view.only, name, text))

    said = shown(metric, value[0], draft.view.show), shown(metric, value[1], draft.view.show)
    st.slider(
        f"{metric_words(metric).title}: {said[0]} to {said[1]}", low, high, value, step=(high - low) / 100,
        format=" ", **hold(f"range-{metric}", value, take),
    )  # fmt: skip
