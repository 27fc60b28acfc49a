"""The form for a new sweep: data, the values of each setting, seeds; what it would take, and the button to run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st

from ctviz.catalogue.settings import CHOICES, OFFERED
from ctviz.catalogue.settings import setting as described
from ctviz.data.catalogue import FEATURE_NAMES, PLANES
from ctviz.data.drawn import DRAWN
from ctviz.errors import ConfigError, CtvizError, shorten
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import check_size
from ctviz.progress import duration
from ctviz.studies.sweeps.catalogue import list_sweeps
from ctviz.studies.sweeps.declaration import Axis, SharedSettings, Sweep, shown
from ctviz.studies.sweeps.paper_studies import STUDIES, study
from ctviz.studies.sweeps.plan import Plan, plan
from ctviz.studies.sweeps.sweep import steps_of
from ctviz.training.arm import Purpose
from ctviz.ui.kit import bind, messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.runner import Runner
from ctviz.ui.kit.service import Service, schema_of
from ctviz.ui.kit.settings import setting
from ctviz.ui.tradeoffs.bounds import MOST_MODELS, within_page
from ctviz.ui.tradeoffs.memory import memory
from ctviz.ui.tradeoffs.sweep_list import look_at
from ctviz.ui.tradeoffs.tradeoffs_view import (
    FIRST,
    MOST_AXES,
    MOST_EXACT,
    MOST_ROUNDS,
    MOST_SEEDS,
    TradeoffsView,
    changed,
    values_in,
)

THERE = "All of it is there already: its models are trained and evaluated."


def form(service: Service, draft: Draft[TradeoffsView], sweeps: Runner) -> None:
    """The whole form; what is not possible is said below its control."""
    _data(draft)
    axes = axes_of(draft.view)
    binding = bind.to("trade-axes", list(axes), lambda names: draft.look(grid=_with_axes(draft.view, names)))
    taken = bind.several_of_many(
        "Settings to vary", list(OFFERED), binding, words=lambda name: described(name).label, max_selections=MOST_AXES,
        help="Every combination of their values is trained, and compared with conventional training.",
    )  # fmt: skip
    _studies(draft)
    for name in taken:
        _values(draft, name, axes.get(name, OFFERED[name]))
    _sizes(draft)
    with st.expander("Data and training of all its models"):
        for path in ("training.epochs", "training.n_ce", "data.n_train", "data.seed", "seed"):
            if path not in axes and (path, draft.experiment.data.name) != ("data.n_train", DRAWN):
                setting(draft, path)
    _go(service, draft, sweeps)


def _studies(draft: Draft[TradeoffsView]) -> None:
    """The paper's four studies, to start from."""
    with st.popover("Take one of the paper's studies", width="stretch"):
        for name, known in STUDIES.items():
            st.button(
                known.title, key=f"trade-study-{name}", help=known.sentence, width="stretch",
                on_click=lambda name=name: draft.look(**wanted_by_study(name, draft.experiment, draft.view.seeds)),
            )  # fmt: skip


def wanted_by_study(name: str, experiment: Experiment, seeds: int) -> dict[str, Any]:
    """What the form holds for one of the paper's studies: its axes, and as many seeds as the page bears."""
    fitting = MOST_MODELS // study(name, experiment).size
    return {"grid": axes_of_study(name, experiment), "seeds": max(1, min(seeds, fitting))}


def axes_of_study(name: str, experiment: Experiment) -> tuple[tuple[str, str], ...]:
    """The axes of one of the paper's studies, as they are written in the form."""
    axes = study(name, experiment).axes
    return tuple((axis.setting, ", ".join(shown(value) for value in axis.values)) for axis in axes)


def _data(draft: Draft[TradeoffsView]) -> None:
    words, name = described("data.name"), draft.experiment.data.name

    def take(chosen: str) -> None:
        view = draft.view
        draft.start_from(Experiment.preset(chosen))
        draft.view = view  # what is looked at stays

    bind.choice(words.label, PLANES, bind.to("trade-data", name, take), words=CHOICES, help=words.help)


def axes_of(view: TradeoffsView) -> dict[str, str]:
    """The axes of the sweep that is to be run, each with its values as they were written."""
    return {name: str(text) for name, text in view.grid} or {name: OFFERED[name] for name in FIRST}


