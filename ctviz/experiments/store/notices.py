"""Notices about the store for users, shared by all processes that show them."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from pathlib import Path

from ctviz.errors import StoreError
from ctviz.experiments.store.files import FileLock, write_whole

logger = logging.getLogger("ctviz.store")

_MAX_NOTICES = 20
_MAX_BYTES = 1 << 20


class Notices:
    """The last notices, oldest first, without repetition; on disk if possible, always in memory."""

    def __init__(self, path: Path, lock: Path) -> None:
        self._path = path
        self._lock = lock
        self._mine: list[str] = []
        self._guard = threading.Lock()

    def add(self, text: str) -> None:
        with self._guard:
            if text in self._mine:
                return
            self._mine = [*self._mine, text][-_MAX_NOTICES:]
        logger.warning("%s", text)
        with contextlib.suppress(OSError, StoreError), FileLock(self._lock):
            kept = [said for said in self._stored() if said != text]
            write_whole(self._path, json.dumps([*kept, text][-_MAX_NOTICES:]).encode())

    def all(self) -> list[str]:
        stored = self._stored()
        return (stored + [text for text in self._mine if text not in stored])[-_MAX_NOTICES:]

    def clear(self) -> None:
        with self._guard:
            self._mine = []
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _stored(self) -> list[str]:
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return []
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return []
        return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
