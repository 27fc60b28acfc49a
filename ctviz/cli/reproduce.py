"""``ctviz reproduce``: the paper's tables, computed anew beside the published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import can_print_unicode, table, to_json, write
from ctviz.cli.root import JsonFlag, app
from ctviz.cli.study import (
    AddressOption,
    EngineOption,
    EstimateFlag,
    WorkersOption,
    checked,
    show_estimate,
    study_progress,
)
from ctviz.errors import ConfigError

if TYPE_CHECKING:
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
        str,
        typer.Option(
            help="Data sets, separated by commas: ls, circles, moons, ol, mnist; adult, california, credit, german, "
            "and gmsc from a folder of yours."
        ),
    ] = "ls,circles,moons,ol,mnist",
    seeds: Annotated[int | None, typer.Option(help="Draws of the data and of training; 5 by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the work, with rough numbers.")] = False,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    price: EstimateFlag = False,
    stored: Annotated[bool, typer.Option("--stored", help="Print the result that ships; compute nothing.")] = False,
    as_json: JsonFlag = False,
    out: Annotated[Path | None, typer.Option(help="File to write the result to, as JSON.")] = None,
) -> None:
    """Table 1, with settings chosen on validation data; goes on from where it was stopped."""
    from ctviz.studies.reproduce.result import read, shipped

    if out is not None and not out.parent.is_dir():
        raise ConfigError("out", str(out), "a file in a folder that there is")
    if stored:
        found = read(shipped())
    else:
        wanted = _reproduction(data, seeds, quick)
        found = _compute(wanted, checked(engine, address, workers), price=price, as_json=as_json)
    content = found.to_json().encode()
    if out is not None:
        write(out, content)
    if as_json:
        typer.echo(content.decode() if can_print_unicode() else to_json(json.loads(content)), nl=False)
    else:
        typer.echo(_words(found))


def _reproduction(data: str, seeds: int | None, quick: bool) -> Reproduction:
    from ctviz.studies.reproduce.reproduction import Reproduction

    values: dict[str, Any] = {"data": data} | ({} if seeds is None else {"seeds": seeds})
    return Reproduction.quick(**values) if quick else Reproduction(**values)


def _compute(reproduction: Reproduction, options: dict[str, Any], *, price: bool, as_json: bool) -> Table1:
    from ctviz.experiments.store import open_store
    from ctviz.studies.reproduce.estimate import estimate
    from ctviz.studies.reproduce.result import RESULTS
    from ctviz.studies.reproduce.table1 import reproduce as run

    store = open_store()
    show_estimate(
        lambda workers: estimate(reproduction, store, workers), options["workers"], as_json and price, err=not price
    )
    if price:
        raise typer.Exit
    with study_progress("Table 1", "parts") as progress:
        found = run(reproduction, store, progress=progress, **options)
    RESULTS.keep(store, reproduction.key, found)
    return found


def _words(result: Table1) -> str:
    from ctviz.catalogue.metrics import METRICS as METRICS_OF
    from ctviz.catalogue.metrics import REPRODUCED
    from ctviz.figures.paper_words import agreement, headline, how, interval, published
    from ctviz.studies.reproduce.published import METRICS

    rows = []
    for row in result.rows:
        for metric in METRICS:
            outcome = row.outcome(metric)
            rows.append(
                [row.title, REPRODUCED[metric].symbol, interval(outcome), published(outcome), agreement(outcome)]
            )
        if row.ip_star_median is not None:
            rows.append([row.title, METRICS_OF["ip_star_median"].symbol, interval(row.ip_star_median), "–", ""])
    text = table(["data", "reduction of", "here, %", "published, %", ""], rows)
    cells = [f"{row.data}: {_cells(row)}" for row in result.rows]
    return "\n".join([headline(result), "", text, "", how(result), "", "Chosen on validation data:", *cells])


def _cells(row: Table1Row) -> str:
    """The two chosen cells of a data set."""
    named = [("IP and IP*", row.settings.plausibility), ("cost", row.settings.mutability)]
    return "; ".join(f"{what} τ {one.tau:g}, λ_reg {one.lambda_reg:g}" for what, one in named if one is not None)
