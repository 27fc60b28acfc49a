"""The stored runs as entries of a list: what each is called, what it found, and which of them a search is about.

The numbers of a run are those that all pages show of it: of its last epoch, measured on validation data.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ctviz.catalogue.settings import setting, words_of
from ctviz.data.kinds import kind_of_data
from ctviz.experiments.config import Experiment
from ctviz.experiments.differences import SettingDifference, differences, has
from ctviz.experiments.evaluate import default_references
from ctviz.experiments.presets import PRESETS
from ctviz.experiments.store import RunInfo
from ctviz.figures.theme import arm_styles, reference_pair
from ctviz.ui.tradeoffs.runs.comparison_view import Order

CHANGES = ("ip", "ip_star", "cost")
"""Of these an entry of the list gives the change against the conventional model, in percent."""

ACCURACY = "validation_accuracy"

LONGEST = 60

_HASHED = re.compile(r"[0-9a-f]{12}|cell \d+")
_SETTING = re.compile(r"([A-Za-z_][\w.]*)=(.*)")


@dataclass(frozen=True)
class RunEntry:
    """One run of the list.

    ``results`` has the metrics of every model at the last epoch. ``pair`` are the positions of the conventional model
    and of the one compared with it: those that all pages compare, or of a stack the one whose counterfactuals come
    nearest to real data. ``accuracy`` is that of the compared model, ``changes`` what it has less (−) or more (+) than
    the conventional one, as a share. None and NaN where a run has no two models to compare or no results yet.
    """

    info: RunInfo
    title: str
    stack: bool
    results: Mapping[str, Sequence[float]] = field(default_factory=dict)
    pair: tuple[int, int] | None = None
    accuracy: float = math.nan
    changes: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.info.key

    @property
    def compared(self) -> str:
        """Name of the compared model; empty without one."""
        return self.info.experiment.arms[self.pair[1]].name if self.pair else ""

    def change(self, metric: str) -> float:
        return self.changes.get(metric, math.nan)


def entry_of(info: RunInfo, results: Mapping[str, Sequence[float]] | None = None) -> RunEntry:
    """A stored run as an entry of the list; ``results``: the metrics of its last snapshot, (m) each."""
    found, stack = results or {}, is_stack(info.experiment)
    pair = _best(info.experiment, found) if stack else _usual_pair(info.experiment)
    if pair is None:
        return RunEntry(info, title_of(info), stack, found, accuracy=_of(found, ACCURACY, 0))
    changes = {metric: _change(found, metric, *pair) for metric in CHANGES}
    return RunEntry(info, title_of(info), stack, found, pair, _of(found, ACCURACY, pair[1]), changes)


def _usual_pair(experiment: Experiment) -> tuple[int, int] | None:
    conventional, trained = reference_pair(arm_styles(experiment))
    return None if conventional is None or trained is None else (conventional, trained)


def _best(experiment: Experiment, results: Mapping[str, Sequence[float]]) -> tuple[int, int] | None:
    """The model of a stack that gains most in IP, and the conventional one of its seed before it."""
    names = [arm.name for arm in experiment.arms]
    pairs = [(names.index(base), names.index(arm)) for arm, base in default_references(experiment).items()]

    def gain(pair: tuple[int, int]) -> float:
        change = _change(results, "ip", *pair)
        return change if math.isfinite(change) else math.inf

    return min(pairs, key=gain, default=None)


def _change(results: Mapping[str, Sequence[float]], metric: str, conventional: int, trained: int) -> float:
    theirs = _of(results, metric, conventional)
    return _of(results, metric, trained) / theirs - 1 if theirs > 0 else math.nan


def _of(results: Mapping[str, Sequence[float]], metric: str, arm: int) -> float:
    return float(results[metric][arm]) if metric in results else math.nan


# -- names -----------------------------------------------------------------------------------------------


def title_of(info: RunInfo) -> str:
    """What a run is called: by its name, as a preset, by what is special about it."""
    if info.name:
        return info.name
    if info.preset or info.key in _preset_names():
        return _preset_names().get(info.key, info.data)
    if _of_sweep(info.experiment):
        return f"{len(info.arms)} model{'s' if len(info.arms) > 1 else ''} of a sweep"
    return _described(info.experiment)


@functools.cache
def _preset_names() -> dict[str, str]:
    return {Experiment.preset(name).key: name for name in PRESETS}


@functools.lru_cache(4096)
def _described(experiment: Experiment) -> str:
    """The data, and what differs from the preset of the same data, as far as there is room: the models come first."""
    preset = experiment.data.name if experiment.data.name in PRESETS else None
    if preset is None:
        return experiment.data.name
    parts: list[str] = [experiment.data.name]
    changed = differences([Experiment.preset(preset), experiment])
    for entry in sorted(changed, key=lambda entry: _weight(entry.path)):
        words = _short(entry)
        if len(", ".join([*parts, words])) > LONGEST:
            parts.append("…")
            break
        parts.append(words)
    return ", ".join(parts)


def _weight(path: str) -> int:
    """What says most about a run comes first: its models, its seed, its training; how it is measured comes last."""
    return next(
        i for i, start in enumerate(("arms", "seed", "training", "model", "data", "")) if path.startswith(start)
    )


def _short(entry: SettingDifference) -> str:
    """``τ 0.5``: a setting by its symbol if it has one, of which model only where that is not the usual one."""
    value = entry.values[1]
    if entry.path == "arms":
        return " + ".join(value)
    arm = entry.path.split(".")[1] if entry.path.startswith("arms.") else "full"
    return f"{setting(entry.path).brief} {words_of(entry.path, value)}" + ("" if arm in ("full", "*") else f" ({arm})")


@functools.lru_cache(4096)
def is_stack(experiment: Experiment) -> bool:
    """Whether a run was made for its numbers, by a sweep or a study: with names that are no words, or no pictures."""
    return _of_sweep(experiment) or (kind_of_data(experiment.data).drawn and experiment.evaluation.field == 0)


def _of_sweep(experiment: Experiment) -> bool:
    """Whether the counterfactually trained models (or all, where there are none) have names that a sweep gave them."""
    trained = [arm.name for arm in experiment.arms if arm.trains_on_counterfactuals]
    return all(_HASHED.fullmatch(name) for name in trained or [arm.name for arm in experiment.arms])


# -- finding and sorting -------------------------------------------------------------------------------------


def matches(entry: RunEntry, text: str) -> bool:
    """Whether each word of a search is found in an entry: its name, data, models, key or state, or as ``tau=0.5``."""
    return all(_has_word(entry, word) for word in text.split())


def _has_word(entry: RunEntry, word: str) -> bool:
    setting = _SETTING.fullmatch(word)
    if setting:
        return has(entry.info.experiment, setting[1], setting[2])
    info = entry.info
    preset = "preset" if info.preset else ""
    texts = (entry.title, info.name, info.data, info.key, info.state, preset, *info.arms)
    return any(word.lower() in text.lower() for text in texts)


def ordered(entries: Sequence[RunEntry], order: Order) -> list[RunEntry]:
    """The entries in an order, pinned ones first; equals stay as the store lists them."""
    keys = {
        "new": lambda entry: (entry.info.preset, -entry.info.started),
        "name": lambda entry: entry.title.lower(),
        "data": lambda entry: (entry.info.data, entry.title.lower()),
        "size": lambda entry: -entry.info.bytes,
        "gain": lambda entry: entry.change("ip") if math.isfinite(entry.change("ip")) else math.inf,
    }
    by_order = sorted(entries, key=keys[order])
    return sorted(by_order, key=lambda entry: not entry.info.pinned)
