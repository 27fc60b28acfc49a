"""Locks without protection: whether a model still leans on a locked feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctviz.experiments.config import Experiment
from ctviz.prose import listed
from ctviz.studies.draw import Panel, Variant
from ctviz.studies.shown import LOCKED_COST, LOCKED_VALIDITY, SHARE, TILT
from ctviz.studies.study import DeepLink, Finding, Study, StudyMetric, Told, by_panel, interval, stack
from ctviz.studies.summary import CONVENTIONAL, by_draw, difference, values_of
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

UNLOCKED, BARE, PROTECTED = "lock in advice alone", "lock without protection", "lock with protection"


def arms_of(base: Experiment, locked: int) -> list[Arm]:
    """The four arms, with the search and the weights of a preset's last arm."""
    own = base.arms[-1].model_dump()
    names = ("generator", "step_size", "tau", "lambda_div", "lambda_adv", "lambda_reg")
    shared: dict[str, Any] = {name: own[name] for name in names} | {"locked": (locked,)}
    off = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}
    return [
        Arm(name="vanilla", **{**shared, **off, "lock_when": "searching"}),
        Arm(name="free", **shared, lock_when="searching"),
        Arm(name="bare", **shared, shield="off"),
        Arm(name="shielded", **shared),
    ]


def _panel(name: str, title: str, preset: str, locked: int) -> Panel:
    base = Experiment.preset(preset)
    experiment = stack(base, {"evaluation.every": 100}, arms_of(base, locked))
    variants = (
        Variant(CONVENTIONAL, "vanilla"), Variant(UNLOCKED, "free"),
        Variant(BARE, "bare"), Variant(PROTECTED, "shielded"),
    )  # fmt: skip
    return Panel(name, title, experiment, variants)


PANELS = (
    _panel("proxies", "Normal data (linear models)", "proxies", 1),
    _panel("figure1", "Figure 1 of the paper", "figure1", 1),
    _panel("moons", "Moons", "lock", 0),
)


# -- how it is told ----------------------------------------------------------------------------------------


def finding(table: pd.DataFrame, metric: StudyMetric) -> Finding:
    """With protection against without, draw by draw; and both against a lock that acts in advice alone."""
    said, sentences = by_panel(PANELS, table, lambda panel, own: _tell(panel, own, metric))
    return Finding(_headline(said["helped"], said["reversed"], said["other"]), sentences, tuple(said["helped"]))


def _tell(panel: Panel, own: pd.DataFrame, metric: StudyMetric) -> Told:
    shown = values_of(own, metric.column)
    shown["value"] *= metric.scale
    rows = (by_draw(shown[shown["variant"] == name]) for name in (BARE, PROTECTED, UNLOCKED))
    numbers = [interval(found, metric.unit) for found in rows]
    said = f"{numbers[0]} without protection, {numbers[1]} with it, {numbers[2]} where the lock acts in advice alone"
    share = values_of(own, "share")
    bare, protected, free = (share[share["variant"] == name] for name in (BARE, PROTECTED, UNLOCKED))
    sign = difference(bare, protected).sign
    meaning = _meaning(sign, difference(bare, free).sign, difference(protected, free).sign)
    return ({1: "helped", 0: "other", -1: "reversed"}[sign],), f"{panel.title}: {said}. {meaning}"


def _meaning(protection: int, bare: int, protected: int) -> str:
    """In terms of the share: what protection does, and whether a lock in training beats none."""
    first = {
        1: "Protection makes the model lean on the feature less",
        0: "What protection does to the model could be chance",
        -1: "Protection makes the model lean on the feature more",
    }[protection]
    if bare == protected == 0:
        return f"{first}. With it or without, no difference to a training that knows no lock can be told from chance."
    leaning = {1: "more", 0: "no differently by more than chance", -1: "less"}
    return (
        f"{first}. Compared with a training that knows no lock, models lean on it {leaning[bare]} without protection, "
        f"{leaning[protected]} with it."
    )


def _headline(helped: list[str], reversed_: list[str], other: list[str]) -> str:
    if not helped and not reversed_:
        return f"Whether protection acts could be chance on {listed(other)}" if other else "Nothing measured yet"
    parts = [f"away from the locked feature on {listed(helped)}"] if helped else []
    if reversed_:
        parts.append(f"towards {'it' if helped else 'the locked feature'} on {listed(reversed_)}")
    rest = f"; no effect shows on {listed(other)}" if other else ""
    return f"Protection turns models {', and '.join(parts)}{rest}"


def _doors() -> tuple[DeepLink, ...]:
    base = Experiment.preset("proxies").replace({"data.signal": 3.0})
    query = tuple(base.replace({"arms": arms_of(base, 1)}).to_query().items())
    return (
        DeepLink("actionability", "Open the linear models under their locks", query),
        DeepLink("boundaries", "See their boundaries turn", query),
    )


STUDY = Study(
    name="locks",
    title="Locks without protection",
    question="What if searches leave a feature alone, but the divergence still compares it with real data?",
    expected="Protection takes the locked feature out of the divergence. Without it, the divergence goes on teaching "
    "the model what real data look like in that feature, so that it keeps leaning on it.",
    advice="Keep protection on (shield). Then measure: look at the share of the locked feature and at the tilt of the "
    "boundary, for the promise is proven for linear models and normal data alone. Where advice under the lock has to "
    "go beyond the real samples, protection does not help.",
    kind="dots",
    shown=(SHARE, TILT, LOCKED_COST, LOCKED_VALIDITY),
    finding=finding,
    links=_doors(),
    panels=PANELS,
    measures=("locks",),
    metrics=("share", "tilt", "cost", "validity", "loss_div", "validation_accuracy", "trained_mature"),
    seeds=20,
)
