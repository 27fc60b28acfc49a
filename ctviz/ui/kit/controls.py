"""The controls: four that a newcomer sees, all the others behind headings, each writing into the draft.

A control is named by the setting it changes. What it shows comes from the draft, so that the link, a reset and an
uploaded file move it too; what it changes goes through ``Draft.change``, which refuses with a reason.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DATASETS, FEATURE_NAMES
from ctviz.data.schema import Mutability, ends_of
from ctviz.experiments.config import Experiment
from ctviz.figures.advice import decimals
from ctviz.training.arm import VARIANTS, Arm, Objective
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft, on_change
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import schema_of
from ctviz.ui.vocabulary import CHOICES, WORDS, bounds, differences, field_of, generic, value_of

STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the preset's λ_div and λ_adv that the newcomer's control offers."""

OWN = "own"


def controls(draft: Draft[Any]) -> None:
    """All controls; the caller adds the button that trains."""
    _data(draft)
    _noise(draft)
    _strength(draft)
    _epochs(draft)


def expert(draft: Draft[Any]) -> None:
    """The settings a newcomer need not see, grouped."""
    with st.expander("Data", key="group-data"):
        _several(draft, "data.", _of_data(draft.experiment.data.name))
    with st.expander("Model", key="group-model"):
        _hidden(draft)
        setting(draft, "model.activation")
    with st.expander("Training", key="group-training"):
        _several(draft, "training.", ("batch", "n_ce", "burnin", "optimiser", "lr"))
        setting(draft, "seed")
    arm = _pick_arm(draft)
    with st.expander(f"Objective of {arm.name}", key="group-objective"):
        _several(draft, f"arms.{arm.name}.", tuple(Objective.model_fields))
    with st.expander(f"Search of {arm.name}", key="group-search"):
        _several(draft, f"arms.{arm.name}.", _of_search(arm))
        setting(draft, f"arms.{arm.name}.seed")
    with st.expander(f"Locked features of {arm.name}", key="group-locked"):
        for position, feature in enumerate(FEATURE_NAMES):
            mutability(draft, (arm,), position, f"Feature {feature}")
            allowed_range(draft, (arm,), position, f"Range of {feature}")
        _several(draft, f"arms.{arm.name}.", ("lock_when", "shield"))
    with st.expander("Measuring", key="group-evaluation"):
        names = ("every", "factuals", "attack", "field", "paths", *_of_search(draft.experiment.evaluation))
        _several(draft, "evaluation.", names)


def _of_data(name: str) -> tuple[str, ...]:
    """The settings that a data set listens to, besides its noise."""
    own = {"blobs": ("classes",), "gaussians": ("signal", "correlation")}.get(name, ())
    return ("separation", *own, "n_train", "n_validation", "n_test", "seed")


def _of_search(settings: SearchSettings) -> tuple[str, ...]:
    """The choice of a generator and the settings that it listens to."""
    return ("generator", *GENERATORS[settings.generator].settings)


def what_differs(draft: Draft[Any]) -> None:
    """What differs from the preset of the data, and the way back."""
    said = differences(draft.experiment)
    if not said:
        st.caption("The preset of these data: training as in the paper.")
        return
    st.caption(f"Differs from the preset: {'; '.join(said[:6])}{'; …' if len(said) > 6 else ''}.")
    preset = draft.experiment.data.name
    st.button(
        "Back to the preset", key="reset", type="tertiary", icon=":material/undo:",
        on_click=lambda: draft.start_from(Experiment.preset(preset)),
    )  # fmt: skip


# -- one control for one setting -----------------------------------------------------------------


def setting(draft: Draft[Any], path: str) -> None:
    """The control that fits the type of a setting: a choice, a whole number, a number, or a text."""
    kind = field_of(path).annotation
    options = [typing.get_args(part) for part in (kind, *typing.get_args(kind)) if typing.get_origin(part) is Literal]
    if options:
        _choice(draft, path, list(options[0]))
    elif kind is str:
        _text(draft, path)
    else:
        _number(draft, path, whole=int in (kind, *typing.get_args(kind)))
    say_why_not(draft, path)


def _several(draft: Draft[Any], prefix: str, names: tuple[str, ...]) -> None:
    for name in names:
        setting(draft, prefix + name)


Then = Callable[[], None]
"""What follows once a control's change has been taken over."""


