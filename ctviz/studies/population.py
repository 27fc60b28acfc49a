"""Advice for everyone as a study: parts of people as tasks, the whole as one result of the store, or as it ships."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ctviz.data.rules import Rules
from ctviz.errors import ConfigError, DataError, StoreError
from ctviz.experiments.advice import Tau
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.base import OnProgress, check_all_done, no_progress
from ctviz.experiments.everyone import advise_everyone, advised, assembled, draw, pair_of, spans_of
from ctviz.experiments.population import (
    MOST_PEOPLE,
    PEOPLE,
    TIME_LIMIT,
    Drawn,
    Part,
    Population,
    PopulationSettings,
    Span,
    key_of,
)
from ctviz.experiments.run import Run, load_joined, load_run
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.artifacts import ENDING, Kind
from ctviz.experiments.store.codec import Damaged
from ctviz.paths import assets, write_whole
from ctviz.studies.steps import Cancelled, Step, Steps, carry_out

SHIPPED = ("adult", "california", "credit", "german")
"""The presets whose numbers ship, under the usual rules, of every model of counterfactual training."""

SHIPPED_TAU: Tau = "rate"
"""The score that is asked for there, as the page does first."""

SHIPPED_PROOFS, SHIPPED_LIMIT = 1000, 10.0
"""Of how many people plans are proved there, and the seconds for each: some take all of them."""

PLAN_SECONDS = {False: 0.01, True: 0.03}
"""About how long a plan takes with one thread, polished and proved: a little more than on the shipped tables."""


_MASKS = ("found", "valid", "obeys")
_NUMBERS = ("effort", "bound", "distance", "closer")


def _encode_part(part: Part) -> bytes:
    values = {name: [[_known(v) for v in line] for line in getattr(part, name).tolist()] for name in _NUMBERS}
    masks = {name: getattr(part, name).tolist() for name in _MASKS}
    return zlib.compress(json.dumps({"start": part.start, **values, **masks}, allow_nan=False).encode())


def _decode_part(content: bytes) -> Part:
    values = json.loads(zlib.decompress(content))
    b = len(values["found"][0])
    arrays = {name: np.array([[_number(v) for v in line] for line in values[name]]).reshape(2, b) for name in _NUMBERS}
    masks = {name: np.array(values[name], dtype=bool).reshape(2, b) for name in _MASKS}
    return Part(start=int(values["start"]), **arrays, **masks)


def _known(value: float) -> float | str | None:
    return None if value != value else "Infinity" if value == np.inf else value


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


PARTS = Kind(
    "part of advice for everyone",
    folder="everyone_parts",
    encode=_encode_part,
    decode=_decode_part,
    old_name="{key}.none",
    max_bytes=1 << 20,
    max_files=4000,
)
"""Plans of some people in a store, by the key of their task."""

POPULATIONS = Kind(
    "advice for everyone",
    folder="everyone",
    encode=lambda whole: zlib.compress(json.dumps(whole.record(), allow_nan=False).encode(), 9),
    decode=lambda content: Population.of_record(json.loads(zlib.decompress(content))),
    old_name="{key}.none",
    max_bytes=1 << 24,
    max_files=500,
)
"""All of it in a store, by ``whole_key``; and in the files that ship."""


@dataclass(frozen=True)
class PopulationTask:
    """The plans of some people as a task of an engine: by the models of a stored run, after an epoch."""

    trained: str
    epoch: int
    settings: PopulationSettings  # with rules
    span: Span

    results: ClassVar[Kind[Part]] = PARTS
    run: ClassVar[None] = None  # it trains no models

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits of what is computed; of polished plans whatever the time limit."""
        span, settings = self.span, self.settings
        limit = settings.time_limit if span.proved else 0.0
        return key_of(
            self.trained, self.epoch, settings, settings.rules or Rules(), span.start, span.stop, span.proved, limit
        )

    @property
    def result_key(self) -> str:
        return self.key

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread."""
        return len(self.settings.arms) * self.span.people * PLAN_SECONDS[self.span.proved]

    def to_json(self) -> str:
        """The task as text, to be sent to another process."""
        values = {
            "run": self.trained, "epoch": self.epoch, "settings": self.settings.model_dump(mode="json"),
            "span": [self.span.start, self.span.stop, self.span.proved],
        }  # fmt: skip
        return json.dumps({"everyone": values})

    @classmethod
    def from_values(cls, values: Any) -> PopulationTask:
        """Inverse of ``to_json``, from what stands under ``everyone``."""
        start, stop, proved = values["span"]
        span = Span(int(start), int(stop), bool(proved))
        return cls(str(values["run"]), int(values["epoch"]), PopulationSettings.from_mapping(values["settings"]), span)

    def compute(self, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
        """Ask the models on the processor, unless the part is stored; it takes seconds, and is not cancelled."""
        if PARTS.read(store, self.key) is None:
            usual = self.settings.model_copy(update={"rules": None})  # who is drawn does not depend on rules
            adviser, drawn = _ready(store.root, store.presets, self.trained, self.epoch, usual)
            PARTS.keep(store, self.key, advised(adviser, self.settings, drawn, self.span))


@lru_cache(2)
def _ready(
    root: Path, presets: Path | None, key: str, epoch: int, settings: PopulationSettings
) -> tuple[Adviser, Drawn]:
    """What all parts of the same people need: a worker computes several of them."""
    adviser = Adviser(load_joined(key, Store(root, presets)), tau=settings.tau, arms=settings.arms, epoch=epoch)
    return adviser, draw(adviser, settings)


def with_rules(adviser: Adviser, settings: PopulationSettings) -> PopulationSettings:
    """The same settings with the rules that hold, also where they are the usual ones."""
    return settings.model_copy(update={"rules": adviser.rules(settings.rules)})


def tasks_of(adviser: Adviser, settings: PopulationSettings, drawn: Drawn) -> list[PopulationTask]:
    """The tasks of all parts, polished ones first."""
    settings = with_rules(adviser, settings)
    return [PopulationTask(adviser.run.key, adviser.epoch, settings, span) for span in spans_of(settings, drawn)]


def whole_key(adviser: Adviser, settings: PopulationSettings) -> str:
    """Of all of it, whatever is proved of it."""
    return key_of(adviser.run.key, adviser.epoch, settings, adviser.rules(settings.rules), settings.people)


def stored_population(
    adviser: Adviser, settings: PopulationSettings, store: Store, *, shipped: bool = True
) -> Population | None:
    """All of it, from a store, as it ships, or put together from its parts; None where polished plans are missing.

    Of several, the one with the most proofs. What is put together is kept in the store.
    """
    key = whole_key(adviser, settings)
    known = [POPULATIONS.read(store, key), shipped_population(key) if shipped else None]
    best = max((one for one in known if one is not None), key=lambda one: one.proved, default=None)
    if best is not None and proved_enough(best, settings):
        return best
    drawn = draw(adviser, settings)
    tasks = tasks_of(adviser, settings, drawn)
    there = [task for task in tasks if PARTS.has(store, task.key)]
    if sum(not task.span.proved for task in there) < sum(not task.span.proved for task in tasks):
        return best
    if best is not None and _proved(there) <= best.proved:
        return best
    parts = [(task.span, part) for task in there if (part := PARTS.read(store, task.key)) is not None]
    if sum(not span.proved for span, _ in parts) < sum(not task.span.proved for task in tasks):
        return best  # a file was damaged: its part is computed again
    whole = assembled(adviser, with_rules(adviser, settings), drawn, parts)
    with contextlib.suppress(StoreError):  # then it is put together again the next time
        POPULATIONS.keep(store, key, whole)
    return whole


def proved_enough(found: Population, settings: PopulationSettings) -> bool:
    """Whether plans of as many people are proved as is asked for, or of all."""
    return found.proved >= min(settings.proofs, found.n)


def _proved(tasks: Iterable[PopulationTask]) -> int:
    """Of how many people, from the first one on, tasks have proved the plans."""
    known = 0
    for span in sorted((task.span for task in tasks if task.span.proved), key=lambda span: span.start):
        if span.start > known:
            break
        known = span.stop
    return known


def steps_of(
    adviser: Adviser, settings: PopulationSettings, store: Store, *, shipped: bool = True
) -> Steps[Population]:
    """The parts that are left, polished ones first; then all of it."""
    whole = stored_population(adviser, settings, store, shipped=shipped)
    if whole is not None and proved_enough(whole, settings):
        return whole
    tasks = tasks_of(adviser, settings, draw(adviser, settings))
    for proved, part in ((False, "plans"), (True, "proofs")):
        own = [task for task in tasks if task.span.proved is proved]
        if not own:
            continue
        missing = [task for task in own if not PARTS.has(store, task.key)]
        total = sum(task.span.people for task in own)
        outcomes = yield Step(missing, total, part, lambda task: task.span.people)
        check_all_done(outcomes)
        if len(outcomes) < len(missing):
            raise Cancelled("Stopped; what is done is kept, and the same command goes on from there.")
    made = stored_population(adviser, settings, store, shipped=False)
    if made is None:
        raise DataError("Plans that were computed just now are no longer in the store.")
    return made


def population(
    run: Run,
    rules: Rules | Iterable[str] | None = None,
    *,
    people: int = PEOPLE,
    proofs: bool | int = False,
    tau: Tau = 0.5,
    time_limit: float = TIME_LIMIT,
    arms: Sequence[str] = (),
    epoch: int | None = None,
    split: str = "test",
    seed: int = 0,
    store: Store | None = None,
    progress: OnProgress = no_progress,
    **options: Any,
) -> Population:
    """What the two models of a run ask of everyone: many people whom they refuse, advised under the same rules.

    Plans are polished; with ``proofs`` they are also proved, of all or of so many people. What has been computed for a
    stored run is kept in the store; other runs are advised in this process.

    Args:
        rules: as of ``advise``.
        people: how many whom both models refuse, at most.
        tau, epoch, split: as of ``advise``.
        time_limit: seconds for the proof of one plan.
        arms: the names of the two models; by default the conventional one and ``full``.
        seed: of the order in which people are drawn.
        store: where results are read and kept; by default that of this machine.
        progress: called with how many people are done, their total, and “plans” or “proofs”.
        options: of ``carry_out``: engine, workers, cancelled.

    Raises:
        ConfigError: an option or a rule that is not allowed. DataError: data without people.
    """
    pair = _pair(arms) if arms else pair_of(run)
    adviser = Adviser(run, tau=tau, arms=pair, epoch=epoch)
    settings = PopulationSettings(
        arms=pair, rules=adviser.rules(rules), tau=tau, people=people, seed=seed, split=split, time_limit=time_limit,
        proofs=(2 * MOST_PEOPLE if proofs else 0) if isinstance(proofs, bool) else proofs,
    )  # fmt: skip
    store = store or open_store()
    if store.status(run.key).state != "done":
        return advise_everyone(adviser, settings, progress)
    return carry_out(steps_of(adviser, settings, store), store, progress=progress, **options)


def _pair(arms: Sequence[str]) -> tuple[str, str]:
    if isinstance(arms, str) or len(arms) != 2:
        raise ConfigError("arms", arms, "the names of two models")
    return arms[0], arms[1]


# -- what ships ------------------------------------------------------------------------------------------


def shipped_folder() -> Path:
    """Where advice for everyone ships."""
    return assets() / "everyone"


@lru_cache(16)
def shipped_population(key: str) -> Population | None:
    """What ships under a key; None if nothing does. A damaged file counts as none."""
    path = shipped_folder() / f"{key}{ENDING}"
    try:
        return POPULATIONS.read_file(path, key)
    except (OSError, Damaged):
        return None


def build(
    names: Sequence[str],
    folder: Path,
    store: Store,
    proofs: int = SHIPPED_PROOFS,
    time_limit: float = SHIPPED_LIMIT,
    progress: OnProgress = no_progress,
    **options: Any,
) -> list[Path]:
    """Writes what ships for some presets, or all, into a folder.

    Files of runs that no preset has any longer stay there until somebody deletes them; a test says that they are there.

    Args:
        names: of presets of ``SHIPPED``.
        store: where parts are kept, so that work that was stopped goes on.
        proofs: of how many people plans are proved; ``time_limit`` for each.
        progress, options: as of ``population``.

    Raises:
        ConfigError: a number of proofs or a time that is not allowed.
    """
    written = []
    for adviser, asked in shipped_questions(names or SHIPPED, store):
        settings = PopulationSettings(**{**dict(asked), "proofs": proofs, "time_limit": time_limit})
        steps = steps_of(adviser, settings, store, shipped=False)
        whole = carry_out(steps, store, progress=progress, **options)
        key = whole_key(adviser, settings)
        path = folder / f"{key}{ENDING}"
        write_whole(path, POPULATIONS.seal(key, whole))
        written.append(path)
    return written


def shipped_questions(names: Sequence[str], store: Store) -> Iterator[tuple[Adviser, PopulationSettings]]:
    """What is asked for what ships, by preset and by model of counterfactual training."""
    for name in names:
        run = load_run(Experiment.preset(name).key, store)
        conventional, _ = pair_of(run)
        for arm in (arm.name for arm in run.experiment.arms if arm.trains_on_counterfactuals):
            pair = conventional, arm
            yield Adviser(run, tau=SHIPPED_TAU, arms=pair), PopulationSettings(arms=pair, tau=SHIPPED_TAU)
