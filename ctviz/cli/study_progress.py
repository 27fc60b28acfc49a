"""How far a study is, as the command line says it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from ctviz.cli.streams import exit_code
from ctviz.progress import Progress


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
