"""Mounts the stage in a Streamlit page, and its sister of the searches, and sends only what is not held yet.

For the author of a page::

    state = show_stage(
        run_key=run_view.attempt,
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

The searches of a run, path by path::

    def place(at):                                                        # before the page runs again: once per click
        st.session_state["factual"] = at

    state = show_paths(
        run_key=…, scene=…, arms=…, snapshots_since=…, total_epochs=…, live=…,       # as above
        traces=[explorer.trace(snapshot, factuals, targets, settings)],              # or explorer.history(…)
        trace_key=f"{run_key} {settings} {factuals} {epoch}",                        # another key: another picture
        tau=settings.tau, epsilon=settings.epsilon,
        locks=[locks_of(arm, scene.features) for arm in experiment.arms],
        initial=PathsState(epoch=40), on_place=place,
    )
    state.epoch, state.step, state.selected

Where the epoch comes to rest on one that the traces do not hold, they are shown dimmed until others come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.cache import Cache
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.experiments.trace import Trace
from ctviz.figures.stage.energy import Energies, EnergySource, energy_header, stretch_of
from ctviz.figures.stage.live_search import LiveSearch, PackedModels, pack_models
from ctviz.figures.stage.palette import palette
from ctviz.figures.stage.recording import ArmLabel, Recording, message, pack
from ctviz.figures.stage.trace import Lock, PackedTrace, Plain, lines_meta, locks_meta, pack_trace
from ctviz.ui.kit.component_files import mounted
from ctviz.ui.kit.kept import KEPT

T = TypeVar("T")

LAYERS = ("points", "paths", "contours")
SPEEDS = (0.5, 1.0, 2.0, 4.0)
CHUNK_BYTES = 6 * 2**20
"""Fields and paths of about this size, before compression, go into one message; the stage asks for the rest."""


@dataclass(frozen=True)
class StageState:
    """What the person sees: all of it goes into the link.

    ``epoch`` None means the newest (which, while a run is live, follows it); ``probe`` is a pinned point of
    the plane in data units. ``layer`` is what colours the plane; ``energy_class`` the class whose energy that may be,
    None for the usual one.
    """

    epoch: int | None = None
    playing: bool = False
    speed: float = 1.0
    loop: bool = False
    layers: tuple[str, ...] = LAYERS
    probe: tuple[float, float] | None = None
    layer: str = "probability"
    energy_class: int | None = None


@dataclass(frozen=True)
class PinnedWalks:
    """The search of every arm from one place, after one epoch; the stage draws it while it shows that epoch."""

    epoch: int
    target: int
    points: npt.NDArray[np.float32]  # m t+1 d
    steps: npt.NDArray[np.int64]  # m
    nascent: npt.NDArray[np.int64]  # m
    mature: npt.NDArray[np.bool_]  # m

    def meta(self, scene: Scene) -> dict[str, Any]:
        """For the header of a message: lines in steps of 1/65535 of the extent, as those of recordings are."""
        lines = [
            scene.quantise(line[: steps + 1]).tolist() for line, steps in zip(self.points, self.steps, strict=True)
        ]
        ends = {"nascent": self.nascent.tolist(), "mature": self.mature.tolist()}
        return {"epoch": self.epoch, "target": self.target, "lines": lines, **ends}


def show_stage(
    run_key: str,
    scene: Scene,
    arms: Sequence[ArmLabel],
    snapshots_since: Callable[[int], Iterable[Snapshot]],
    total_epochs: int,
    live: bool,
    initial: StageState = StageState(),
    *,
    pinned: PinnedWalks | None = None,
    energies: EnergySource | None = None,
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
        pinned: the searches from the pinned place, drawn over the others.
        energies: offers the energies of the run's classes as a layer; they are computed and sent once it is on.
        key: of the component; one stage per key.
    """
    sent = _sent()
    run = _Watched(run_key, scene, arms, snapshots_since, total_epochs, live)
    recording, more, last = _due(run, sent)
    # What the browser says arrives before the component is called: the layer is sent in the run that switching it on
    # causes.
    seen = _state((st.session_state.get(key) or {}).get("view"), run_key, initial, len(scene.classes))
    stretch = _energies_due(run, energies, seen, last) if energies else None
    header = {**_header(run, more, last, initial), "energy": energy_header(energies, stretch)}
    header["pinned"] = pinned.meta(scene) if pinned else None
    result = mounted("Stage")(
        key=key,
        data=message(recording, stretch.payload if stretch else b"", **header),
        on_view_change=_nothing,
        on_need_change=_resender(key, sent),
    )
    sent[run_key] = last
    if stretch:
        _energies_sent()[run_key, stretch.target] = stretch.last
    return _state(result.get("view"), run_key, initial, len(scene.classes))


