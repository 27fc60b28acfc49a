"""Advice in words: what a person is told to change, why somebody gets none, and what locks do to a group.

Nothing here computes: numbers come in, sentences in the vocabulary of the app go out. As elsewhere, nothing is claimed
beyond the run that the numbers are from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ctviz.catalogue.differences import Difference, difference
from ctviz.catalogue.findings import CLOSENESS, finding
from ctviz.catalogue.metrics import METRICS
from ctviz.data.display import DisplayScale, fitted
from ctviz.prose import begun, listed, number, percent

LOAN = ("debt", "age")
"""What the paper's first figure calls the two features."""


def loan_scales(lower: Sequence[float], upper: Sequence[float]) -> tuple[DisplayScale, ...]:
    """Debt in dollars and age in years, for made-up data that lie between these bounds: plausible ones on any draw."""
    return (
        fitted(float(lower[0]), float(upper[0]), 0, 60_000, 100, prefix="$"),
        fitted(float(lower[1]), float(upper[1]), 16, 92, 1, unit="years"),
    )


def plain_scales(lower: Sequence[float], upper: Sequence[float]) -> tuple[DisplayScale, ...]:
    """Numbers as they are, in steps of a hundredth or so of what lies between these bounds."""
    extents = [float(high) - float(low) for low, high in zip(lower, upper, strict=True)]
    return tuple(DisplayScale(step=10.0 ** -decimals(extent)) for extent in extents)


def unit_of(scales: Sequence[DisplayScale]) -> str:
    """What one unit of distances and effort, the models' own, is in people's: ``$2,500 or 5 years``."""
    return " or ".join(scale.amount(scale.scale) for scale in scales)


Bounds = tuple[Sequence[float], Sequence[float]]
"""The lowest and the highest values of the columns, (d) and (d)."""

ALONG = 0.3
"""Correlation from which on decisions are said to go along with a feature."""

FEWER = 0.05
"""Difference in the share of people who get advice from which on the headline has to speak of it."""

TURNED = 3.0
"""Degrees from which on a boundary is said to have turned."""

STARVED = 0.02
"""Share of training searches that arrive, below which a model is said to learn nothing from them."""


@dataclass(frozen=True)
class Names:
    """What features and classes are called where advice is spoken of.

    ``wished`` is the class that people hope for; ``loan`` whether the story of the paper's figure is told, in which
    that class is granted a loan, or the data speak for themselves. ``scales`` say how people read the features.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    wished: int
    loan: bool
    scales: tuple[DisplayScale, ...] = ()

    def of(self, feature: int, value: float) -> str:
        """A feature with a value of it: ``debt $17,500``, ``x1 −0.32``."""
        return f"{self.features[feature]} {self.scales[feature].text(value)}"

    @property
    def goal(self) -> str:
        """The class that people hope for, to be used in a sentence."""
        return self.classes[self.wished] if self.loan else f"“{self.classes[self.wished]}”"

    def headed(self, c: int) -> str:
        """A class, where it stands alone."""
        return begun(self.classes[c])

    def people(self, count: int) -> str:
        """Those who ask for advice: “100 people who are refused”."""
        if self.loan:
            return f"{count} people who are refused"
        others = [name for index, name in enumerate(self.classes) if index != self.wished]
        return f"{count} points of {others[0]}" if len(others) == 1 else f"{count} points of other classes"


def names_for(
    features: Sequence[str], classes: Sequence[str], wished: int, loan: bool, bounds: Bounds = ((-1, -1), (1, 1))
) -> Names:
    """Names out of the data's own, or those of the paper's figure: debt, age, granted, refused; for data that lie
    between these ``bounds``."""
    if not loan:
        return Names(tuple(features), tuple(classes), wished, loan, plain_scales(*bounds))
    told = ("granted" if c == wished else "refused" if len(classes) == 2 else f"refused ({name})"
            for c, name in enumerate(classes))  # fmt: skip
    return Names(LOAN, tuple(told), wished, loan, loan_scales(*bounds))


@dataclass(frozen=True)
class Span:
    """A number with the ends of its interval; NaN where nothing could be measured."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        return math.isfinite(self.value)

    def apart(self, other: Span) -> bool:
        """Whether the two intervals do not touch: a cautious way to call a difference more than chance."""
        ends = (self.low, self.high, other.low, other.high)
        return all(map(math.isfinite, ends)) and (self.high < other.low or other.high < self.low)


# -- one person ----------------------------------------------------------------------------------


