"""Advice for everyone in words: gain, price and caveat; who is asked for more; what decisions rest on; what is proved.

Every sentence is computed from a ``Population``. A difference is called one where its interval leaves out zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ctviz.catalogue.differences import Difference, difference, effort_words
from ctviz.catalogue.findings import finding
from ctviz.catalogue.metrics import Metric
from ctviz.catalogue.rows import in_words_of
from ctviz.experiments.population import LEVEL, METRICS, Compared, Population, Row, ThreeModels
from ctviz.experiments.population import Metric as MetricName
from ctviz.experiments.reliance import Proxy, Spread
from ctviz.prose import begun, decimal, listed, number, percent

TITLES = "conventional training", "counterfactual training"
"""The two models within a sentence."""

THREE = (*TITLES, f"{TITLES[1]} with rules")
"""The same with the model that was trained with the rules, too."""

DIFFERENCE_TITLES = {2: "Difference", 3: "Difference by rules"}
"""Number of models → what the difference of the last two is called in a table."""

POPULATION_METRICS: dict[MetricName, Metric] = {
    one.name: one  # type: ignore[misc]  # their names are those
    for one in (
        Metric(
            "planned", "People with a plan", "",
            "Share of the people for whom a plan was found that the rules allow and with which the model accepts them.",
            "%", "more", "fewer people with a plan", "more people with a plan", "as many people with a plan",
        ),
        Metric(
            "effort", "Effort of a plan", "",
            "Median over people. A change by the feature's typical spread costs 1, and so does another level; hard "
            "changes count up to four times as much, easy ones down to a quarter.",
            "", "less", "less effort", "more effort", "as much effort",
        ),
        Metric(
            "distance", "Distance to the nearest accepted person", "",
            "Mean over plans of the distance from whom one would be to the nearest real person who was accepted: the "
            "differences of their numbers, each in standard deviations, and 1 for each other level.",
            "", "less", "nearer to people who were accepted", "farther from people who were accepted",
            "as near to people who were accepted",
        ),
        Metric(
            "closer", "Like accepted people", "",
            "Mean over plans of the share of real accepted people who are farther from the nearest other one of them.",
            "%", "more", "less like accepted people", "more like accepted people", "as much like accepted people",
        ),
    )
}  # fmt: skip
"""In the order of ``METRICS``."""


def amount(metric: MetricName, value: float) -> str:
    """A value as people read it: ``93 %``, ``8.9``."""
    return percent(value) if POPULATION_METRICS[metric].share else number(value, 2 if abs(value) < 10 else 3, trim=True)


def apart(metric: MetricName, spread: Spread) -> str:
    """A difference with its sign: ``+4 points``, ``−0.3``."""
    if POPULATION_METRICS[metric].share:
        return f"{_signed(100 * spread.value)} points"
    return _signed(spread.value)


def with_interval(row: Row) -> str:
    """A number with its interval: ``8.9 (7.2 to 11)``, ``+4 points (1 to 7)``."""
    spread, metric = row.spread, row.metric
    if not math.isfinite(spread.value):
        return "—"
    if row.against:
        scale = 100 if POPULATION_METRICS[metric].share else 1
        said = apart(metric, spread)
        return said if math.isnan(spread.low) else f"{said} ({_ends(scale * spread.low, scale * spread.high)})"
    said = amount(metric, spread.value)
    if math.isnan(spread.low):
        return said
    low, high = (amount(metric, end) for end in (spread.low, spread.high))
    return f"{said} ({low.removesuffix(' %')} to {high})"


def _signed(value: float) -> str:
    text = number(abs(value), 2 if abs(value) < 10 else 3, trim=True, exponents=False)
    return "0" if text == "0" or abs(value) < 5e-4 else f"{'+' if value > 0 else '−'}{text}"


def _ends(low: float, high: float) -> str:
    return f"{_signed(low)} to {_signed(high)}"


# -- the headline ------------------------------------------------------------------------------------------


def headline(found: Population) -> str:
    """Whether plans of counterfactual training are nearer to accepted people, at what effort, and a caveat."""
    if not found.n:
        return f"Both models accept everybody of the {found.settings.split} data: there is nobody to advise."
    if not found.both.any():
        return "Nobody is refused by both models: there is nothing to compare."
    if too_few(found):
        n = found.row("distance", found.settings.arms[1]).people
        least = f"at least {LEAST} are needed"
        have = f"{_people(n).capitalize()} {'has' if n == 1 else 'have'}" if n else "Nobody has"
        return f"{have} a plan with both models: too few to compare them, for {least}. {planned_sentence(found)}"
    near, effort, planned = (against(found, name) for name in ("distance", "effort", "planned"))
    first, second = values(found, "distance")
    digits = 2 if number(first, 2) != number(second, 2) or not near.side else 3
    at = f" ({number(second, digits, trim=True)} against {number(first, digits, trim=True)})"
    if near.verdict == "better":
        gain = f"Counterfactual training's plans end {near.words}{at}"
    elif near.verdict == "worse":
        gain = f"Counterfactual training's plans are not nearer to accepted people but {_without(near.words)}{at}"
    else:
        gain = f"Plans of both models are about as near to people who were accepted{at}"
    prices = [one for one in (_with_values(found, effort), planned) if one.verdict == "worse"]
    caveat = _caveat(found, effort, planned)
    return finding(gain, prices, caveat, better=near.verdict == "better")


FEW = 100
"""People below whose number it is said on how many a finding rests."""

LEAST = 10
"""People with a plan of both models, from which on the two are compared."""


def too_few(found: Compared) -> bool:
    """Whether too few people have a plan with all models to compare them."""
    near = found.row("distance", found.arms[1])
    return near.people < LEAST or not math.isfinite(near.spread.value)


def _with_values(found: Population, effort: Difference) -> Difference:
    """A difference of efforts with the two efforts in brackets."""
    one, other = values(found, "effort")
    words = effort_words(other / one if one > 0 else 1.0, effort.words)
    return replace(effort, words=f"{words} ({amount('effort', other)} against {amount('effort', one)})")


def _without(words: str) -> str:
    return words.removesuffix(" from people who were accepted")


def _caveat(found: Population, effort: Difference, planned: Difference) -> str:
    """What else is better, or is to be kept in mind."""
    said = []
    like = against(found, "closer")
    if like.side and like.verdict != against(found, "distance").verdict:
        before, after = (percent(value) for value in values(found, "closer"))
        beside = f"have no other one as near as that, with {TITLES[0]} {before}"
        said.append(f"On average {after} of accepted people {beside}.")
    first, second = values(found, "planned")
    if effort.verdict == "better":
        said.append(f"Counterfactual training asks for {_with_values(found, effort).words}.")
    if planned.verdict == "better":
        more = f"{percent(second)} of the people, with {TITLES[0]} for {percent(first)}"
        said.append(f"With {TITLES[1]} there is a plan for {more}.")
    if not effort.side and effort.words:
        first, second = values(found, "effort")
        said.append(
            f"The effort does not clearly differ ({amount('effort', second)} against {amount('effort', first)})."
        )
    n = int(found.both.sum())
    if n < FEW:
        said.append(f"That rests on {_people(n)}.")
    return " ".join(said)


def _people(n: int) -> str:
    return _count(n, "person", "people")


def _count(n: int, one: str, several: str) -> str:
    """``1 person``, ``1,000 people``."""
    return f"{n:,} {one if n == 1 else several}"


def values(found: Population, metric: MetricName) -> tuple[float, float]:
    """Both models' values of a metric, over those whom both refuse."""
    first, second = (found.row(metric, arm).spread.value for arm in found.settings.arms)
    return first, second


