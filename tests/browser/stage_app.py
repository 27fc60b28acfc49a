"""A small app around the stage, for its tests: runs of nobody's, and a page without a stage.

``0`` and ``1`` are whole, and so is ``fifth``, which opens at epoch 5. ``grows``, ``plays`` and ``ends`` grow as far as
a button lets them, ``grows`` by a snapshot with every look and the others at once; ``plays`` plays from its start.
``lost`` loses what it sends, more than once; ``plays`` and ``ends`` lose, once, what comes after their first snapshots.
"""

import streamlit as st

from ctviz.figures.stage.energy import EnergySource
from ctviz.ui.kit.frame import live as shown_live
from ctviz.ui.kit.player import StageState, show_stage
from tests.figures import fake

EPOCHS = 11
AT_FIRST = 4
LIVE = {"grows": 0.4, "plays": 0.4, "ends": 0.4}  # seconds between two looks
BEGINNINGS = {"fifth": StageState(epoch=5), "plays": StageState(epoch=0, playing=True, speed=4.0)}


@st.cache_resource
def material(seed: int):
    scene = fake.scene(seed=seed)
    return scene, fake.snapshots(scene, epochs=EPOCHS, g=40)


def lose() -> None:
    """Has the mount believe, in two looks or one, that all but the last epoch was sent."""
    times = st.session_state.get(f"times lost {run}", 0)
    if times < (2 if run == "lost" else 1):
        st.session_state[f"times lost {run}"] = times + 1
        st.session_state.setdefault("_stage_sent", {})[f"run-{run}"] = EPOCHS - 1


st.set_page_config(layout="wide")
run = st.radio("run", ["0", "1", "fifth", *LIVE, "lost", "none"], horizontal=True)


def pause() -> float | None:
    """Seconds until the next look; none once a run has ended: a look that comes as the page changes may keep on it
    what was there."""
    return LIVE.get(run) if st.session_state.get(f"grown {run}", 0) <= EPOCHS else None


def watch() -> None:
    scene, snapshots = material(int(run == "1"))
    bound = st.session_state.get(f"bound {run}", AT_FIRST if run in LIVE else EPOCHS + 1)
    if run in LIVE:
        further = EPOCHS + 1 if run == "ends" else bound + 4
        # A look that the next one interrupts forgets that the button was pressed, but not what was called for it.
        st.button("More", on_click=lambda: st.session_state.update({f"bound {run}": further}))
    grown = min(st.session_state.get(f"grown {run}", AT_FIRST - 1) + 1, bound) if run == "grows" else bound
    st.session_state[f"grown {run}"] = grown
    there = snapshots[:grown]
    if run in ("lost", "plays", "ends") and grown > EPOCHS:
        lose()
    live = run in LIVE and grown <= EPOCHS
    seen = show_stage(
        f"run-{run}",
        scene,
        fake.LABELS,
        lambda epoch: [s for s in there if s.epoch >= epoch],
        EPOCHS,
        live,
        BEGINNINGS.get(run, StageState()),
        energies=EnergySource(lambda shown, target: fake.energies(scene, list(shown), target, EPOCHS), usual=1),
        key="stage",
    )
    st.text(f"epoch={seen.epoch} playing={seen.playing} speed={seen.speed} layers={','.join(seen.layers)}")
    st.text(f"probe={seen.probe}")
    st.text(f"layer={seen.layer} of {seen.energy_class}")


if run != "none":
    shown_live(watch, pause)
