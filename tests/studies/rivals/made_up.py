"""A comparison with made-up numbers, for words, pictures and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctviz.studies.reproduce.published import TITLES
from ctviz.studies.rivals.methods import BY_NAME, CONVENTIONAL
from ctviz.studies.rivals.result import (
    ChosenSettings,
    MethodResult,
    MethodWords,
    PairedCost,
    VerdictResult,
    VerdictRow,
)
from ctviz.studies.rivals.settings import CAREFUL, SEARCHES, Verdict

WOBBLE = (0.0, 0.02, 0.01)
"""What the draws add to every value."""


def draws(**values: float) -> dict[int, dict[str, float]]:
    """Three draws of a model; IP, the nearest sample and validity with both searches."""
    usual = {"nearest": 0.1, "accuracy": 0.98, "pgd": 0.9, "seconds": 1.0, **values}
    spread = {
        f"{name} {search}" if name in ("ip", "nearest", "validity", "read_as") else name: value
        for name, value in usual.items()
        for search in SEARCHES
    }
    return {seed: {name: value + more for name, value in spread.items()} for seed, more in enumerate(WOBBLE)}


def row(
    data: str, methods: Mapping[str, Mapping[str, float]], cheaper: Sequence[float] = (5.0, 6.0, 7.0)
) -> VerdictRow:
    """A data set; counterfactual training's cost is so much cheaper than conventional training's, in %."""
    chosen = ChosenSettings(changes={}, chosen_by="only")
    found = tuple(
        MethodResult(name=name, settings=chosen, draws=draws(**values), locked={0: {"cost paper": 1.0}})
        for name, values in methods.items()
    )
    costs = tuple(
        PairedCost(search=search, first=CONVENTIONAL, second="full", draws={i: -one for i, one in enumerate(cheaper)})
        for search in SEARCHES
    )
    return VerdictRow(data=data, title=TITLES[data], locked=(0,), passed_over=(), methods=found, costs=costs)


def result(*rows: VerdictRow) -> VerdictResult:
    names = [one.name for one in rows[0].methods]
    known = [BY_NAME[name] for name in names]
    return VerdictResult(
        methods=tuple(
            MethodWords(name=m.name, title=m.title, short=m.short, words=m.words, tries=len(m.tries), ours=m.ours)
            for m in known
        ),
        rows=rows,
        rule="The rule.",
        searches={"paper": {"step_size": 0.1, "steps": 50.0}, "careful": {k: float(v) for k, v in CAREFUL.items()}},
        verdict=Verdict(methods=tuple(names), draws=3).model_dump(mode="json"),
        version="0",
        algorithm=1,
        seconds=1.0,
    )