def against(found: Population, metric: MetricName, feature: str = "", group: str = "") -> Difference:
    """The second model against the first, as far as it is beyond chance."""
    first, second = (found.row(metric, arm, feature=feature, group=group).spread.value for arm in found.settings.arms)
    paired = found.row(metric, found.settings.arms[1], feature=feature, group=group, against="conventional").spread
    return difference(POPULATION_METRICS[metric], second, first, clear=paired.clear)


# -- who, and how many -------------------------------------------------------------------------------------


def asked_sentence(found: Population) -> str:
    """Whose advice it is: ``1,000 people, drawn at random from the 5,040 … whom both models refuse``."""
    drawn, n = found.drawn, int(found.both.sum())
    of = f"{drawn.by_both:,} (of {drawn.people:,} in the {found.settings.split} data) whom both models refuse"
    who = f"All {of}" if n == drawn.by_both else f"{_people(n)}, drawn at random from the {of}"
    alone = found.n - n
    are = "is" if alone == 1 else "are"
    more = f" {alone:,} more, whom one model alone refuses, {are} counted for that one only." if alone else ""
    one, other = drawn.refused_in_all
    return f"{who}; {TITLES[0]} refuses {one:,} in all, {TITLES[1]} {other:,}.{more}"


def planned_sentence(found: Compared) -> str:
    """For how many there is a plan, with each model."""
    said = []
    for arm, title in zip(found.arms, THREE, strict=False):
        row = found.row("planned", arm)
        said.append(f"{percent(row.spread.value, 1).replace('.0 %', ' %')} with {title}")
    return f"A plan exists for {listed(said)}."


