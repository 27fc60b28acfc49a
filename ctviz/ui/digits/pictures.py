"""The pictures of Digits, laid out as image grids of models, classes and frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.data.image_sets import PIXELS
from ctviz.experiments.analyses import AttackedSamples
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.answers import ClassMeans, ImageSample, ImageTrace
from ctviz.figures import digit_words as words
from ctviz.figures.digits.image_grid import ImageGrid, Label, Scale
from ctviz.figures.digits.pictures import greys, quantised
from ctviz.figures.stage.recording import HEADINGS, limits_of
from ctviz.figures.theme import ArmStyle, arm_styles, short_head
from ctviz.training.arm import Arm
from ctviz.ui.digits.answers import Another, Digit, DigitHistory
from ctviz.ui.digits.digits_view import EPSILONS
from ctviz.ui.digits.locks import PAPER_LOCK, locked_pixels

Bools = npt.NDArray[np.bool_]


def of_change(limit: float) -> Scale:
    """What the colours of a change mean."""
    return Scale(limit, "change of a pixel", "darker", "lighter")


STANDS_OUT = 0.998
"""Share of pixels whose attribution the scale of colours covers; the few beyond are drawn in its end's colour."""

PER_ROW = 4
"""Digits in a row of the gallery."""

MOST_STEPS = 200
"""Steps of a search up to which a film shows each: ten pictures of every model."""


# -- names --------------------------------------------------------------------------------------------


def styles_of(experiment: Experiment) -> tuple[ArmStyle, ...]:
    """One style for each model, called by how it was trained, and by its locks where that tells models apart."""
    styles = arm_styles(experiment)
    heads = [arm.rival or HEADINGS[style.role] for style, arm in zip(styles, experiment.arms, strict=True)]
    kinds = [(head, lock_of(arm)) for head, arm in zip(heads, experiment.arms, strict=True)]
    named = []
    for style, (title, limit) in zip(styles, kinds, strict=True):
        head, short = title, short_head(title)
        if kinds.count((head, limit)) > 1:
            title, short = f"{title}: {style.name}", style.name
        elif limit and heads.count(head) > 1:
            title, short = f"{title}, {limit}", f"{short}, locked"
        named.append(ArmStyle(style.name, title, short, style.role, style.dash))
    return tuple(named)


def lock_of(arm: Arm) -> str:
    """What of a digit an arm may not change, in a few words; empty if it may change all of it."""
    if arm.locked == PAPER_LOCK:
        plain = arm.model_copy(update={"locked": (0,)})
        return limits_of(plain).replace("x1", "top and bottom rows")
    return limits_of(arm)


def headings(experiment: Experiment) -> list[Label]:
    """Each model's row: how it was trained, and beneath what it may not change, where that tells models apart."""
    styles, limits = styles_of(experiment), [lock_of(arm) for arm in experiment.arms]
    labels = []
    for style, limit in zip(styles, limits, strict=True):
        title = style.title.removesuffix(f", {limit}")
        siblings = {other for other, one in zip(limits, styles, strict=True) if one.role == style.role}
        note = limit or ("nothing locked" if len(siblings) > 1 else "")
        labels.append(Label(title, note, style.role, style.dash))
    return labels


# -- image grids ---------------------------------------------------------------------------------------------


