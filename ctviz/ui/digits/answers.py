"""Answers about the digits of a run, shared by all sessions: computed once, kept up to a size, a few at a time.

A question is a run, an epoch and what a person chose; two that are equal have the same answer. One explorer for each
run holds its data. An answer about one digit takes milliseconds, one about hundreds of them a few seconds; pages say
so while they wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.bootstrap import Interval
from ctviz.evaluation.methods import METHODS
from ctviz.evaluation.reader import read_digits
from ctviz.evaluation.wilson import wilson
from ctviz.experiments.analyses import AttackedSamples, Robustness
from ctviz.experiments.images.answers import ClassMeans, ImageNumbers, ImageSample, ImageTrace
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.experiments.store import Store
from ctviz.figures.advice import Span
from ctviz.models.stack import architecture
from ctviz.ui.digits.digits_view import EPSILONS, GALLERY, HARD, OWN, DigitsView, attribution_of
from ctviz.ui.digits.drawing import decode
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import search_of
from ctviz.ui.kit.searches import LEVEL, Explorers
from ctviz.ui.kit.service import service

T = TypeVar("T")
Floats = npt.NDArray[np.float32]

MOST_EXPLORERS = 3
"""Runs whose digits are kept at hand: some 50 MB each."""

PER_CLASS = 50
"""Digits of each class that attributions are averaged over."""

GROUP = 200
"""Digits whose counterfactuals are measured together."""

ATTACKED = {"fgsm": 2000, "pgd": 500}
"""Test digits behind a curve of robust accuracy; the stronger attack takes forty times as long."""

ATTACKED_BROAD = {"fgsm": 500, "pgd": 60}
"""The same for convolutional models, which take about ten times as long."""

MOST_EFFORT = 1 << 30
"""Gradients of one answer times the width of the network: from seven to twenty seconds of one processor."""

FEW_STEPS = 20
"""Steps below which an integral is too coarse to be offered instead of fewer noisy copies."""


@dataclass(frozen=True)
class Digit:
    """The digit that is looked at: its pixels (d), and what was meant, if that is known."""

    pixels: Floats
    label: int | None
    words: str

    @property
    def key(self) -> str:
        """Names the pixels."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class DigitHistory:
    """One digit as every model saw it at every stored epoch."""

    epochs: tuple[int, ...]  # e
    probabilities: npt.NDArray[np.float32]  # e m k
    values: npt.NDArray[np.float32]  # e m d
    error: npt.NDArray[np.float64]  # e m; NaN where the method does not add up
    shares: npt.NDArray[np.float64]  # e m: of |attribution| on the pixels that any model locks; NaN if there are none

    def at(self, epoch: int) -> int:
        """Position of an epoch, or of the last one before it."""
        return max(int(np.searchsorted(self.epochs, epoch, side="right")) - 1, 0)


class Answers(Explorers[ImageExplorer]):
    """The answers about digits."""

    def __init__(self, store: Store) -> None:
        super().__init__(ImageExplorer, store, MOST_EXPLORERS)

    def about(self, run_view: RunView, question: Hashable, answer: Callable[[ImageExplorer], T]) -> T:
        """The answer to a question about an attempt at a run."""
        return self.ask(run_view.experiment, (run_view.attempt, question), answer)


@st.cache_resource(show_spinner=False)
def answers() -> Answers:
    """The server's one."""
    return Answers(service().store)


# -- which digit ------------------------------------------------------------------------------------


def gallery(run_view: RunView, view: DigitsView) -> ImageSample | None:
    """The digits to choose from; None for one that is drawn.

    Those that are hard are so for the models as they have come to be, whatever epoch is looked at.
    """
    if view.pick == OWN:
        return None
    newest = run_view.at(None) if view.pick == HARD else None
    question = ("gallery", view.pick, view.draw, newest and newest.epoch)
    return answers().about(run_view, question, lambda of: of.pick(view.pick, GALLERY, view.draw, newest))


def digit_of(run_view: RunView, view: DigitsView) -> Digit | None:
    """The digit that is looked at; None where one is to be drawn first."""
    picked = gallery(run_view, view)
    if picked is None:
        return Digit(decode(view.drawing), None, "Your own digit") if view.drawing else None
    at = min(view.at, len(picked.y) - 1)
    return Digit(np.asarray(picked.X[at]), int(picked.y[at]), f"Test digit {int(picked.index[at]):,}")


# -- what is asked of it ------------------------------------------------------------------------------


