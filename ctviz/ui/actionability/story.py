"""What Actionability says of a run: its panels, the finding, and what one person is told by each model."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.catalogue.differences import Difference
from ctviz.data.schema import ends_of
from ctviz.experiments.config import Experiment
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.snapshot import Paths, Scene, Snapshot
from ctviz.experiments.trace import Trace
from ctviz.figures import advice as words
from ctviz.figures.advice import Names, Panel
from ctviz.figures.stage.recording import limits_of
from ctviz.figures.theme import arm_styles
from ctviz.figures.words import Metrics, as_lists, prices, samples_of
from ctviz.prose import begun
from ctviz.training.arm import Arm
from ctviz.ui.actionability.details import details
from ctviz.ui.actionability.names import PLACES, focus_of, labels_of, movable, pair_of, position_of
from ctviz.ui.actionability.numbers import Numbers, advice_for, numbers_of
from ctviz.ui.actionability.panel import LocksView, draws_of
from ctviz.ui.actionability.table import table
from ctviz.ui.kit import results
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.feature_names import features_of, names_of, renamed, scales_of
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import TRAJECTORIES
from ctviz.ui.kit.player import PinnedWalks
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import steps_in_words
from ctviz.ui.kit.watch import RunDisplay, RunDrawing

INVITATION = '<p class="ctviz-invite">Click a point in any panel: what would this person be told?</p>'


def story(draft: Draft[LocksView]) -> RunDisplay:
    """What the page says of the run it watches, in the part of the story that is open."""
    return RunDisplay(
        drawing=lambda run_view: drawing(run_view, draft.view),
        headline=lambda run_view, snapshot, live: finding(run_view, snapshot, live, draft.view),
        facts=lambda run_view, snapshot, live: facts(run_view, snapshot, live, draft.view),
        details=lambda run_view, snapshot, live: details(run_view, snapshot, live, draft.view),
        projected=lambda run_view, snapshot, live: projected(run_view, snapshot, live, draft.view),
        shares=(0.7, 0.3),
        pinned=lambda run_view, snapshot, live: walks(run_view, snapshot, live, draft.view),
    )


def drawing(run_view: RunView, view: LocksView) -> RunDrawing:
    """The run with the page's names on it."""
    names = names_of(run_view.scene, view.names)
    scene = renamed(run_view.scene, names)
    labels, asking = labels_of(run_view.experiment, view), _asking(run_view.scene, names.wished)
    if len(asking):
        parts = {name: getattr(scene, name)[asking] for name in ("factuals", "factual_labels", "targets")}
        scene = dataclasses.replace(scene, **parts)
    key = f"{run_view.attempt}.{view.part}.{view.names}"
    return RunDrawing(key, scene, labels, lambda epoch: (_of_those(one, asking) for one in run_view.since(epoch)))


def _asking(scene: Scene, wished: int) -> npt.NDArray[np.intp]:
    """The recorded searches of those who are refused, as positions: nobody asks how to be refused."""
    return np.flatnonzero((scene.targets == wished) & (scene.factual_labels != wished))


def _of_those(snapshot: Snapshot, asking: npt.NDArray[np.intp]) -> Snapshot:
    """A snapshot with the searches of some people alone.

    Without the share of all searches that change the decision: who gets advice, of those who ask, is in the table.
    """
    metrics = {name: values for name, values in snapshot.metrics.items() if name != "validity"}
    if snapshot.paths is None or not len(asking):
        return dataclasses.replace(snapshot, metrics=metrics)
    parts = {field.name: getattr(snapshot.paths, field.name)[:, asking] for field in dataclasses.fields(Paths)}
    return dataclasses.replace(snapshot, metrics=metrics, paths=Paths(**parts))


def walks(run_view: RunView, snapshot: Snapshot, live: bool, view: LocksView) -> PinnedWalks | None:
    """The way of the person who was clicked, in every panel."""
    scene = run_view.scene
    if view.probe is None or live or not np.all((scene.lower <= view.probe) & (view.probe <= scene.upper)):
        return None
    trace = advice_for(run_view, snapshot, view.probe)
    return PinnedWalks(
        snapshot.epoch, int(trace.targets[0]), trace.points[:, 0], trace.steps[:, 0], trace.nascent[:, 0],
        trace.mature[:, 0],
    )  # fmt: skip