@dataclass(frozen=True)
class PathsState:
    """What the person sees of the searches; all but ``at`` goes into the link.

    ``epoch`` None means the newest; ``step`` None the end of every search. ``selected`` is the factual that was
    chosen out of several, counted from 0. ``at`` (a place that was clicked, in data units) is an event: it is set
    only in the run of the script that the person's click caused.
    """

    epoch: int | None = None
    step: int | None = None
    at: tuple[float, float] | None = None
    selected: int | None = None
    playing: bool = False
    speed: float = 1.0
    loop: bool = False
    layers: tuple[str, ...] = LAYERS
    layer: str = "probability"
    energy_class: int | None = None


def show_paths(
    run_key: str,
    scene: Scene,
    arms: Sequence[ArmLabel],
    snapshots_since: Callable[[int], Iterable[Snapshot]],
    traces: Sequence[Trace],
    trace_key: str,
    total_epochs: int,
    live: bool,
    initial: PathsState = PathsState(),
    *,
    tau: float,
    epsilon: float,
    locks: Sequence[Sequence[Lock]] = (),
    on_place: Callable[[tuple[float, float]], None] | None = None,
    live_search: LiveSearch | None = None,
    energies: EnergySource | None = None,
    plain: Plain | None = None,
    key: str = "paths",
) -> PathsState:
    """Shows the searches of every arm and returns what the person has come to rest on.

    Args:
        run_key: as for ``show_stage``, and so ``scene``, ``arms``, ``snapshots_since``, ``total_epochs``, ``live``.
        traces: the searches to show: of many factuals at one epoch, or of one at several; none shows the fields alone.
        trace_key: names the traces; while it stays the same they are not packed or sent again.
        initial: what to show first.
        tau: probability of the target that ends a search, for the line in the chart.
        epsilon: half the side of the ε-box.
        locks: of each arm, see ``locks_of``; none draws none.
        on_place: takes a place of the plane that was clicked, before the script runs again, once per click.
        live_search: lets the start of a single search be dragged, once the run is over, and followed by searches in
            the browser; where it is dropped is a place like one that was clicked.
        energies: as for ``show_stage``.
        plain: shows it without charts and layers, with what is pointed out.
        key: of the component; one per key.

    Raises:
        DataError: traces that do not fit together.
    """
    sent = _sent()
    run = _Watched(run_key, scene, arms, snapshots_since, total_epochs, live)
    recording, more, last = _due(run, sent)
    seen = _paths_state(st.session_state.get(key) or {}, run_key, initial, len(scene.classes))
    stretch = _energies_due(run, energies, seen, last) if energies else None
    packed = None if _traces_sent().get(key) == trace_key else pack_trace(trace_key, traces, scene)
    # While a run grows, its models would be sent again and again.
    dragged = live_search if on_place is not None and not live else None
    models = _models_due(run, dragged) if dragged else None
    header = {
        **_header(run, more, last, initial),
        **_paths_header(run_key, trace_key if traces and len(traces[0].factuals) else None, packed, dragged, models),
        "energy": energy_header(energies, stretch),
        "setup": _setup(arms, tau, epsilon, locks, places=on_place is not None, plain=plain),
    }
    result = mounted("Paths")(
        key=key,
        data=message(recording, *(part.payload for part in (stretch, packed, models) if part), **header),
        on_view_change=_nothing,
        on_need_change=_resender(key, sent),
        on_at_change=lambda: _tell(on_place, _point(st.session_state[key].get("at"))),
    )
    sent[run_key] = last
    _traces_sent()[key] = trace_key
    if stretch:
        _energies_sent()[run_key, stretch.target] = stretch.last
    if models:
        _models_sent().add(run_key)
    return _paths_state(result, run_key, initial, len(scene.classes))


