"""What the home page says and shows: the idea in a paragraph, a preset playing, four cards."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.figures.stage.recording import arm_labels
from ctviz.ui.kit.frame import link_to
from ctviz.ui.kit.pages import ACTIONABILITY, BOUNDARIES, DIGITS, LEARN, LIMITS, PAPER, TRADEOFFS, TRAJECTORIES, Page
from ctviz.ui.kit.player import StageState, show_stage
from ctviz.ui.kit.service import Service

IDEA = """
A classifier decides. A **counterfactual** is its advice: the smallest change after which it would decide
otherwise. Train a model the **conventional** way and that advice often points to places where no real data lie.

**Counterfactual training** searches such advice in every epoch and teaches the model with it. Where a search
arrives, the advice is *mature*: the model learns to make it look like real data, so that it is **plausible**. Points
of the search that have hardly moved are *nascent*: the model learns not to be fooled by them. Features that nobody can
change can be **locked**: then advice leaves them alone, and the model may learn to lean on them less.
"""


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
        {"preset": "figure1"},
        (("See where protection stops helping", ACTIONABILITY, {"preset": "proxies", "part": "proxies"}),),
    ),
    Card(
        "Looking",
        "See where a model looks: handwritten digits before and after counterfactual training, what they would have "
        "to become for another answer, and how little ink fools the model.",
        "Open the digits",
        DIGITS,
        {"preset": "mnist"},
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
    link_to(BOUNDARIES, "Open Boundaries", {"preset": BOUNDARIES.preset})


def door() -> None:
    """The way in for who is new: one large door."""
    with st.container(border=True, key="door", horizontal=True, vertical_alignment="center", gap="large"):
        st.html('<p class="ctviz-door">New here? <span>The whole idea in ten steps: guess first, then see.</span></p>')
        link_to(LEARN, "Start here", {})


def moving_picture(service: Service) -> None:
    """The moons preset, playing; without it, what to do to have one."""
    experiment = Experiment.preset("moons")
    run_view = service.run_view(experiment.key)
    if run_view is None:
        st.info(
            "The moons have not been trained here yet: open Boundaries and press Train.",
            icon=":material/model_training:",
        )
        return
    show_stage(
        run_key=run_view.attempt,
        scene=run_view.scene,
        arms=arm_labels(experiment),
        snapshots_since=run_view.since,
        total_epochs=experiment.training.epochs,
        live=False,
        initial=StageState(playing=True, loop=True),
        key="stage-home",
    )


def cards() -> None:
    """The cards, side by side."""
    for cell, card in zip(st.columns(len(CARDS), gap="medium"), CARDS, strict=True):
        with cell, st.container(border=True, height="stretch", key=f"card-{card.title.lower()}"):
            st.subheader(card.title, anchor=False)
            st.markdown(card.words)
            link_to(card.page, card.label, card.query)
            for label, page, query in card.besides:
                link_to(page, label, query)