def checked_sentence(found: Population) -> str:
    """That every plan is valid as people read it, and breaks no rule; or how many are not."""
    plans = int(found.found.sum())
    if not plans:
        return "There is no plan to be checked."
    wrong = int((found.found & ~(found.valid & found.obeys)).sum())
    if not wrong:
        return f"All {plans:,} plans hold as they are read, in rounded numbers, and break no rule."
    return f"{wrong:,} of {plans:,} plans do not hold as they are read, in rounded numbers."


def proofs_sentences(found: Population) -> list[str]:
    """What is proved of each model's plans, and how far polished ones are from that; empty without proofs."""
    said, above = [], []
    for m, title in enumerate(TITLES):
        known = found.proofs(m)
        if not known.asked:
            continue
        plans = known.cheapest + known.open
        are = "is" if known.cheapest == 1 else "are"
        of = f"of {_count(plans, 'plan', 'plans')}, {known.cheapest:,} {are} proved the cheapest"
        if plans > 1 and not known.open:
            of = f"all {plans:,} plans are proved the cheapest"
        parts = [of] if plans else []
        if known.open:
            parts.append(f"a plan is at most {percent(known.gap, 1)} above the cheapest on average")
        if known.none:
            parts.append(f"of {_people(known.none)} it is proved that there is no plan")
        if known.unknown:
            parts.append(f"of {known.unknown:,} it is open whether there is one")
        said.append(f"Proofs for {_people(known.asked)}, {title}: {'; '.join(parts)}.")
        if math.isfinite(known.polished):
            above.append(percent(max(known.polished, 0.0), 1))
    if len(above) == len(TITLES):
        said.append(
            f"As they are found first, before any proof, plans take {above[0]} more than the cheapest with "
            f"{TITLES[0]} and {above[1]} more with {TITLES[1]}, on average."
        )
    return said


# -- groups ------------------------------------------------------------------------------------------------


def group_title(feature: str, group: str) -> str:
    """A group beside its numbers: ``sex: female``."""
    return f"{feature}: {group}"


def more_asked(found: Compared, m: int) -> list[Row]:
    """The groups of whom a model asks clearly more, or less, than of the others; the largest difference first."""
    rows = [
        found.row("effort", found.arms[m], feature=one.feature, group=name, against="others")
        for one in found.groupings
        for name in one.names
    ]
    return sorted((row for row in rows if row.spread.clear), key=lambda row: -abs(row.spread.value))


