"""Every setting once: what it is called and what it does, its symbol, its step, its options, the values swept first.

Type, range and usual value stand with the setting's own field, and are read from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ctviz.data.catalogue import DATASETS, FEATURE_NAMES, DataSettings, feature_name
from ctviz.data.drawn import DRAWN, DrawnSettings
from ctviz.data.drawn import TITLE as DRAWN_TITLE
from ctviz.data.image_sets import IMAGES, ImageSettings
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.methods import METHODS
from ctviz.experiments.config import Evaluation, Experiment, parse_value
from ctviz.experiments.protocol import Protocol
from ctviz.models.model_settings import ModelSettings
from ctviz.prose import inside, listed, spelled
from ctviz.training.arm import Arm
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.schedule import Schedule

SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "data": (DataSettings, DrawnSettings, ImageSettings, TableSettings),
    "model": (ModelSettings,),
    "training": (Schedule,),
    "evaluation": (Evaluation,),
    "arms": (Arm,),
    "attribution": (AttributionSettings,),
    "protocol": (Protocol,),
}
"""The first part of a setting's path → the records that have it."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        path: dotted; the settings of an arm go by ``arms.SETTING``.
        title: what it is called, without its symbol.
        help: what it does, in one sentence.
        symbol: what papers call it; the label ends with it.
        short: what it is called where there is little room; by default its symbol, else its title.
        step: what a press on + adds.
        choices: option → what a reader sees.
        offered: the values that a sweep over it starts from; empty where the page offers none.
        purpose: what the label ends with where a search is for another purpose than training.
    """

    path: str
    title: str
    help: str
    symbol: str = ""
    short: str = ""
    step: float = 1.0
    choices: Mapping[str, str] = field(default_factory=dict)
    offered: str = ""
    purpose: str = ""

    @property
    def label(self) -> str:
        """Title and symbol, as they stand beside a control."""
        return f"{self.title}{f' ({self.symbol})' if self.symbol else ''}{self.purpose}"

    @property
    def brief(self) -> str:
        """What it is called on the axis of a figure, or where several settings are listed."""
        return self.short or self.symbol or inside(self.title)

    @cached_property
    def declared(self) -> FieldInfo:
        """Its declaration, with type, range and usual value."""
        first, _, name = self.path.rpartition(".")
        owners = SECTIONS[first] if first else (Experiment,)
        return next(owner.model_fields[name] for owner in owners if name in owner.model_fields)

    @property
    def kinds(self) -> tuple[Any, ...]:
        """Its type, and where that has parts (an option, a number or None) those."""
        return (self.declared.annotation, *get_args(self.declared.annotation))

    @property
    def options(self) -> tuple[str, ...]:
        """The options out of which one is chosen; empty for a number, a text or a list."""
        return next((get_args(kind) for kind in self.kinds if get_origin(kind) is Literal), ())

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return int in self.kinds

    @property
    def format(self) -> str:
        """How a control writes its number."""
        return "%d" if self.whole else "%g"

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The inclusive bounds a control can offer: in place of an exclusive one, the number next to it."""
        low = high = None
        for rule in self.declared.metadata:
            low = getattr(rule, "ge", low)
            high = getattr(rule, "le", high)
            if (above := getattr(rule, "gt", None)) is not None:
                low = math.nextafter(above, math.inf)
            if (below := getattr(rule, "lt", None)) is not None:
                high = below - 1 if self.whole else math.nextafter(below, 0)
        return low, high


