"""Figures that are kept for all sessions: each in the colours and the size that its page asks for."""

from __future__ import annotations

import pytest

from ctviz.experiments.config import Experiment
from ctviz.figures.theme import DARK
from ctviz.studies.sweeps.sweep import sweep as carry_out_sweep
from ctviz.ui.kit import theme
from tests.studies.reproduce.here import Here
from tests.studies.sweeps.small import small

SWEEP = small({"tau": (0.5,)})
RUN = Experiment.preset("moons").replace(
    {"data.n_train": 300, "data.n_validation": 80, "training.epochs": 4, "evaluation.field": 8}
)
"""Made up: its models are untrained."""

QUERIES = {
    "paper": {},
    "limits": {},
    "tradeoffs": {"sweep": SWEEP.key},
    "trajectories": RUN.to_query(),
}


@pytest.mark.parametrize("page", QUERIES)
def test_a_figure_is_drawn_anew_in_other_colours_and_sizes(visit, world, monkeypatch, page: str) -> None:
    if page == "tradeoffs":
        carry_out_sweep(SWEEP, engine=Here(), store=world.store)
    if page == "trajectories":
        world.keep(RUN)

    def figures(**more: str) -> list[str]:
        at = visit(f"pages/{page}.py", **QUERIES[page], **more)
        return [chart.proto.spec for chart in at.get("plotly_chart")]

    light = figures()
    assert light
    assert figures() == light
    if page != "trajectories":  # where they end is not shown on a large screen
        assert not set(figures(view="project")) & set(light)
    monkeypatch.setattr(theme, "LIGHT", DARK)
    dark = figures()
    assert len(dark) == len(light)
    assert not set(dark) & set(light)