def groups_sentences(found: Compared) -> list[str]:
    """Who is asked for more by each model, of each feature the group with most; and which groups are too small."""
    said = []
    if not found.groupings:
        return ["No two groups have thirty people each, so groups are not compared."]
    for m, title in enumerate(THREE[: len(found.arms)]):
        most: dict[str, Row] = {}
        for row in more_asked(found, m):
            if row.spread.value > 0:
                most.setdefault(row.feature, row)
        if not most:
            said.append(f"{begun(title)} asks none of these groups for clearly more effort than the others.")
            continue
        named = [f"{group_title(row.feature, row.group)} ({apart('effort', row.spread)})" for row in most.values()]
        said.append(f"{begun(title)} asks for more effort than of the others: {listed(named)}.")
    for one in found.groupings:
        if one.merged:
            said.append(f"Of {one.feature}, {_levels(one.merged)} are together: each is fewer than thirty people.")
        if one.left_out:
            are = "is" if len(one.left_out) == 1 else "are"
            said.append(f"Of {one.feature}, {_levels(one.left_out)} {are} left out: fewer than thirty people.")
    return said


def _levels(names: Sequence[str]) -> str:
    """Some levels by name, many by their number."""
    return listed(names) if len(names) <= 5 else f"{len(names)} others"


# -- three models ----------------------------------------------------------------------------------------------


def three_headline(found: ThreeModels) -> str:
    """Whether plans are nearer to accepted people where the rules held in training too, at what effort."""
    if too_few(found):
        n = found.row("distance", found.arms[2]).people
        return f"{_people(n).capitalize()} with a plan of all three models: too few to compare them."
    near, effort, planned = (_with_against_without(found, name) for name in ("distance", "effort", "planned"))
    at = f" ({_values(found, 'distance')})"
    if near.side:
        gain = f"Trained with the rules too, plans end {near.words}{at}"
    else:
        gain = f"With and without the rules in training, plans are about as near to people who were accepted{at}"
    _, without, own = (found.row("effort", arm).spread.value for arm in found.arms)
    told = effort_words(own / without if without > 0 else 1.0, effort.words)
    effort = replace(effort, words=f"{told} ({_values(found, 'effort')})")
    prices = [one for one in (effort, planned) if one.verdict == "worse"]
    better = [f"Plans take {effort.words}."] if effort.verdict == "better" else []
    if planned.verdict == "better":
        _, before, after = (percent(found.row("planned", arm).spread.value) for arm in found.arms)
        better.append(f"There is a plan for {after} of the people, without for {before}.")
    if not effort.side:
        better.append(f"The effort does not clearly differ ({_values(found, 'effort')}).")
    if found.n < FEW:
        better.append(f"That rests on {_people(found.n)}.")
    return finding(gain, prices, " ".join(better), better=near.verdict == "better")


def _with_against_without(found: ThreeModels, metric: MetricName) -> Difference:
    _, without, own = (found.row(metric, arm).spread.value for arm in found.arms)
    apart = found.row(metric, found.arms[2], against="conventional").spread
    return difference(POPULATION_METRICS[metric], own, without, clear=apart.clear)


def _values(found: ThreeModels, metric: MetricName) -> str:
    """``5.1 against 6.2 without``."""
    _, without, own = (found.row(metric, arm).spread.value for arm in found.arms)
    digits = 2 if number(without, 2) != number(own, 2) or not _with_against_without(found, metric).side else 3
    return f"{number(own, digits)} against {number(without, digits)} without"


def three_sentences(found: ThreeModels) -> list[str]:
    """Whose advice it is; and where not as many plans of each model were to be proved, of how many."""
    said = [f"{_people(found.n)} whom all three models refuse, of those who were drawn for both comparisons."]
    if len(set(found.proved)) > 1:
        proved = listed([f"{n:,} of {title}" for n, title in zip(found.proved, THREE, strict=True)])
        said.append(f"So many plans were to be proved: {proved}. One without a proof may be dearer than it need be.")
    return said


