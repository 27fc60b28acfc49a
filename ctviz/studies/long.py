"""Training ten times as long: whether what was gained is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment
from ctviz.prose import listed
from ctviz.studies.draw import Panel, Variant
from ctviz.studies.shown import (
    ACCURACY,
    COST,
    DISTANCE,
    DISTANCE_FINE,
    ENERGY,
    IP,
    IP_FINE,
    IP_STAR,
    MATURE,
    ROBUST,
)
from ctviz.studies.study import DeepLink, Finding, Study, StudyMetric, Told, by_panel, interval, number, stack
from ctviz.studies.summary import CONVENTIONAL, Mean, by_draw, difference, gains, values_of

if TYPE_CHECKING:
    import pandas as pd

EPOCHS = 1000
USUAL = 100

TRAINED = "counterfactual training"


def _panel(name: str, title: str) -> Panel:
    base = Experiment.preset(name).replace({"training.epochs": EPOCHS})
    changes: dict[str, object] = {"evaluation.every": 50, "evaluation.also": (10, 25)}
    experiment = stack(base, changes, [arm.model_copy() for arm in base.arms])
    return Panel(name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), Variant(TRAINED, "full")))


PANELS = (_panel("moons", "Moons"), _panel("circles", "Circles"), _panel("ls", "Linearly separable"))


# -- how it is told ----------------------------------------------------------------------------------------


COMPARED = ("ip", "ip_fine", "ip_star", "cost")
"""Metrics of which less is better, and of which gains are taken."""

ALSO = {
    "energy": "the mean energy",
    "validation_accuracy": "accuracy",
    "robust_accuracy": "accuracy under attack",
    "mature": "the share of searches that arrive",
}
"""What else is told of the longer training, where it is no chance."""


def finding(table: pd.DataFrame, metric: StudyMetric) -> Finding:
    """The gain after the usual number of epochs against that after ten times as many, draw by draw."""
    chosen = metric.column if metric.column in COMPARED else "ip"
    said, sentences = by_panel(PANELS, table, lambda panel, own: _tell(panel, own, chosen, metric.column))
    headline = _of_other(said, ALSO[metric.column]) if metric.column in ALSO else _headline(_names(chosen), said)
    return Finding(headline if sentences else "Nothing measured yet", sentences, (*said["gone"], *said["less"]))


def _tell(panel: Panel, own: pd.DataFrame, chosen: str, shown: str) -> Told | None:
    found = gains(own, chosen)
    if not len(found):
        return None
    last = int(found["epoch"].max())
    usual = min(found["epoch"].unique(), key=lambda epoch: abs(epoch - USUAL))
    early, late = found[found["epoch"] == usual], found[found["epoch"] == last]
    apart, left, before = difference(early, late), by_draw(late), by_draw(early)
    less = "keeps" if apart.sign <= 0 else "less" if left.sign > 0 else "gone"
    groups = [less if before.sign > 0 else "unclear"]
    groups += [MOVED[_moved(own, shown, usual, last).sign]] if shown in ALSO else []
    said = f"{panel.title}: the gain in {_names(chosen)} is {interval(before, '%')} after {usual} epochs and "
    said += f"{interval(left, '%')} after {last:,}"
    meaning = _meaning(before.sign, apart.sign, left.sign)
    return tuple(groups), f"{said}. {meaning} {_changes(own, usual, last)}".rstrip()


def _names(metric: str) -> str:
    return {"ip": "IP", "ip_fine": "IP (short steps)", "ip_star": "IP*", "cost": "cost"}[metric]


def _meaning(before: int, decay: int, left: int) -> str:
    if before < 0:
        return "The conventional model was the better one from the start."
    if before == 0:
        return "The first could not be told from none, so that there was no certain gain to lose."
    change = {1: "It has shrunk", 0: "The change could be chance", -1: "It has grown"}[decay]
    rest = {
        1: "what is left is no chance",
        0: "what is left cannot be told from none",
        -1: "the conventional model is the better one by then",
    }[left]
    return f"{change}; {rest}."


def _changes(own: pd.DataFrame, usual: int, last: int) -> str:
    """What else has changed in the counterfactually trained model by more than chance."""
    said = []
    for metric, words in ALSO.items():
        rows = _trained(own, metric)
        early, late = by_draw(rows[rows["epoch"] == usual]), by_draw(rows[rows["epoch"] == last])
        if _moved(own, metric, usual, last).sign:
            unit = "" if metric == "energy" else " %"
            said.append(f"{words} goes from {number(early.value)} to {number(late.value)}{unit}")
    return f"With counterfactual training {listed(said)}." if said else ""


def _trained(own: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A metric of the counterfactually trained model, shares in %."""
    rows = values_of(own[own["variant"] == TRAINED], metric)
    return rows.assign(value=rows["value"] * (1 if metric == "energy" else 100))