def _paths_header(
    run_key: str,
    trace_key: str | None,
    packed: PackedTrace | None,
    dragged: LiveSearch | None,
    models: PackedModels | None,
) -> dict[str, Any]:
    """The fields of a header on the searches: what is shown, and what the browser searches with itself; of what it
    holds already, the key alone."""
    held = None if trace_key is None else {"key": trace_key}
    searching = dragged and {"key": run_key, **(models.meta if models else {}), "search": dragged.rules}
    return {"trace": packed.meta if packed else held, "models": searching}


def _setup(
    arms: Sequence[ArmLabel],
    tau: float,
    epsilon: float,
    locks: Sequence[Sequence[Lock]],
    *,
    places: bool,
    plain: Plain | None,
) -> dict[str, Any]:
    """The field ``setup`` of a header: how searches are shown, whatever they are; see ``show_paths``."""
    return {
        "tau": tau,
        "epsilon": epsilon,
        "locks": locks_meta(locks, arms),
        "lines": lines_meta(arms),
        "places": places,
        "plain": asdict(plain) if plain else None,
    }


def _nothing() -> None:
    """A state without a callback would not be returned."""


def _tell(listener: Callable[[T], None] | None, event: T | None) -> None:
    if listener is not None and event is not None:
        listener(event)


def _sent() -> dict[str, int]:
    """Of each run, the last epoch that this session's browser was sent."""
    sent: dict[str, int] = st.session_state.setdefault("_stage_sent", {})
    return sent


def _energies_sent() -> dict[tuple[str, int], int]:
    """Of each run and class, the last epoch whose energies this session's browser was sent."""
    sent: dict[tuple[str, int], int] = st.session_state.setdefault("_energies_sent", {})
    return sent


def _traces_sent() -> dict[str, str]:
    """Of each component, the key of the traces that it was sent last."""
    sent: dict[str, str] = st.session_state.setdefault("_traces_sent", {})
    return sent


def _models_sent() -> set[str]:
    """The runs whose models this session's browser was sent."""
    sent: set[str] = st.session_state.setdefault("_models_sent", set())
    return sent


def _resender(key: str, sent: dict[str, int]) -> Callable[[], None]:
    def resend() -> None:
        need = st.session_state[key].get("need")
        _note_need(need, sent)
        _note_energy_need(need, _energies_sent())
        if isinstance(need, dict) and "trace" in need:
            _traces_sent().pop(key, None)
        if isinstance(need, dict) and isinstance(need.get("models"), str):
            _models_sent().discard(need["models"])

    return resend


@dataclass(frozen=True)
class _Watched:
    """A run as a page shows it, see ``show_stage``."""

    key: str
    scene: Scene
    arms: Sequence[ArmLabel]
    snapshots_since: Callable[[int], Iterable[Snapshot]]
    total: int
    live: bool


def _due(run: _Watched, sent: dict[str, int]) -> tuple[Recording | None, bool, int]:
    """The stretch that the browser lacks, whether there is more behind it, and the last epoch it will then hold."""
    after = sent.get(run.key, -1)
    place = (run.key, after, tuple(run.arms))
    kept = None if run.live else _packed().peek(place)
    recording, more = (kept, False) if kept else _next_stretch(run.scene, run.arms, run.snapshots_since, after)
    last = recording.epochs[-1] if recording else after
    if recording and last >= run.total:
        _packed().put(place, recording)
    return recording, more, last


def _energies_due(run: _Watched, source: EnergySource, seen: StageState | PathsState, last: int) -> Energies | None:
    """The energies that the browser lacks up to the last epoch that it holds, if it shows any; as many of them as one
    message may carry."""
    if seen.layer != "energy":
        return None
    target = source.usual if seen.energy_class is None else seen.energy_class
    after = _energies_sent().get((run.key, target), -1)
    if after >= last:
        return None

    def make() -> Energies | None:
        waiting = takewhile(lambda snapshot: snapshot.epoch <= last, run.snapshots_since(after + 1))
        return stretch_of(source, waiting, target, after, CHUNK_BYTES)

    # Of a run that grows, each session has another stretch to come.
    return make() if run.live else _packed_energies().get((run.key, target, after, last), make)


