"""Results beside the runs, each in one sealed file of the store, by its kind and key.

A file is a line of header and a payload. The header names the kind, the version of its payload, the key, and a SHA-256
over these and the payload: what is read is what was written under this key, or nothing. Files of earlier versions of
ctviz have no header; each kind says how they are called and read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.files import files_in, remove, store_errors, trim, write_whole
from ctviz.experiments.store.store import Store

T = TypeVar("T")

ENDING = ".ctviz"

_MAGIC = b"ctviz "


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of result: where the store keeps it, and what is written of it.

    Only kinds with ``max_files`` are thinned out, the least recently used first; those are what can be computed again.
    """

    name: str
    folder: str
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    """Inverse of ``encode``; for other bytes it raises any error."""
    old_name: str
    """Name of a file without a header, with ``{key}`` in it."""
    decode_old: Callable[[bytes, str | None], T] | None = None
    """How a file without a header is read if not by ``decode``: its content, and its key unless that is any."""
    version: int = 1
    """Of the payload; raised whenever older ones cannot be read any more."""
    max_bytes: int = 1 << 28
    """Largest size of a file; a larger one is not opened."""
    max_files: int | None = None
    room: Callable[[Store], int] = lambda store: store.cap_bytes
    """Most bytes in all, where files are thinned out."""

    # -- bytes ----------------------------------------------------------------------------------------

    def seal(self, key: str, value: T) -> bytes:
        """The content of a file."""
        payload = self.encode(value)
        return self._header(key, payload) + payload

    def unseal(self, content: bytes, key: str | None = None) -> T:
        """Inverse of ``seal``, also for the content of an old file; None is any key.

        Raises:
            Damaged: it is not what was written under this key. MemoryError: it may be sound, but does not fit.
        """
        try:
            if not content.startswith(_MAGIC):
                return self.decode_old(content, key) if self.decode_old else self.decode(content)
            head, _, payload = content.partition(b"\n")
            known = json.loads(head[len(_MAGIC) :])["key"] if key is None else key
            if head + b"\n" != self._header(known, payload):
                raise Damaged(f"its content is not that of {self.name} {known}")
            return self.decode(payload)
        except (Damaged, MemoryError):
            raise
        except Exception as error:  # parsers of foreign bytes may raise anything
            raise Damaged(f"no {self.name} can be read from it ({error})") from error

    def _header(self, key: str, payload: bytes) -> bytes:
        facts = {"kind": self.name, "version": self.version, "key": key}
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode() + b"\n" + payload).hexdigest()
        return _MAGIC + json.dumps({**facts, "sha256": digest}, sort_keys=True).encode() + b"\n"

    # -- files ----------------------------------------------------------------------------------------

    def path(self, store: Store, key: str) -> Path:
        """Where a result is written."""
        return store.root / self.folder / f"{key}{ENDING}"

    def _paths(self, store: Store, key: str) -> tuple[Path, Path]:
        path = self.path(store, key)
        return path, path.with_name(self.old_name.format(key=key))

    def has(self, store: Store, key: str) -> bool:
        """Whether there is a file, without opening it."""
        return any(path.is_file() for path in self._paths(store, key))

    def read(self, store: Store, key: str, fits: Callable[[T], bool] = lambda value: True) -> T | None:
        """A stored result; None if there is none. A file that is damaged or does not fit is removed.

        Raises:
            MemoryError: it does not fit into the free memory, although the file may be sound.
        """
        for path in self._paths(store, key):
            try:
                value = self.read_file(path, key)
                if not fits(value):
                    raise Damaged("it is that of something else")
            except Damaged:
                remove(path)
                continue
            except OSError:
                continue
            if self.max_files is not None:
                with contextlib.suppress(OSError):
                    os.utime(path)
            return value
        return None

    def read_file(self, path: Path, key: str | None = None) -> T:
        """The result in a file, such as one that ships.

        Raises:
            Damaged: as ``unseal``. OSError: it cannot be read.
        """
        if path.stat().st_size > self.max_bytes:
            raise Damaged("it is too large")
        return self.unseal(path.read_bytes(), key)

    def keep(self, store: Store, key: str, value: T) -> None:
        """Write a result, replacing one under the same key; ``StoreError`` if the disk cannot be written."""
        path, old = self._paths(store, key)
        with store_errors(store.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self.seal(key, value))
            remove(old)
            if self.max_files is not None:
                trim(path.parent, self.max_files, self.room(store))

    def delete(self, store: Store, key: str) -> None:
        """Remove a result; nothing happens if there is none."""
        for path in self._paths(store, key):
            remove(path)

    def files(self, store: Store) -> dict[str, Path]:
        """Key → file of every stored result, the last written first."""
        before, _, after = self.old_name.partition("{key}")
        found: dict[str, Path] = {}
        for file in reversed(files_in(store.root / self.folder)):
            name = file.path.name
            if name.endswith(ENDING):
                found.setdefault(name.removesuffix(ENDING), file.path)
            elif name.startswith(before) and name.endswith(after):
                found.setdefault(name[len(before) : len(name) - len(after)], file.path)
        return found