def decimals(extent: float) -> int:
    """Decimals in which a feature is told: steps of a hundredth or so of its extent, which nobody needs finer."""
    return max(0, 1 - math.floor(math.log10(extent / 6))) if extent > 0 and math.isfinite(extent) else 2


def advice(names: Names, before: Sequence[float], after: Sequence[float]) -> str:
    """What to change, in people's units: “Lower debt by $3,100 (from $17,500 to $14,400); age stays 42.”

    The difference is that of the two numbers as they are shown, so that whoever adds them up comes out right.
    """
    moves, stays = [], []
    for name, scale, *ends in zip(names.features, names.scales, before, after, strict=True):
        a, b = map(scale.rounded, ends)
        if a == b:
            stays.append(f"{name} stays {scale.written(b)}")
            continue
        verb = "raise" if b > a else "lower"
        moves.append(f"{verb} {name} by {scale.amount(abs(b - a))} (from {scale.written(a)} to {scale.written(b)})")
    if not moves:
        return f"A change too small to be shown is enough: {listed(stays)}."
    return f"{begun(listed(moves))}{'; ' if stays else ''}{listed(stays)}."


def unsure(names: Names, sure: float, asked: float) -> str:
    """Said to somebody who has what they hope for, if not as surely as is asked."""
    goal = names.goal
    return f"The model says {goal} already, {percent(sure)} sure. To be {percent(asked)} sure:"


def nothing_to_change(names: Names) -> str:
    """Said to somebody who has what they hope for."""
    return f"Nothing to change: the model says {names.goal} already."


def alone(names: Names, movable: Sequence[str]) -> str:
    """The changes that constraints leave, as the subject of “… is enough”: “no change of debt alone”."""
    if len(movable) == 1 and len(names.features) > 1:
        return f"no change of {movable[0]} alone"
    return "no change that is allowed"


def no_advice(outcome: str, names: Names, movable: Sequence[str], best: float, asked: float, steps: int) -> str:
    """Why there is no advice for one person.

    Args:
        outcome: "impossible", "stuck" or "short".
        movable: names of the features that may change.
        best: the highest probability of the wished class that the constraints allow; NaN if not known.
        asked: τ, the probability that is asked for.
        steps: T, the most steps of the search.
    """
    if outcome == "impossible":
        reach = ""
        if math.isfinite(best):
            reach = f" The model would be {percent(best)} sure of {names.goal} at best; {percent(asked)} is asked for."
        return f"No advice: {alone(names, movable)} is enough.{reach}"
    if outcome == "stuck":
        return "No advice: there is a way, but the search came to a halt where the model hardly changes."
    return f"No advice within {steps} steps: there is a way, but the search did not get to its end."


def outside(name: str, value: float, low: float, high: float, scale: DisplayScale) -> str:
    """Said to somebody whose own value lies outside the range that advice may use; an end may be infinite."""
    if math.isinf(low) or math.isinf(high):
        span = f"of {scale.text(high)} or less" if math.isinf(low) else f"of {scale.text(low)} or more"
    else:
        span = f"from {scale.text(low)} to {scale.text(high)}"
    return (
        f"{begun(name)} is {scale.text(value)}, outside the allowed range {span}: advice has to bring it there first."
    )


# -- a group -------------------------------------------------------------------------------------


def of_those(got: int, asked: int) -> str:
    """“97 of 100”; a dash where nobody asked."""
    return f"{got} of {asked}" if asked else "—"


def why_not(counts: dict[str, int], names: Names, movable: Sequence[str]) -> str:
    """Why those without advice have none: “for 3 no change of debt alone is enough”; empty if all have some."""
    reasons = {
        "impossible": f"{alone(names, movable)} is enough",
        "stuck": "the search came to a halt on the way",
        "short": "the search ran out of steps on the way",
    }
    said = [f"for {counts[outcome]} {words}" for outcome, words in reasons.items() if counts.get(outcome)]
    return ", ".join(said)


def effort(treated: Span, reference: Span, differs: bool) -> Difference:
    """How the effort of advice differs: “43 % less effort”; empty if it cannot be said.

    ``differs``: whether the interval of the difference leaves out zero.
    """
    return _against("cost", treated, reference, differs)


def nearness(treated: Span, reference: Span, differs: bool) -> Difference:
    """How the distance from advice to the nearest real sample differs: “20 % farther from the nearest real sample”."""
    return _against(CLOSENESS, treated, reference, differs)


