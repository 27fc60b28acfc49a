"""The command line: ``ctviz serve | train | advise | evaluate | sweep | limits | reproduce | runs | presets | …``.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done; 2 a request that cannot be
met, with one sentence that says why; 3 a training that has ended with a model that diverged, after its results; 128 and
its number after a signal, 130 for Ctrl-C. Heavy modules are imported inside the commands that need them, so that
``ctviz --help`` answers at once.
"""

import gc
import sys

import typer

from ctviz.cli import advise, commands, evaluate, limits, reproduce, rivals, streams, sweep  # noqa: F401 (they add their commands to ``app``)
from ctviz.cli.root import app
from ctviz.errors import CtvizError
from ctviz.imports import leave_matplotlib_out

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the ``ctviz`` command."""
    streams.prepare()
    leave_matplotlib_out()
    try:
        try:
            app()
        finally:
            gc.freeze()  # else the interpreter's end looks at all of torch, a third of a second long
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone
        sys.exit(1)
    except CtvizError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