def show(
    draft: Draft[Any],
    control: str,
    value: Any,
    read: Callable[[Any], Mapping[str, Any]],
    raw: Any = None,
    then: Then | None = None,
) -> dict[str, Any]:
    """Makes a control show ``value`` (or what was refused), and what every widget needs: key, callback."""
    key = f"set-{control}"
    waiting = draft.waiting(control)
    shown = value if waiting is None else raw(waiting) if raw else next(iter(waiting.values()))
    if key not in st.session_state or st.session_state[key] != shown:
        st.session_state[key] = shown
    started, experiment = draft.started, draft.experiment

    def is_meant() -> bool:
        """Whether somebody has moved this control.

        A control that is still being loaded when the next rerun is asked for, or that has just left the page, may
        report what it shows, and its callback may come after that of the control which chose another experiment.
        """
        of_this = st.session_state["draft"] is draft and draft.started == started
        return of_this and (st.session_state[key] != shown or draft.experiment != experiment)

    return {"key": key, "on_change": _changed, "args": (control, read, key, then, is_meant)}


def _changed(
    control: str,
    read: Callable[[Any], Mapping[str, Any]],
    key: str,
    then: Then | None,
    is_meant: Callable[[], bool],
) -> None:
    if not is_meant():
        return
    on_change(control, read, key)
    if then is not None:
        then()


def now(common: Mapping[str, Any]) -> Any:
    """What a control shows, to be given to it as its default too.

    A browser that is still loading the control when a second rerun arrives starts it from its default; left to itself,
    that is the lowest value or the first option, which would then be taken for what the person wants.
    """
    return st.session_state[common["key"]]


def say_why_not(draft: Draft[Any], control: str, words: Callable[[str], str] = str) -> None:
    """The reason why what a control asks for is not possible, below it; ``words`` may put it otherwise."""
    if control in draft.refused:
        st.error(literal(words(draft.refused[control])), icon=":material/block:")


def _choice(draft: Draft[Any], path: str, options: list[str]) -> None:
    words = WORDS[generic(path)]
    common = show(draft, path, value_of(draft.experiment, path), lambda value: {path: value})
    st.selectbox(
        words.label, options, options.index(now(common)), format_func=lambda o: CHOICES.get(o, o), help=words.help,
        **common,
    )  # fmt: skip


def _text(draft: Draft[Any], path: str) -> None:
    words = WORDS[generic(path)]
    common = show(draft, path, value_of(draft.experiment, path), lambda value: {path: value.strip()})
    st.text_input(words.label, now(common), help=words.help, max_chars=40, **common)


def _number(draft: Draft[Any], path: str, whole: bool) -> None:
    words = WORDS[generic(path)]
    low, high = bounds(path)
    cast = int if whole else float
    # Only a setting that may be left out gets a control that can be emptied.
    empty: dict[str, Any] = {"placeholder": "its own"} if field_of(path).default is None else {}
    common = show(draft, path, value_of(draft.experiment, path), lambda value: {path: value})
    st.number_input(
        words.label, None if low is None else cast(low), None if high is None else cast(high), now(common),
        step=cast(words.step), format="%d" if whole else "%g", help=words.help, **empty, **common,
    )  # fmt: skip


# -- the four that a newcomer sees ---------------------------------------------------------------


def _data(draft: Draft[Any]) -> None:
    words = WORDS["data.name"]
    name = draft.experiment.data.name
    key = "set-data.name"
    st.session_state[key] = name
    st.selectbox(
        words.label, list(DATASETS), list(DATASETS).index(name), format_func=lambda o: CHOICES[o], key=key,
        help=words.help, on_change=lambda: change_data(draft, st.session_state[key]),
    )  # fmt: skip
    st.caption(DATASETS[name].sentence)


def change_data(draft: Draft[Any], name: str) -> None:
    """Goes to another data set's preset, and keeps what the person has changed besides the data."""
    query = draft.experiment.to_query(draft.experiment.data.name)
    kept = {path: text for path, text in query.items() if not path.startswith("data.")}
    draft.start_from(link.read({**kept, "preset": name}).experiment)


def _noise(draft: Draft[Any]) -> None:
    words, noise = WORDS["data.noise"], value_of(draft.experiment, "data.noise")
    own = DATASETS[draft.experiment.data.name].noise.default or 0.0
    most = max(1.0, 3 * own)
    shown = own if noise is None else min(noise, most)

    def read(value: float) -> dict[str, Any]:
        return {"data.noise": None if value == own else value}

    common = show(draft, "data.noise", float(shown), read, lambda waiting: waiting["data.noise"])
    st.slider(words.label, 0.0, most, now(common), step=words.step, help=words.help, **common)
    say_why_not(draft, "data.noise")


