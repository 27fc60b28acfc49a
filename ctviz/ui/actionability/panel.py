"""Actionability: three parts of one story on one page, what each starts from, and the controls beside the picture."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import streamlit as st

from ctviz.catalogue.settings import value_of
from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.display import DisplayScale
from ctviz.data.drawn import DRAWN
from ctviz.data.schema import Mutability
from ctviz.data.synthetic import SIGNAL
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene
from ctviz.figures.advice import LOAN, of_draws, unit_of
from ctviz.studies import lock_draws
from ctviz.studies.lock_draws import LockDraw
from ctviz.training.arm import Arm
from ctviz.ui.kit import bind
from ctviz.ui.kit.constraints import allowed_range, mutability
from ctviz.ui.kit.draft import Draft, current
from ctviz.ui.kit.export import share_run
from ctviz.ui.kit.feature_names import choose_names, features_of, lent, scales_of, wished_class
from ctviz.ui.kit.frame import link_to, project_button
from ctviz.ui.kit.link import View
from ctviz.ui.kit.pages import ACTIONABILITY, BOUNDARIES
from ctviz.ui.kit.rights import NotAllowedError
from ctviz.ui.kit.search import steps_in_words
from ctviz.ui.kit.service import Service, reason_not_to_train
from ctviz.ui.kit.settings import setting
from ctviz.ui.kit.training import press_train, train_button

PartName = Literal["figure", "where", "proxies"]


class LocksView(View):
    """How Actionability looks at a run: which part of the story, and what features and classes are called."""

    part: PartName = "figure"
    names: Literal["figure", "plain"] = "figure"

    def usual_class(self, scene: Scene) -> int:
        """What advice is to reach."""
        return wished_class(scene)

    @property
    def features(self) -> tuple[str, ...]:
        """Debt and age, unless their plain names are asked for."""
        return LOAN if self.names == "figure" else FEATURE_NAMES


@dataclass(frozen=True)
class LocksPart:
    """A part of the story: what it is called, the run it starts from, what it is about.

    ``preset`` is what a link to the part means that names no run; ``short`` the same run searched in short steps, which
    those see who come with no wish, where there is one.
    """

    title: str
    preset: str
    lead: str
    short: str = ""

    @property
    def first(self) -> str:
        """The preset that the part opens with."""
        return self.short or self.preset


PARTS: dict[str, LocksPart] = {
    "figure": LocksPart(
        "What a lock does",
        "figure1",
        "Nobody can change their age. Lock it, and advice has to do with what is left. A model that was trained with "
        "the lock learns to decide by what people can change.",
        "figure1-short",
    ),
    "where": LocksPart(
        "Where the lock acts",
        "where",
        "A lock can act when advice is searched, when the model is trained, or both. Often only one of the two is "
        "meant; here they are told apart.",
        "where-short",
    ),
    "proxies": LocksPart(
        "When it stops helping",
        "proxies",
        "Protection keeps the model from leaning on the locked feature itself. Where the free feature goes along with "
        "the locked one, it is a proxy: the model may lean on it instead.",
    ),
}
"""The parts in the order of the story."""

WAYS = {
    Mutability.BOTH: "free",
    Mutability.INCREASE: "only ↑",
    Mutability.DECREASE: "only ↓",
    Mutability.FIXED: "locked",
}

ASKED = "locks-asked"
"""Session: the run that this session's controls have asked for last."""

NOTHING_LEFT = (
    "With every feature locked nothing can change: there is no advice to give, and none to learn from. "
    "Leave one feature free."
)


CHOSEN = (
    "These data were chosen because a lock matters on them. On many other draws it matters less, "
    "or nobody can be helped by the other feature alone: try one."
)
OTHER_DRAW = "Another draw than the one this part starts from: the clusters lie elsewhere, and a lock may matter less."


STEPS = {"short": "Short", "paper": "As in the paper"}
"""Steps of the searches for advice, as pages call them."""

KINDS = {
    "less": ("▼", "less effort"),
    "alike": ("=", "no clear difference"),
    "more": ("▲", "more effort"),
    "unlike": ("≠", "other people helped"),
    "nobody": ("×", "advice for nobody"),
}
"""What can become of locked advice with counterfactual training: its mark, and what it means."""

LENT = "The data are made up: debt and age, dollars and years are lent to their two features."


def said_of_units(scales: Sequence[DisplayScale]) -> str:
    """That the data are made up, and what a step of the models' own units is in people's."""
    return f"{LENT} Distances and effort are in the models' own units, of which one is {unit_of(scales)}."


def open_draft() -> Draft[LocksView]:
    """The session's draft of this page; a link without a preset starts from that of its part, and who comes without one
    sees short steps."""
    part = PARTS.get(st.query_params.get("part", ""), PARTS["figure"])
    return current(ACTIONABILITY, LocksView, part.preset, first={"preset": PARTS["figure"].first})


