"""Robust standard output and error: any encoding, a full disk, a closed stream, a terminal that is gone.

And the signals by which a process is asked to end.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import faulthandler
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ctviz.cli.common import reason
from ctviz.errors import CtvizError


class Terminated(KeyboardInterrupt):
    """This process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Stopped by {signal.Signals(number).name}")
        self.code = 128 + number


def prepare() -> None:
    """Keep broken streams from ending the work, report signals, and report crashes in native code."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # otherwise the first opened file would take its number, and receive what is printed
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _Results.like(sys.stdout), _Messages.like(sys.stderr)
    with contextlib.suppress(OSError, ValueError):
        faulthandler.enable()
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(asked) is not signal.SIG_IGN:  # as with nohup
            signal.signal(asked, _end)


def exit_code(error: KeyboardInterrupt) -> int:
    """The exit code of a process that was stopped."""
    return error.code if isinstance(error, Terminated) else 130


def _end(number: int, frame: Any) -> None:
    raise Terminated(number)


class _Results(io.TextIOWrapper):
    """Standard output: replaces what cannot be encoded; ``CtvizError`` where nothing can be written."""

    @classmethod
    def like(cls, stream: Any) -> _Results:
        if stream is None:  # it was closed when Python started
            return cls(Path(os.devnull).open("wb"), encoding="utf-8")
        return cls(stream.buffer, encoding=stream.encoding, errors="replace", line_buffering=stream.line_buffering)

    @property
    def buffer(self) -> Any:
        """None where the encoding is ASCII: typer would write UTF-8 to it instead."""
        return None if codecs.lookup(self.encoding).name == "ascii" else super().buffer

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._to_nowhere()
        if error.errno == errno.EPIPE:
            raise error
        raise CtvizError(f"The output could not be written: {reason(error)}.") from None

    def _to_nowhere(self) -> None:
        """Discard the buffered output, which Python would write at its end and fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class _Messages(_Results):
    """Standard error: work goes on even if messages cannot be written."""

    def _failed(self, error: OSError) -> None:
        self._to_nowhere()