def seen(run_view: RunView, digit: Digit, view: DigitsView) -> DigitHistory:
    """One digit at all stored epochs: what each model reads, and where it looks."""
    settings, snapshots = attribution_of(view), list(run_view.snapshots)
    check_effort(run_view, settings, len(snapshots))
    question = ("seen", digit.key, settings, view.explain, snapshots[-1].epoch)

    def make(explorer: ImageExplorer) -> DigitHistory:
        classes = None if view.explain is None else np.full(1, view.explain)
        found = explorer.attribute_history(snapshots, digit.pixels, settings, classes)
        said = np.stack([explorer.probabilities(one, digit.pixels[None])[:, 0] for one in snapshots])
        values = np.asarray(found.values)
        return DigitHistory(
            tuple(one.epoch for one in snapshots), said, values, np.asarray(found.error), on_locked(explorer, values)
        )

    return answers().about(run_view, question, make)


def check_effort(run_view: RunView, settings: AttributionSettings, pictures: int) -> None:
    """Raises ``ConfigError`` where attributing so many pictures would hold up everybody else on this server."""
    experiment = run_view.experiment
    network = architecture(experiment.model, experiment.d, experiment.data.classes, experiment.data.grid)
    each = len(experiment.arms) * pictures * network.widest
    steps = settings.steps if "steps" in METHODS[settings.method].settings else 1
    copies = max(1, settings.smooth)
    if each * steps * copies > MOST_EFFORT:
        most = max(1, MOST_EFFORT // (each * copies))
        if steps > 1 and copies > 1 and most < FEW_STEPS:
            most = max(1, MOST_EFFORT // (each * steps))
            raise ConfigError("attribution.smooth", settings.smooth, f"at most {most} noisy copies with {steps} steps")
        raise ConfigError("attribution.steps", settings.steps, f"at most {most} here, or fewer noisy copies")


def on_locked(explorer: ImageExplorer, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Share of |attribution| (… d) that lies on the pixels which any model locks; NaN where there are none."""
    size = np.abs(values).astype(np.float64)
    total = size.sum(-1)
    if not explorer.locked.any():
        return np.full(total.shape, np.nan)
    part = size[..., explorer.locked].sum(-1)
    shares: npt.NDArray[np.float64] = np.divide(part, total, out=np.full(total.shape, np.nan), where=total > 0)
    return shares


def class_means(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> ClassMeans:
    """Where every model looks in each class, on average."""
    settings = attribution_of(view)
    check_effort(run_view, settings, PER_CLASS * run_view.experiment.data.classes)
    question = ("classes", snapshot.epoch, settings)
    return answers().about(run_view, question, lambda of: of.class_means(snapshot, settings, PER_CLASS, LEVEL))


def mean_digits(run_view: RunView) -> Floats:
    """The mean training digit of each class, (k d)."""

    def make(explorer: ImageExplorer) -> Floats:
        X, y = (part.numpy() for part in explorer.data.train)
        return np.stack([X[y == c].mean(0) for c in range(explorer.data.k)]).astype(np.float32)

    return answers().about(run_view, "means", make)


def counterfactuals(run_view: RunView, snapshot: Snapshot, digit: Digit, view: DigitsView) -> ImageTrace:
    """One digit on its way to each class, by every model."""
    settings, k = search_of(run_view.experiment, view.search), run_view.experiment.data.classes
    question = ("counterfactuals", snapshot.epoch, digit.key, settings)
    X, targets = np.repeat(digit.pixels[None], k, axis=0), np.arange(k)
    return answers().about(run_view, question, lambda of: _one_each(of.counterfactuals(snapshot, X, targets, settings)))


@dataclass(frozen=True)
class Another:
    """A digit before and after it was to become each class, by every model, and what the reader reads in it."""

    trace: ImageTrace  # with the first and the last point of each search alone
    before: Floats  # k: what the reader says of the digit
    after: Floats  # m c k: what it says of it after the search to class c


def another(run_view: RunView, snapshot: Snapshot, digit: Digit, view: DigitsView) -> Another:
    """One digit made into each class, by every model."""
    settings, k = search_of(run_view.experiment, view.search), run_view.experiment.data.classes
    X, targets = np.repeat(digit.pixels[None], k, axis=0), np.arange(k)

    def make(explorer: ImageExplorer) -> Another:
        trace = _one_each(explorer.counterfactuals(snapshot, X, targets, settings))
        ends = {name: getattr(trace, name)[:, :, [0, -1]] for name in ("points", "probability")}
        trace = replace(trace, **ends)
        before, after = (read_digits(points).numpy() for points in (digit.pixels, trace.points[:, :, 1]))
        return Another(trace, before, after)

    return answers().about(run_view, ("another", snapshot.epoch, digit.key, settings), make)


def looks(run_view: RunView, snapshot: Snapshot, pictures: Floats, view: DigitsView) -> Floats:
    """Where every model looks in a digit, and in what it has made of it, (m 2 d); ``pictures`` (1+m d): both."""
    settings = attribution_of(view)
    check_effort(run_view, settings, len(pictures))
    question = ("looks", snapshot.epoch, hashlib.sha256(pictures.tobytes()).hexdigest(), settings)

    def make(explorer: ImageExplorer) -> Floats:
        values = explorer.attribute(snapshot, pictures, settings).values  # m 1+m d
        return np.stack([np.stack([values[arm, 0], values[arm, 1 + arm]]) for arm in range(len(values))])

    return answers().about(run_view, question, make)


def _one_each(trace: ImageTrace) -> ImageTrace:
    """One search for each class, where a generator makes several (DiCE): the first."""
    first = np.unique(trace.group, return_index=True)[1]
    if len(first) == len(trace):
        return trace
    by_model = ("points", "steps", "mature", "probability", "predicted", "predicted_final", "cost", "variation")
    chosen = {name: getattr(trace, name)[:, first] for name in by_model}
    rest = {name: getattr(trace, name)[first] for name in ("factuals", "targets", "group", "start_variation")}
    return replace(trace, **chosen, **rest)


def counterfactual_numbers(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> ImageNumbers:
    """How much counterfactual digits change and how smooth they are, over a group of test digits."""
    settings = search_of(run_view.experiment, view.search)
    question = ("numbers", snapshot.epoch, settings)
    return answers().about(
        run_view, question, lambda of: of.counterfactual_numbers(snapshot, settings, count=GROUP, seed=0, level=LEVEL)
    )


def right(run_view: RunView, snapshot: Snapshot) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """How often every model reads the test digits right, all of them, and how far that is from the first one."""

    def make(explorer: ImageExplorer) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        X, y = (part.numpy() for part in explorer.data.test)
        return shares_right(explorer.probabilities(snapshot, X).argmax(-1) == y)

    return answers().about(run_view, ("right", snapshot.epoch), make)


def shares_right(reads: npt.NDArray[np.bool_]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Shares of n answers that are right (m n), with Wilson's interval; and their differences to the first model's,
    answer by answer, with a normal interval: mean ± z · s / √n; NaN for the first itself."""
    n, z = reads.shape[1], NormalDist().inv_cdf((1 + LEVEL) / 2)
    apart = reads.astype(float) - reads[0]
    wide, means = z * apart.std(axis=1) / np.sqrt(n), apart.mean(axis=1)
    means[0] = np.nan
    shares = wilson(reads.mean(axis=1), np.full(len(reads), n), LEVEL)
    return spans(shares), spans(Interval(means, means - wide, means + wide))


def labels_of(explorer: ImageExplorer, snapshot: Snapshot, digit: Digit) -> tuple[int, ...]:
    """The class that an attack leads each model away from (m): the true one, or for a drawing what it reads itself."""
    if digit.label is not None:
        return (digit.label,) * len(explorer.arms)
    return tuple(explorer.probabilities(snapshot, digit.pixels[None])[:, 0].argmax(-1).tolist())


def fooled(
    run_view: RunView, snapshot: Snapshot, digit: Digit, labels: tuple[int, ...], view: DigitsView
) -> AttackedSamples:
    """One digit under attack, for every strength and model."""
    question = ("fooled", snapshot.epoch, digit.key, labels, view.attack, view.within)
    return answers().about(
        run_view,
        question,
        lambda of: of.fool(
            snapshot, digit.pixels[None], np.array(labels)[:, None], EPSILONS, view.attack, bool(view.within)
        ),
    )


def robustness(run_view: RunView, snapshot: Snapshot, view: DigitsView) -> Robustness:
    """How often every model is right under attack, for every strength."""
    question = ("robustness", snapshot.epoch, view.attack, view.within)
    return answers().about(
        run_view,
        question,
        lambda of: of.robustness(
            snapshot, strengths(view), view.attack, bool(view.within), samples=attacked(run_view, view), level=LEVEL
        ),
    )


def attacked(run_view: RunView, view: DigitsView) -> int:
    """How many test digits are attacked for the curve."""
    return (ATTACKED_BROAD if run_view.experiment.model.channels else ATTACKED)[view.attack]


def strengths(view: DigitsView) -> tuple[float, ...]:
    """The strengths at which accuracy is measured: fewer for the attack that takes longer, the paper's 0.1 always."""
    return EPSILONS if view.attack == "fgsm" else EPSILONS[::2]


# -- intervals ---------------------------------------------------------------------------------------------


def spans(interval: Interval) -> tuple[Span, ...]:
    """An interval of m numbers as one span for each."""
    ends = zip(np.asarray(interval.value), np.asarray(interval.low), np.asarray(interval.high), strict=True)
    return tuple(Span(float(value), float(low), float(high)) for value, low, high in ends)


def at_position(interval: Interval, position: int) -> Interval:
    """An interval (m n) at one of its n positions, (m)."""
    return Interval(interval.value[:, position], interval.low[:, position], interval.high[:, position])
