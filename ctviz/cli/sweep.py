"""``ctviz sweep`` and ``ctviz sweeps``: many settings × seeds, trained, evaluated, compared."""

from __future__ import annotations

import json
import math
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctviz.cli.common import changed, experiment_of, make_folder, number, read, table, to_json, write
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
    from ctviz.experiments.engines.base import TaskResult
    from ctviz.experiments.protocol import Protocol
    from ctviz.experiments.store import Store
    from ctviz.studies.sweeps.catalogue import SweepInfo
    from ctviz.studies.sweeps.declaration import Sweep
    from ctviz.studies.sweeps.plan import SweepEstimate
    from ctviz.studies.sweeps.results import SweepResult

sweeps_app = typer.Typer(rich_markup_mode=None, help="List the stored sweeps, or delete one.")
app.add_typer(sweeps_app, name="sweeps", invoke_without_command=True)

REPORTED = ("ip", "ip_star", "cost", "validity")
"""Metrics whose reductions are printed; all others are in the JSON, CSV and parquet."""

_Grid = Annotated[
    list[str] | None,
    typer.Option("--grid", metavar="SETTING=V1,V2,…", help="A setting and its values; repeatable."),
]
_Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="SETTING=LOW:HIGH[:log]", help="A range, for a sample; repeatable."),
]
_Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a setting of the experiment, as in training.epochs=20."),
]


@app.command()
def sweep(
    what: Annotated[
        str | None,
        typer.Argument(metavar="PRESET_OR_TOML", help="A preset, or a TOML file."),
    ] = None,
    grid: _Grid = None,
    ranges: _Ranges = None,
    study: Annotated[str | None, typer.Option(help="One of the paper's studies instead of a grid.")] = None,
    data: Annotated[str | None, typer.Option(help="Preset for the study.")] = None,
    arm: Annotated[str | None, typer.Option(help="The arm that varies; by default full, or that of the file.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Models of each cell, one for each training seed.")] = None,
    changes: _Changes = None,
    sample: Annotated[str | None, typer.Option(help="grid, random or sobol.")] = None,
    count: Annotated[int | None, typer.Option(help="Cells to draw for a random or Sobol sample.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of the evaluation.")] = None,
    exact: Annotated[
        int | None,
        typer.Option(metavar="N", help="Judge N samples also by their cheapest counterfactuals, which are proved."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep.")] = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train models again that only other runs hold.")] = False,
    price: EstimateFlag = False,
    yes: Annotated[bool, typer.Option("--yes", help="Begin a very large sweep without asking.")] = False,
    as_json: JsonFlag = False,
    csv: Annotated[Path | None, typer.Option(help="Write the whole table as CSV.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write the whole table as parquet.")] = None,
) -> None:
    """Train an arm over many settings and seeds, and compare each model with conventional training.

    Stored results are not computed again: after Ctrl-C, the same command continues where it was.
    """
    from ctviz.studies.sweeps.declaration import Sweep

    values = _wanted(what, study, data, changes or ())
    if axes := [_grid_axis(text) for text in grid or ()] + [_range_axis(text) for text in ranges or ()]:
        values["axes"] = axes
    given = {"arm": arm, "seeds": seeds, "sample": sample, "count": count, "name": name}
    values |= {setting: value for setting, value in given.items() if value is not None}
    measured = {"rounds": rounds, "exact": exact}
    if known := {setting: value for setting, value in measured.items() if value is not None}:
        values["protocol"] = _measured(values, known)
    wanted = Sweep(**values)
    options = checked(engine, address, workers)
    from ctviz.experiments.store import open_store
    from ctviz.studies.sweeps.plan import estimate

    store = open_store()
    if price:
        show_estimate(lambda workers: estimate(wanted, store, workers, fresh), workers, as_json)
        return
    for path in (csv, parquet):
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError("file", str(path), "a file in a folder that is there")
    result, failures = _run_sweep(wanted, store, fresh=fresh, confirm=lambda e: yes or _ask(e), **options)
    if csv is not None:
        write(csv, result.table.to_csv(index=False))
    if parquet is not None:
        result.to_parquet(parquet)
    typer.echo(_as_json(result) if as_json else _as_table(result))
    if failures:
        raise typer.Exit(2)


