"""Every setting in plain words: what the controls, the help and the sentences about differences call it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ctviz.data.catalogue import DATASETS, DataSettings, feature_name
from ctviz.data.image_sets import IMAGES, ImageSettings
from ctviz.experiments.config import Evaluation, Experiment, parse_value
from ctviz.models.model_settings import ModelSettings
from ctviz.training.arm import Arm
from ctviz.training.schedule import Schedule


@dataclass(frozen=True)
class Words:
    """A setting's label, and one sentence of help with its symbol; ``step`` is what a press on + adds."""

    label: str
    help: str
    step: float = 1.0


SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "data": (DataSettings, ImageSettings),
    "model": (ModelSettings,),
    "training": (Schedule,),
    "evaluation": (Evaluation,),
    "arms": (Arm,),
}

WORDS: dict[str, Words] = {
    "data.name": Words("Data", "Which points the models learn from."),
    "data.noise": Words("Noise", "How far the points stray from their shape.", 0.05),
    "data.separation": Words("Separation", "How far apart the classes lie; empty leaves it to the data set.", 0.1),
    "data.signal": Words(
        "Signal of x1",
        "How many standard deviations apart the classes lie in x1, the feature that stays free (two Gaussians only).",
        0.5,
    ),
    "data.correlation": Words(
        "Correlation (ρ)",
        "How far x1 and x2 go up and down together within each class (ρ, two Gaussians only).",
        0.1,
    ),
    "data.n_train": Words("Training points", "How many points the models learn from.", 100),
    "data.n_validation": Words(
        "Validation points", "How many points the numbers beside the picture are measured on.", 100
    ),
    "data.n_test": Words("Test points", "How many points are kept aside until the end.", 100),
    "data.classes": Words("Classes", "How many classes there are (blobs only)."),
    "data.source": Words("Digits", "Those that come with ctviz, or all 60,000, from a folder on this computer."),
    "data.seed": Words("Draw of the data", "Another number draws other points of the same kind."),
    "model.hidden": Words(
        "Hidden layers",
        "Widths of the layers between input and output, such as 32 or 32, 16; empty for a linear model.",
    ),
    "model.activation": Words("Activation", "The bend that each hidden unit puts into its input."),
    "model.channels": Words(
        "Convolutional layers",
        "Channels of the layers that look at 5 × 5 pixels at a time, such as 6, 16; empty for none (images only).",
    ),
    "model.initial": Words("First weights", "How large the random weights are that a model starts from."),
    "training.epochs": Words("Epochs", "How often the models go through all training points.", 10),
    "training.batch": Words("Batch", "Points per step of the optimiser.", 10),
    "training.n_ce": Words(
        "Counterfactuals per epoch", "How many counterfactuals are searched before each epoch (n_ce).", 100
    ),
    "training.burnin": Words(
        "Burn-in", "Share of the epochs that train on the classes alone before counterfactuals come in.", 0.1
    ),
    "training.optimiser": Words("Optimiser", "The rule by which weights follow the gradient."),
    "training.lr": Words("Learning rate", "How large a step of the optimiser is.", 0.001),
    "seed": Words("Seed", "Another number gives other first weights, batches and draws; all models of a run share it."),
    "evaluation.every": Words("Epochs between pictures", "1 keeps every epoch; more makes long runs lighter."),
    "evaluation.also": Words("Further epochs kept", "Epochs that are kept besides, such as the first few."),
    "evaluation.generator": Words(
        "Search for measuring",
        "How the counterfactuals that are measured after each epoch are found.",
    ),
    "evaluation.tau": Words(
        "Confidence (τ) for measuring", "Probability of the class asked for at which a measured search ends (τ).", 0.05
    ),
    "evaluation.steps": Words("Steps (T) for measuring", "The most steps a measured search may take (T).", 10),
    "evaluation.step_size": Words("Step size (η) for measuring", "Length of a step of a measured search (η).", 0.05),
    "evaluation.lambda_cost": Words(
        "Price of distance (λ_cost) for measuring",
        "How much a measured search is held back by distance (λ_cost).",
        0.001,
    ),
    "evaluation.lambda_egy": Words(
        "Pull to plausible (λ_egy) for measuring",
        "How strongly a measured search is pulled towards low energy (λ_egy, ECCCo only).",
        0.5,
    ),
    "evaluation.lambda_gravity": Words(
        "Pull to the data (λ_gravity) for measuring",
        "How strongly a measured search is pulled towards points of the class asked for (Gravitational only).",
        0.1,
    ),
    "evaluation.lambda_diversity": Words(
        "Variety (λ_diversity) for measuring",
        "How strongly the measured counterfactuals of one point push each other apart (λ_diversity, DiCE only).",
        0.05,
    ),
    "evaluation.per_factual": Words(
        "Counterfactuals of each point for measuring", "How many are searched together for one point (DiCE only)."
    ),
    "evaluation.latent": Words(
        "Latent dimensions for measuring", "In how many dimensions a measured search moves (REVISE only)."
    ),
    "evaluation.neighbours": Words(
        "Neighbours for measuring", "How many neighbours each point is joined to on a measured way (FACE only)."
    ),
    "evaluation.gradient_noise": Words(
        "Noise on the gradient for measuring",
        "How far the steps of a measured search are led astray on purpose; 1 is as much noise as gradient.",
        0.5,
    ),
    "evaluation.epsilon": Words(
        "Nascent box (ε) for measuring", "How far a point may move and still count as nascent (ε).", 0.05
    ),
    "evaluation.factuals": Words(
        "Points explained", "How many validation points get a counterfactual for measuring.", 50
    ),
    "evaluation.attack": Words(
        "Strength of the attack (ε)", "How far each feature may be nudged when the models are attacked (FGSM, ε).", 0.05
    ),
    "evaluation.field": Words("Resolution of the picture", "Cells per side of the probability field.", 10),
    "evaluation.paths": Words("Paths drawn", "How many counterfactual paths are recorded per model.", 10),
    "arms.name": Words("Name", "What this model is called; each name once."),
    "arms.lambda_class": Words("Classify (λ_class)", "Weight of getting the classes right (λ_class).", 0.1),
    "arms.lambda_div": Words("Plausible (λ_div)", "Weight of making counterfactuals look like real data (λ_div).", 0.1),
    "arms.lambda_adv": Words(
        "Robust (λ_adv)", "Weight of withstanding small nudges: nascent counterfactuals keep their label (λ_adv).", 0.05
    ),
    "arms.lambda_reg": Words(
        "Steady (λ_reg)", "Weight of keeping the energies small, so that training does not run away (λ_reg).", 0.05
    ),
    "arms.generator": Words("Search", "How the counterfactuals that the model trains on are found."),
    "arms.tau": Words(
        "Confidence (τ)",
        "Probability of the class asked for at which a search ends: the counterfactual is mature (τ).",
        0.05,
    ),
    "arms.steps": Words("Steps (T)", "The most steps a search may take (T).", 5),
    "arms.step_size": Words("Step size (η)", "Length of a step of the search (η).", 0.05),
    "arms.epsilon": Words("Nascent box (ε)", "How far a point may move and still count as nascent (ε).", 0.05),
    "arms.lambda_cost": Words(
        "Price of distance (λ_cost)", "How much a search is held back by distance from where it began (λ_cost).", 0.001
    ),
    "arms.lambda_egy": Words(
        "Pull to plausible (λ_egy)", "How strongly the search is pulled towards low energy (λ_egy, ECCCo only).", 0.5
    ),
    "arms.lambda_gravity": Words(
        "Pull to the data (λ_gravity)",
        "How strongly the search is pulled towards points of the class asked for (λ_gravity, Gravitational only).",
        0.1,
    ),
    "arms.lambda_diversity": Words(
        "Variety (λ_diversity)",
        "How strongly the counterfactuals of one point push each other apart (λ_diversity, DiCE only).",
        0.05,
    ),
    "arms.per_factual": Words(
        "Counterfactuals of each point", "How many are searched together for one point (DiCE only)."
    ),
    "arms.latent": Words("Latent size", "In how many dimensions the search moves (REVISE only)."),
    "arms.neighbours": Words("Neighbours", "How many neighbours each point is joined to on the way (FACE only)."),
    "arms.gradient_noise": Words(
        "Noise on the gradient",
        "How far the steps of the search are led astray on purpose; 1 is as much noise as gradient.",
        0.5,
    ),
    "arms.seed": Words(
        "Own seed", "A seed of its own for this model; empty shares the run's, for a fair comparison.", 1
    ),
    "arms.locked": Words("Locked", "Features that advice may not change."),
    "arms.increase_only": Words("Only up", "Features that advice may only raise."),
    "arms.decrease_only": Words("Only down", "Features that advice may only lower."),
    "arms.ranges": Words("Range", "The lowest and the highest value that advice may give a feature."),
    "arms.lock_when": Words(
        "When the locks hold",
        "Whether locks, directions and ranges hold while the model trains, when it is asked for advice, or both.",
    ),
    "arms.shield": Words(
        "Protection of locked features",
        "Whether training leaves out of its comparison with real data (x⁺) what the locks forbid to change.",
    ),
}
"""Dotted setting → words; the settings of an arm go by ``arms.SETTING``."""

