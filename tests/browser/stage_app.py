"""A small app around the stage, for its tests: a run of nobody's, whole or growing, as the link asks.

A radio offers two runs and a page without a stage; ``?live=1`` grows by a snapshot with every look. ``?lost=all``
loses what it sends, more than once; ``?lost=end`` stops half-way until it is told to end, and loses the rest.
"""

import streamlit as st

from ctviz.ui.kit.player import StageState, show_stage
from tests.figures import fake

EPOCHS = 24


@st.cache_resource
def material(seed: int):
    scene = fake.scene(seed=seed)
    return scene, fake.snapshots(scene, epochs=EPOCHS, g=60)


def lose() -> None:
    """Has the mount believe, in three looks, that all but the last epoch was sent."""
    times = st.session_state.get("times_lost", 0)
    if times < 3:
        st.session_state["times_lost"] = times + 1
        st.session_state.setdefault("_stage_sent", {})[f"run-{run}"] = EPOCHS - 1


st.set_page_config(layout="wide")
live = "live" in st.query_params
lost = st.query_params.get("lost")
run = st.radio("run", ["0", "1", "none"], horizontal=True)


@st.fragment(run_every=0.25 if live else None)
def watch() -> None:
    scene, snapshots = material(int(run))
    grown = st.session_state.get("grown", 0) + 1 if live else EPOCHS + 1
    if lost == "end":
        grown = EPOCHS + 1 if st.session_state.get("end") else min(grown, EPOCHS // 2)
    st.session_state["grown"] = grown
    there = snapshots[:grown]
    st.session_state.setdefault("asked", [])
    if lost and grown > EPOCHS:
        lose()

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


if lost == "end":
    st.button("End", on_click=lambda: st.session_state.update(end=True))
if run != "none":
    watch()
