"""The bin: deleted runs, until they are restored, expire, or are removed for space."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from ctviz.experiments.store.files import size_of
from ctviz.experiments.store.folder import RunFolder

DAYS = 14
"""Days after which a run in the bin is removed."""


class Bin:
    """Run folders in ``root/bin/<key>``; they are moved under the lock of their run.

    The time of deletion is that of the folder, which is no longer written to.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "bin"

    def folder(self, key: str) -> RunFolder:
        return RunFolder(self.path / key, key)

    def deleted(self, key: str) -> float:
        """Time of a run's deletion, in seconds since 1970; 0 if it is not in the bin."""
        try:
            return (self.path / key).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def size(self, key: str) -> int:
        return size_of(self.path / key)

    def put(self, run: Path, out: Path) -> None:
        """Move a run into the bin; one with the same key that was there is moved to ``out``."""
        self.path.mkdir(parents=True, exist_ok=True)
        os.utime(run)
        self.take(run.name, out)
        run.rename(self.path / run.name)

    def take(self, key: str, out: Path) -> bool:
        """Move a run out of the bin to ``out``; returns whether there was one."""
        out.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (self.path / key).rename(out)
            return True
        return False

    def expired(self, key: str) -> bool:
        return time.time() - self.deleted(key) > DAYS * 86_400