def _wanted(what: str | None, study: str | None, data: str | None, changes: Sequence[str]) -> dict[str, Any]:
    """The settings of a sweep from a study, a preset or a file."""
    from ctviz.studies.sweeps.declaration import Sweep

    if study is not None:
        from ctviz.studies.sweeps.paper_studies import study as study_of

        return _fields(study_of(study, experiment_of(data or what or "moons", changes)))
    if what is None:
        raise ConfigError("sweep", None, "a preset, a TOML file, or --study with --data")
    if data is not None:
        raise ConfigError("data", data, "none beside a preset or a TOML file; it is for --study")
    if (what.endswith(".toml") or Path(what).is_file()) and _is_sweep(text := read(Path(what))):
        values = _fields(Sweep.from_toml(text))
        return {**values, "base": changed(values["base"], changes)}
    return {"base": experiment_of(what, changes), "axes": ()}


def _is_sweep(text: str) -> bool:
    """Whether a TOML file holds a sweep; otherwise it holds an experiment, or is invalid."""
    try:
        return "axes" in tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False


def _fields(sweep: Sweep) -> dict[str, Any]:
    return {name: getattr(sweep, name) for name in type(sweep).model_fields}


def _measured(values: dict[str, Any], changes: dict[str, Any]) -> Protocol:
    from ctviz.experiments.protocol import Protocol

    known = values["protocol"] if "protocol" in values else Protocol.usual(values["base"].data)
    return known.change(changes)


def _grid_axis(text: str) -> dict[str, Any]:
    """``lambda_div=0.1,1`` as an axis; lists are written as in ``model.hidden=[32],[32,32]``."""
    setting, equals, values = text.partition("=")
    if not equals or not setting.strip():
        raise ConfigError("--grid", text, "setting=values, as in lambda_div=0.01,0.1,1")
    return {"setting": setting.strip(), "values": tuple(_values(values))}


def _values(text: str) -> list[Any]:
    try:
        return [tuple(value) if isinstance(value, list) else value for value in json.loads(f"[{text}]")]
    except ValueError:
        return [_value(part.strip()) for part in text.split(",") if part.strip()]


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _range_axis(text: str) -> dict[str, Any]:
    """``tau=0.5:0.95`` or ``training.lr=0.0001:0.01:log`` as an axis."""
    setting, _, ends = text.partition("=")
    parts = ends.split(":")
    try:
        low, high = float(parts[0]), float(parts[1])
        scale = {2: "linear", 3: parts[-1]}[len(parts)]
    except (ValueError, KeyError, IndexError):
        raise ConfigError("--range", text, "setting=low:high or setting=low:high:log, as in tau=0.5:0.95") from None
    return {"setting": setting.strip(), "low": low, "high": high, "scale": scale}


# -- running ------------------------------------------------------------------------------------------


def _ask(estimate: SweepEstimate) -> bool:
    """Ask for confirmation of a very large sweep; without a terminal, the answer is no."""
    if not sys.stdin.isatty():
        return False
    return typer.confirm(f"{estimate.words}. Begin?", err=True)


def _run_sweep(wanted: Sweep, store: Store, **options: Any) -> tuple[SweepResult, list[str]]:
    from ctviz.studies.sweeps.sweep import sweep as run_sweep

    failures: list[str] = []

    def on_result(outcome: TaskResult[Any]) -> None:
        if outcome.message and outcome.message not in failures:
            failures.append(outcome.message)
            typer.echo(outcome.message, err=True)

    with study_progress(wanted.name or wanted.base.data.name, "models") as progress:
        result = run_sweep(wanted, store=store, progress=progress, on_result=on_result, **options)
    return result, failures


# -- results ------------------------------------------------------------------------------------------