_DATA = (
    Setting(
        "data.name", "Data", "Which points the models learn from.",
        choices={
            **{name: info.title for name, info in DATASETS.items()},
            DRAWN: DRAWN_TITLE,
            **{name: info.title for name, info in IMAGES.items()},
            **{name: info.title for name, info in TABLES.items()},
        },
    ),
    Setting("data.noise", "Noise", "How far the points stray from their shape.", step=0.05, offered="0.05, 0.1, 0.2"),
    Setting(
        "data.separation", "Separation", "How far apart the classes lie; empty leaves it to the data set.", step=0.1,
    ),
    Setting(
        "data.signal", "Signal of x1",
        "How many standard deviations apart the classes lie in x1, the feature that stays free (two Gaussians only).",
        step=0.5,
    ),
    Setting(
        "data.correlation", "Correlation",
        "How far x1 and x2 go up and down together within each class (ρ, two Gaussians only).", "ρ", step=0.1,
    ),
    Setting("data.n_train", "Training points", "How many points the models learn from.", step=100),
    Setting(
        "data.n_validation", "Validation points", "How many points the numbers beside the picture are measured on.",
        step=100,
    ),
    Setting("data.n_test", "Test points", "How many points are kept aside until the end.", step=100),
    Setting("data.classes", "Classes", "How many classes there are (blobs only)."),
    Setting("data.points", "Points", "Which points were painted, and of which class they are (your own points only)."),
    Setting("data.columns", "Columns", "What the two features are called (your own points only)."),
    Setting("data.labels", "Class names", "What the classes are called, if not by number (your own points only)."),
    Setting(
        "data.source", "Digits", "Those that come with ctviz, or all 60,000, from a folder on this computer.",
        choices={"shipped": "those that come with ctviz", "folder": "all, from a folder"},
    ),
    Setting(
        "data.balance", "Rows of each class", "Whether both classes have as many rows (tables only).",
        choices={"usual": "as the paper has it", "equal": "as many of each class", "all": "all rows"},
    ),
    Setting("data.seed", "Draw of the data", "Another number draws other points of the same kind.", offered="0, 1, 2"),
)  # fmt: skip

