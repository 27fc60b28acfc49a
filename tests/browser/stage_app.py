"""A small app around the stage, for its tests: a run of nobody's, whole or growing, as the link asks.

``?live=1`` grows by a snapshot with every look; ``?runs=3`` offers several runs and a page without a stage.
"""

import streamlit as st

from ctviz.ui.stage import StageState, show_stage
from tests.figures import fake

EPOCHS = 24


@st.cache_resource
def material(seed: int):
    scene = fake.scene(seed=seed)
    return scene, fake.snapshots(scene, epochs=EPOCHS, g=60)


st.set_page_config(layout="wide")
live = "live" in st.query_params
run = st.radio("run", ["0", "1", "none"], horizontal=True)


@st.fragment(run_every=0.25 if live else None)
def watch() -> None:
    scene, snapshots = material(int(run))
    grown = st.session_state.get("grown", 0) + 1 if live else EPOCHS + 1
    st.session_state["grown"] = grown
    there = snapshots[:grown]
    st.session_state.setdefault("asked", [])

    def since(epoch: int):
        st.session_state["asked"].append(epoch)
        return [s for s in there if s.epoch >= epoch]

    playing = st.query_params.get("play") == "1"
    epoch = int(st.query_params["epoch"]) if "epoch" in st.query_params else None
    initial = StageState(epoch=epoch, playing=playing)
    seen = show_stage(f"run-{run}", scene, fake.LABELS, since, EPOCHS, live and grown <= EPOCHS, initial, key="stage")
    st.text(f"epoch={seen.epoch} playing={seen.playing} speed={seen.speed} layers={','.join(seen.layers)}")
    st.text(f"probe={seen.probe}")
    st.text(f"asked={st.session_state['asked'][-12:]} grown={grown}")


if run != "none":
    watch()