def average_distance(treated: Span, reference: Span, differs: bool) -> Difference:
    """How the mean distance from advice to all real samples differs: “10 % farther from real data”."""
    return _against("ip", treated, reference, differs)


def _against(metric: str, treated: Span, reference: Span, differs: bool) -> Difference:
    if not (treated.known and reference.value > 0):
        return Difference()
    return difference(METRICS[metric], treated.value, reference.value, clear=differs)


@dataclass(frozen=True)
class Panel:
    """What is known of one model where a group asks for advice."""

    effort: Span
    got: int
    asked: int
    share: Span  # of the attribution that falls on what is locked
    tilt: float = math.nan  # degrees from a boundary that ignores the locked feature


def headline_of_lock(
    limit: str, free: Panel, taught: Panel, differs: bool, prices: Sequence[Difference] = (), caveat: str = ""
) -> str:
    """What counterfactual training does under a lock, the conventional model against the other: gain, price, caveat.

    Args:
        limit: what is constrained, such as “age locked”; empty if nothing is.
        free: the conventional model under the lock.
        taught: the counterfactually trained one.
        differs: whether their efforts differ beyond chance.
        prices: how the trained one differs otherwise, as far as that is beyond chance.
        caveat: a sentence on what a gain hangs on.
    """
    if not limit:
        return "Nothing is locked: advice may change every feature."
    if not free.asked or not taught.asked:
        return f"With {limit}, nobody asks for advice: one of the models refuses no one."
    if not free.got and not taught.got:
        return f"With {limit}, none of the {free.asked} people asked about gets advice from either model in this run."
    for none, some, who in ((free, taught, "conventional"), (taught, free, "counterfactually trained")):
        if not none.got:
            other = "the other" if who == "conventional" else "the conventional one"
            some_get = of_those(some.got, some.asked)
            return f"With {limit}, the {who} model has advice for nobody; {other} has some for {some_get}."
    found = effort(taught.effort, free.effort, differs)
    few = abs(taught.got / taught.asked - free.got / free.asked) >= FEWER
    who = f"Advice is there for {of_those(taught.got, taught.asked)} instead of {of_those(free.got, free.asked)}."
    better = found.side == "less"
    said = [who if few else "", caveat if better else ""]
    return finding(_gain(limit, free, taught, found), prices, " ".join(filter(None, said)), better=better)


def _gain(limit: str, free: Panel, taught: Panel, found: Difference) -> str:
    words = found.words
    if not words:
        return f"With {limit}, the effort of advice cannot be compared in this run"
    if found.alike:
        return f"With {limit}, advice takes about {METRICS['cost'].alike} from either model in this run"
    turned = free.tilt - taught.tilt
    if turned >= TURNED:
        turn = f"counterfactual training turns the boundary by {turned:.0f}°, and advice takes {words}"
        return f"With {limit}, {turn} than from the conventional model in this run"
    who = "advice of the counterfactually trained model"
    return f"With {limit}, {who} takes {words} than the conventional model's in this run"


def on_draws(found: Mapping[str, int]) -> str:
    """What a gain under a lock hangs on, the draw of the data; ``found`` as for ``of_draws``."""
    return f"Locked advice takes less effort on {found.get('less', 0)} of {sum(found.values())} draws of such data."


def of_draws(found: Mapping[str, int]) -> str:
    """On how many draws a lock pays; ``found`` counts "less", "alike" and "more" effort, "unlike" and "nobody"."""
    said = {
        "less": "takes less effort on {}",
        "alike": "about as much on {}",
        "more": "more on {}",
    }
    told = listed([words.format(found[name]) for name, words in said.items() if found.get(name)])
    begin = f"Of {sum(found.values())} draws, locked advice {told or 'is there on none'} with counterfactual training"
    rest = {
        "unlike": "it is there for clearly more or fewer people",
        "nobody": "one of the models has advice for nobody",
    }
    others = listed([f"on {found[name]} {words}" for name, words in rest.items() if found.get(name)])
    return f"{begin}{f'; {others}' if others else ''}."


def headline_unprotected(feature: str, share: Span, bare: Span, got: int, asked: int) -> str:
    """What a lock in training does without the protection: how far answers rest on it, and without a lock."""
    return (
        f"Trained with the lock but without the protection, the model's answers rest on {feature} to "
        f"{percent(bare.value)} ({percent(share.value)} without a lock), and {of_those(got, asked)} get advice."
    )


