"""One cell of a sweep on the stage, beside the conventional model of the same seed.

The runs of a sweep keep weights alone; the picture of two of their models is made when somebody asks for it, and kept
for all sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.cache import Cache
from ctviz.errors import CtvizError, DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.pair import Pair, pair
from ctviz.experiments.store import Store
from ctviz.figures.stage.energy import EnergySource
from ctviz.figures.stage.recording import arm_labels
from ctviz.figures.tradeoffs.layout import subscript
from ctviz.figures.tradeoffs.metrics import what
from ctviz.prose import spelled
from ctviz.studies.sweeps.declaration import Cell, Sweep
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.elsewhere import shown_kind
from ctviz.ui.kit.frame import link_to, literal
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.player import StageState, show_stage
from ctviz.ui.kit.service import SEARCHES_AT_ONCE, service
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView

MOST_BYTES = 48 * 2**20
"""Pictures kept, over all sessions."""


@dataclass(frozen=True)
class Place:
    """Where the two models of a cell at one seed are: the run, and their names in it."""

    run: str
    arm: str
    reference: str
    seed: int


def places_of(table: pd.DataFrame, cell: int) -> tuple[Place, ...]:
    """The models of a cell that are trained, by their seeds; also where training failed."""
    rows = table[(table["cell"] == cell) & (table["state"] != "waiting") & (table["run"].astype(str) != "")]
    rows = rows.drop_duplicates("seed").sort_values("seed")
    return tuple(
        Place(str(row["run"]), str(row["arm"]), str(row["reference"]), int(row["seed"]))
        for row in rows.to_dict("records")
    )


def cell_of(sweep: Sweep, index: int) -> Cell | None:
    """A cell by its number."""
    return next((cell for cell in sweep.walk() if cell.index == index), None)


def stage_of(draft: Draft[TradeoffsView], sweep: Sweep, table: pd.DataFrame, index: int) -> None:
    """Boundary and counterfactuals of a cell's model beside the conventional one, and the way to Boundaries."""
    cell = cell_of(sweep, index)
    if cell is None:
        return
    places = places_of(table, index)
    projecting = draft.view.view == "project"
    st.html(f'<h2 class="ctviz-cell-title">{_title(cell)}</h2>')
    if not places:
        st.caption("None of its models is trained yet, so there is nothing to draw.")
        return
    place = next((p for p in places if p.seed == draft.view.draw), places[0])
    try:
        experiment = sweep.experiment(cell, place.seed)
        if undrawn := shown_kind(experiment).undrawn:
            st.caption(undrawn)
        else:
            _draw(draft, pictures().get(experiment, place))
    except CtvizError as error:
        st.info(literal(str(error)), icon=":material/visibility_off:")
        return
    if projecting:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        _seed(draft, place.seed, [p.seed for p in places])
        words = "All settings of these two models; press Train there, and watch them epoch by epoch."
        link_to(BOUNDARIES, "Train this pair in Boundaries", experiment.to_query(), ":material/open_in_new:", words)


def _title(cell: Cell) -> str:
    said = ", ".join(f"{subscript(what(setting))} {escape(spelled(value))}" for setting, value in cell.values)  # noqa: PD011
    return f"Two models, same seed: conventional, and counterfactual training with {said}"


def _seed(draft: Draft[TradeoffsView], shown: int, seeds: Sequence[int]) -> None:
    if len(seeds) > 1:
        binding = bind.to("trade-draw", shown, lambda seed: draft.look(draw=seed))
        words = {seed: f"seed {seed}" for seed in seeds}
        bind.choice("Seed of the models shown", seeds, binding, kind="buttons", words=words, hidden=True)


def _draw(draft: Draft[TradeoffsView], made: Pair) -> None:
    snapshot = made.snapshot
    labels = arm_labels(made.experiment)
    show_stage(
        run_key=f"{made.experiment.key}.cell",
        scene=made.scene,
        arms=labels,
        snapshots_since=lambda epoch: [snapshot] if snapshot.epoch >= epoch else [],
        total_epochs=snapshot.epoch,
        live=False,
        initial=StageState(),
        energies=EnergySource.of_run(made.experiment, made.scene) if snapshot.field is not None else None,
        key=f"trade-stage-{draft.opened}",
    )


class Pictures:
    """Pictures of pairs of models, made when they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = Cache(MOST_BYTES, size=_size, at_once=SEARCHES_AT_ONCE)

    def get(self, experiment: Experiment, place: Place) -> Pair:
        """The picture of the two models of a place, as ``experiment`` calls and measures them.

        Raises:
            CtvizError: the run is gone, or there is nothing to draw.
        """
        return self._kept.get((experiment.key, place), lambda: self._make(experiment, place))

    def _make(self, experiment: Experiment, place: Place) -> Pair:
        epochs = self._store.follow(place.run)
        if not epochs:
            raise DataError("The weights of these models are gone from the store; run the sweep again to see them.")
        last = self._store.snapshot(place.run, epochs[-1])
        return pair(experiment, self._store.experiment(place.run), last, (place.reference, place.arm))


def _size(made: Any) -> int:
    snapshot = made.snapshot
    field = 0 if snapshot.field is None else snapshot.field.nbytes
    return 4096 + field + (0 if snapshot.paths is None else int(snapshot.paths.points.nbytes))


@st.cache_resource(show_spinner=False)
def pictures() -> Pictures:
    """The server's one."""
    return Pictures(service().store)