CHOICES = {
    "relu": "ReLU",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softplus": "softplus",
    "adam": "Adam",
    "amsgrad": "AMSGrad",
    "generic": "Shortest way (Generic)",
    "nearest": "Nearest real point",
    "eccco": "Plausible (ECCCo)",
    "gravitational": "Towards the data (Gravitational)",
    "dice": "Several, all different (DiCE)",
    "revise": "Along what data look like (REVISE)",
    "face": "From point to point (FACE)",
    "always": "in training and in advice",
    "training": "in training only",
    "searching": "in advice only",
    "never": "nowhere",
    "on": "on",
    "off": "off",
    "shipped": "those that come with ctviz",
    "folder": "all, from a folder",
    "fan_in": "up to 1/√inputs",
    "glorot": "Glorot's (the paper's)",
    **{name: info.title for name, info in DATASETS.items()},
    **{name: info.title for name, info in IMAGES.items()},
}
"""Option → what a reader sees."""


def generic(path: str) -> str:
    """``arms.full.tau`` → ``arms.tau``; other settings as they are."""
    parts = path.split(".")
    return f"arms.{parts[2]}" if parts[0] == "arms" and len(parts) == 3 else path


def field_of(path: str) -> FieldInfo:
    """The declaration of a setting, with its type and bounds."""
    parts = generic(path).split(".")
    owners = SECTIONS[parts[0]] if len(parts) == 2 else (Experiment,)
    return next(owner.model_fields[parts[-1]] for owner in owners if parts[-1] in owner.model_fields)