def strength_of(experiment: Experiment) -> float | str:
    """The multiple of the preset's λ_div and λ_adv that all counterfactual arms have in common, or ``OWN``."""
    base = Experiment.preset(experiment.data.name)
    found = set()
    for arm in experiment.arms:
        usual = _usual(base, arm.name)
        if usual is None:
            continue
        pairs = [(arm.lambda_div, usual.lambda_div), (arm.lambda_adv, usual.lambda_adv)]
        found |= {round(mine / theirs, 6) if theirs else (OWN if mine else None) for mine, theirs in pairs}
    found.discard(None)
    only = found.pop() if len(found) == 1 else OWN
    return only if only in STRENGTHS else OWN


def _usual(base: Experiment, name: str) -> Arm | None:
    """The preset's arm of that name, else the paper's variant; None for conventional arms."""
    known = {arm.name: arm for arm in base.arms}
    arm = known.get(name) or Arm.variant(name)
    return arm if arm.trains_on_counterfactuals else None


def _strength(draft: Draft[Any]) -> None:
    shown = strength_of(draft.experiment)
    options = [*STRENGTHS, *([OWN] if shown == OWN else [])]

    def read(strength: float | str) -> dict[str, Any]:
        if strength == OWN:
            return {}
        base = Experiment.preset(draft.experiment.data.name)
        usual = {arm.name: _usual(base, arm.name) for arm in draft.experiment.arms}
        return {
            f"arms.{name}.{weight}": float(f"{float(strength) * getattr(arm, weight):.6g}")
            for name, arm in usual.items()
            if arm is not None
            for weight in ("lambda_div", "lambda_adv")
        }

    common = show(draft, "strength", shown, read, lambda _: shown)
    st.select_slider(
        "Strength of counterfactual training", options, now(common), format_func=_say_strength,
        help="How much weight plausible (λ_div) and robust (λ_adv) counterfactuals have in training, "
        "as a multiple of the paper's; 0 is conventional training.",
        **common,
    )  # fmt: skip
    say_why_not(draft, "strength")


def _say_strength(strength: float | str) -> str:
    if strength == OWN:
        return "own weights"
    return "none" if strength == 0 else f"{strength:g} ×"


def _epochs(draft: Draft[Any]) -> None:
    setting(draft, "training.epochs")


# -- controls that are more than one setting -----------------------------------------------------


def _hidden(draft: Draft[Any]) -> None:
    path, words = "model.hidden", WORDS["model.hidden"]

    def read(text: str) -> dict[str, Any]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return {path: tuple(int(part) if part.isdecimal() else part for part in parts)}

    def raw(waiting: Mapping[str, Any]) -> str:
        return ", ".join(str(width) for width in waiting[path])

    shown = ", ".join(str(width) for width in draft.experiment.model.hidden)
    common = show(draft, path, shown, read, raw)
    st.text_input(
        words.label, now(common), help=words.help, placeholder="none: a linear model", max_chars=60, **common
    )  # fmt: skip
    say_why_not(draft, path)


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
    then: Then | None = None,
    words: Callable[[str], str] = str,
) -> None:
    """Which way advice may move a feature, for all of ``arms``, which share their constraints (the first one's)."""
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

    def raw(waiting: Mapping[str, Any]) -> str:
        found = (w for w, name in LISTS.items() if position in waiting[f"arms.{arms[0].name}.{name}"])
        return options[next(found, Mutability.BOTH)]

    common = show(draft, control, options[shown], read, raw, then)
    st.segmented_control(
        label, list(options.values()), default=now(common), required=True,
        help="Which way advice may move it: both ways, only up, only down, or not at all, at any step.", **common,
    )  # fmt: skip
    say_why_not(draft, control, words)


def allowed_range(draft: Draft[Any], arms: Sequence[Arm], position: int, label: str, then: Then | None = None) -> None:
    """The lowest and the highest value that advice may give a feature, by the two ends of a slider."""
    control = f"arms.{named(arms)}.range.{FEATURE_NAMES[position]}"
    refs = {position, FEATURE_NAMES[position]}
    lower, upper = (ends.tolist() for ends in schema_of(draft.experiment.data).bounds())
    places = decimals(upper[position] - lower[position])
    step = 10.0**-places
    least = round(math.floor(lower[position] / step) * step, places)
    most = round(math.ceil(upper[position] / step) * step, places)

    def inside(low: float | None, high: float | None) -> tuple[float, float]:
        low, high = ends_of(low, high)
        return min(max(low, least), most), max(min(high, most), least)

    def read(ends: tuple[float, float]) -> dict[str, Any]:
        low, high = (round(float(end), places) for end in ends)
        high = max(high, round(low + step, places))
        entry = () if (low <= least and high >= most) else ((position, low, high),)
        return {
            f"arms.{arm.name}.ranges": tuple(k for k in _wanted(draft, arm)["ranges"] if k[0] not in refs) + entry
            for arm in _now_of(draft, arms)
        }

    def of(ranges: Any) -> tuple[float, float]:
        own = next(((low, high) for ref, low, high in ranges if ref in refs), (least, most))
        return inside(*own)

    common = show(draft, control, of(arms[0].ranges), read, lambda waiting: of(next(iter(waiting.values()))), then)
    locked = bool(refs & set(arms[0].locked))
    st.slider(
        label, least, most, now(common), step=step, format=f"%.{places}f", disabled=locked,
        help="Advice gives it no value outside of this range." + (" It is locked: free it first." if locked else ""),
        **common,
    )  # fmt: skip
    say_why_not(draft, control)


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


