"""The questions of the quiz as data; each is answered by a picture, and by a sentence of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctviz.prose import decimal, percent
from ctviz.ui.learn.facts import Facts, Picture
from ctviz.ui.learn.steps import BOTH, CONVENTIONAL, LOCKED, PERSON, TRAINED, Say, follows, loneliness, n


@dataclass(frozen=True)
class Question:
    """A question, its answers, which of them the picture shows, and the sentence beside that; ``open`` where the
    searches are to be seen before the answer."""

    words: str
    options: tuple[str, ...]
    right: Callable[[Facts], int]
    picture: Picture
    say: Say
    open: bool = False


_PAIR = Picture("figure1", (CONVENTIONAL, TRAINED), at=PERSON, headings=("The left model", "The right model"))
_PLACES = Picture(
    "where", ("searching", "always"), at=PERSON, sensitive=True, near=False,
    headings=("Locked in the search only", "Locked in both"),
)  # fmt: skip


def _mature(f: Facts) -> str:
    one = f.searches[CONVENTIONAL]
    return (
        f"Low. At its end the model is {percent(one.sure)} sure of a yes; arriving means just that the probability has "
        "become high, and the loss of a yes, −log p, low."
    )


def _energies(f: Facts) -> str:
    before, after = (
        (f.energy_start_real[TRAINED], f.energy_start_end[TRAINED]),
        (f.energy_real[TRAINED], f.energy_end[TRAINED]),
    )
    return (
        f"Before training the advice had the lower energy, {decimal(before[1])}, real people {decimal(before[0])}. The "
        "lesson pulls real people down and pushes its own advice up until it is the other way round: real "
        f"{decimal(after[0])}, advice {decimal(after[1])}. Move the epochs to see it."
    )


def _attribution(f: Facts) -> str:
    return (
        "That it has not worked, or not in full. Here age still has a share of "
        f"{percent(f.share['searching'])} in the decision where only the search is locked, and of "
        f"{percent(f.share['always'])} where training is protected too: less, and not nothing."
    )


def _closer(f: Facts) -> str:
    return (
        f"The right one was taught with counterfactuals: {n(f.searches[TRAINED].near)} from the nearest real person "
        "with a yes, the left one "
        f"{n(f.searches[CONVENTIONAL].near)}. Over {f.group} people {n(f.near[TRAINED])} against "
        f"{n(f.near[CONVENTIONAL])}."
    )


def _alone(f: Facts) -> str:
    return (
        f"No. The model is {percent(f.searches[CONVENTIONAL].sure)} sure, and the nearest real person with a yes is "
        f"{n(f.searches[CONVENTIONAL].near)} away; no real one is farther than {n(f.lonely[1])} from the next."
    )


def _dearer(f: Facts) -> str:
    return (
        f"It gets dearer: {n(f.effort[LOCKED])} in place of {n(f.effort[CONVENTIONAL])} over {f.group} people, and "
        f"{percent(f.arrived[LOCKED])} get any advice. The model itself has not changed."
    )


def _starved(f: Facts) -> str:
    tiny = "tiny steps"
    return (
        f"Nothing: {percent(f.mature[tiny])} of its searches arrived, and its advice ends {n(f.near[tiny])} from real "
        f"data, that of the conventional model {n(f.near[CONVENTIONAL])}."
    )


def _proxy(f: Facts) -> str:
    return (
        f"Yes. Age's own share is down to {percent(f.share[BOTH])}, and decisions go along with it by "
        f"{n(f.leak[BOTH])} all the same: debt tells."
    )


QUESTIONS = (
    Question(
        "A model is sure that a counterfactual gets a yes. Is it good advice for that reason?", ("Yes", "No"),
        lambda f: 1 if loneliness(f) else 0,
        Picture("figure1", (CONVENTIONAL,), at=PERSON), _alone,
    ),
    Question(
        "A search has arrived: its counterfactual is mature. Is the loss of the class aimed at then high or low?",
        ("High", "Low"), lambda f: int(f.searches[CONVENTIONAL].sure > 0.5),
        Picture("figure1", (CONVENTIONAL,), at=PERSON, near=False), _mature,
    ),
    Question(
        "The model's own advice has a lower energy than real people. What does training do (contrastive divergence)?",
        ("Nothing: lower is better", "Pull real people down, push the advice up", "Pull the advice down"),
        lambda f: 1 if f.energy_start_end[TRAINED] < f.energy_start_real[TRAINED] else 0,
        Picture("figure1", (TRAINED,), at=PERSON, throughout=True, near=False, neighbour=True, energy=True), _energies,
    ),
    Question(
        "The same person, two models. Whose advice would you believe?", ("The left one's", "The right one's"),
        lambda f: int(f.near[TRAINED] < f.near[CONVENTIONAL]), _PAIR, _closer, open=True,
    ),
    Question(
        "You lock age in the search of a conventional model. What becomes of its advice?",
        ("It gets cheaper", "It stays the same", "It gets dearer"),
        lambda f: 2 if f.effort[LOCKED] > f.effort[CONVENTIONAL] else 0,
        Picture("figure1", (CONVENTIONAL, LOCKED), at=PERSON, headings=("Age free", "Age locked in the search")),
        _dearer,
    ),
    Question(
        "Attribution (Integrated Gradients) shows that a model still rests on a locked feature. What does that say of "
        "the protection?",
        ("It has worked", "It has not worked in full", "Nothing at all"),
        lambda f: 1 if f.share["always"] > 0.01 else 0, _PLACES, _attribution,
    ),
    Question(
        "In a training next to no search arrives. What does the model learn from its counterfactuals?",
        ("Next to nothing", "Twice as much: they are harder", "To say no more often"),
        lambda f: 0 if f.near["tiny steps"] > 0.9 * f.near[CONVENTIONAL] else 1,
        Picture("stress", (CONVENTIONAL, "tiny steps"), at=(-9.1, -9.1), loan=False,
                headings=("Conventional", "Searches that creep")),
        _starved,
    ),
    Question(
        "Age is locked everywhere, and debt goes along with age. Can decisions still go along with age?",
        ("Yes", "No"), lambda f: 0 if follows(f) else 1,
        Picture("proxies-linked", (TRAINED, BOTH), at=(1.5, 1.0), sensitive=True, near=False,
                headings=("Nothing locked", "Age locked in both")),
        _proxy,
    ),
)  # fmt: skip