def bounds(path: str) -> tuple[float | None, float | None]:
    """The inclusive bounds a control can offer: in place of an exclusive one, the number next to it."""
    low = high = None
    kind = field_of(path).annotation
    whole = int in (kind, *get_args(kind))
    for rule in field_of(path).metadata:
        low = getattr(rule, "ge", low)
        high = getattr(rule, "le", high)
        if (above := getattr(rule, "gt", None)) is not None:
            low = math.nextafter(above, math.inf)
        if (below := getattr(rule, "lt", None)) is not None:
            high = below - 1 if whole else math.nextafter(below, 0)
    return low, high


def value_of(experiment: Experiment, path: str) -> Any:
    """The value of a dotted setting."""
    parts = path.split(".")
    if parts[0] == "arms":
        return getattr(next(arm for arm in experiment.arms if arm.name == parts[1]), parts[2])
    target: Any = experiment
    for part in parts:
        target = getattr(target, part)
    return target


CONSTRAINTS = ("locked", "increase_only", "decrease_only", "ranges")
"""Settings that name features."""


def differences(experiment: Experiment) -> tuple[str, ...]:
    """What differs from the preset of the same data, each in a few words."""
    preset = experiment.data.name
    base = Experiment.preset(preset)
    theirs = {arm.name for arm in base.arms}
    said = []
    for path, text in experiment.to_query(preset).items():
        if path == "preset":
            continue
        if path == "arms":
            said.append(f"models: {', '.join(arm.name for arm in experiment.arms)}")
            continue
        label = WORDS[generic(path)].label
        label = label[0].lower() + label[1:]
        parts = path.split(".")
        arm = parts[1] if parts[0] == "arms" else None
        where = f" ({arm})" if arm else ""
        before = "" if arm and arm not in theirs else f" instead of {plain(value_of(base, path))}"
        now = parse_value(text)
        if parts[-1] in CONSTRAINTS:
            now, before = [_constraint(entry) for entry in now], ""
        said.append(f"{label}{where} {plain(now)}{before}")
    return tuple(said)


def _constraint(entry: Any) -> str:
    """A feature, and where it has one its range."""
    if isinstance(entry, list | tuple):
        return f"{feature_name(entry[0])} from {entry[1]:g} to {entry[2]:g}"
    return feature_name(entry)


def plain(value: Any) -> str:
    """A setting's value as a reader would write it."""
    if value is None:
        return "its own"
    if isinstance(value, str):
        return CHOICES.get(value, value)
    if isinstance(value, Iterable):
        return ", ".join(plain(part) for part in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