def of_gallery(picked: ImageSample, at: int) -> ImageGrid:
    """Digits to choose from."""
    count = len(picked.y)
    rows = -(-count // PER_ROW)
    d = picked.X.shape[1]
    images = np.zeros((rows * PER_ROW, 1, d), dtype=np.uint8)
    images[:count, 0] = greys(picked.X)
    present = np.arange(rows * PER_ROW) < count
    mixed = len(set(picked.y.tolist())) > 1
    spare = [""] * (rows * PER_ROW - count)
    labels = [f"{label}" if mixed else "" for label in picked.y] + spare
    names = [
        f"{words.an(int(y))}, test digit {int(index):,}{', chosen' if i == min(at, count - 1) else ''}".capitalize()
        for i, (y, index) in enumerate(zip(picked.y, picked.index, strict=True))
    ] + spare
    return ImageGrid(
        rows=[""] * rows,
        columns=[""] * PER_ROW,
        images=images.reshape(rows, PER_ROW, 1, d),
        captions=_in_rows(labels),
        names=_in_rows(names),
        present=present.reshape(rows, PER_ROW),
        highlight=[divmod(min(at, count - 1), PER_ROW)],
        alt=f"{count} handwritten digits to choose from.",
        size=PIXELS,
        clickable="Click a digit to look at it",
    )


def _in_rows(texts: list[str]) -> list[list[str]]:
    return [texts[start : start + PER_ROW] for start in range(0, len(texts), PER_ROW)]


def of_digit(
    digit: Digit, seen: DigitHistory, experiment: Experiment, locked: Bools, *, bare: bool = True
) -> ImageGrid:
    """One digit as every model looks at it; frames are epochs.

    ``bare``: the digit by itself stands first; not where it is seen beside the grid.
    """
    styles = styles_of(experiment)
    e, m, d = seen.values.shape
    limit = scale_of(seen.values)
    overlays = quantised(seen.values.transpose(1, 0, 2), limit)[0][:, None]  # m 1 e d
    read = seen.probabilities.argmax(-1)  # e m
    captions = [[[words.answer(seen.probabilities[at, arm]) for at in range(e)]] for arm in range(m)]
    marks = [[[words.of_wrong(int(read[at, arm]), digit.label) for at in range(e)]] for arm in range(m)]
    rows = headings(experiment)
    if bare:
        meant = "drawn here" if digit.label is None else f"{words.an(digit.label)} was meant"
        rows, captions, marks = (
            [Label("The digit", digit.words), *rows],
            [[[meant] * e], *captions],
            [[[""] * e], *marks],
        )
        overlays = np.concatenate([np.zeros((1, 1, e, d), dtype=np.int8), overlays])
    told = ", ".join(f"{style.title} reads {words.an(int(read[-1, i]))}" for i, style in enumerate(styles))
    return ImageGrid(
        rows=rows,
        columns=[""],
        images=np.broadcast_to(greys(digit.pixels), (len(rows), 1, 1, d)).copy(),
        overlays=overlays,
        scale=Scale(limit, "attribution to the answer"),
        frames=[f"epoch {epoch}" for epoch in seen.epochs],
        axis="Epoch",
        captions=captions,
        marks=marks,
        outline=locked if locked.any() else None,
        outlined=whose_lock(experiment),
        alt=f"{digit.words}, and where each model looks to read it. {told}.",
        size=PIXELS,
    )


def scale_of(values: npt.NDArray[Any]) -> float:
    """The attribution at which colours are full, one for all models and frames."""
    size = np.abs(np.nan_to_num(values))
    return float(np.quantile(size, STANDS_OUT)) or float(size.max()) or 1.0


def of_classes(
    means: ClassMeans, digits: npt.NDArray[Any], experiment: Experiment, locked: Bools, sign: str
) -> ImageGrid:
    """Where every model looks in each class on average, over the mean digit of the class."""
    signed = sign == "signed"
    values = np.asarray(means.signed if signed else means.mean)  # m k d
    m, k, d = values.shape
    limit = scale_of(values)
    over, _ = quantised(values, limit)
    scale = (
        Scale(limit, "mean attribution")
        if signed
        else Scale(limit, "mean strength, 0 to 1 for each digit", "none", "much", signed=False)
    )
    return ImageGrid(
        rows=headings(experiment),
        columns=[str(c) for c in range(k)],
        images=np.broadcast_to(greys(digits)[None, :, None], (m, k, 1, d)).copy(),
        overlays=over[:, :, None],
        scale=scale,
        outline=locked if locked.any() else None,
        outlined=whose_lock(experiment),
        alt=f"Mean attributions of {m} models in ten classes of digits, one row for each model.",
        size=PIXELS,
    )


def of_counterfactuals(trace: ImageTrace, digit: Digit, experiment: Experiment) -> ImageGrid:
    """One digit on its way to each class, one row for each model; frames are steps of the search."""
    styles = styles_of(experiment)
    shown = steps_shown(trace.points.shape[2] - 1, int(trace.steps.max(initial=1)))
    points = trace.points[:, :, shown]
    m, k, _, _ = points.shape
    over, _ = quantised(points - points[:, :, :1], 2.0)
    captions = [[[words.percent(float(chance)) for chance in trace.probability[arm, c, shown]] for c in range(k)]
                for arm in range(m)]  # fmt: skip
    marks = [[[_states(trace, arm, c)[step] for step in shown] for c in range(k)] for arm in range(m)]
    arrived = [f"{style.title}: {got} of {asked}" for style, (got, asked) in zip(styles, arrivals(trace), strict=True)]
    return ImageGrid(
        rows=headings(experiment),
        columns=[f"→ {c}" for c in range(k)],
        images=greys(points),
        overlays=over,
        scale=of_change(2.0),
        frames=[f"step {step}" for step in shown],
        axis="Search step",
        captions=captions,
        marks=marks,
        outline=_outlines(experiment),
        outlined="may not change",
        alt=f"{digit.words} on its way to each of ten classes. Arrived: {'; '.join(arrived)}.",
        size=PIXELS,
    )


def of_another(found: Another, digit: Digit, to: int, experiment: Experiment, *, told: bool) -> ImageGrid:
    """One digit before and after it was to become another one, and what changed; one row for each model.

    ``told``: what the reader reads after the change.
    """
    trace = found.trace
    first, last = trace.points[:, to, 0], trace.points[:, to, 1]  # m d
    m, d = last.shape
    over = np.zeros((m, 3, 1, d), dtype=np.int8)
    over[:, 2, 0] = quantised(last - first, 2.0)[0]
    chances = [(float(chance[0]), float(chance[1])) for chance in trace.probability[:, to]]
    answers = [(int(trace.predicted[arm, to]), int(trace.predicted_final[arm, to])) for arm in range(m)]
    after = [f"reader: {words.answer(found.after[arm, to])}" if told else "" for arm in range(m)]
    alt = [f"{style.title} reads {words.an(answers[arm][1])}" for arm, style in enumerate(styles_of(experiment))]
    return ImageGrid(
        rows=headings(experiment),
        columns=["Before", "After", "What changed"],
        images=greys(np.stack([first, last, first], axis=1))[:, :, None],
        overlays=over,
        scale=of_change(2.0),
        captions=[
            [
                f"model: {answers[arm][0]}",
                f"model: {answers[arm][1]}" + (f" · {words.percent(chances[arm][1])}" if answers[arm][1] == to else ""),
                "",
            ]
            for arm in range(m)
        ],
        marks=[[f"reader: {words.answer(found.before)}" if told else "", after[arm], ""] for arm in range(m)],
        outline=_outlines(experiment),
        outlined="may not change",
        highlight=[(arm, 1) for arm in range(m)],
        alt=f"{digit.words}, before and after it was to become {words.an(to)}. {'; '.join(alt)}.",
        size=PIXELS,
    )


def of_looks(found: Another, values: npt.NDArray[Any], to: int, experiment: Experiment) -> ImageGrid:
    """Where every model looks (m 2 d) in a digit, and in what it has made of it."""
    points = found.trace.points[:, to]  # m 2 d
    limit = scale_of(values)
    return ImageGrid(
        rows=headings(experiment),
        columns=["Looks here before", "And after"],
        images=greys(points)[:, :, None],
        overlays=quantised(values, limit)[0][:, :, None],
        scale=Scale(limit, "attribution to the answer"),
        captions=[
            [f"model: {answer[arm, to]}" for answer in (found.trace.predicted, found.trace.predicted_final)]
            for arm in range(len(points))
        ],
        alt="Where each model looks, in the digit as it was and in what it has made of it.",
        size=PIXELS,
    )


def of_targets(found: Another, to: int, experiment: Experiment, *, told: bool) -> ImageGrid:
    """The digit after it was to become each class, small, to choose from. ``told``: what the reader reads."""
    points = found.trace.points[:, :, 1]  # m c d
    read = found.after.argmax(-1)
    m, k = read.shape
    captions = [[f"reads {read[arm, c]}" for c in range(k)] for arm in range(m)] if told else ()
    marks = [["right" if read[arm, c] == c else "wrong" for c in range(k)] for arm in range(m)] if told else ()
    return ImageGrid(
        rows=headings(experiment),
        columns=[f"→ {c}" for c in range(k)],
        images=greys(points)[:, :, None],
        captions=captions,
        marks=marks,
        highlight=[(arm, to) for arm in range(m)],
        alt=f"The same digit made into each of {k} classes, by each of {m} models.",
        size=PIXELS,
        clickable="Click a digit to see it large",
    )


def _outlines(experiment: Experiment) -> npt.NDArray[np.bool_] | None:
    outline = np.stack([outline_of(arm) for arm in experiment.arms])
    return outline if outline.any() else None


def steps_shown(steps: int, taken: int) -> list[int]:
    """The steps that a film of searches of at most ``steps`` shows: all of them; or where these would be too many to
    send, those until the last search has ended (``taken``), every so many."""
    if steps > MOST_STEPS:
        steps = max(taken, 1)
    apart = 1 if steps <= MOST_STEPS else -(-steps // (MOST_STEPS // 2))
    return [*range(0, steps, apart), steps]


def whose_lock(experiment: Experiment) -> str:
    """What the outlined pixels are called: a lock may be that of one model among several."""
    holders = [arm for arm in experiment.arms if arm.locked and arm.trains_on_counterfactuals]
    # Where nothing is learnt from counterfactuals, or all that learn are locked alike, there is no need to tell.
    taught = [arm for arm in experiment.arms if arm.trains_on_counterfactuals]
    if len(holders) == len(taught) and len({arm.locked for arm in holders}) <= 1:
        return words.LOCKED
    return f"pixels locked for {'one' if len(holders) == 1 else 'some'} of the models"


def limits_apart(experiment: Experiment) -> tuple[str, ...]:
    """Of each model, how its searches are limited otherwise than the first one's, (m); empty where they are alike."""
    locked = [outline_of(arm) for arm in experiment.arms]
    rest = [(arm.increase_only, arm.decrease_only, arm.ranges) if arm.holds("advice") else ((), (), ())
            for arm in experiment.arms]  # fmt: skip
    said = []
    for mask, ways in zip(locked, rest, strict=True):
        more = int(mask.sum()) - int(locked[0].sum())
        if more:
            said.append(f"{'fewer' if more > 0 else 'more'} pixels may change")
        elif (mask != locked[0]).any():
            said.append("other pixels may change")
        else:
            said.append("" if ways == rest[0] else "pixels may change in other ways")
    return tuple(said)


def outline_of(arm: Arm) -> Bools:
    """Pixels that an arm's advice may not change, (d)."""
    return locked_pixels(arm.locked if arm.holds("advice") else ())


def arrivals(trace: ImageTrace) -> list[tuple[int, int]]:
    """Of each model, how many of the searches end in the class aimed at, and how many there are: a class that it
    reads already is no search."""
    asked = trace.judged
    return [(int((trace.valid[arm] & asked[arm]).sum()), int(asked[arm].sum())) for arm in range(len(asked))]


def _states(trace: ImageTrace, arm: int, c: int) -> list[str]:
    """What has become of a search after each step: it may arrive without being sure, as sure as τ asks for."""
    frames = trace.points.shape[2]
    if int(trace.predicted[arm, c]) == int(trace.targets[c]):
        return ["read already"] * frames
    steps, mature = int(trace.steps[arm, c]), bool(trace.mature[arm, c])
    end = "mature" if mature else "unsure" if trace.valid[arm, c] else "failed"
    return ["searching" if step < steps else end for step in range(frames)]


def of_fooled(fooled: AttackedSamples, digit: Digit, labels: Sequence[int], experiment: Experiment) -> ImageGrid:
    """One digit under attack on each model; frames are how far each pixel may be moved.

    ``labels``: what each model is to be talked out of (m).
    """
    points = np.asarray(fooled.points)[:, :, 0]  # m n d
    said = np.asarray(fooled.probabilities)[:, :, 0]  # m n k
    m, n, _ = points.shape
    over, _ = quantised(points - points[:, :1], 0.3)
    captions = [[[words.answer(said[arm, at]) for at in range(n)]] for arm in range(m)]
    read, known = said.argmax(-1), digit.label is not None
    marks = [
        [[words.of_attacked(int(read[arm, at]), label, known=known) for at in range(n)]]
        for arm, label in enumerate(labels)
    ]
    return ImageGrid(
        rows=headings(experiment),
        columns=[""],
        images=greys(points)[:, None],
        overlays=over[:, None],
        scale=of_change(0.3),
        frames=[f"at ε {epsilon:.2f}" for epsilon in EPSILONS],
        axis="Strength ε",
        captions=captions,
        marks=marks,
        alt=f"{digit.words} under attack: how far each model can be fooled.",
        size=PIXELS,
    )


def epochs_at(frames: Sequence[int], frame: int | None) -> int | None:
    """The epoch of a frame; None for the newest, which a growing run moves on."""
    return None if frame is None or frame >= len(frames) - 1 else frames[frame]
