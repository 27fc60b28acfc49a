"""Our results and the published ones, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ctviz.prose import decimal, listed
from ctviz.studies.reproduce.published import METRICS
from ctviz.studies.reproduce.result import ComparedReduction, Reduction, Table1

ARMS = {
    "vanilla": "Conventional",
    "full": "Counterfactual training",
    "adversarial": "Adversarial part alone",
    "energy": "Energy part alone",
}
"""The variants of the objective, as the page calls them."""


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
        f" The gain hangs on the steps of the search: {usual} closer to real data with the paper's, "
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
    draws = len(result.rows[0].seeds) if result.rows else 0
    rounds = result.reproduction.get("rounds", "some")
    level = 100 * float(result.reproduction.get("level", 0.99))
    many = f"{draws} draws of data and training" if draws != 1 else "one draw of data and training"
    digits = next((len(row.seeds) for row in result.rows if row.data == "mnist"), draws)
    fewer = f" ({digits} of digits)" if digits != draws else ""
    passed = [f"{len(row.passed_over)} of {row.title}" for row in result.rows if row.passed_over]
    over = f" Costs are over as many draws with locked advice to compare; {listed(passed)} are passed over." * bool(
        passed
    )
    return (
        f"Means over {many}{fewer}, each evaluated in {rounds} rounds.{over} "
        f"{level:g} % intervals are Student's t over draws; those of the paper are over rounds of one draw."
    )