def _models_due(run: _Watched, search: LiveSearch) -> PackedModels | None:
    """The models of a run that is over, if the browser lacks them."""
    if run.key in _models_sent():
        return None
    return _packed_models().get(run.key, lambda: pack_models(run.key, list(run.snapshots_since(0)), search.model))


def _header(run: _Watched, more: bool, last: int, initial: StageState | PathsState) -> dict[str, Any]:
    state = {"key": run.key, "total": run.total, "live": run.live, "more": more, "last": last}
    return {**state, "initial": asdict(initial), "palette": palette()}


def _next_stretch(
    scene: Scene, arms: Sequence[ArmLabel], snapshots_since: Callable[[int], Iterable[Snapshot]], after: int
) -> tuple[Recording | None, bool]:
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


@st.cache_resource(show_spinner=False)
def _packed() -> Cache:
    """Finished runs as they were packed last, for all sessions."""
    return Cache(KEPT, size=lambda packed: len(packed.payload))


@st.cache_resource(show_spinner=False)
def _packed_energies() -> Cache:
    """The same of energies, by class too."""
    return Cache(KEPT, size=lambda packed: len(packed.payload))


@st.cache_resource(show_spinner=False)
def _packed_models() -> Cache:
    """The same of models."""
    return Cache(KEPT, size=lambda packed: len(packed.payload))


def _note_need(need: Any, sent: dict[str, int]) -> None:
    """Forgets what the stage says it lacks, so that it is sent again; anything else a browser says is ignored."""
    if not isinstance(need, dict):
        return
    run_key, start = need.get("key"), need.get("from")
    if isinstance(run_key, str) and run_key in sent and type(start) is int and start >= 0:
        sent[run_key] = min(sent[run_key], start - 1)


def _note_energy_need(need: Any, sent: dict[tuple[str, int], int]) -> None:
    """The same of energies: ``energy`` is a class and the first epoch that is lacking."""
    if not isinstance(need, dict) or not isinstance(need.get("energy"), list) or len(need["energy"]) != 2:
        return
    run_key, (target, start) = need.get("key"), need["energy"]
    if isinstance(run_key, str) and type(target) is int and type(start) is int and start >= 0:
        place = (run_key, target)
        if place in sent:
            sent[place] = min(sent[place], start - 1)


def _state(view: Any, run_key: str, initial: StageState, k: int = 2) -> StageState:
    """The person's state as the browser reported it, with whatever is not fit for a state left as it was; of ``k``
    classes."""
    if not isinstance(view, dict) or view.get("key") != run_key:
        return initial
    return StageState(**_common(view, initial, k), probe=_point(view.get("probe")))


def _paths_state(result: Any, run_key: str, initial: PathsState, k: int = 2) -> PathsState:
    """The same of the searches, with the event of this run."""
    view = result.get("view")
    at = _point(result.get("at"))
    if not isinstance(view, dict) or view.get("key") != run_key:
        return replace(initial, at=at)
    step, selected = (_count(view.get(name), None) for name in ("step", "selected"))
    selected = None if at else selected  # a place that was clicked is looked at alone
    return PathsState(**_common(view, initial, k), at=at, step=step, selected=selected)


def _common(view: dict[str, Any], initial: StageState | PathsState, k: int) -> dict[str, Any]:
    epoch, speed, layers = (view.get(name) for name in ("epoch", "speed", "layers"))
    layer, target = view.get("layer"), view.get("energy_class")
    known = target is None or (type(target) is int and 0 <= target < k)
    return {
        "epoch": None if epoch is None else _count(epoch, initial.epoch),
        "playing": view.get("playing") is True,
        "speed": float(speed) if isinstance(speed, int | float) and speed in SPEEDS else initial.speed,
        "loop": view.get("loop") is True,
        "layers": tuple(name for name in LAYERS if name in layers) if isinstance(layers, list) else initial.layers,
        "layer": layer if layer in ("probability", "energy") else initial.layer,
        "energy_class": target if known and "energy_class" in view else initial.energy_class,
    }


def _count(value: Any, otherwise: int | None) -> int | None:
    return value if type(value) is int and value >= 0 else otherwise


def _point(value: Any) -> tuple[float, float] | None:
    """Two finite numbers as a point; anything else is none."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(type(part) in (int, float) and math.isfinite(part) for part in value):
        return None
    return float(value[0]), float(value[1])
