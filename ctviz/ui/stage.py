"""Mounts the stage in a Streamlit page and sends it only what it does not hold yet.

For the author of a page::

    state = show_stage(
        run_key=feed.attempt,
        scene=store.scene(key),
        arms=arm_labels(experiment),
        snapshots_since=lambda epoch: store.snapshots(key, start=epoch),   # lazily: may be an iterator
        total_epochs=experiment.training.epochs,
        live=status.state == "running",
        initial=StageState(epoch=40, playing=True),                       # what the link says
    )
    state.epoch, state.probe      # where the person has come to rest: move the chart's markers, update the link

``initial`` counts when the stage is mounted and when ``run_key`` changes; later values are ignored, so it may be fed
from the link that the returned state is written to. The returned state follows the person with a delay of
150 ms (never while dragging or playing), and each change reruns the page, or the fragment around the call.
While a run is live, call ``show_stage`` again (a fragment with ``run_every``) and it grows where it stands.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import streamlit as st

from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.figures.stage.film import ArmLabel, Film, message, pack
from ctviz.figures.stage.palette import palette

LAYERS = ("points", "paths", "contours")
SPEEDS = (0.5, 1.0, 2.0, 4.0)
CHUNK_BYTES = 6 * 2**20
"""Fields and paths of about this size, before compression, go into one message; the stage asks for the rest."""


@dataclass(frozen=True)
class StageState:
    """What the person sees: all of it goes into the link.

    ``epoch`` None means the newest (which, while a run is live, follows it); ``probe`` is a pinned point of
    the plane in data units.
    """

    epoch: int | None = None
    playing: bool = False
    speed: float = 1.0
    loop: bool = False
    layers: tuple[str, ...] = LAYERS
    probe: tuple[float, float] | None = None


def show_stage(
    run_key: str,
    scene: Scene,
    arms: Sequence[ArmLabel],
    snapshots_since: Callable[[int], Iterable[Snapshot]],
    total_epochs: int,
    live: bool,
    initial: StageState = StageState(),
    *,
    key: str = "stage",
) -> StageState:
    """Shows a run and returns what the person has come to rest on.

    Args:
        run_key: key of the run, and after a dot of the attempt at it; snapshots of one key are sent once per browser
            session.
        scene: extent, points and factuals of the run.
        arms: one label per arm, see ``arm_labels``.
        snapshots_since: epoch → the snapshots from that epoch on (inclusive), ascending; read lazily.
        total_epochs: epochs the run will have when it is done.
        live: whether more snapshots may come.
        initial: what to show first.
        key: of the component; one stage per key.
    """
    sent: dict[str, int] = st.session_state.setdefault("_stage_sent", {})

    def resend() -> None:
        _note_need(st.session_state[key].get("need"), sent)

    after = sent.get(run_key, -1)
    place = (run_key, after, tuple(arms))
    kept = None if live else _shelf().get(place)
    film, more = (kept, False) if kept else _next_stretch(scene, arms, snapshots_since, after)
    last = film.epochs[-1] if film else after
    if film and last >= total_epochs:
        _shelf().put(place, film)
    data = message(
        film,
        key=run_key,
        total=total_epochs,
        live=live,
        more=more,
        last=last,
        initial=asdict(initial),
        palette=palette(),
    )
    result = _component()(key=key, data=data, on_view_change=_nothing, on_need_change=resend)
    sent[run_key] = last
    return _state(result.get("view"), run_key, initial)


def _nothing() -> None:
    """A state without a callback would not be returned."""


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    folder = files("ctviz.figures.stage")
    read = {kind: (folder / f"stage.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")}
    return st.components.v2.component("ctviz_stage", css=read["css"], js=read["js"])


def _next_stretch(
    scene: Scene, arms: Sequence[ArmLabel], snapshots_since: Callable[[int], Iterable[Snapshot]], after: int
) -> tuple[Film | None, bool]:
    """The stretch after an epoch, no longer than one message may be, and whether there is more behind it."""
    taken: list[Snapshot] = []
    size = 0
    for snapshot in snapshots_since(after + 1):
        if size > CHUNK_BYTES:
            return pack(scene, arms, taken, after), True
        taken.append(snapshot)
        size += _size(snapshot)
    return (pack(scene, arms, taken, after) if taken else None), False


def _size(snapshot: Snapshot) -> int:
    field = 0 if snapshot.field is None else snapshot.field.nbytes
    return field + (0 if snapshot.paths is None else snapshot.paths.points.nbytes)


class _Shelf:
    """Finished runs as they were packed last, for all sessions; the least recently used goes first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._films: OrderedDict[Any, Film] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, place: Any) -> Film | None:
        with self._lock:
            if place in self._films:
                self._films.move_to_end(place)
            return self._films.get(place)

    def put(self, place: Any, film: Film) -> None:
        with self._lock:
            self._films[place] = film
            while len(self._films) > self._room:
                self._films.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _shelf() -> _Shelf:
    return _Shelf(room=16)


def _note_need(need: Any, sent: dict[str, int]) -> None:
    """Forgets what the stage says it lacks, so that it is sent again; anything else a browser says is ignored."""
    if not isinstance(need, dict):
        return
    run_key, start = need.get("key"), need.get("from")
    if isinstance(run_key, str) and run_key in sent and type(start) is int and start >= 0:
        sent[run_key] = min(sent[run_key], start - 1)


def _state(view: Any, run_key: str, initial: StageState) -> StageState:
    """The person's state as the browser reported it, with whatever is not fit for a state left as it was."""
    if not isinstance(view, dict) or view.get("key") != run_key:
        return initial
    epoch, speed, layers = (view.get(name) for name in ("epoch", "speed", "layers"))
    return StageState(
        epoch=epoch if epoch is None or (type(epoch) is int and epoch >= 0) else initial.epoch,
        playing=view.get("playing") is True,
        speed=float(speed) if isinstance(speed, int | float) and speed in SPEEDS else initial.speed,
        loop=view.get("loop") is True,
        layers=tuple(name for name in LAYERS if name in layers) if isinstance(layers, list) else initial.layers,
        probe=_point(view.get("probe")),
    )


def _point(probe: Any) -> tuple[float, float] | None:
    """Two finite numbers as a point; anything else is none."""
    if not isinstance(probe, list) or len(probe) != 2:
        return None
    if not all(type(value) in (int, float) and math.isfinite(value) for value in probe):
        return None
    return float(probe[0]), float(probe[1])
