"""The colours and the type of every figure: one vocabulary over all pages, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ctviz.data.display import DisplayScale
from ctviz.experiments.config import Experiment
from ctviz.figures.stage.recording import HEADINGS, ArmLabel, Role, arm_labels
from ctviz.training.methods import TRAINING_METHODS

CLASS_COLOURS = ("#0072B2", "#D55E00", "#56B4E9", "#E69F00", "#CC79A7", "#F0E442", "#7F7F7F", "#8C6D46")
"""Class → colour: Okabe and Ito's set, without the green that belongs to counterfactual training."""

ENERGY = {"light": "#762A83", "dark": "#C994E6"}
"""Theme → the colour of low energy, from which it fades into the ground: purple, which no class and no model has; its
lightness alone tells high from low, so every kind of colour vision can."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Arms of one role share a colour; the dash and the direct label tell them apart."""


@dataclass(frozen=True)
class Palette:
    """The colours of one theme; text colours reach a contrast of 4.5 on the ground, lines 3."""

    ink: str
    muted: str
    rule: str
    ground: str
    conventional: str
    accent: str  # counterfactual training, and nothing else

    def of(self, role: Role) -> str:
        return self.accent if role == "counterfactual" else self.conventional


LIGHT = Palette(
    ink="#1B2430", muted="#5B6675", rule="#DDE2E8", ground="#FFFFFF", conventional="#5B6675", accent="#007A5A"
)
DARK = Palette(
    ink="#E8ECF1", muted="#9AA6B4", rule="#2C3642", ground="#10161D", conventional="#A9B4C0", accent="#3CCB9F"
)


@dataclass(frozen=True)
class ArmStyle:
    """How an arm is drawn and called: ``name`` in the experiment, ``title`` in plain words, ``short`` in a chart."""

    name: str
    title: str
    short: str
    role: Role
    dash: str


SHORT: dict[Role, str] = {"conventional": "Conventional", "counterfactual": "Counterfactual"}


def arm_styles(
    experiment: Experiment, features: Sequence[str] | None = None, scales: Sequence[DisplayScale] = ()
) -> tuple[ArmStyle, ...]:
    """One style for each arm, in order; arms of the same role share a colour and differ by their dash.

    ``features`` are the names that titles call the features by, by default those of the data; ``scales`` say how their
    values are read.
    """
    # Conventional arms start at the second dash, so that colour is never the only difference between the roles.
    following: dict[Role, int] = {"conventional": 1, "counterfactual": 0}
    labels = arm_labels(experiment, features, scales)
    roles = [label.role for label in labels]
    styles = []
    for label in labels:
        short = short_title(label, alone=roles.count(label.role) == 1)
        dash = DASHES[following[label.role] % len(DASHES)]
        styles.append(ArmStyle(label.name, label.title, short, label.role, dash))
        following[label.role] += 2
    return tuple(styles)


def short_title(label: ArmLabel, *, alone: bool) -> str:
    """What an arm is called where there is little room; ``alone``: it is the only one of its role, which is enough to
    name it unless another method trained it."""
    if alone and label.title.startswith(HEADINGS[label.role]):
        return SHORT[label.role]
    return label.name if ":" in label.title else short_head(label.title)


def short_head(title: str) -> str:
    """A title with the short name of its method."""
    for method in TRAINING_METHODS.values():
        title = title.replace(method.title, method.short or method.title)
    return title


def called(style: ArmStyle) -> str:
    """A model within a sentence: “the conventional model”, or by its title."""
    head, comma, limit = style.title.partition(", ")
    plain = {"Conventional": "the conventional model", "Counterfactual training": "the counterfactually trained model"}
    return plain[head] + comma + limit if head in plain else f"the model “{style.title}”"


def reference_pair(styles: Sequence[ArmStyle]) -> tuple[int | None, int | None]:
    """Positions of the conventional arm and of the arm compared with it: ``full`` if there is one, else the last one of
    counterfactual training. Arms of other methods stand in where there is none of these."""
    rivals = {method.title for method in TRAINING_METHODS.values()} - {HEADINGS["counterfactual"]}
    other = [i for i, style in enumerate(styles) if style.title.startswith(tuple(rivals))]
    plain = [i for i, style in enumerate(styles) if style.role == "conventional" and i not in other]
    trained = [i for i, style in enumerate(styles) if style.role == "counterfactual"]
    named = [i for i in trained if styles[i].name == "full"]
    first, compared = plain or other[:1], named or trained or (other if plain else [])
    return first[0] if first else None, compared[-1] if compared else None
