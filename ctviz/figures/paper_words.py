"""Our results and the published ones, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ctviz.catalogue.metrics import METRICS as METRICS_OF
from ctviz.evaluation.student import interval as student
from ctviz.prose import decimal, listed, number, percent
from ctviz.studies.reproduce.published import METRICS
from ctviz.studies.reproduce.reproduction import WHOLE_DRAWS
from ctviz.studies.reproduce.result import (
    ComparedReduction,
    ExactOutcome,
    Reduction,
    ReliabilityCurve,
    Table1,
    Table1Row,
)

ARMS = {
    "vanilla": "Conventional",
    "full": "Counterfactual training",
    "adversarial": "Adversarial part alone",
    "energy": "Energy part alone",
}
"""The variants of the objective, as the page calls them."""

_IP, _NEAREST = METRICS_OF["ip"], METRICS_OF["nearest"]


def interval(one: Reduction | None, digits: int = 1) -> str:
    """``29.1 [28.0, 30.2] *``: the reduction in %, its interval, and a star where zero is outside."""
    if one is None or one.reduction is None:
        return "–"
    if one.low is None:
        return decimal(one.reduction, digits)
    star = " *" if one.significant else ""
    return f"{decimal(one.reduction, digits)} [{decimal(one.low, digits)}, {decimal(one.high, digits)}]{star}"


def published(outcome: ComparedReduction) -> str:
    """``29.05 ± 0.67 *``: the published number with its standard error; a dash where there is none."""
    if outcome.published is None:
        return "–"
    star = " *" if outcome.published_significant else ""
    return f"{decimal(outcome.published, 2)} ± {decimal(outcome.published_error, 2)}{star}"


def agreement(outcome: ComparedReduction) -> str:
    """Whether ours and the published number agree in sign and significance."""
    if outcome.published is None:
        return "not in the paper"
    if outcome.agrees is None:
        return "not measured"
    if outcome.agrees:
        return "as published" if outcome.significant else "no significant difference, as published"
    if outcome.same_sign and outcome.same_significance:
        return "as published, but not over the same requests"
    if not outcome.same_sign:
        return "other sign"
    return "same sign, significant here alone" if outcome.significant else "same sign, not significant here"


def size(outcome: ComparedReduction) -> str:
    """How our reduction compares with the published one, where that lies outside of our interval."""
    if outcome.low is None or outcome.high is None or outcome.published is None:
        return ""
    if outcome.low <= outcome.published <= outcome.high:
        return "of the published size"
    if outcome.published < 0 and outcome.high < 0:
        return "less harm than published" if outcome.published < outcome.low else "more harm than published"
    return "smaller than published" if outcome.published > outcome.high else "larger than published"


def headline(result: Table1) -> str:
    """The finding, in one sentence; in another what it hangs on."""
    return _agreeing(result) + _hanging_on_the_search(result)


def _hanging_on_the_search(result: Table1) -> str:
    """What is left of the gain in IP where searches take short steps; empty where that was not measured."""
    pairs = [(row.usual, row.short) for row in result.rows if row.usual and row.short and row.short != row.usual]
    gains = [(usual.ip, short) for usual, short in pairs if usual.ip.significant and (usual.ip.reduction or 0) > 0]
    if not gains:
        return ""
    usual = _from_to([ip.reduction or 0.0 for ip, _ in gains])
    short = _from_to([search.ip.reduction or 0.0 for _, search in gains])
    step = gains[0][1].step_size
    return (
        f" The gain hangs on the steps of the search: {usual} {_IP.less} with the paper's, "
        f"{short} with short ones (η {step:g})."
    )


def _from_to(values: Sequence[float]) -> str:
    low, high = (f"{round(value):d}".replace("-", "−") for value in (min(values), max(values)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _agreeing(result: Table1) -> str:
    measured = [(row, outcome) for row, _, outcome in result.outcomes() if outcome.agrees is not None]
    rows = [row for row in result.rows if row.ip.published is not None]
    if not rows and result.rows:
        return f"The paper reports nothing on {listed([row.title for row in result.rows])}."
    if not measured:
        return "Nothing could be measured in this run."
    agreeing = sum(bool(outcome.agrees) for _, outcome in measured)
    if not agreeing:
        return f"None of {len(measured)} results agrees with the paper in sign and significance."
    whole = [row.title for row in rows if all(row.outcome(m).agrees for m in METRICS)]
    large = sum(
        bool(outcome.agrees) and (outcome.reduction or 0) >= (outcome.published or 0) for _, outcome in measured
    )
    size = f"{large} of them are at least as large" if large < agreeing else "and all of these are at least as large"
    says = f"{agreeing} of {len(measured)} results agree with the paper in sign and significance, {size}"
    if len(whole) == len(rows):
        return f"All {len(measured)} results agree with the paper in sign and significance, {size}."
    return f"{says}; on {listed(whole)} all agree." if whole else f"{says}."


# -- the exact judge, and calibration ----------------------------------------------------------------------


def judged(result: Table1) -> str:
    """What the exact judge says: gain, price, caveat; empty where nothing was solved.

    Named are differences whose intervals leave out 0, and data on which fewer have any counterfactual.
    """
    rows = [(row, row.exact) for row in result.rows if row.exact is not None]
    if not rows:
        return ""
    closer, farther = _clear(rows, "ip", 1), _clear(rows, "ip", -1)
    gain = f"{_IP.less} on {_on(closer, 'ip')}" if closer else f"nowhere clearly {_IP.less}"
    worse = f", {_IP.more} on {_on(farther, 'ip')}" if farther else ""
    dear, cheap = _clear(rows, "cost", -1), _clear(rows, "cost", 1)
    price = f" It takes more effort on {_on(dear, 'cost')}" if dear else " It takes no more effort beyond chance"
    less = f", less on {_on(cheap, 'cost')}" if cheap else ""
    open_ = [row.title for row, exact in rows if not exact.ip.significant]
    unclear = f"; no difference is clear on {listed(open_)}" if open_ and (closer or farther) else ""
    return (
        f"The cheapest advice that there is, which depends on no search, lies {gain}{worse}{unclear}.{price}{less}."
        f"{_nearest(rows)}{_without_advice(rows)}"
    )


Exact = Sequence[tuple[Table1Row, ExactOutcome]]


def _clear(rows: Exact, metric: str, sign: int) -> Exact:
    """The rows in which a metric is clearly less (sign 1) or clearly more (−1)."""
    found = [(row, exact, getattr(exact, metric)) for row, exact in rows]
    return [(row, exact) for row, exact, one in found if one.significant and sign * (one.reduction or 0.0) > 0]


def _on(rows: Exact, metric: str) -> str:
    """``Circles (2.3 %) and Moons (112 %)``: in whole percents from 10 on, as the table has them."""
    sizes = [(row.title, abs(getattr(exact, metric).reduction)) for row, exact in rows]
    return listed(
        [f"{title} ({decimal(size, 0) if size >= 10 else number(size, trim=True)} %)" for title, size in sizes]
    )


def _nearest(rows: Exact) -> str:
    """Where advice ends clearly closer to the nearest real sample, or farther from it."""
    sides = ((1, _NEAREST.less), (-1, _NEAREST.more))
    told = []
    for sign, words in sides:
        ends = [(row.title, exact.nearest) for row, exact in _clear(rows, "nearest", sign)]
        named = [f"{title} ({number(one.base)} → {number(one.value)})" for title, one in ends]
        told += [f"{words} on {listed(named)}"] if named else []
    return f" It ends {', '.join(told)}." if told else ""


def _without_advice(rows: Exact) -> str:
    """Where fewer have any counterfactual at τ than with the conventional model."""
    lost = [
        f"on {row.title} {percent(exact.found)} (with conventional training {percent(exact.conventional_found)})"
        for row, exact in rows
        if exact.found is not None and exact.conventional_found is not None
        if exact.conventional_found - exact.found > LOST
    ]
    return f" Fewer samples have any advice at a confidence of τ = {rows[0][1].tau:g}: {listed(lost)}." if lost else ""


def exactly(result: Table1) -> str:
    """What the columns of the exact judge are; empty where nothing was solved."""
    known = [row.exact for row in result.rows if row.exact is not None]
    if not known:
        return ""
    each = listed([f"{n}" for n in sorted({one.factuals for one in known})], "or")
    unproved = min((one.proved for one in known if one.proved is not None), default=1.0)
    proofs = "all proved" if unproved == 1 else f"at least {percent(unproved, down=True)} of them proved"
    if gap := max((one.gap for one in known if one.gap is not None), default=0.0):
        proofs += f" and the others at most {percent(gap)} above the cheapest"
    return (
        f"The cheapest advice: the cheapest counterfactual at τ = {known[0].tau:g} of {each} test samples of each "
        f"draw, {proofs}; over those for which both models have one, from conventional to counterfactual training."
    )


LOST = 0.01
"""Share of factuals that may lose their counterfactual before it is told."""


def calibrated(result: Table1) -> str:
    """On which data counterfactual training's calibration error is larger or smaller than the conventional model's."""
    sides: dict[int, list[tuple[Table1Row, str]]] = {-1: [], 0: [], 1: []}
    level = float(result.reproduction.get("level", 0.99))
    for row in result.rows:
        pairs = [(draw.conventional_calibration, draw.calibration) for draw in row.seeds]
        apart = [value - base for base, value in pairs if base is not None and value is not None]
        if not apart:
            continue
        low, high = map(float, student(apart, level))
        side = int(low > 0) - int(high < 0) if abs(sum(apart)) / len(apart) >= SAME else 0
        base, value = (100 * sum(one[i] or 0.0 for one in pairs) / len(pairs) for i in (0, 1))
        sides[side].append((row, f"{row.title} ({decimal(base)} → {decimal(value)} %)"))
    told = [f"{words} on {listed([one for _, one in sides[side]])}" for side, words in SAYS.items() if sides[side]]
    alike = listed([one for _, one in sides[0]])
    if not told:
        return f"No difference in the calibration error is clear on {alike}." if alike else ""
    first, _, rest = "; ".join(told).partition(" on ")
    said = f"How sure counterfactual training is says {first} about how often it is right on {rest}"
    return f"{said}{f'; no difference is clear on {alike}' if alike else ''}.{_modest([row for row, _ in sides[1]])}"


def _modest(rows: Sequence[Table1Row]) -> str:
    """On which side the answers of counterfactual training lie there; those on which it is the other one by
    name."""
    sides: dict[str, list[str]] = {"more": [], "less": []}
    for row in rows:
        for curve in row.reliability or ():
            bins = zip(curve.count, curve.confidence, curve.accuracy, strict=True)
            gap = sum(n * (right - sure) for n, sure, right in bins) if curve.arm == "full" else 0.0
            if gap:
                sides["more" if gap > 0 else "less"].append(row.title)
    if not any(sides.values()):
        return ""
    most, least = sorted(sides, key=lambda side: -len(sides[side]))
    rest = f", but {least} often on {listed(sides[least])}" if sides[least] else ""
    return f" Where it says less, it is right {most} often than it claims{rest}."


SAME = 5e-4
"""Mean difference of calibration errors below which both are called alike, whatever their interval."""

SAYS = {1: "less", -1: "more"}
"""What a calibration error that is clearly larger, or clearly smaller, means."""


def curve_words(curve: ReliabilityCurve) -> str:
    """A reliability curve as a text: ``where Conventional is 95 % sure, it is right 97 % of the time``, for each bin
    with a share of the samples worth telling."""
    every = sum(curve.count) or 1
    parts = [
        f"{decimal(100 * sure, 0)} % sure, right {decimal(100 * right, 0)} %"
        for count, sure, right in zip(curve.count, curve.confidence, curve.accuracy, strict=True)
        if count / every >= TOLD
    ]
    return f"{ARMS[curve.arm]}: {', '.join(parts)}"


TOLD = 0.02
"""Least share of the samples in a bin that is told, or drawn on the line."""


# -- texts that name numbers ---------------------------------------------------------------------------------


def fill(words: str, result: Table1) -> str | None:
    """Words with numbers of a result in the place of their names, so that both always agree.

    ``{ls.ip}`` is the reduction of IP on LS with its interval, ``{ls.other.cost}`` that of the other study's cell,
    ``{ol.room.floor}`` a number. None where the result has no such number.
    """
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        data, *path = found[1].split(".")
        here: object = result.row(data)
        for name in path:
            here = getattr(here, name, None)
        if isinstance(here, Reduction) and here.reduction is not None:
            return f"{interval(here)} %"
        if isinstance(here, int | float):
            return decimal(float(here), 2)
        missing = True
        return "–"

    filled = re.sub(r"\{([a-z0-9_.]+)\}", value, words)
    return None if missing else filled


def how(result: Table1) -> str:
    """How the numbers came about, in two sentences."""
    rounds = result.reproduction.get("rounds", "some")
    level = 100 * float(result.reproduction.get("level", 0.99))
    passed = [f"{len(row.passed_over)} of {row.title}" for row in result.rows if row.passed_over]
    few = [f"{len(row.locked_seeds)} of {row.title}" for row in result.rows if len(row.locked_seeds) < len(row.seeds)]
    fewer = f" ({listed(few)})" if few else ""
    costs = f" Costs are over as many draws{fewer} with locked advice to compare; {listed(passed)} are passed over."
    over = costs if passed else ""
    return (
        f"Means over {drawn(result.rows)}, each evaluated in {rounds} rounds.{over}{_first(result.rows)} "
        f"{level:g} % intervals are Student's t over draws; those of the paper are over rounds of one draw."
    )


def _first(rows: Sequence[Table1Row]) -> str:
    """Which draws of tables have more than the columns of the table."""
    first = {WHOLE_DRAWS[row.data] for row in rows if len(row.seeds) > WHOLE_DRAWS.get(row.data, len(row.seeds))}
    told = "On tables, parts of the objective, other search steps and all that has a lock are measured on the first"
    return "".join(f" {told} {n} draws alone." for n in first)


def draws_of(row: Table1Row) -> str:
    """``20 draws``, or ``20 draws; 3 of costs, 12 without a search`` where these are others."""
    most, solved = len(row.seeds), row.exact.draws if row.exact is not None else len(row.seeds)
    others = ((len(row.locked_seeds), "of costs"), (solved, "without a search"))
    fewer = listed([f"{n} {what}" for n, what in others if n != most])
    return f"{most} draw{'s' * (most != 1)}{f'; {fewer}' if fewer else ''}"


def drawn(rows: Sequence[Table1Row]) -> str:
    """``20 draws of data and training (5 of MNIST; 3 of Adult and German credit)``: the most, and where fewer."""
    counts = [len(row.seeds) for row in rows]
    most = max(counts, default=0)
    many = f"{most} draws of data and training" if most != 1 else "one draw of data and training"
    fewer = {n: [row.title for row in rows if len(row.seeds) == n] for n in sorted({*counts} - {most}, reverse=True)}
    return many + (f" ({'; '.join(f'{n} of {listed(titles)}' for n, titles in fewer.items())})" if fewer else "")
