"""``ctviz reproduce rivals``: counterfactual training against other methods, by one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import table
from ctviz.cli.reproduce import reproduce_app
from ctviz.cli.root import JsonFlag
from ctviz.cli.study import (
    AddressOption,
    EngineOption,
    EstimateFlag,
    ExtendedFile,
    QuickFlag,
    ResultFile,
    StoredFlag,
    WorkersOption,
    carried_out,
    check_extends,
    check_result_file,
    check_stored,
    checked,
    print_result,
)

if TYPE_CHECKING:
    from ctviz.studies.rivals.result import VerdictResult
    from ctviz.studies.rivals.settings import Verdict


@reproduce_app.command("rivals")
def rivals(
    data: Annotated[
        str | None,
        typer.Option(
            help="Data sets, separated by commas: ls, circles, moons, ol, california, german (all by default); adult, "
            "credit, mnist, and gmsc from a folder of yours."
        ),
    ] = None,
    draws: Annotated[int | None, typer.Option(help="Draws of the data and of training; 10 by default.")] = None,
    methods: Annotated[str | None, typer.Option(help="Methods, separated by commas; all of them by default.")] = None,
    quick: QuickFlag = False,
    extended: ExtendedFile = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    price: EstimateFlag = False,
    stored: StoredFlag = False,
    as_json: JsonFlag = False,
    out: ResultFile = None,
) -> None:
    """Is it better than …? Every method with settings chosen by one rule; goes on from where it was stopped."""
    from ctviz.studies.rivals.result import read, shipped

    check_result_file(out)
    if stored:
        check_stored({"data": data, "draws": draws, "methods": methods, "quick": quick, "extend": extended})
        found = read(shipped())
    else:
        before = None if extended is None else read(extended)
        wanted = _verdict(data, draws, methods, quick, before)
        found = _compute(wanted, before, checked(engine, address, workers), price=price, as_json=as_json)
        out = out or extended
    print_result(found.to_json(), lambda: _words(found), out, as_json)


def _verdict(
    data: str | None, draws: int | None, methods: str | None, quick: bool, before: VerdictResult | None
) -> Verdict:
    from ctviz.studies.rivals.settings import Verdict
    from ctviz.studies.rivals.verdict import extended

    if before is not None:
        check_extends({"methods": methods, "quick": quick})
        return extended(before, data, draws)
    named = {"data": data, "draws": draws, "methods": methods}
    values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    return Verdict.quick(**values) if quick else Verdict(**values)


def _compute(
    verdict: Verdict, before: VerdictResult | None, options: dict[str, Any], *, price: bool, as_json: bool
) -> VerdictResult:
    from ctviz.studies.rivals.verdict import compare, estimate

    return carried_out(
        "Comparison",
        lambda store, workers: estimate(verdict, store, workers, before),
        lambda store, **how: compare(verdict, store, before=before, **how),
        options, price=price, as_json=as_json,
    )  # fmt: skip


def _words(result: VerdictResult) -> str:
    from ctviz.catalogue.metrics import RIVAL_METRICS
    from ctviz.figures.rivals_words import SEARCHES, caveat, gain, gains, headline, how, price, settings
    from ctviz.studies.rivals.methods import CONVENTIONAL

    parts = [headline(result), gains(result), price(result), caveat(result), ""]
    for row in result.rows:
        measures = result.measures([row])
        for search in result.searches:
            head = [row.title, *(RIVAL_METRICS[one.name].symbol for one in measures), "settings"]
            rows = [
                [
                    result.titles[method.name],
                    *(gain(result.compared(row, method.name, CONVENTIONAL, m, search), m) for m in measures),
                    settings(method.settings),
                ]
                for method in row.methods
                if method.name != CONVENTIONAL
            ]
            parts += [f"{row.title}, {SEARCHES.get(search, search)}:", table(head, rows), ""]
    return "\n".join([*parts, how(result), result.rule])