# -- the finding -----------------------------------------------------------------------------------


def finding(run_view: RunView, snapshot: Snapshot, live: bool, view: LocksView) -> None:
    """The headline: what the four panels show, in one sentence."""
    if live:
        features = features_of(view, run_view.experiment)
        styles = arm_styles(run_view.experiment, features, scales_of(features, run_view.experiment))
        results.finding(run_view, styles, snapshot, live)
        return
    numbers, metrics = numbers_of(run_view, snapshot), as_lists(snapshot)
    page_title(headline(run_view.experiment, numbers, metrics, view))


def headline(experiment: Experiment, numbers: Numbers, metrics: Metrics, view: LocksView) -> str:
    """The finding of one epoch, by the part of the story."""
    arms, features = experiment.arms, features_of(view, experiment)
    focus = focus_of(experiment)
    by_place = {arm.lock_when: index for index, arm in enumerate(arms)}
    if view.part == "where" and set(by_place) == set(PLACES):
        order = [by_place[place] for place in ("never", "searching", "always")]
        both = order[-1]
        if arms[both].shield == "off":
            without, bare = (numbers.share[arm][focus] for arm in (order[0], both))
            return words.headline_unprotected(features[focus], without, bare, numbers.got(both), numbers.asked[both])
        return words.headline_of_places(
            features[focus],
            [numbers.effort[arm] for arm in order],
            [bool(numbers.differs[a, b]) for a, b in pairwise(order)],
            _prices(experiment, numbers, metrics, (order[0], order[2])),
        )
    pair = pair_of(arms)
    if view.part == "proxies" and len(arms) == 3 and pair is not None:
        shares = [share[focus] for share in numbers.share]
        paid = _prices(experiment, numbers, metrics, (1, 2))
        return words.headline_of_proxies(features[focus], shares[1], shares[2], numbers.leak[2][focus], paid)
    if pair is None:
        return "What each model's advice takes, and what it rests on."
    limit = limits_of(arms[pair[1]], features, scales_of(features, experiment))
    free, taught = (_panel(numbers, arm, focus) for arm in pair)
    draws = draws_of(experiment)
    caveat = words.on_draws(Counter(draw.found for draw in draws)) if draws else ""
    paid = _prices(experiment, numbers, metrics, pair)
    return words.headline_of_lock(limit, free, taught, bool(numbers.differs[pair]), paid, caveat)


def _prices(experiment: Experiment, numbers: Numbers, metrics: Metrics, pair: tuple[int, int]) -> list[Difference]:
    """What the second of two models may pay for what its advice gains: accuracy, and how near to real samples it ends,
    to the nearest one or else, as panels tell it, on average; of how many get advice, headlines speak themselves."""
    reference, other = pair
    right = prices(metrics, pair, samples_of(experiment), ("validation_accuracy", "robust_accuracy"))
    near = words.nearness(numbers.near[other], numbers.near[reference], bool(numbers.apart[pair]))
    if near.verdict != "worse":
        near = words.average_distance(
            numbers.average[other], numbers.average[reference], bool(numbers.averages_apart[pair])
        )
    return [*right, near]


def _panel(numbers: Numbers, arm: int, focus: int) -> Panel:
    tilt = numbers.tilt[arm]
    away = tilt if focus == 0 else 90 - tilt  # from the boundary that leaves the feature in focus out
    return Panel(numbers.effort[arm], numbers.got(arm), numbers.asked[arm], numbers.share[arm][focus], away)


# -- beside the picture ----------------------------------------------------------------------------


def facts(run_view: RunView, snapshot: Snapshot, live: bool, view: LocksView) -> None:
    """What one person is told, what is wrong with this setting, and the numbers of the group."""
    names = names_of(run_view.scene, view.names)
    if live:
        results.facts_of(arm_styles(run_view.experiment, names.features, names.scales), snapshot)
        st.caption("Advice and intervals follow when the training has ended.")
        return
    _person(run_view, snapshot, names, view)
    _troubles(run_view, snapshot, names, view)
    st.html(table(run_view.experiment, numbers_of(run_view, snapshot), names, view))