def start_of(part: str, experiment: Experiment) -> Experiment:
    """Where a part starts, with the kind of steps that an experiment has."""
    found = PARTS[part]
    return Experiment.preset(found.first if experiment.evaluation.step_bound else found.preset)


def limited(experiment: Experiment, part: str) -> tuple[Arm, ...]:
    """The models that the constraints on this page are for: those named as locked, in the second part all."""
    by_name = tuple(arm for arm in experiment.arms if "locked" in arm.name)
    return by_name if by_name and part != "where" else experiment.arms


# -- parts ---------------------------------------------------------------------------------------


def parts(draft: Draft[LocksView]) -> None:
    """The choice of the part; each keeps its settings while the session lasts."""
    bind.choice(
        "Part of the story", PARTS, bind.to("part", draft.view.part, lambda part: _go_to_part(draft, part)),
        kind="buttons", hidden=True, words=lambda name: PARTS[name].title,
    )  # fmt: skip


def _go_to_part(draft: Draft[LocksView], part: str) -> None:
    kept: dict[str, Experiment] = st.session_state.setdefault("locks-kept", {})
    kept[draft.view.part] = draft.experiment
    draft.start_from(kept.get(part) or Experiment.preset(PARTS[part].first))
    draft.look(part=part)


# -- controls ------------------------------------------------------------------------------------


def panel(service: Service, draft: Draft[LocksView]) -> None:
    """Everything left of the picture."""
    st.markdown(PARTS[draft.view.part].lead)
    features = features_of(draft.view, draft.experiment)
    if lent(features, draft.experiment):
        st.caption(said_of_units(scales_of(features, draft.experiment)))
    then = functools.partial(retrain, service, draft)
    redraw = functools.partial(let_go, draft, then)
    if draft.view.part == "proxies" and draft.experiment.data.name != DRAWN:
        _dependence(draft, redraw)
    else:
        _constraints(draft, then)
    if draft.view.part == "where":
        _protection(draft, then)
    _draw(draft, redraw)
    _steps(draft, then)
    if not service.state(draft.experiment.key).live and service.state(draft.experiment.key).state != "done":
        train_button(service, draft)
    choose_names(draft, "names")
    _ways_on(service, draft)


def retrain(service: Service, draft: Draft[LocksView]) -> None:
    """Trains what a control has just asked for, unless it is stored, and stops what it has made pointless."""
    if draft.pending:
        return
    key, before = draft.experiment.key, st.session_state.pop(ASKED, None)
    if before not in (None, key) and service.state(before).live:
        with contextlib.suppress(NotAllowedError):  # others in a class wait for it too
            service.cancel(before)
    draft.look(epoch=None, play=0)
    state = service.state(key)
    if state.state != "done" and not state.live and reason_not_to_train(draft.experiment) is None:
        press_train(service, draft)
        st.session_state[ASKED] = key