def _with_axes(view: TradeoffsView, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    before = axes_of(view)
    return tuple((name, before.get(name, OFFERED[name])) for name in names)


def _values(draft: Draft[TradeoffsView], name: str, text: str) -> None:
    words = described(name)

    def take(written: str) -> None:
        draft.look(grid=changed(tuple(axes_of(draft.view).items()), name, written.strip()))

    bind.text(
        f"Values of {words.label}", bind.to(f"trade-values-{name}", text, take),
        help=f"{words.help} Separate values by commas.", max_chars=120,
    )  # fmt: skip
    try:
        Sweep(base=draft.experiment, arm=arm_of(draft.experiment), axes=(axis(name, text),))
    except ConfigError as error:
        st.error(literal(f"{error.value!r} is not possible; allowed: {error.allowed}."), icon=":material/block:")


def axis(name: str, text: str) -> Axis:
    """An axis from its values as they were written, with commas between them."""
    return Axis(setting=name, values=values_in(name, text))


def _sizes(draft: Draft[TradeoffsView]) -> None:
    left, right = st.columns(2)
    with left:
        bind.number(
            "Seeds", bind.to_view(draft, "seeds", key="trade-seeds"), 1, MOST_SEEDS,
            help="Models of each cell, with other first weights and batches: they make the intervals.",
        )  # fmt: skip
    with right:
        bind.number(
            "Rounds", bind.to_view(draft, "rounds", key="trade-rounds"), 2, MOST_ROUNDS, step=10,
            help="Of the evaluation: draws of people to be explained. The paper takes 100.",
        )  # fmt: skip
    solved = described("protocol.exact")
    bind.number(
        solved.label, bind.to_view(draft, "exact", key="trade-exact"), 0, MOST_EXACT, step=25,
        help=f"{solved.help} Its metrics, “cheapest advice”, stand beside the others in the results.",
    )  # fmt: skip
    options = {"": "nothing", **{name: name for name in FEATURE_NAMES}}
    bind.choice(
        "Locked", options, bind.to_view(draft, "lock", key="trade-lock"), kind="buttons", words=options,
        help="A feature that advice may not change, in training and in the evaluation.",
    )  # fmt: skip


# -- the sweep that the controls describe ---------------------------------------------------------------


def arm_of(experiment: Experiment) -> str:
    """The model that a sweep varies: full, or the last one that trains on counterfactuals."""
    names = [arm.name for arm in experiment.arms if arm.trains_on_counterfactuals] or [experiment.arms[-1].name]
    return "full" if "full" in names else names[-1]


def sweep_of(experiment: Experiment, view: TradeoffsView) -> Sweep:
    """The sweep that the controls describe.

    Raises:
        ConfigError: what is not possible, or too much for a page.
    """
    base = experiment.replace({"arms.*.locked": (view.lock,)}) if view.lock else experiment
    axes = tuple(axis(name, text) for name, text in axes_of(view).items())
    sweep = Sweep(base=base, arm=arm_of(base), axes=axes, seeds=view.seeds, protocol=view.protocol())
    within_page(sweep)
    return sweep


def _go(service: Service, draft: Draft[TradeoffsView], sweeps: Runner) -> None:
    """What it takes, the button, and if it cannot be pressed, why."""
    reason, about, key, there = "", "", "", False
    try:
        sweep = sweep_of(draft.experiment, draft.view)
        key, there = sweep.key, is_there(service, sweep)
        about = THERE if there else _about(service, sweeps, sweep)
    except ConfigError as error:
        reason = f"{error.field} is {shorten(error.value)}; allowed: {error.allowed}."
    except CtvizError as error:
        reason = str(error)
    if draft.pending:
        reason = "One of the settings is not possible, as said beside it; change it to run the sweep."
    running = sweeps.running()
    if not reason and key in running:
        _under_way(draft, sweeps, key)
        return
    mine = sweeps.running_of(memory().visitor)
    if not reason and not there and mine is not None:
        reason = "Another sweep of yours is under way; wait for it or stop it."
    if not there:
        reason = rights.refusal("sweep") or reason
    label, icon = ("Look at this sweep", "visibility") if there else ("Run this sweep", "play_arrow")
    st.button(
        label, key="trade-run", type="primary", width="stretch", icon=f":material/{icon}:",
        disabled=bool(reason), on_click=press, args=(service, draft, sweeps),
    )  # fmt: skip
    st.caption(literal(reason) if reason else about)
    if mine is not None:
        _to_own(draft, mine)


def _under_way(draft: Draft[TradeoffsView], sweeps: Runner, key: str) -> None:
    rights.button(
        "stop sweep", "Stop this sweep", key="trade-run-stop", width="stretch", icon=":material/stop:",
        on_click=sweeps.cancel, args=(key,),
    )  # fmt: skip
    st.caption("It is under way. What is done by now is kept, and need not be done again.")
    _to_own(draft, key)


def _to_own(draft: Draft[TradeoffsView], key: str) -> None:
    """The way to the sweep that is under way, for who looks at another."""
    if draft.view.sweep.rstrip(",") != key:
        st.button(
            "Look at the one under way", key="trade-own", type="tertiary", icon=":material/visibility:",
            on_click=look_at, args=(draft, key),
        )  # fmt: skip


def is_there(service: Service, sweep: Sweep) -> bool:
    """Whether all of a sweep is stored, or ships with ctviz."""
    return any(info.key == sweep.key and info.complete for info in list_sweeps(service.store))


def _about(service: Service, sweeps: Runner, sweep: Sweep) -> str:
    """What it would take, worked out again once a sweep begins or ends: the store is asked for each of its cells.

    Raises:
        CtvizError: it cannot be trained.
    """
    of, mine = (sweep.key, sweeps.running()), memory()
    if mine.cost is None or mine.cost[0] != of:
        mine.cost = of, takes(planned(service, sweep))
    return mine.cost[1]


def takes(found: Plan) -> str:
    """``2 cells × 1 seed: 2 models, and 1 conventional to compare with. 2 are still to be done: about 2 s, 0.1 MB.``"""
    sweep, grounds = (
        found.sweep,
        {place.run: SharedSettings.of(place.task.experiment) for place in found.places.values()},
    )
    plain = {(grounds[place.run], place.reference) for place in found.places.values()}
    plain -= {(grounds[place.run], place.arm) for place in found.places.values()}
    cells = f"{sweep.size:,} cells" if sweep.size != 1 else "1 cell"
    seeds = f"{sweep.seeds} seeds" if sweep.seeds != 1 else "1 seed"
    models = f"{cells} × {seeds}: {found.models:,} {'models' if found.models != 1 else 'model'}"
    models += f", and {len(plain):,} conventional to compare with" if plain else ""
    left = sum(found.waiting(task) for task in found.tasks)
    if not left:
        return f"{models}. All of them are trained and evaluated already."
    solving = f", {duration(found.solving)} of it for what is solved exactly" if found.solving else ""
    price = f"about {duration(found.seconds)}{solving}, {max(found.bytes / 1e6, 0.1):,.1f} MB"
    return f"{models}. {left:,} {'are' if left != 1 else 'is'} still to be done: {price}."


def planned(service: Service, sweep: Sweep) -> Plan:
    """What a sweep lacks.

    Raises:
        CtvizError: it is too much for this page, or cannot be trained.
    """
    within_page(sweep)
    found = plan(sweep, service.store)
    for task in found.tasks:
        check_size(task.experiment)
        # Ranges alone depend on the samples; whatever else an arm forbids was checked with the sweep.
        for arm in (arm for arm in task.experiment.arms if arm.ranges):
            for purpose in get_args(Purpose):
                arm.constraints_for(schema_of(task.experiment.data), purpose)
    return found


def press(service: Service, draft: Draft[TradeoffsView], sweeps: Runner) -> None:
    """Begins the sweep and shows it; what speaks against it is said on top of the page."""
    with messages.errors_as("refused"):
        sweep = sweep_of(draft.experiment, draft.view)
        if not is_there(service, sweep):
            begin(service, sweeps, sweep)
        look_at(draft, sweep.key)


def begin(service: Service, sweeps: Runner, sweep: Sweep) -> None:
    """Trains and evaluates what a sweep lacks; only one that can be begun is remembered.

    Raises:
        CtvizError: it is too much for this page, cannot be trained or stored, or another one is under way.
    """
    rights.check("sweep")
    found = planned(service, sweep)
    steps, words = steps_of(found, service.store), "models are trained and evaluated"
    sweeps.start(sweep.key, steps, words, memory().visitor, found.seconds)
