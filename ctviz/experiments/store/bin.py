"""The bin: runs that a person has deleted, whole, until they are brought back or their time or their space is up."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from ctviz.experiments.store.files import size_of
from ctviz.experiments.store.folder import RunFolder

DAYS = 14
"""A run that has been in the bin for so long is removed."""


class Bin:
    """Run folders in ``root/bin/<key>``; whoever moves one holds the lock of its run.

    When a run was deleted is the time of its folder, which nobody writes to any more.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "bin"

    def folder(self, key: str) -> RunFolder:
        return RunFolder(self.path / key, key)

    def deleted(self, key: str) -> float:
        """When a run was put into the bin, in seconds since 1970; 0 if it is not there."""
        try:
            return (self.path / key).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def size(self, key: str) -> int:
        return size_of(self.path / key)

    def put(self, run: Path, out: Path) -> None:
        """Moves a run into the bin; one of the same key that lay there is moved to ``out``."""
        self.path.mkdir(parents=True, exist_ok=True)
        os.utime(run)
        self.take(run.name, out)
        run.rename(self.path / run.name)

    def take(self, key: str, out: Path) -> bool:
        """Moves a run out of the bin to ``out``; whether there was one."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (self.path / key).rename(out)
            return True
        return False

    def expired(self, key: str) -> bool:
        return time.time() - self.deleted(key) > DAYS * 86_400
