"""The paper's four studies as sweeps (REFERENCE: section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import PRESETS
from ctviz.experiments.protocol import Protocol
from ctviz.studies.sweeps.declaration import Axis, Sweep, Value


@dataclass(frozen=True)
class PaperStudy:
    """A study of the paper: the settings that it varies, in words and as axes."""

    title: str
    sentence: str
    axes: tuple[tuple[str, tuple[Value, ...]], ...]


STUDIES: dict[str, PaperStudy] = {
    "penalties": PaperStudy(
        "Penalties",
        "How much weight each of the three penalties has.",
        (
            ("lambda_div", (0.01, 0.1, 1.0)),
            ("lambda_adv", (0.1, 0.25, 1.0)),
            ("lambda_reg", (0.0, 0.01, 0.1, 0.25, 0.5)),
        ),
    ),
    "generators": PaperStudy(
        "Search",
        "How well counterfactuals are searched in training: how sure, how long, how close to the data.",
        (
            ("generator", ("generic", "eccco", "revise")),
            ("tau", (0.5, 0.75, 0.9)),
            ("steps", (5, 25, 50)),
            ("lambda_egy", (0.1, 0.5, 5.0, 10.0, 20.0)),
        ),
    ),
    "training": PaperStudy(
        "Training",
        "How many counterfactuals, from when on, for how long.",
        (
            ("training.n_ce", (100, 1000)),
            ("training.burnin", (0.0, 0.5)),
            ("training.epochs", (50, 100)),
        ),
    ),
    "ablation": PaperStudy(
        "Ablation",
        "Each of the three penalties on and off; on, it has the weight of the arm.",
        (("lambda_div", (0.0,)), ("lambda_adv", (0.0,)), ("lambda_reg", (0.0,))),
    ),
}
"""The studies by name."""


def study(name: str, data: str | Experiment = "moons", seeds: int = 1, protocol: Protocol | None = None) -> Sweep:
    """A study of the paper on a data set (the preset of that name) or for an experiment with an arm ``full``.

    Raises:
        ConfigError: no such study, or no such data set.
    """
    if name not in STUDIES:
        raise ConfigError("study", name, f"one of {', '.join(STUDIES)}")
    if isinstance(data, str) and data not in PRESETS:
        raise ConfigError("data", data, f"one of {', '.join(PRESETS)}")
    base = Experiment.preset(data) if isinstance(data, str) else data
    arm = next((arm for arm in base.arms if arm.name == "full"), base.arms[-1])
    on = {setting: (getattr(arm, setting),) if name == "ablation" else () for setting, _ in STUDIES[name].axes}
    axes = tuple(Axis(setting=setting, values=values + on[setting]) for setting, values in STUDIES[name].axes)
    return Sweep(
        name=f"{name} {base.data.name}",
        base=base,
        arm=arm.name,
        axes=axes,
        seeds=seeds,
        protocol=protocol or Protocol.usual(base.data),
    )