def _person(run_view: RunView, snapshot: Snapshot, names: Names, view: LocksView) -> None:
    if view.probe is None:
        st.html(INVITATION)
        return
    st.html(person(run_view, snapshot, names, view, view.probe))
    at = ",".join(f"{value:.5g}" for value in view.probe)
    query = {**run_view.experiment.to_query(), "pick": "point", "at": at, "target": str(names.wished)}
    if names.loan:
        query["names"] = "figure"
    link_to(TRAJECTORIES, "Follow these searches step by step", query, ":material/route:")


def person(run_view: RunView, snapshot: Snapshot, names: Names, view: LocksView, at: tuple[float, float]) -> str:
    """What each model tells somebody at a point of the plane."""
    trace = advice_for(run_view, snapshot, at)
    who = ", ".join(names.of(feature, value) for feature, value in enumerate(trace.factuals[0].tolist()))
    told = [
        (label, told_by(trace, index, run_view.experiment, names))
        for index, label in enumerate(labels_of(run_view.experiment, view))
    ]
    rows = "".join(f"<div><dt>{escape(label.title)}</dt><dd>{escape(said)}</dd></div>" for label, said in told)
    far = "<p>This point lies outside of the data: nobody like that has been seen.</p>" if trace.outside[0] else ""
    head = "This person" if names.loan else "This point"
    return f'<div class="ctviz-person"><h2>{head}: {escape(who)}</h2>{far}<dl>{rows}</dl></div>'


def projected(run_view: RunView, snapshot: Snapshot, live: bool, view: LocksView) -> None:
    """Under the picture on a large screen: what the models tell whoever has been clicked, panel by panel, and which
    steps their searches take."""
    if live:
        return
    told = (
        INVITATION
        if view.probe is None
        else person(run_view, snapshot, names_of(run_view.scene, view.names), view, view.probe)
    )
    with st.container(key="projected"):
        how = steps_in_words(run_view.experiment)
        st.html(told + (f'<p class="ctviz-muted">{escape(begun(how))}.</p>' if how else ""))


def told_by(trace: Trace, arm: int, experiment: Experiment, names: Names) -> str:
    """What one model tells the one person of a trace."""
    model, settings = experiment.arms[arm], trace.settings
    outcome = OUTCOMES[int(trace.outcome[arm, 0])]
    if outcome == "already":
        return words.nothing_to_change(names)
    own, end = trace.factuals[0].tolist(), trace.final[arm, 0].tolist()
    before = _outside(model, names, own) if trace.excluded[arm, 0] else ""
    if trace.predicted[arm, 0] == names.wished:
        before += words.unsure(names, float(trace.probability[arm, 0, 0]), settings.tau) + " "
    if outcome == "mature":
        return before + words.advice(names, own, end)
    best = float(trace.reachable[arm, 0])
    free = movable(model, names.features)
    return before + words.no_advice(outcome, names, free, best, settings.tau, settings.steps)


def _outside(model: Arm, names: Names, own: Sequence[float]) -> str:
    said = []
    for ref, *ends in model.ranges if model.holds("advice") else ():
        at, (low, high) = position_of(ref), ends_of(*ends)
        if not low <= own[at] <= high:
            said.append(words.outside(names.features[at], own[at], low, high, names.scales[at]) + " ")
    return "".join(said)


def _troubles(run_view: RunView, snapshot: Snapshot, names: Names, view: LocksView) -> None:
    """What makes the numbers mean less than they seem to, in words."""
    titles = [label.title for label in labels_of(run_view.experiment, view)]
    arms = run_view.experiment.arms
    mature = snapshot.metrics.get("mature", np.full(len(arms), np.nan))
    arriving = [
        (title, float(share))
        for title, arm, share in zip(titles, arms, mature, strict=True)
        if arm.trains_on_counterfactuals and math.isfinite(share)
    ]
    never = [title for title, arm in zip(titles, _says(snapshot, names.wished), strict=False) if not arm]
    for said in (words.starved(arriving), words.never_wished(never, names)):
        if said:
            st.html(f'<p class="ctviz-trouble">{escape(said)}</p>')


def _says(snapshot: Snapshot, wished: int) -> list[bool]:
    """Whether each model puts any place of the plane into the wished class."""
    if snapshot.field is None:
        return []
    if snapshot.field.shape[1] == 1:
        likelier = snapshot.field[:, 0] > 127 if wished == 1 else snapshot.field[:, 0] < 128
        return [bool(plane.any()) for plane in likelier]
    return [bool((planes.argmax(0) == wished).any()) for planes in snapshot.field]