_MODEL = (
    Setting(
        "model.hidden", "Hidden layers",
        "Widths of the layers between input and output, such as 32 or 32, 16; empty for a linear model.",
    ),
    Setting(
        "model.activation", "Activation", "The bend that each hidden unit puts into its input.",
        choices={"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "softplus": "softplus"},
    ),
    Setting(
        "model.channels", "Convolutional layers",
        "Channels of the layers that look at 5 × 5 pixels at a time, such as 6, 16; empty for none (images only).",
    ),
    Setting(
        "model.initial", "First weights", "How large the random weights are that a model starts from.",
        choices={"fan_in": "up to 1/√inputs", "glorot": "Glorot's (the paper's)"},
    ),
)  # fmt: skip

_TRAINING = (
    Setting(
        "training.n_ce", "Counterfactuals per epoch",
        "How many counterfactuals are searched before each epoch (n_ce).", short="n_ce", step=100,
        offered="100, 1000",
    ),
    Setting(
        "training.burnin", "Burn-in",
        "Share of the epochs that train on the classes alone before counterfactuals come in.", step=0.1,
        offered="0, 0.5",
    ),
    Setting(
        "training.epochs", "Epochs", "How often the models go through all training points.", step=10,
        offered="50, 100",
    ),
    Setting("training.batch", "Batch", "Points per step of the optimiser.", step=10),
    Setting(
        "training.optimiser", "Optimiser", "The rule by which weights follow the gradient.",
        choices={"adam": "Adam", "amsgrad": "AMSGrad"},
    ),
    Setting(
        "training.lr", "Learning rate", "How large a step of the optimiser is.", step=0.001, offered="0.001, 0.01",
    ),
    Setting(
        "seed", "Seed", "Another number gives other first weights, batches and draws; all models of a run share it.",
    ),
)  # fmt: skip

_OBJECTIVE = (
    Setting(
        "arms.lambda_class", "Classify", "Weight of getting the classes right (λ_class).", "λ_class", step=0.1,
    ),
    Setting(
        "arms.lambda_div", "Plausible", "Weight of making counterfactuals look like real data (λ_div).", "λ_div",
        step=0.1, offered="0.01, 0.1, 1",
    ),
    Setting(
        "arms.lambda_adv", "Robust",
        "Weight of withstanding small nudges: nascent counterfactuals, or attacked samples, keep their label (λ_adv).",
        "λ_adv", step=0.05, offered="0.1, 0.25, 1",
    ),
    Setting(
        "arms.lambda_reg", "Steady",
        "Weight of keeping the energies small, so that training does not run away (λ_reg).", "λ_reg", step=0.05,
        offered="0.01, 0.1, 0.5",
    ),
    Setting(
        "arms.lambda_gen", "Generate",
        "Weight of the density: real samples are to be likelier than points that the model makes up (λ_gen, JEM only).",
        "λ_gen", step=0.1,
    ),
    Setting(
        "arms.lambda_recourse", "Open a way",
        "Weight of accepting each person after the best change there is (λ_recourse, learning for recourse only).",
        "λ_recourse", step=0.1,
    ),
    Setting(
        "arms.lambda_aug", "Learn as data",
        "Weight of counterfactuals as samples of the class they were to have (λ_aug, counterfactuals as data only).",
        "λ_aug", step=0.1,
    ),
)  # fmt: skip

_METHOD = (
    Setting(
        "arms.radius", "Largest change",
        "How far each feature may be moved: by the attack, or by the person who is helped (ε).", "ε", step=0.05,
        short="box ε",
    ),
    Setting(
        "arms.inner_steps", "Steps of the change", "Steps by which that change is found, anew for each batch.",
        step=5, short="inner steps",
    ),
    Setting(
        "arms.sgld_steps", "Steps of a chain",
        "Steps by which the model makes up each point, by Langevin dynamics, anew for each batch (JEM only).", step=5,
    ),
    Setting(
        "arms.sgld_step_size", "Step size of a chain",
        "How far a step of a chain follows the gradient of the density (α, JEM only).", "α", step=0.1,
    ),
    Setting(
        "arms.sgld_noise", "Noise of a chain", "Spread of the noise on each step of a chain (σ, JEM only).", "σ",
        step=0.01,
    ),
    Setting(
        "arms.buffer", "Replay buffer",
        "How many points are kept for later chains to go on from (JEM only).", step=1000,
    ),
    Setting(
        "arms.fresh", "Fresh starts", "Share of the chains that start from noise, not from the buffer (JEM only).",
        step=0.05,
    ),
)  # fmt: skip

_SEARCH = (
    Setting(
        "arms.generator", "Search", "How counterfactuals are found (generator).", offered="eccco, generic",
        choices={
            "generic": "Shortest way (Generic)",
            "nearest": "Nearest real point",
            "eccco": "Plausible (ECCCo)",
            "gravitational": "Towards the data (Gravitational)",
            "dice": "Several, all different (DiCE)",
            "revise": "Along what data look like (REVISE)",
            "face": "From point to point (FACE)",
            "exact": "The cheapest, proved",
            "counternet": "CounterNet",
        },
    ),
    Setting(
        "arms.tau", "Confidence",
        "Probability of the class asked for at which a search ends, its counterfactual mature (τ).", "τ",
        step=0.05, offered="0.5, 0.75, 0.9",
    ),
    Setting("arms.steps", "Steps", "The most steps a search may take (T).", "T", step=5, offered="5, 25, 50"),
    Setting(
        "arms.step_size", "Step size", "Length of a step of the search (η).", "η", step=0.05, offered="0.1, 0.25, 0.5",
    ),
    Setting(
        "arms.step_bound", "Longest step",
        "No step of the search is longer than this share of the spread of the data; 0 is no bound.",
        step=0.01, offered="0.02, 0.05, 0.1",
    ),
    Setting(
        "arms.epsilon", "Nascent box", "How far a point may move and still count as nascent (ε).", "ε", step=0.05,
        offered="0.1, 0.3",
    ),
    Setting(
        "arms.epsilon_rule", "Size of the box",
        "Whether all points have the same nascent box, or each one that reaches a share of its way to the nearest "
        "training point of another class: always the same share, or one that is drawn anew at each epoch.", short="box",
        choices={
            "fixed": "The same for all points",
            "halfway": "A share of the way to the other class",
            "varied": "A share of that way that varies",
        },
    ),
    Setting(
        "arms.epsilon_share", "Share of the way",
        "How far the nascent box of a point reaches, or at most reaches where it is drawn, towards the nearest "
        "training point of another class, counted in the feature that differs most; locked features do not count.",
        step=0.05,
    ),
    Setting(
        "arms.lambda_cost", "Price of distance",
        "How much a search is held back by distance from where it began (λ_cost).", "λ_cost", step=0.001,
        offered="0.001, 0.01",
    ),
    Setting(
        "arms.lambda_egy", "Pull to plausible",
        "How strongly the search is pulled towards low energy (λ_egy, ECCCo only).", "λ_egy", step=0.5,
        offered="0.5, 5, 20",
    ),
    Setting(
        "arms.lambda_gravity", "Pull to the data",
        "How strongly the search is pulled towards points of the class asked for (λ_gravity, Gravitational only).",
        "λ_gravity", step=0.1,
    ),
    Setting(
        "arms.lambda_diversity", "Variety",
        "How strongly the counterfactuals of one point push each other apart (λ_diversity, DiCE only).",
        "λ_diversity", step=0.05,
    ),
    Setting(
        "arms.per_factual", "Counterfactuals of each point",
        "How many are searched together for one point (DiCE only).",
    ),
    Setting("arms.latent", "Latent size", "In how many dimensions the search moves (REVISE only)."),
    Setting(
        "arms.neighbours", "Neighbours", "How many neighbours each point is joined to on the way (FACE only).",
    ),
    Setting(
        "arms.gradient_noise", "Noise on the gradient",
        "How far the steps of the search are led astray on purpose; 1 is as much noise as gradient.", step=0.5,
    ),
    Setting(
        "arms.time_limit", "Seconds for one point",
        "How long the exact search may take for each point and model; what is known by then is shown.",
    ),
    Setting(
        "arms.polish", "Polish the ends",
        "Whether each counterfactual is moved, after its search, to one level of each category and to numbers in their "
        "steps, and from there as near to its start as it still counts; points in a plane, whose features have neither "
        "levels nor steps, are brought nearer alone.",
        short="polish", choices={"off": "off", "on": "on"},
    ),
)  # fmt: skip

_ARM = (
    Setting("arms.name", "Name", "What this model is called; each name once."),
    Setting(
        "arms.method", "Method", "How this model is trained.",
        choices={name: method.title for name, method in TRAINING_METHODS.items()},
    ),
    Setting(
        "arms.members", "Models of the ensemble",
        "How many models, each trained from a seed of its own, average their answers (deep ensemble only).",
        short="models",
    ),
    Setting(
        "arms.validity_weight", "Reach the class",
        "Weight with which the second network is to reach the class asked for (λ₂, CounterNet only).", "λ₂", step=0.1,
    ),
    Setting(
        "arms.proximity_weight", "Stay close",
        "Weight with which the second network is to stay close to where it began (λ₃, CounterNet only).", "λ₃",
        step=0.01,
    ),
    Setting(
        "arms.averaging", "Average over epochs",
        "A model answers with its weights averaged over about this many epochs, because training goes back and forth "
        "between searches and what is learned from them (1: no average, as in the paper).",
        step=1, offered="1, 10",
    ),
    Setting(
        "arms.seed", "Own seed", "A seed of its own for this model; empty shares the run's, for a fair comparison.",
    ),
    Setting("arms.locked", "Locked", "Features that advice may not change."),
    Setting("arms.increase_only", "Only up", "Features that advice may only raise."),
    Setting("arms.decrease_only", "Only down", "Features that advice may only lower."),
    Setting("arms.ranges", "Range", "The lowest and the highest value that advice may give a feature."),
    Setting(
        "arms.lock_when", "When the locks hold",
        "Whether locks, directions and ranges hold while the model trains, when it is asked for advice, or both.",
        short="locks hold",
        choices={
            "always": "in training and in advice", "training": "in training only",
            "searching": "in advice only", "never": "nowhere",
        },
    ),
    Setting(
        "arms.shield", "Protection of locked features",
        "Whether training leaves out of its comparison with real data (x⁺) what the locks forbid to change.",
        short="shield", choices={"on": "on", "off": "off"},
    ),
)  # fmt: skip

_EVALUATION = (
    Setting("evaluation.every", "Epochs between pictures", "1 keeps every epoch; more makes long runs lighter."),
    Setting("evaluation.also", "Further epochs kept", "Epochs that are kept besides, such as the first few."),
    Setting(
        "evaluation.factuals", "Points explained", "How many validation points get a counterfactual for measuring.",
        step=50,
    ),
    Setting(
        "evaluation.attack", "Strength of the attack",
        "How far each feature may be nudged when the models are attacked (FGSM, ε).", "ε", step=0.05,
    ),
    Setting("evaluation.field", "Resolution of the picture", "Cells per side of the probability field.", step=10),
    Setting("evaluation.paths", "Paths drawn", "How many counterfactual paths are recorded per model.", step=10),
)  # fmt: skip

_ATTRIBUTION = (
    Setting(
        "attribution.method", "Method", "How an answer is handed out to the pixels (attribution).",
        choices={name: method.title for name, method in METHODS.items()},
    ),
    Setting(
        "attribution.baseline", "Compared with",
        "The baseline: a picture that is taken to say nothing, which matters, so try another one.",
        choices={"uniform": "Noise", "black": "Black", "blurred": "Blurred", "mean": "Mean digit"},
    ),
    Setting(
        "attribution.steps", "Steps", "How many places between baseline and digit are looked at; more add up better.",
        step=10,
    ),
    Setting(
        "attribution.smooth", "Noisy copies",
        "How many noisy copies of the digit are explained and averaged (noise tunnel); 0 for none.", step=5,
    ),
    Setting(
        "attribution.noise", "Noise of the copies",
        "Spread of the noise on the copies, as a share of a pixel's range.", step=0.05,
    ),
    Setting(
        "attribution.seed", "Seed of the baseline",
        "Another number draws another noise; the same for all models and digits.",
    ),
    Setting(
        "attribution.output", "Output explained", "Whether the logit of a class is explained, or its probability.",
        choices={"logit": "the logit", "probability": "the probability"},
    ),
)  # fmt: skip

_PROTOCOL = (
    Setting(
        "protocol.rounds", "Rounds", "Of the evaluation: draws of people to be explained (the paper takes 100).",
        step=10,
    ),
    Setting("protocol.factuals", "Points of a round", "How many points are explained in each round.", step=50),
    Setting(
        "protocol.split", "Evaluated on", "Which points are explained and attacked.",
        choices={"test": "test data", "validation": "validation data"},
    ),
    Setting(
        "protocol.attacks", "Strengths of the attacks",
        "How far each feature may be nudged (FGSM, ε); the longer attack (PGD) takes the largest.",
    ),
    Setting(
        "protocol.also", "Measured besides", "What else is measured, besides the counterfactuals.",
        choices={
            "robustness": "attacks", "sensitivity": "how much each feature counts",
            "kernels": "the mismatch of images (IP*)", "median": "the mismatch at the median distance (IP* med)",
            "nearest_sample": "the distance to the nearest real sample",
            "reader": "what an independent reader reads in counterfactual digits",
        },
    ),
    Setting(
        "protocol.exact", "Solved exactly",
        "How many points are also judged by the cheapest counterfactual that there is, which needs no search; it takes "
        "a network of ReLU layers.", step=50,
    ),
    Setting("protocol.level", "Level of the intervals", "How sure all intervals are.", step=0.01),
    Setting("protocol.seed", "Seed of the evaluation", "Another number draws other rounds."),
)  # fmt: skip


def _of(section: str, purpose: str, told: str) -> tuple[Setting, ...]:
    """The settings of a search, for another purpose than training, that a section has too."""
    names = {name for owner in SECTIONS[section] for name in owner.model_fields}
    return tuple(
        replace(own, path=f"{section}.{name}", purpose=f" {purpose}", help=f"{told}: {inside(own.help)}", offered="")
        for own in _SEARCH
        if (name := own.path.removeprefix("arms.")) in names
    )


SETTINGS: dict[str, Setting] = {
    one.path: one
    for one in (
        *_DATA, *_MODEL, *_TRAINING, *_OBJECTIVE, *_METHOD, *_SEARCH, *_ARM, *_EVALUATION,
        *_of("evaluation", "for measuring", "In the searches that are measured after each epoch"),
        *_ATTRIBUTION, *_PROTOCOL, *_of("protocol", "of the evaluation", "In the evaluation"),
    )
}  # fmt: skip
"""Path → setting; ``evaluation`` and ``protocol`` take over what a search has, in other words only for its purpose."""

CHOICES: dict[str, str] = {option: words for one in SETTINGS.values() for option, words in one.choices.items()}
"""Option of any setting → what a reader sees."""

OFFERED: dict[str, str] = {
    one.path.removeprefix("arms."): one.offered for one in (*_OBJECTIVE, *_SEARCH, *_TRAINING, *_DATA) if one.offered
}
"""The settings that a sweep may vary, as a sweep names them, each with the values that it starts from."""


def generic(path: str) -> str:
    """``arms.full.tau`` → ``arms.tau``; other settings as they are."""
    parts = path.split(".")
    return f"arms.{parts[2]}" if parts[0] == "arms" and len(parts) == 3 else path


def setting(path: str) -> Setting:
    """A setting by its path, of an arm (``arms.full.tau``), or as a sweep names it (``tau``).

    One that is not known is called by the last part of its path.
    """
    path = generic(path)
    known = SETTINGS.get(path if "." in path or path in SETTINGS else f"arms.{path}")
    return known or Setting(path, path.rpartition(".")[2].replace("_", " "), "")


def value_of(experiment: Experiment, path: str) -> Any:
    """The value of a dotted setting."""
    parts = path.split(".")
    if parts[0] == "arms":
        return getattr(next(arm for arm in experiment.arms if arm.name == parts[1]), parts[2])
    target: Any = experiment
    for part in parts:
        target = getattr(target, part)
    return target


def value_words(value: Any) -> str:
    """A setting's value as a reader would write it."""
    if isinstance(value, str):
        return CHOICES.get(value, value)
    if isinstance(value, Iterable):
        return ", ".join(value_words(part) for part in value) or "none"
    return spelled(value, 6, missing="its own")


def words_of(path: str, value: Any) -> str:
    """A setting's value as a reader would write it; of points of one's own, how many of each class there are."""
    if path != "data.points":
        return value_words(value)
    counts = DrawnSettings(points=value).counts
    return f"{sum(counts):,} points: {listed([f'{count:,} of class {c}' for c, count in enumerate(counts)])}"


CONSTRAINTS = ("locked", "increase_only", "decrease_only", "ranges")
"""Settings that name features."""


def differences(experiment: Experiment, preset: str | None = None) -> tuple[str, ...]:
    """What differs from a preset, by default that of the same data, each in a few words."""
    preset = preset or experiment.data.name
    base = Experiment.preset(preset)
    theirs = {arm.name for arm in base.arms}
    said = []
    for path, text in experiment.to_query(preset).items():
        if path == "preset":
            continue
        if path == "arms":
            said.append(f"models: {', '.join(arm.name for arm in experiment.arms)}")
            continue
        parts = path.split(".")
        arm = parts[1] if parts[0] == "arms" else None
        where = f" ({arm})" if arm else ""
        before = "" if arm and arm not in theirs else f" instead of {value_words(value_of(base, path))}"
        now = parse_value(text)
        if parts[-1] in CONSTRAINTS:
            now, before = [constraint_words(entry) for entry in now], ""
        if path == "data.points":
            said.append(words_of(path, now))
            continue
        said.append(f"{inside(setting(path).label)}{where} {words_of(path, now)}{before}")
    return tuple(said)


def constraint_words(entry: Any, columns: Sequence[str] = FEATURE_NAMES) -> str:
    """A feature, and where it has one its range; ``columns``: what the two features of a plane are called."""
    if isinstance(entry, list | tuple):
        return f"{constraint_words(entry[0], columns)} from {spelled(entry[1], 6)} to {spelled(entry[2], 6)}"
    name = feature_name(entry)
    return columns[FEATURE_NAMES.index(name)] if name in FEATURE_NAMES else name
