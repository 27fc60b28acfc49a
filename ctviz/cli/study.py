"""What the commands that carry out a study share: their options, and how far they are."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ctviz.cli.common import can_print_unicode, to_json, write
from ctviz.cli.streams import exit_code
from ctviz.errors import ConfigError
from ctviz.progress import Progress

if TYPE_CHECKING:
    from ctviz.experiments.engines.cost import Estimate
    from ctviz.experiments.store import Store

ResultT = TypeVar("ResultT")

EngineOption = Annotated[str, typer.Option("--engine", help="local, or ray for more than one machine.")]
AddressOption = Annotated[str | None, typer.Option("--address", help="Address of a Ray cluster, as in ray-host:6379.")]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", help="Worker processes; by default one for each processor.")
]
EstimateFlag = Annotated[bool, typer.Option("--estimate", help="Only estimate what it takes.")]
StoredFlag = Annotated[bool, typer.Option("--stored", help="Print the result that ships; compute nothing.")]
QuickFlag = Annotated[bool, typer.Option("--quick", help="A small part of the work, with rough numbers.")]
ExtendedFile = Annotated[
    Path | None,
    typer.Option(
        "--extend",
        metavar="FILE",
        help="Result to add to or to complete, by its own settings; what it has stays, and the file is written again.",
    ),
]
ResultFile = Annotated[Path | None, typer.Option("--out", help="File to write the result to, as JSON.")]


def check_result_file(out: Path | None) -> None:
    """Raises ``ConfigError`` for a file in a folder that there is not: said before anything is computed."""
    if out is not None and not out.parent.is_dir():
        raise ConfigError("out", str(out), "a file in a folder that there is")


def refuse(option: str, given: Mapping[str, Any], why: str) -> None:
    """Raises ``ConfigError`` for the first option that is given beside one that leaves no room for it."""
    for name, value in given.items():
        if value not in (None, False):
            raise ConfigError(name, str(value) if isinstance(value, Path) else value, f"nothing with {option}, {why}")


def check_stored(given: Mapping[str, Any]) -> None:
    """Raises ``ConfigError`` for options that --stored would pass over."""
    refuse("--stored", given, "which prints the result that ships")


def check_extends(given: Mapping[str, Any]) -> None:
    """Raises ``ConfigError`` for options that do not go with --extend."""
    refuse("--extend", given, "which goes by the settings of the result")


def carried_out(
    label: str,
    estimate: Callable[[Store, int], Estimate],
    run: Callable[..., ResultT],
    options: Mapping[str, Any],
    *,
    price: bool,
    as_json: bool,
) -> ResultT:
    """Say what a study takes, and with ``price`` end there; else carry it out with the options of its engine."""
    from ctviz.experiments.store import open_store

    store = open_store()
    show_estimate(lambda workers: estimate(store, workers), options["workers"], as_json and price, err=not price)
    if price:
        raise typer.Exit
    with study_progress(label, "parts") as progress:
        return run(store, progress=progress, **options)


def print_result(text: str, words: Callable[[], str], out: Path | None, as_json: bool) -> None:
    """Write a result, as JSON, to its file where there is one, and print it: as JSON or in words."""
    if out is not None:
        write(out, text.encode())
    if as_json:
        typer.echo(text if can_print_unicode() else to_json(json.loads(text)), nl=False)
    else:
        typer.echo(words())


def checked(engine: str, address: str | None, workers: int | None = None) -> dict[str, Any]:
    """The options of an engine by their names; ``ConfigError`` for those that no engine has."""
    from ctviz.experiments.engines.choice import engine_of

    engine_of(engine, workers, address)
    return {"engine": engine, "workers": workers, "address": address}


def show_estimate(
    estimate: Callable[[int], Estimate], workers: int | None, as_json: bool, *, err: bool = False
) -> None:
    """Print what a study takes with so many workers, or say so beside the results (``err``)."""
    from dataclasses import asdict

    from loky import cpu_count

    found = estimate(workers or cpu_count())
    typer.echo(to_json(asdict(found)) if as_json else f"{found.words}.", err=err)


@contextmanager
def study_progress(label: str, units: str) -> Iterator[Callable[..., None]]:
    """How far a study is, and the time left: on a terminal in one line that is updated, otherwise in one line each.

    Called with the units that are done, their total and, where the study has several, the part that is under way. After
    Ctrl-C or a signal, says that nothing is lost, and sets the exit code.
    """
    began: dict[str, tuple[float, int]] = {}
    renewed, latest = sys.stderr.isatty(), ""

    def show(done: int, total: int, part: str = "") -> None:
        nonlocal latest
        since, before = began.setdefault(part, (time.monotonic(), done))
        left = Progress(done - before, total - before, time.monotonic() - since).words().partition(",")
        said = f"{label}{', ' + part if part else ''}: {done} of {total} {units}{left[1]}{left[2]}"
        typer.echo(f"\r{said.ljust(len(latest))}" if renewed else said, err=True, nl=not renewed)
        latest = said

    try:
        yield show
    except KeyboardInterrupt as error:
        typer.echo(f"\n{str(error) or 'Stopped'}. What is done is kept; the same command goes on from there.", err=True)
        raise typer.Exit(exit_code(error)) from None
    finally:
        if renewed and latest:
            typer.echo("", err=True)
