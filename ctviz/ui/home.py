"""What the home page says and shows: the idea in three paragraphs, one search of each model, four cards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from ctviz.catalogue.differences import difference
from ctviz.catalogue.findings import CLOSENESS, against_the_first, finding, on_average, shares_differ
from ctviz.catalogue.metrics import METRICS
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.trace import Trace
from ctviz.figures.stage.live_search import live_search
from ctviz.figures.stage.recording import arm_labels
from ctviz.figures.stage.trace import Plain
from ctviz.prose import number
from ctviz.ui.kit.feature_names import names_of, renamed
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import (
    ACTIONABILITY,
    BOUNDARIES,
    DIGITS,
    FIRST_DIGITS,
    LEARN,
    LIMITS,
    PAPER,
    RECOURSE,
    TRADEOFFS,
    TRAJECTORIES,
    Page,
)
from ctviz.ui.kit.player import PathsState, show_paths
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import measured_search
from ctviz.ui.kit.searches import CLASS, POINT, Question, searches
from ctviz.ui.kit.service import Service

IDEA = """
A classifier decides. A **counterfactual** is its advice: the smallest change after which it would decide otherwise.
Of a model trained the **conventional** way, that advice often ends where no real data lie.

**Counterfactual training** searches such advice in every epoch, and the model learns from it. Where a search arrives
(*mature*), the model learns that real data of that class are likely and the end of the search is less so: the
gap between the two is the *divergence*. Where a search has hardly moved (*nascent*), it learns to keep its decision, as
against an attack.

