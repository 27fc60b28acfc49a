"""``ctviz reproduce``: the paper's tables, computed anew beside the published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import table
from ctviz.cli.root import JsonFlag, app
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
    study_progress,
)
from ctviz.errors import ConfigError

if TYPE_CHECKING:
    from ctviz.experiments.store import Store
    from ctviz.studies.reproduce.reproduction import Reproduction
    from ctviz.studies.reproduce.result import Table1, Table1Row

reproduce_app = typer.Typer(rich_markup_mode=None, help="Compute the paper's tables anew.", no_args_is_help=True)
app.add_typer(reproduce_app, name="reproduce")


@reproduce_app.callback()
def reproduce() -> None:
    """Compute the paper's tables anew."""


@reproduce_app.command("table1")
def table1(
    data: Annotated[
        str | None,
        typer.Option(
            help="Data sets, separated by commas: ls, circles, moons, ol, mnist (all of them by default); adult, "
            "california, credit, german, and gmsc from a folder of yours."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Draws of the data and of training; 5 by default, at most 5 of digits."),
    ] = None,
    exact: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Test factuals of each draw that are also judged by their cheapest counterfactuals, which are proved; "
            "by default 25 of points in the plane, 10 of tables, and 3 of credit and gmsc, where one takes seconds.",
        ),
    ] = None,
    quick: QuickFlag = False,
    extended: ExtendedFile = None,
    so_far: Annotated[
        bool,
        typer.Option(
            "--so-far",
            help="With --extend: compute nothing; rows of --data get the draws that are done by now, after it was "
            "stopped.",
        ),
    ] = False,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    price: EstimateFlag = False,
    stored: StoredFlag = False,
    as_json: JsonFlag = False,
    out: ResultFile = None,
) -> None:
    """Table 1, with settings chosen on validation data; goes on from where it was stopped."""
    from ctviz.studies.reproduce.result import read, shipped

    check_result_file(out)
    if so_far and extended is None:
        raise ConfigError("so_far", True, "nothing without --extend")
    if stored:
        check_stored({"data": data, "seeds": seeds, "exact": exact, "quick": quick, "extend": extended})
        found = read(shipped())
    elif extended is not None:
        check_extends({"seeds": seeds, "exact": exact, "quick": quick, "estimate": price})
        if data is None:
            raise ConfigError("data", None, "the rows that --extend is to add or to complete")
        found = _extend(extended, data, so_far, checked(engine, address, workers))
        out = out or extended
    else:
        wanted = _reproduction(data, seeds, exact, quick)
        found = _compute(wanted, checked(engine, address, workers), price=price, as_json=as_json)
    print_result(found.to_json(), lambda: _words(found), out, as_json)


def _reproduction(data: str | None, seeds: int | None, exact: int | None, quick: bool) -> Reproduction:
    from ctviz.studies.reproduce.reproduction import Reproduction

    named = {"data": data, "seeds": seeds, "exact": exact}
    values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    return Reproduction.quick(**values) if quick else Reproduction(**values)


def _extend(path: Path, data: str, so_far: bool, options: dict[str, Any]) -> Table1:
    from ctviz.experiments.store import open_store
    from ctviz.studies.reproduce.extend import extend
    from ctviz.studies.reproduce.reproduction import Reproduction
    from ctviz.studies.reproduce.result import read

    before, names = read(path), Reproduction(data=data).data
    with study_progress("Table 1", "parts") as progress:
        return extend(before, names, open_store(), progress=progress, so_far=so_far, **options)


def _compute(reproduction: Reproduction, options: dict[str, Any], *, price: bool, as_json: bool) -> Table1:
    from ctviz.studies.reproduce.estimate import estimate
    from ctviz.studies.reproduce.result import RESULTS
    from ctviz.studies.reproduce.table1 import reproduce as run

    def computed(store: Store, **how: Any) -> Table1:
        found = run(reproduction, store, **how)
        RESULTS.keep(store, reproduction.key, found)
        return found

    return carried_out(
        "Table 1", lambda store, workers: estimate(reproduction, store, workers), computed, options,
        price=price, as_json=as_json,
    )  # fmt: skip


def _words(result: Table1) -> str:
    from ctviz.catalogue.metrics import METRICS as METRICS_OF
    from ctviz.catalogue.metrics import REPRODUCED
    from ctviz.figures.paper_words import agreement, calibrated, exactly, headline, how, interval, judged, published
    from ctviz.studies.reproduce.judged import JUDGED
    from ctviz.studies.reproduce.published import METRICS

    rows: list[list[str]] = []
    for row in result.rows:
        for metric in METRICS:
            outcome, draws = row.outcome(metric), len(row.draws(metric))
            said = interval(outcome), published(outcome), agreement(outcome)
            rows.append([row.title, REPRODUCED[metric].symbol, f"{draws}", *said])
        others = [("ip_star_median", len(row.seeds), row.ip_star_median)]
        if (exact := row.exact) is not None:
            others += [(f"exact_{name}", exact.draws, getattr(exact, name)) for name in JUDGED]
        rows += [[row.title, METRICS_OF[name].symbol, f"{n}", interval(one), "–", ""] for name, n, one in others if one]
    text = table(["data", "reduction of", "draws", "here, %", "published, %", ""], rows)
    cells = [f"{row.data}: {_cells(row)}" for row in result.rows]
    told = [text for text in (judged(result), calibrated(result)) if text]
    return "\n".join(
        [headline(result), *told, "", text, "", how(result), exactly(result), "", "Chosen on validation data:", *cells]
    )


def _cells(row: Table1Row) -> str:
    """The two chosen cells of a data set."""
    named = [("IP and IP*", row.settings.plausibility), ("cost", row.settings.mutability)]
    return "; ".join(f"{what} τ {one.tau:g}, λ_reg {one.lambda_reg:g}" for what, one in named if one is not None)
