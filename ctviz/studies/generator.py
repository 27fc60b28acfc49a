"""A bad search: which of its harms cost the gain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import STRESSES
from ctviz.prose import listed
from ctviz.studies.draw import Panel, Variant
from ctviz.studies.shown import IP, IP_FINE, IP_STAR
from ctviz.studies.study import DeepLink, Finding, Study, StudyMetric, Told, by_panel, interval, percent, stack
from ctviz.studies.summary import CONVENTIONAL, by_draw, difference, gains
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "Steps T": ("steps", (1, 2, 5, 10, 30)),
    "Noise in each step": ("gradient_noise", (0, 1, 3, 10)),
    "Length of a step η": ("step_size", (0.005, 0.02, 0.25, 1, 5)),
}
"""Kind of disturbance → its setting and doses, including that of the undisturbed search."""

UNDISTURBED: dict[str, float] = {"Steps T": 30, "Noise in each step": 0, "Length of a step η": 0.25}
"""The dose of each kind at which the search is that of the paper."""

METHODS = ("eccco", "generic", "revise")
METHOD = "Generator"


def _panel(name: str, title: str, tau: float, ridge: float) -> Panel:
    shared: dict[str, Any] = {"tau": tau, "lambda_reg": ridge}
    arms = [Arm.variant("vanilla"), Arm.variant("full", **shared)]
    variants = [Variant(CONVENTIONAL, "vanilla")]
    for kind, (setting, doses) in KINDS.items():
        for i, dose in enumerate(doses):
            sound = dose == UNDISTURBED[kind]
            arm = "full" if sound else f"{setting.replace('_', ' ')} {i}"
            variants.append(Variant(kind, arm, float(dose)))
            if not sound:
                arms.append(Arm.variant(arm, **shared, **{setting: dose}))
    for i, method in enumerate(METHODS):
        arm = "full" if i == 0 else method
        variants.append(Variant(METHOD, arm, float(i)))
        if i:
            arms.append(Arm.variant(arm, **shared, generator=method))
    experiment = stack(Experiment.preset(name), {"evaluation.every": 20}, arms)
    return Panel(name, title, experiment, tuple(variants))


def dose_words(kind: str, dose: float) -> str:
    """A dose as it is written on the axis: ``30``, ``0.005``, ``revise``."""
    return METHODS[int(dose)] if kind == METHOD else f"{dose:g}"


def undisturbed_dose(kind: str) -> float:
    """The dose of the undisturbed search."""
    return UNDISTURBED.get(kind, 0.0)


PANELS = (
    _panel("ls", "Linearly separable", 0.5, 0.01),
    _panel("moons", "Moons", 0.75, 0.1),
    _panel("circles", "Circles", 0.5, 0.1),
)


# -- how it is told ----------------------------------------------------------------------------------------


CHANCE = "Each dose is compared by itself: of a hundred such comparisons one comes out by chance alone."


def finding(table: pd.DataFrame, metric: StudyMetric) -> Finding:
    """Every dose against the undisturbed search, draw by draw."""
    said, sentences = by_panel(PANELS, table, lambda panel, own: _tell(panel, own, metric))
    return Finding(
        _headline(said["gone"], said["less"], said["unhurt"], said["unclear"]),
        (*sentences, CHANCE) if sentences else (),
        tuple(said["hurt"]),
    )


def _tell(panel: Panel, own: pd.DataFrame, metric: StudyMetric) -> Told | None:
    found = gains(own, metric.column)
    if not len(found):
        return None
    losses, wins, gone = _doses_compared(found)
    usual = by_draw(found[(found["variant"] == METHOD) & (found["dose"] == 0)])
    clear = "gone" if gone else "less" if losses else "unhurt"
    said = f"{panel.title}: the undisturbed search gains {interval(usual, '%')}"
    said += ". " if usual.sign > 0 else ", which cannot be told from none. "
    said += f"Less with {listed(losses)}" if losses else "With none of the harms is it less by more than chance"
    groups = (clear if usual.sign > 0 else "unclear", *(("hurt",) if losses else ()))
    return groups, f"{said}{'; more with ' + listed(wins) if wins else ''}."


def _doses_compared(found: pd.DataFrame) -> tuple[list[str], list[str], bool]:
    """The harms that cost some of the gain, those that add to it, and whether one costs all of it."""
    losses, wins, gone = [], [], False
    for kind in (*KINDS, METHOD):
        own = found[found["variant"] == kind]
        sound = own[own["dose"] == undisturbed_dose(kind)]
        for dose in (dose for dose in own["dose"].unique() if dose != undisturbed_dose(kind)):
            rows = own[own["dose"] == dose]
            sign, left = difference(sound, rows).sign, by_draw(rows)
            said = f"{_harm(kind, dose)} ({percent(left.value)})"
            gone = gone or (sign > 0 and left.sign <= 0)
            losses += [said] if sign > 0 else []
            wins += [said] if sign < 0 else []
    return losses, wins, gone


def _harm(kind: str, dose: float) -> str:
    text = dose_words(kind, dose)
    return {
        "Steps T": f"{text} step{'s' if dose != 1 else ''}",
        "Noise in each step": f"noise {text} times the gradient",
        "Length of a step η": f"η = {text}",
    }.get(kind, text.upper() if text == "revise" else text)


def _headline(gone: list[str], less: list[str], unhurt: list[str], unclear: list[str]) -> str:
    """What the worst of the harms does, where there is a gain to lose."""
    parts = [f"all of the gain on {listed(gone)}"] if gone else []
    parts += [f"some of it on {listed(less)}" if gone else f"some of the gain on {listed(less)}"] if less else []
    rest = [f"no loss shows on {listed(unhurt)}"] if unhurt and parts else []
    rest += [f"on {listed(unclear)} there is no clear gain to lose"] if unclear else []
    if parts:
        return "; ".join([f"A bad search can cost {listed(parts)}", *rest])
    if unhurt:
        return "; ".join([f"A bad search costs no gain that shows on {listed(unhurt)}", *rest])
    return rest[0][0].upper() + rest[0][1:] if rest else "Nothing measured yet"


def _link() -> DeepLink:
    words = "Watch its searches: " + listed([STRESSES[name].title.lower() for name in ("few", "tiny", "noisy")])
    return DeepLink("trajectories", words, (("preset", "stress"),))


STUDY = Study(
    name="generator",
    title="A bad search",
    question="How much worse may the search for counterfactuals be before training with it stops helping?",
    expected="Counterfactual training learns from what its search finds. If the search stops too early, staggers, or "
    "leaps across the data, counterfactuals are rare or wrong, and the gain should shrink with the dose.",
    advice="Where classes lie far apart, give the search room: T · η has to span the distance. Where they lie close, a "
    "few steps do. Before paying for a better generator, compare it with two steps of the simplest one.",
    kind="doses",
    shown=(IP_STAR, IP, IP_FINE),
    finding=finding,
    links=(_link(),),
    panels=PANELS,
    measures=("fine",),
    metrics=("ip", "ip_star", "ip_fine", "cost", "validity", "robust_accuracy", "loss_div", "trained_mature"),
)