def _moved(own: pd.DataFrame, metric: str, usual: int, last: int) -> Mean:
    rows = _trained(own, metric)
    return difference(rows[rows["epoch"] == last], rows[rows["epoch"] == usual])


MOVED = {1: "rises", -1: "falls", 0: "does not change by more than chance"}
"""Where a metric goes that is no gain, by the sign of its change: the group of a panel, and words of the headline."""


def _of_other(said: Mapping[str, list[str]], words: str) -> str:
    """The headline of what is no gain: whether it rises or falls."""
    parts = [f"{group} on {listed(said[group])}" for group in MOVED.values() if said[group]]
    return f"Ten times as long, {words} of the counterfactually trained model {listed(parts)}"


def _headline(metric: str, said: Mapping[str, list[str]]) -> str:
    parts = [f"is gone on {listed(said['gone'])}"] if said["gone"] else []
    parts += [f"shrinks on {listed(said['less'])}"] if said["less"] else []
    rest = [f"on {listed(said['keeps'])} no such loss shows"] if said["keeps"] and parts else []
    rest += [f"on {listed(said['unclear'])} there was no clear gain to lose"] if said["unclear"] else []
    if parts:
        return "; ".join([f"Ten times as long, the gain in {metric} {listed(parts)}", *rest])
    if said["keeps"]:
        kept = f"Ten times as long, no loss of the gain in {metric} shows on {listed(said['keeps'])}"
        return "; ".join([kept, *rest])
    return f"Ten times as long, {rest[0]}" if rest else "Nothing measured yet"


def _link() -> DeepLink:
    changes = {"training.epochs": EPOCHS, "evaluation.every": 20, "evaluation.field": 60}
    query = Experiment.preset("circles").replace(changes).to_query()
    return DeepLink("boundaries", "Train the circles for 1,000 epochs", tuple(query.items()))


STUDY = Study(
    name="long",
    title="Training for long",
    question="Does the gain last if training goes on ten times as long?",
    expected="The method promises a model whose advice is plausible, not one that is so for a while. Whether that "
    "holds beyond the paper's 100 epochs is an open question.",
    advice="Stop by the plausibility of advice on validation data, not by the loss: it goes on falling when "
    "plausibility no longer rises. And search advice in short steps, for both models: the steeper a model grows, the "
    "farther a step of fixed length leaps.",
    kind="epochs",
    shown=(IP, IP_FINE, IP_STAR, DISTANCE, DISTANCE_FINE, COST, ROBUST, ACCURACY, ENERGY, MATURE),
    finding=finding,
    links=(_link(),),
    panels=PANELS,
    measures=("fine", "energy"),
    metrics=(
        "ip",
        "ip_star",
        "ip_fine",
        "cost",
        "cost_fine",
        "validity",
        "validation_accuracy",
        "robust_accuracy",
        "energy",
        "mature",
        "all_skipped",
    ),
    seeds=8,
    every_epoch=True,
)