What nobody can change, such as one's age, can be **locked**. Locked in the search, advice leaves it alone, and may cost
more. Locked in training too, the model often learns to count on it less.
"""

PRESET = "loans"
"""What Home shows: data on which its sentence holds."""

ELSEWHERE = "moons"
"""Data on which there is less to gain."""

REFUSED = 100
"""Samples of the class that nobody wishes for, from which is searched."""


@dataclass(frozen=True)
class Card:
    """A card with a link into the app: for whom it is, and what they find there."""

    title: str
    words: str
    label: str
    page: Page
    query: dict[str, str]
    besides: tuple[tuple[str, Page, dict[str, str]], ...] = ()  # label, page and link of further ways on


CARDS = (
    Card(
        "Teaching",
        "Both models learn side by side on a large screen, playing, without controls. Space stops, arrows step.",
        "Project the moons",
        BOUNDARIES,
        {"preset": "moons", "view": "project", "play": "1", "loop": "1"},
        (
            (
                "Follow one search, from nascent to mature",
                TRAJECTORIES,
                {
                    "preset": "circles",
                    "pick": "point",
                    "at": "0,0",
                    "step": "0",
                    "search.step_size": "0.002",
                    "search.steps": "200",
                },
            ),
            ("See how training can fail", LIMITS, {}),
        ),
    ),
    Card(
        "Deciding",
        "What if nobody can change their age? Lock it: what are people told, what does it cost them, and whom does it "
        "leave without advice?",
        "Lock a feature",
        ACTIONABILITY,
        {"preset": "figure1-short"},
        (
            ("See where protection stops helping", ACTIONABILITY, {"preset": "proxies", "part": "proxies"}),
            ("Ask what one applicant has to change", RECOURSE, {}),
        ),
    ),
    Card(
        "Looking",
        "See what handwritten digits have to become for another answer, and whether you can read that; where a model "
        "looks, and how little ink fools it.",
        "Open the digits",
        DIGITS,
        FIRST_DIGITS,
        (("Draw a digit of your own", DIGITS, {"preset": "mnist", "pick": "own"}),),
    ),
    Card(
        "Researching",
        "What each weight buys, and at what price: sweeps with error bars, every setting at hand, also from Python.",
        "Weigh the trade-offs",
        TRADEOFFS,
        {},
        (
            ("Check our numbers against the paper", PAPER, {}),
            ("Compare the four objectives", BOUNDARIES, {"preset": "objectives"}),
            ("Does it work without gradients?", TRAJECTORIES, {"preset": "generators", "search.step_size": "0.02"}),
        ),
    ),
)


def explanation() -> None:
    """What counterfactual training is, in a paragraph each for the problem and the idea."""
    st.html('<h1 class="ctviz-headline ctviz-title">Watch a decision boundary learn, twice</h1>')
    st.markdown(IDEA)
    link_to(BOUNDARIES, "Open Boundaries", {"preset": PRESET})


def door() -> None:
    """The way in for who is new: one large door."""
    with st.container(border=True, key="door", horizontal=True, vertical_alignment="center", gap="large"):
        st.html('<p class="ctviz-door">New here? <span>The whole idea in ten steps: guess first, then see.</span></p>')
        link_to(LEARN, "Start here", {})


@st.fragment
def moving_picture(service: Service) -> None:
    """One search of each model, playing, under the finding; without the run, what to do to have one."""
    experiment = Experiment.preset(PRESET)
    run_view = service.run_view(experiment.key)
    if run_view is None:
        st.info(
            "The loans have not been trained here yet: open Boundaries and press Train.",
            icon=":material/model_training:",
        )
        return
    names = names_of(run_view.scene, "figure")
    all_of_them = question_of(run_view, names.wished)
    found = searches().answer(run_view, all_of_them).traces[0]
    ends = searches().endpoints(run_view, all_of_them, found)
    page_title(finding_of(run_view, ends), level=2)
    st.caption(caveat(service, ends))
    settings, start = all_of_them.settings, st.session_state.get("home-start")
    at = start or tuple(found.factuals[typical(found)].tolist())
    asked = replace(all_of_them, throughout=True, pick=POINT, at=at, count=1, target=None if start else names.wished)
    show_paths(
        run_key=f"{run_view.attempt}.figure",
        scene=renamed(run_view.scene, names),
        arms=arm_labels(experiment, names.features, names.scales),
        snapshots_since=run_view.since,
        traces=searches().answer(run_view, asked).traces,
        trace_key=asked.key,
        total_epochs=experiment.training.epochs,
        live=False,
        initial=PathsState(playing=True, loop=True),
        tau=settings.tau,
        epsilon=settings.epsilon,
        on_place=lambda place: st.session_state.update({"home-start": place}),
        live_search=live_search(searches().explorer(experiment), settings, None, run_view.last),
        plain=Plain(
            hint="Drag the start: the searches follow. Or click anywhere to search from there.",
            near=True,
            named=True,
            box=True,
        ),
        key="paths-home",
    )
    st.caption(on_average(ends, 1))


def question_of(run_view: RunView, target: int) -> Question:
    """The search from samples of the other class to ``target``, in short steps, with the models of the last epoch."""
    settings = measured_search(run_view.experiment).in_short_steps()
    return Question(run_view.attempt, run_view.last, False, f"{CLASS}{1 - target}", None, REFUSED, target, settings)


def typical(trace: Trace) -> int:
    """The factual whose search stands for all: that in which every model ends about as far from the nearest real
    sample as it does on average."""
    apart = trace.gap  # m b
    return int(np.abs(apart - apart.mean(axis=1, keepdims=True)).sum(axis=0).argmin())


def finding_of(run_view: RunView, ends: Endpoints) -> str:
    """How much closer to real data the searches end, and what it costs."""
    found, dearer, rarer = (against_the_first(ends, name, 1) for name in (CLOSENESS, "cost", "mature"))
    accuracy = run_view.at(None).metrics["validation_accuracy"]
    clear = shares_differ(accuracy[1], accuracy[0], run_view.experiment.data.n_validation)
    wronger = difference(METRICS["accuracy"], accuracy[1], accuracy[0], clear=clear)
    how = f"{METRICS[CLOSENESS].alike} as" if found.alike else f"{found.words} than"
    gain = f"With counterfactual training, advice ends {how} the conventional model's"
    return finding(gain, [wronger, rarer, dearer], better=found.verdict == "better")


def caveat(service: Service, here: Endpoints) -> str:
    """How far from the nearest real sample advice ends on data with less to gain than ``here``; empty where those are
    not trained, or gain as much."""
    experiment = Experiment.preset(ELSEWHERE)
    run_view = service.run_view(experiment.key)
    if run_view is None:
        return ""
    asked = question_of(run_view, 0)
    there = searches().endpoints(run_view, asked, searches().answer(run_view, asked).traces[0])
    (theirs, ours), (conventional, trained) = (ends.metrics[CLOSENESS].value.tolist() for ends in (there, here))
    if not theirs - ours < conventional - trained:
        return ""
    return f"Where classes touch there is less to gain: on the {ELSEWHERE}, {number(ours)} instead of {number(theirs)}."


def cards() -> None:
    """The cards, side by side."""
    for cell, card in zip(st.columns(len(CARDS), gap="medium"), CARDS, strict=True):
        with cell, st.container(border=True, height="stretch", key=f"card-{card.title.lower()}"):
            st.subheader(card.title, anchor=False)
            st.markdown(card.words)
            link_to(card.page, card.label, card.query)
            for label, page, query in card.besides:
                link_to(page, label, query)