def _as_json(result: SweepResult) -> str:
    rows = result.across.to_dict("records")
    facts = {"key": result.sweep.key, "models": result.sweep.models, "waiting": result.waiting, "failed": result.failed}
    return to_json({**facts, "rows": rows})


def _as_table(result: SweepResult) -> str:
    """One line for each cell: reductions in percent, with intervals across seeds."""
    across, axes = result.across, [axis.setting for axis in result.sweep.axes]
    rows = []
    for _, group in across.groupby("cell", sort=False):
        first = group.iloc[0]
        by_metric: dict[str, Any] = {str(row["metric"]): row for row in group.to_dict("records")}
        cells = [number(first[axis]) if isinstance(first[axis], float) else str(first[axis]) for axis in axes]
        numbers = [_reduction(by_metric.get(metric)) for metric in REPORTED]
        state = "" if first["state"] == "done" else f"{first['state']}: {first['reason']}".removesuffix(": ")
        rows.append([*cells, *numbers, state])
    head = [*axes, *(f"{metric.replace('_star', '*')} less %" for metric in REPORTED), ""]
    foot = "Reductions against conventional training, in percent; * marks an interval that leaves out zero."
    return f"{table(head, rows)}\n\n{foot}\nsweep {result.sweep.key}"


def _reduction(row: dict[str, Any] | None) -> str:
    if row is None or not math.isfinite(row["reduction"]):
        return "–"
    spread = f" ± {(row['high'] - row['low']) / 2:.1f}" if math.isfinite(row["low"]) else ""
    return f"{row['reduction']:.1f}{spread}{'*' if row['significant'] else ''}"


# -- sweeps -------------------------------------------------------------------------------------------


@sweeps_app.callback()
def sweeps(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List the stored sweeps, or delete one."""
    if context.invoked_subcommand is not None:
        return
    from ctviz.experiments.store import open_store
    from ctviz.studies.sweeps.catalogue import list_sweeps

    found = list_sweeps(open_store())
    if as_json:
        typer.echo(to_json([_record(info) for info in found]))
    elif found:
        typer.echo(table(["key", "name", "data", "settings", "cells", "seeds", ""], [_row(info) for info in found]))
    else:
        typer.echo("No sweep is stored yet; `ctviz sweep --study penalties --data moons` makes one.")


def _record(info: SweepInfo) -> dict[str, Any]:
    return {
        "key": info.key,
        "name": info.name,
        "data": info.sweep.base.data.name,
        "settings": [axis.setting for axis in info.sweep.axes],
        "cells": info.sweep.size,
        "seeds": info.sweep.seeds,
        "complete": info.complete,
        "shipped": info.shipped,
    }


def _row(info: SweepInfo) -> list[str]:
    record = _record(info)
    state = "ships with ctviz" if info.shipped else "" if info.complete else "not complete"
    facts = [info.key, info.name, record["data"], ", ".join(record["settings"])]
    return [*facts, str(record["cells"]), str(record["seeds"]), state]


@sweeps_app.command("delete")
def delete(
    what: Annotated[str, typer.Argument(metavar="KEY", help="Key of the sweep, as `ctviz sweeps` shows it.")],
) -> None:
    """Delete a sweep and its table; its runs stay."""
    from ctviz.experiments.store import open_store
    from ctviz.studies.sweeps.catalogue import delete_sweep

    typer.echo(f"Deleted {delete_sweep(what, open_store())}.")


@sweeps_app.command("build")
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Names of shipped sweeps; by default all.")] = None,
    engine: EngineOption = "local",
    address: AddressOption = None,
    workers: WorkersOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder of assets to write to; by default this checkout's.")] = None,
) -> None:
    """Train the sweeps that ship with ctviz and write their tables and runs."""
    options = checked(engine, address, workers)
    from ctviz.paths import assets
    from ctviz.studies.sweeps.shipping import build_shipped

    folder = out or assets()
    make_folder(folder)
    with study_progress("sweeps", "models") as progress:
        for path in build_shipped(names or (), folder, progress=progress, **options):
            typer.echo(path)
