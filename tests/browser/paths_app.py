"""A small app around the stage of searches, for its tests: a short run of four arms, searched as the person asks.

A radio offers many factuals at one epoch (100), one at all of them (1), no factual (0) and a page without a stage.
Another one says how: with arms of which x2 is locked, may only rise or is kept in a range; with four counterfactuals
of each factual; slowly; or by saying that searches, or the run, have been sent that have not.
"""

import time

import numpy as np
import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.run import Training
from ctviz.figures.stage.live_search import live_search
from ctviz.figures.stage.recording import arm_labels
from ctviz.figures.stage.trace import locks_of
from ctviz.ui.kit.player import PathsState, show_paths

EPOCHS = 16
SETTINGS = {
    "data.n_train": 600, "data.n_validation": 200, "data.n_test": 50, "training.epochs": EPOCHS, "training.n_ce": 200,
    "evaluation.every": 1, "evaluation.field": 40, "training.lr": 0.01,
}  # fmt: skip
LOCKS = {"arms.adversarial.locked": (1,), "arms.energy.increase_only": (1,), "arms.full.ranges": ((1, -0.4, 0.8),)}
asks = st.query_params


@st.cache_resource
def material():
    experiment = Experiment.preset("objectives").replace({**SETTINGS, "evaluation.epsilon": 0.3})
    training = Training(experiment, "cpu")
    return experiment, training.scene, list(training), Explorer(experiment)


def place(at: tuple[float, float]) -> None:
    st.session_state["placed"] = [*st.session_state.get("placed", []), at]


st.set_page_config(layout="wide")
experiment, scene, snapshots, explorer = material()
of = st.radio("of", ["100", "1", "0", "none"], horizontal=True)
how = st.radio("how", ["plain", "locked", "four each", "slow", "lost searches", "lost run"], horizontal=True)
tau = st.radio("tau", ["0.75", "0.95"], horizontal=True)
run_key = f"run-{experiment.key}" + (".lost" if how == "lost run" else "")
arms = experiment.replace(LOCKS).arms if how == "locked" else experiment.arms


@st.fragment
def watch() -> None:
    view = (st.session_state.get("paths") or {}).get("view") or {}
    epoch = view.get("epoch", int(asks["epoch"]) if "epoch" in asks else None)
    epoch = EPOCHS if epoch is None else epoch
    placed = st.session_state.get("placed", [])
    settings = experiment.arms[-1].model_copy(update={"tau": float(tau), "step_size": 0.1, "generator": "eccco"})
    if how == "four each":
        settings = settings.model_copy(update={"generator": "dice", "lambda_diversity": 1.0})
    start = time.perf_counter()
    key = f"{of} {how} {tau} {placed[-1:]} {'-' if placed or of == '1' else epoch}"
    if placed or of == "1":
        factual = np.float32(placed[-1] if placed else scene.factuals[1])
        target = int(explorer.default_targets(factual[None], snapshots[-1])[0])
        if how == "four each":
            traces = [explorer.trace(snapshots[epoch], factual[None], [target], settings)]
        else:
            traces = explorer.history(snapshots, factual, target, settings)
    elif of == "100":
        factuals, _ = explorer.pick("random", 100)
        traces = [
            explorer.trace(snapshots[epoch], factuals, explorer.default_targets(factuals, snapshots[-1]), settings)
        ]
    else:
        traces = []
    if how == "slow" and placed:
        time.sleep(1)
    if how.startswith("lost") and how not in st.session_state:
        st.session_state[how] = True
        if how == "lost run":
            st.session_state.setdefault("_stage_sent", {})[run_key] = EPOCHS
        else:
            st.session_state.setdefault("_traces_sent", {})["paths"] = key
    searched = time.perf_counter()
    seen = show_paths(
        run_key=run_key,
        scene=scene,
        arms=arm_labels(experiment),
        snapshots_since=lambda start: [s for s in snapshots if s.epoch >= start],
        traces=traces,
        trace_key=key,
        total_epochs=EPOCHS,
        live=False,
        initial=PathsState(
            epoch=int(asks["epoch"]) if "epoch" in asks else None,
            step=int(asks["step"]) if "step" in asks else None,
            selected=int(asks["selected"]) if "selected" in asks else None,
        ),
        tau=float(tau),
        epsilon=0.3,
        locks=[locks_of(arm, scene.features) for arm in arms],
        on_place=place,
        live_search=live_search(explorer, settings, None, EPOCHS),
    )
    shown = time.perf_counter()
    st.text(f"epoch={seen.epoch} step={seen.step} selected={seen.selected} playing={seen.playing}")
    st.text(f"layers={','.join(seen.layers)} speed={seen.speed} loop={seen.loop}")
    st.text(f"placed={len(placed)} at={seen.at}")
    st.text(f"search {1000 * (searched - start):.0f} ms, mount {1000 * (shown - searched):.0f} ms")


if of == "none":
    st.session_state.pop("placed", None)
else:
    watch()