def let_go(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    """Lets go of the person who was clicked, where the data become others: nobody lies there any more."""
    draft.look(probe=None)
    then()


def _constraints(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    arms = limited(draft.experiment, draft.view.part)
    all_of_them = len(arms) == len(draft.experiment.arms)
    st.markdown("**What may advice change?**" + ("" if all_of_them else " In the lower panels:"))
    features = features_of(draft.view, draft.experiment)
    for position, (feature, scale) in enumerate(zip(features, scales_of(features, draft.experiment), strict=True)):
        mutability(draft, arms, position, feature.capitalize(), WAYS, then=then, words=_in_words)
        said = f"Range of {scale.titled(feature)}"
        allowed_range(draft, arms, position, said, None if scale.plain else scale, then=then)


def _in_words(why: str) -> str:
    return NOTHING_LEFT if "at least one feature left free" in why else why


def _protection(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    protected = [arm for arm in draft.experiment.arms if arm.lock_when in ("always", "training")]

    def read(off: bool) -> dict[str, Any]:
        return {f"arms.{arm.name}.shield": "off" if off else "on" for arm in protected}

    off = bool(protected) and all(arm.shield == "off" for arm in protected)
    binding = bind.to_settings(draft, "shield", off, read, lambda waiting: "off" in waiting.values(), then)
    bind.toggle(
        "Train without the protection", binding, disabled=not protected,
        help="The training's searches still obey the lock, but the real sample x⁺ they are compared with keeps its own "
        "value of the locked feature: the model is rewarded for leaning on it.",
    )  # fmt: skip


def _steps(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    """Short steps, or those of the paper: what advice takes hangs on them."""
    part = PARTS[draft.view.part]
    if not (part.short and steps_in_words(draft.experiment)):
        return
    short, paper = (Experiment.preset(name).evaluation for name in (part.short, part.preset))
    apart = [name for name in type(short).model_fields if getattr(short, name) != getattr(paper, name)]
    ways = {
        way: {f"evaluation.{name}": getattr(settings, name) for name in apart}
        for way, settings in (("short", short), ("paper", paper))
    }
    shown = "short" if draft.experiment.evaluation.step_bound else "paper"
    bind.choice(
        "Steps of the search for advice", STEPS, bind.to_settings(draft, "steps", shown, ways.__getitem__, then=then),
        kind="buttons", words=STEPS,
        help="Short: no step is longer than a fiftieth of the spread of the data, so that advice stops where the model "
        "says yes. With the paper's steps most searches leap, and may land far beyond. Training is the same.",
    )  # fmt: skip


def _dependence(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    free, locked = features_of(draft.view, draft.experiment)
    _slider(
        draft, "data.correlation", f"Correlation of {free} and {locked}", (-0.95, 0.95, 0.05), 0.0,
        f"How far {free} and {locked} go up and down together within each class (ρ). The proposition needs 0.", then,
    )  # fmt: skip
    _slider(
        draft, "data.signal", f"How well {free} tells the classes apart", (0.0, 4.0, 0.25), SIGNAL,
        f"Distance of the class means in {free}, the free feature, in standard deviations.", then,
    )  # fmt: skip
    _slider(
        draft, "data.separation", f"How well {locked} does", (0.0, 4.0, 0.25), SIGNAL,
        f"Distance of the class means in {locked}, the locked feature, in standard deviations.", then,
    )  # fmt: skip


def _slider(
    draft: Draft[LocksView],
    path: str,
    label: str,
    reach: tuple[float, float, float],
    usual: float,
    words: str,
    then: Callable[[], None],
) -> None:
    """A slider for a number that may be left to the data set, whose own value is ``usual``."""
    low, high, step = reach
    value = value_of(draft.experiment, path)
    shown = usual if value is None else float(value)

    def read(moved: float) -> Mapping[str, Any]:
        return {path: round(float(moved), 2)}

    binding = bind.to_settings(draft, path, shown, read, then=then)
    # A link may go further than the slider does.
    bind.slider(label, min(low, shown), max(high, shown), binding, step=step, help=words)


def _draw(draft: Draft[LocksView], then: Callable[[], None]) -> None:
    """Which data: those of a picture that shows an effect well are chosen, and people may see others."""
    setting(draft, "data.seed", then=then)
    if draft.experiment.data.name == DRAWN:
        st.caption("Your own points: another number only chooses others of them for training.")
    elif draft.view.part == "figure" and (draws := draws_of(draft.experiment)):
        st.html(strip(draws, draft.experiment.data.seed))
    elif draft.view.part != "proxies":
        st.caption(CHOSEN if draft.experiment.data == Experiment.preset(PARTS["figure"].preset).data else OTHER_DRAW)


def draws_of(experiment: Experiment) -> tuple[LockDraw, ...]:
    """The draws that ship for the first part, where an experiment is one of them, whichever; none for any other."""
    for name in lock_draws.PRESETS:
        preset = Experiment.preset(name)
        if experiment.replace({"data.seed": preset.data.seed}) == preset:
            return lock_draws.shipped_draws(name)
    return ()


def strip(draws: Sequence[LockDraw], here: int) -> str:
    """What became of locked advice on each draw that was tried, as marks; the draw that is looked at is framed."""
    found: Counter[str] = Counter(draw.found for draw in draws)
    said, cells = of_draws(found), []
    for draw in draws:
        mark, words = KINDS[draw.found]
        kind = f"{draw.found} here" if draw.seed == here else draw.found
        cells.append(f'<i class="{kind}" title="Draw {draw.seed}: {words}">{mark}</i>')
    key = ", ".join(f"{mark} {words}" for kind, (mark, words) in KINDS.items() if found[kind])
    return (
        f'<div class="ctviz-draws"><p>{escape(said)} Try another.</p>'
        f'<div role="img" aria-label="{escape(said)}">{"".join(cells)}</div><p><small>{escape(key)}</small></p></div>'
    )


def _ways_on(service: Service, draft: Draft[LocksView]) -> None:
    start = start_of(draft.view.part, draft.experiment)
    if draft.experiment != start:
        st.button(
            "Back to where this part starts", key="reset", type="tertiary", icon=":material/undo:",
            on_click=lambda: draft.start_from(start),
        )  # fmt: skip
    share_run(draft, service.run_view(draft.experiment.key))
    project_button(draft)
    link_to(BOUNDARIES, "All settings and curves of this run", draft.experiment.to_query(), ":material/tune:")