def _pick_arm(draft: Draft[Any]) -> Arm:
    """Which model the groups below are about; add, copy, remove, rename."""
    arms = {arm.name: arm for arm in draft.experiment.arms}
    if st.session_state.get("arm") not in arms:
        st.session_state["arm"] = next(
            (name for name, arm in arms.items() if arm.trains_on_counterfactuals), next(iter(arms))
        )
    st.markdown("**Models side by side**")
    name = st.pills(
        "The settings below are those of", list(arms), default=st.session_state["arm"], key="arm", required=True,
        help="All models of a run share first weights, batches and draws; only what is set below may differ.",
    )  # fmt: skip
    arm = arms[str(name)]
    with st.container(horizontal=True, gap="small", key="arm-actions"):
        full = len(arms) >= link.MAX_ARMS
        with st.popover("Add", disabled=full, icon=":material/add:"):
            for variant in VARIANTS:
                st.button(
                    ADDED[variant], key=f"add-{variant}", on_click=add_arm, args=(draft, variant), width="stretch"
                )
        st.button("Copy", disabled=full, key="copy-arm", on_click=copy_arm, args=(draft, arm.name))
        st.button("Remove", disabled=len(arms) == 1, key="remove-arm", on_click=remove_arm, args=(draft, arm.name))
        with st.popover("Rename"):
            _rename(draft, arm.name)
    if full:
        st.caption(f"At most {link.MAX_ARMS} models fit side by side.")
    say_why_not(draft, "arms")
    return arm


ADDED = {
    "vanilla": "Conventional (vanilla)",
    "adversarial": "Adversarial term only",
    "energy": "Energy terms only",
    "full": "Counterfactual training (full)",
}
"""What the paper's variants are called where one is added."""


def _rename(draft: Draft[Any], name: str) -> None:
    words = WORDS["arms.name"]
    control = f"arms.{name}.name"

    def read(value: str) -> dict[str, Any]:
        return {control: value.strip()}

    common = show(draft, control, name, read)
    st.text_input(words.label, now(common), help=words.help, max_chars=40, **common)
    say_why_not(draft, control)


def free_name(name: str, taken: set[str]) -> str:
    """``name``, or the first of ``name 2``, ``name 3`` … that is free."""
    names = (name, *(f"{name[:36]} {i}" for i in range(2, len(taken) + 3)))
    return next(candidate for candidate in names if candidate not in taken)


def add_arm(draft: Draft[Any], variant: str) -> None:
    """Adds one of the paper's variants, searching as the other models do."""
    arms = draft.experiment.arms
    search = {name: getattr(arms[-1], name) for name in SearchSettings.model_fields}
    name = free_name(variant, {arm.name for arm in arms})
    usual = next((arm for arm in Experiment.preset(draft.experiment.data.name).arms if arm.name == variant), None)
    weights = {weight: getattr(usual, weight) for weight in Objective.model_fields} if usual else {}
    _set_arms(draft, [*arms, Arm(**{**Arm.variant(variant).model_dump(), **weights, **search, "name": name})], name)


def copy_arm(draft: Draft[Any], name: str) -> None:
    """Adds a model with all settings of another."""
    arms = draft.experiment.arms
    copied = next(arm for arm in arms if arm.name == name)
    fresh = free_name(name, {arm.name for arm in arms})
    _set_arms(draft, [*arms, Arm(**{**copied.model_dump(), "name": fresh})], fresh)


def remove_arm(draft: Draft[Any], name: str) -> None:
    """Takes a model out of the run."""
    _set_arms(draft, [arm for arm in draft.experiment.arms if arm.name != name], None)


def _set_arms(draft: Draft[Any], arms: list[Arm], picked: str | None) -> None:
    draft.change("arms", {"arms": arms})
    st.session_state["arm"] = picked
