"""What a person can take away from Trajectories: the link, every step of every path, the numbers at the ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.outcome import OUTCOMES
from ctviz.figures.advice import Names
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, offer, share_menu, stem
from ctviz.ui.kit.service import Service
from ctviz.ui.trajectories.picture import ShownSearches, ends_of, seen_now
from ctviz.ui.trajectories.tracks_view import TracksView


def share(service: Service, draft: Draft[TracksView]) -> None:
    """The menu "Share and take away"."""

    def draw() -> None:
        seen = seen_now(service, draft)
        if seen is None:
            st.caption("Once something has been searched, its paths and numbers can be taken away here.")
            return
        st.caption("A PNG of the picture: the button below the picture itself.")
        name, csv = f"{stem(seen.run_view.experiment)}-epoch-{seen.trace.epoch}", "text/csv"
        offer(
            [ExportFile("Every step of every path (CSV)", lambda: paths_csv(seen), f"{name}-paths.csv", csv, "table")]
        )
        ends = ends_of(seen)
        if ends is not None:
            label = "Where they end, with intervals (CSV)"
            offer([ExportFile(label, lambda: ends_csv(ends), f"{name}-ends.csv", csv, "table_rows")])

    share_menu(draft, draw)


def paths_csv(seen: ShownSearches) -> str:
    """One row for each model, path and step, up to the last one taken: the point, and what the model makes of it."""
    trace = seen.trace
    walked = np.arange(trace.points.shape[2]) <= trace.steps[..., None]  # m b t+1
    arm, row, step = np.nonzero(walked)
    columns = {
        "model": np.array([style.name for style in seen.styles])[arm],
        "epoch": trace.epoch,
        "factual": trace.group[row],
        "path": row,
        "target": trace.targets[row],
        "step": step,
        **{name: trace.points[arm, row, step, i] for i, name in enumerate(seen.run_view.scene.features)},
        **_in_units(seen.names, trace.points[arm, row, step]),
        "probability": trace.probability[arm, row, step],
        "energy": trace.energy[arm, row, step],
        "distance": trace.distance[arm, row, step],
        "outcome": np.array(OUTCOMES)[trace.outcome[arm, row]],
    }
    return str(pd.DataFrame(columns).to_csv(index=False, float_format="%.7g"))


def _in_units(names: Names, points: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """The columns of points (n d) in people's units, under the names that they go by; none where those are the same."""
    scales = () if all(scale.plain for scale in names.scales) else names.scales
    return {
        scale.titled(name): scale.to_shown(points[:, i].astype(np.float64))
        for i, (name, scale) in enumerate(zip(names.features, scales, strict=False))
    }


def ends_csv(ends: Endpoints) -> str:
    """One row for each model and metric: its value and interval, and its difference to the first model's."""
    rows = [
        (arm, name, interval.value[i], interval.low[i], interval.high[i], d.value[i], d.low[i], d.high[i])
        for name, interval in ends.metrics.items()
        for d in (ends.differences[name],)
        for i, arm in enumerate(ends.arms)
    ]
    names = ["model", "metric", "value", "low", "high", "difference", "difference_low", "difference_high"]
    return str(pd.DataFrame(rows, columns=names).to_csv(index=False, float_format="%.7g"))
