"""The command line: ``ctviz serve | train | evaluate | sweep | sweeps | limits | reproduce | runs | presets | …``.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done; 2 a request that cannot be
met, with one sentence that says why; 130 stopped from the keyboard. Whatever is heavy is imported inside its command,
so that ``ctviz --help`` answers at once.
"""

from ctviz.cli import commands, evaluate, limits, reproduce, sweep  # noqa: F401 (they add their commands to ``app``)
from ctviz.cli.root import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the ``ctviz`` command."""
    app()
