"""How the models of a sweep were trained and measured, to be read where their numbers are shown."""

from __future__ import annotations

import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.protocol import Protocol
from ctviz.prose import spelled
from ctviz.studies.sweeps.declaration import Sweep

INITIAL = {"fan_in": "uniform up to 1/√in", "glorot": "Glorot’s"}

OF_PAPER = "The page Paper trains as the paper’s tables do, from Glorot’s first weights, so its numbers differ."


def method(sweep: Sweep) -> None:
    """The protocol, on demand."""
    with st.expander("How it was measured"):
        st.markdown("\n".join(f"- {line}" for line in lines(sweep)))


def lines(sweep: Sweep) -> list[str]:
    """Sentences about evaluation and training; settings that vary are those of their cells."""
    protocol, base = sweep.protocol, sweep.base
    samples = {"test": "test samples", "validation": "validation samples"}[protocol.split]
    seeds = f"{sweep.seeds} seeds" if sweep.seeds > 1 else "one seed"
    over = f"over {seeds} by Student’s t" if sweep.seeds > 1 else "over the rounds by bootstrap"
    return [
        f"Each cell is trained from {seeds} and compared with the conventional model of the same seed.",
        f"{protocol.rounds} rounds; each draws a factual class and a target class, and {protocol.factuals} {samples} "
        "that a model puts into the factual class.",
        f"Each is searched by {_search(protocol)}.",
        *_solved(protocol),
        f"Intervals are at {100 * protocol.level:g} %, {over}.",
        f"First weights: {INITIAL[base.model.initial]}. {OF_PAPER}"
        if base.model.initial != "glorot"
        else f"First weights: {INITIAL['glorot']}, as in the paper’s tables.",
    ]


def _solved(protocol: Protocol) -> list[str]:
    if not protocol.exact:
        return []
    return [
        f"{protocol.exact} samples of each model are also solved exactly: their cheapest counterfactual at "
        f"τ = {protocol.tau:g}, which needs no search. Its metrics are over those for which both models have one."
    ]


def _search(protocol: Protocol) -> str:
    pulls = f"once for each λ_egy of {spelled(protocol.pulls)}, " if len(protocol.pulls) > 1 else ""
    name = CHOICES.get(protocol.generator, protocol.generator)
    return (
        f"“{name}”, {pulls}until the target’s probability is τ = {protocol.tau:g}, in at most T = {protocol.steps} "
        f"steps of η = {protocol.step_size:g}, with λ_cost = {protocol.lambda_cost:g}"
        + (", and its end is polished" if protocol.polish == "on" else "")
    )
