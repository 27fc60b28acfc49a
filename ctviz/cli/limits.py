"""``ctviz limits``: where counterfactual training was expected to fail, and whether it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import make_folder, number, table, to_json
from ctviz.cli.root import JsonFlag, app
from ctviz.cli.study_progress import study_progress
from ctviz.errors import ConfigError

if TYPE_CHECKING:
    from ctviz.studies.results import LimitResult

BUILD = "build"


@app.command()
def limits(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name of a limit; `build` writes those that ship.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Draws of data and training; by default as many as ship.")] = None,
    metric: Annotated[str | None, typer.Option(help="The metric of the finding.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything here, even results that ship.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to (build); by default that of this checkout.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Five small experiments on where counterfactual training may fail: what they show, with intervals over draws."""
    from ctviz.studies.registry import STUDIES, study_of
    from ctviz.studies.results import run_limit

    if out is not None and name != BUILD:
        raise ConfigError("out", str(out), "only with `ctviz limits build`")
    if name is None:
        rows = [[told.name, told.title, told.question] for told in STUDIES.values()]
        listed = [{"name": row[0], "title": row[1], "question": row[2]} for row in rows]
        typer.echo(to_json(listed) if as_json else table(["name", "title", "question"], rows))
        return
    if name == BUILD:
        _build(out)
        return
    chosen = study_of(name).metric(metric)
    with study_progress(study_of(name).title, "draws") as progress:
        result = run_limit(name, progress=progress, seeds=seeds, shipped=not fresh)
    typer.echo(to_json(_record(result, chosen.name)) if as_json else _text(result, chosen.name))


def _build(out: Path | None) -> None:
    from ctviz.studies.registry import STUDIES
    from ctviz.studies.results import build_limits, shipped_folder

    folder = out or shipped_folder()
    make_folder(folder)
    for path in build_limits(tuple(STUDIES), folder, lambda name: typer.echo(f"Measuring {name} …", err=True)):
        typer.echo(path)


def _record(result: LimitResult, metric: str) -> dict[str, Any]:
    told = result.limit
    found = told.finding(result.table, told.metric(metric))
    return {
        "name": told.name,
        "title": told.title,
        "question": told.question,
        "metric": metric,
        "headline": found.headline,
        "sentences": list(found.sentences),
        "shows": list(found.shows),
        "draws": result.draws,
        "rows": result.table.to_dict("records"),
    }


def _text(result: LimitResult, metric: str) -> str:
    from ctviz.experiments.summary import across, gains, values_of

    told = result.limit
    chosen = told.metric(metric)
    found = told.finding(result.table, chosen)
    rows = gains(result.table, chosen.column) if chosen.gain else values_of(result.table, chosen.column)
    last = rows[rows["epoch"] == rows.groupby("panel")["epoch"].transform("max")]
    head = ["data", "variant", "dose", "mean", "low", "high", "draws"]
    lines = [
        [
            str(row.panel),
            str(row.variant),
            *(number(float(str(v))) for v in (row.dose, row.value, row.low, row.high)),
            str(row.n),
        ]
        for row in across(last, log=chosen.log).itertuples()
    ]
    said = "\n".join(f"- {sentence}" for sentence in found.sentences)
    return f"{found.headline}.\n{said}\n\n{chosen.title}\n{table(head, lines)}"
