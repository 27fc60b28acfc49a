"""What a person can take away from Trajectories: the link, every step of every path, the numbers at the ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.outcome import OUTCOMES
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import address, stem
from ctviz.ui.kit.service import Service
from ctviz.ui.trajectories.look import Seen, ends_of, seen_now
from ctviz.ui.trajectories.view import TracksView


def take_away(service: Service, draft: Draft[TracksView]) -> None:
    """Everything that can be taken away, in one place; files are made when they are asked for."""
    with st.popover("Share and take away", icon=":material/ios_share:", width="stretch"):
        st.markdown("**Link** to exactly what you see")
        st.code(address(draft), language=None, wrap_lines=True)
        seen = seen_now(service, draft)
        if seen is None:
            st.caption("Once something has been searched, its paths and numbers can be taken away here.")
            return
        name = f"{stem(seen.run_view.experiment)}-epoch-{seen.trace.epoch}"
        st.caption("A PNG of the picture: the button below the picture itself.")
        st.download_button(
            "Every step of every path (CSV)", lambda: paths_csv(seen), f"{name}-paths.csv", "text/csv",
            key="paths-csv", on_click="ignore", icon=":material/table:", width="stretch",
        )  # fmt: skip
        ends = ends_of(seen)
        if ends is not None:
            st.download_button(
                "Where they end, with intervals (CSV)", lambda: ends_csv(ends), f"{name}-ends.csv", "text/csv",
                key="ends-csv", on_click="ignore", icon=":material/table:", width="stretch",
            )  # fmt: skip


def paths_csv(seen: Seen) -> str:
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
        "probability": trace.probability[arm, row, step],
        "energy": trace.energy[arm, row, step],
        "distance": trace.distance[arm, row, step],
        "outcome": np.array(OUTCOMES)[trace.outcome[arm, row]],
    }
    return str(pd.DataFrame(columns).to_csv(index=False, float_format="%.7g"))


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