# -- what decisions rest on -----------------------------------------------------------------------------------


def reliance_sentences(found: Population) -> list[str]:
    """What rests on locked features, and on what goes along with them, before and after."""
    rest = found.reliance
    if rest is None:
        return ["No feature is locked or protected here, so there is nothing that others could stand in for."]
    what = "protected features" if found.protected else "locked features"
    names = f" ({listed(rest.locked)})" if len(rest.locked) <= 6 else f" ({len(rest.locked)} of them)"
    first, second = rest.shares
    said = [
        f"On {what}{names} rest {percent(first.value, 1)} of the decisions of conventional training and "
        f"{percent(second.value, 1)} of those of counterfactual training{_moved(rest.moved, rest.shares)}."
    ]
    before, after = rest.proxy_shares
    said.append(
        f"On features that go along with them rest {percent(before.value, 1)} and {percent(after.value, 1)}"
        f"{_moved(rest.proxy_moved, rest.proxy_shares)}."
    )
    up = [proxy for proxy in rest.named if proxy.moved.low > 0][:3]
    down = [proxy for proxy in rest.named if proxy.moved.high < 0][:3]
    for proxies, verb in ((up, "more"), (down, "less")):
        if proxies:
            said.append(f"With {TITLES[1]}, {verb} rests on {listed([proxy_words(proxy) for proxy in proxies])}.")
    return said


def proxy_words(proxy: Proxy) -> str:
    """A proxy with what it goes along with: ``occupation (goes along with sex, 0.42: 11 % before, 15 % after)``."""
    ends = [share.value for share in proxy.shares]
    digits = next((digits for digits in (0, 1) if len({percent(end, digits) for end in ends}) > 1), 2)
    first, second = (percent(end, digits) for end in ends)
    like = f"goes along with {proxy.like}, {decimal(proxy.association, 2)}"
    return f"{proxy.feature} ({like}: {first} before, {second} after)"


def _moved(spread: Spread, shares: Sequence[Spread]) -> str:
    """A difference in points, as one reads it off the two shares beside it."""
    if not spread.clear:
        return ", no clear difference"
    first, second = (round(100 * share.value, 1) for share in shares)
    return f": {decimal(abs(second - first), 1)} points {'more' if spread.value > 0 else 'less'}"


PROXIES_HELP = (
    "Share of a decision that rests on a feature: |g| / Σ|g| by integrated gradients, the mean over test data. A proxy "
    "may change, goes along with a locked feature, and is used; its weight is the association times that share, after "
    "Datta and others, “Use Privacy in Data-Driven Systems” (2017). Association, from 0 to 1: Spearman’s |ρ| of "
    "numbers, the correlation ratio η of a number and a category, Cramér’s V of categories, without their bias."
)
"""How the part on what decisions rest on is computed."""


# -- all of it ------------------------------------------------------------------------------------------------


def population_text(found: Population) -> str:
    """All of it, as the command line prints it."""
    parts = [headline(found)]
    if found.n:
        parts.append(" ".join([asked_sentence(found), planned_sentence(found), checked_sentence(found)]))
        parts.append(numbers_text(found))
        if proofs := proofs_sentences(found):
            parts.append("\n".join(proofs))
        parts.append("\n".join(groups_sentences(found)))
    parts.append("\n".join(reliance_sentences(found)))
    return in_words_of(found.data, "\n\n".join(parts))


def numbers_text(found: Population) -> str:
    """The numbers of both models and their difference, a line for each metric."""
    lines = []
    for name in METRICS:
        rows = [found.row(name, arm) for arm in found.settings.arms]
        paired = found.row(name, found.settings.arms[1], against="conventional")
        said = [f"{title} {with_interval(row)}" for row, title in zip(rows, TITLES, strict=True)]
        lines.append(f"{POPULATION_METRICS[name].title}: {', '.join(said)}, difference {with_interval(paired)}.")
    return "\n".join([*lines, f"In brackets: {100 * LEVEL:.0f} % intervals."])
