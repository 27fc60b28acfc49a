"""Locked pixels: which ones, in which models, and the controls for them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctviz.data.image_sets import PIXEL_NAMES, PIXELS
from ctviz.data.schema import FeatureRef, resolve
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.ui.digits.answers import mean_digits
from ctviz.ui.digits.components import paint_mask
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.memory import memory, seen_last
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.service import Service

Bools = npt.NDArray[np.bool_]

PAPER_LOCK = ("rows 1-5", "rows 24-28")
"""What the paper locks: the top and the bottom five rows."""

LOCKS = {
    "paper": "Top and bottom five rows (the paper)",
    "none": "Nothing",
    "paint": "Paint them",
}

ALL_LOCKED = (
    "With every pixel locked nothing can change: there is no counterfactual to find, and none to learn from. "
    "Leave some pixels free."
)


def lockable(experiment: Experiment) -> tuple[Arm, ...]:
    """The models that the locks on this page are for: those named as locked if there are any, else all."""
    named = tuple(arm for arm in experiment.arms if "lock" in arm.name)
    return named or experiment.arms


def locked_pixels(refs: tuple[FeatureRef, ...]) -> Bools:
    """Which pixels are locked, (d)."""
    mask = np.zeros(len(PIXEL_NAMES), dtype=bool)
    for ref in refs:
        mask[list(resolve(ref, PIXEL_NAMES, PIXELS))] = True
    return mask


def usual(mask: Bools, ref: str) -> tuple[FeatureRef, ...]:
    """A mask by its usual name where it has one."""
    if not mask.any():
        return ()
    return PAPER_LOCK if (mask == locked_pixels(PAPER_LOCK)).all() else (ref,)


def choose_locks(service: Service, draft: Draft[DigitsView]) -> None:
    """Which pixels are locked: those of the paper, none, or painted ones."""
    arms = lockable(draft.experiment)
    refs = arms[-1].locked
    shown = "none" if not refs else "paper" if refs == PAPER_LOCK else "paint"
    if memory().painting or "locked" in draft.pending:
        shown = "paint"
    some = "" if len(arms) == len(draft.experiment.arms) else ", in the model trained with a lock"

    def take(kind: str) -> None:
        memory().painting = kind == "paint"
        if kind != "paint":
            memory().painted = None
            lock(draft, PAPER_LOCK if kind == "paper" else ())

    bind.choice(
        f"Locked pixels{some}", LOCKS, bind.to("digits-locks", shown, take), kind="list", words=LOCKS,
        help="Counterfactuals may not change these pixels, and training leaves them out of what it compares with real "
        "digits, so that the model learns to lean on them less.",
    )  # fmt: skip
    if shown == "paint":
        _paint(service, draft, refs)
    bind.say_why_not(draft, "locked", lambda why: ALL_LOCKED if "left free" in why else why)


def lock(draft: Draft[DigitsView], refs: tuple[FeatureRef, ...]) -> None:
    """Locks pixels in the models that the locks are for; in a conventional one that changes its advice alone."""
    draft.change("locked", {f"arms.{arm.name}.locked": refs for arm in lockable(draft.experiment)})


def _paint(service: Service, draft: Draft[DigitsView], refs: tuple[FeatureRef, ...]) -> None:
    run_view = service.run_view(draft.experiment.key) or seen_last(service)[0]
    under = np.full(len(PIXEL_NAMES), -1.0, np.float32) if run_view is None else mean_digits(run_view).mean(0)
    painted = paint_mask(under, key="digits-mask", initial=refs)
    if painted.ref != memory().painted and (painted.mask != locked_pixels(refs)).any():
        memory().painted = painted.ref
        lock(draft, usual(painted.mask, painted.ref))
        run_again()
