"""``ctviz limits``: where counterfactual training was expected to fail, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import make_folder, number, table, to_json
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
    from ctviz.studies.results import StudyResult
    from ctviz.studies.study import Study

BUILD = "build"


@app.command()
def limits(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | build [NAME …]]", help="Name of a limit; `build` writes those that ship, or those named."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Draws of data and training; by default as many as ship.")] = None,
    metric: Annotated[str | None, typer.Option(help="The metric of the finding.")] = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute everything here, even results that ship.")] = False,
    price: EstimateFlag = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to (build); by default that of this checkout.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Small experiments on where counterfactual training may fail: what they show, with intervals over draws."""
    from ctviz.studies.registry import LIMITS, study_of
    from ctviz.studies.results import estimate, run_study

    name, *more = words or (None,)
    if out is not None and name != BUILD:
        raise ConfigError("out", str(out), "only with `ctviz limits build`")
    if name is None:
        rows = [[told.name, told.title, told.question] for told in LIMITS.values()]
        listed = [{"name": row[0], "title": row[1], "question": row[2]} for row in rows]
        typer.echo(to_json(listed) if as_json else table(["name", "title", "question"], rows))
        return
    options, building = checked(engine, address, workers), name == BUILD
    if more and not building:
        raise ConfigError("limit", " ".join((name, *more)), f"one of {', '.join(LIMITS)}, or build and several")
    studies = [study_of(each) for each in (more or LIMITS if building else (name,))]
    study, chosen = studies[0], studies[0].metric(None if building else metric)
    if price:
        from ctviz.experiments.store import open_store

        store, here = open_store(), fresh or building
        show_estimate(lambda w: estimate(studies, store, w, seeds, shipped=not here), workers, as_json)
        return
    if building:
        _build(studies, out, options)
        return
    with study_progress(study.title, "draws") as progress:
        result = run_study(study, progress=progress, seeds=seeds, shipped=not fresh, **options)
    typer.echo(to_json(_record(result, chosen.name)) if as_json else _text(result, chosen.name))


def _build(studies: Sequence[Study], out: Path | None, options: dict[str, Any]) -> None:
    from ctviz.studies.results import build_study, shipped_folder

    folder = out or shipped_folder()
    make_folder(folder)
    for study in studies:
        with study_progress(study.title, "draws") as progress:
            for path in build_study(study, folder, progress=progress, **options):
                typer.echo(path)


def _record(result: StudyResult, metric: str) -> dict[str, Any]:
    told = result.study
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


def _text(result: StudyResult, metric: str) -> str:
    from ctviz.studies.summary import across, gains, values_of

    told = result.study
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