def headline_of_places(
    feature: str, efforts: Sequence[Span], differ: Sequence[bool], prices: Sequence[Difference] = ()
) -> str:
    """What a lock does in each of the places where it can act, in one sentence, and what a gain of the last one costs.

    Args:
        feature: what is locked.
        efforts: effort of advice with no lock, with one in advice only, with one in training too.
        differ: whether the second differs from the first, and the third from the second, beyond chance.
        prices: how the third differs from the first otherwise, as far as that is beyond chance.
    """
    if not all(span.known for span in efforts):
        return f"What locking {feature} does depends on where the lock acts."
    nothing, advised, both = (number(span.value) for span in efforts)
    first, second = (
        effort(after, before, apart).side for (before, after), apart in zip(pairwise(efforts), differ, strict=True)
    )
    start = f"takes the effort of advice from {nothing} to {advised}"
    if not first:
        start = f"leaves the effort of advice at about {advised}"
    end = f"protecting {feature} in training too, to {both}"
    if not second:
        end = f"protecting {feature} in training too changes no more than chance does ({both})"
    elif not first:
        end = f"protecting {feature} in training too takes it to {both}"
    return finding(f"Locking {feature} in advice alone {start}; {end}", prices, better=second == "less")


def headline_of_proxies(
    feature: str, free: Span, protected: Span, along: float, prices: Sequence[Difference] = ()
) -> str:
    """What protection does to how far answers rest on the locked feature, and what it leaves.

    Args:
        free: of counterfactual training without a lock.
        protected: of counterfactual training with it.
        along: correlation of the protected model's decisions with the feature, within classes.
        prices: how the protected one differs otherwise, as far as that is beyond chance.
    """
    if not (free.known and protected.known):
        return f"How far answers rest on {feature} could not be measured in this run."
    rests = f"how far answers rest on {feature}"
    before, after = percent(free.value), percent(protected.value)
    if not free.apart(protected):
        return f"Protection changes {rests} no more than chance does in this run: {before} without, {after} with it."
    less = protected.value < free.value
    still = f", but decisions still go along with {feature} (correlation {number(along)})"
    said = f"Protection {'lowers' if less else 'raises'} {rests} from {before} to {after} in this run"
    return finding(f"{said}{still if less and abs(along) >= ALONG else ''}", prices, better=less)


def starved(shares: Sequence[tuple[str, float]]) -> str:
    """What to say of models whose training searches next to never arrive; empty if there is none.

    Args:
        shares: title of each counterfactually trained model and its share of mature counterfactuals.
    """
    starving = [(title, share) for title, share in shares if share < STARVED]
    if not starving:
        return ""
    named = " and ".join(f"“{title}” ({percent(share)})" for title, share in starving)
    return (
        f"Next to no search of the training arrives for {named}. Such a model learns nothing from counterfactuals, "
        "so its panel is nearly the conventional one. Lock less, or give the search more reach."
    )


def never_wished(titles: Sequence[str], names: Names) -> str:
    """What to say of models that put nothing at all into the wished class; empty if there is none."""
    if not titles:
        return ""
    named = " and ".join(f"“{title}”" for title in titles)
    return f"{named} says {names.goal} nowhere on this plane, so no advice can lead there."


def of_place(place: str, feature: str, share: Span, leans: str, changed: Span, effort: Span, bare: bool) -> str:
    """What becomes of a model and its advice where a lock acts in one place, in a sentence or two.

    Args:
        place: ``never``, ``searching``, ``training`` or ``always``.
        share: part of the attribution that falls on the feature.
        leans: how that compares with the model that nothing is locked for: "less", "more" or "" (as much).
        changed: share of the advice that changes the feature.
        bare: whether training went without the protection.
    """
    rests = f"to {percent(share.value)}"
    asks = f"{percent(changed.value)} of the advice asks to change {feature}" if changed.known else "There is no advice"
    price = f"effort {number(effort.value)}" if effort.known else "nobody gets any"
    if place == "never":
        return f"The model may rest on {feature} ({rests}). {asks}."
    if place == "searching":
        return (
            f"Advice leaves {feature} alone ({price}), but the model has not learnt to: it rests on {feature} {rests}."
        )
    compared = f"{f'{leans} than' if leans else 'as much as'} without a lock ({rests})"
    learnt = f"The model has learnt to rest on {feature} {compared}."
    if bare:
        learnt = f"Held against real people of another {feature}, the model rests on {feature} {compared}."
    if place == "training":
        return f"{learnt} {asks}."
    return f"{learnt} Advice leaves {feature} alone ({price})."
