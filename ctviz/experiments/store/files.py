"""Files, locks that end with their process, and file errors as sentences."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ctviz.errors import StoreError
from ctviz.paths import write_whole as write_whole


class Busy(StoreError):  # noqa: N818 (says what it means)
    """Another process, or another thread of this one, is writing the run."""


_ADVICE = "set CTVIZ_HOME to another folder"


def store_error(root: Path, error: OSError) -> StoreError:
    """An error of the file system as a sentence, with advice for the user."""
    said = {
        errno.ENOSPC: f"No space is left on the disk that holds {root}; free some, or {_ADVICE}.",
        errno.EDQUOT: f"The disk quota for {root} is used up; free some space, or {_ADVICE}.",
        errno.EFBIG: f"A file in {root} would be larger than this system allows; {_ADVICE}.",
        errno.EACCES: f"There is no permission to use {root}; {_ADVICE}.",
        errno.EPERM: f"There is no permission to use {root}; {_ADVICE}.",
        errno.EROFS: f"{root} lies on a read-only disk; {_ADVICE}.",
        errno.ENOTDIR: f"{_no_folder(root, error)} is not a folder; {_ADVICE}.",
        errno.EEXIST: f"{_no_folder(root, error)} is not a folder; {_ADVICE}.",
    }
    reason = error.strerror or type(error).__name__
    return StoreError(said.get(error.errno or 0, f"The store in {root} cannot be used ({reason}); {_ADVICE}."))


def _no_folder(root: Path, error: OSError) -> Path:
    """The part of an error's path that should be a folder and is not."""
    named = [Path(error.filename)] if isinstance(error.filename, str | os.PathLike) else []
    for path in (*named, *(parent for name in named for parent in name.parents)):
        if os.path.lexists(path) and not path.is_dir():
            return path
    return root


@contextlib.contextmanager
def store_errors(root: Path) -> Iterator[None]:
    """Turn every ``OSError`` of the block into a ``StoreError`` that names ``root`` and a remedy."""
    try:
        yield
    except OSError as error:
        raise store_error(root, error) from error


def remove(path: Path) -> None:
    """Remove a file, link or folder as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def size_of(path: Path) -> int:
    """Bytes of all files below ``path``; files that vanish meanwhile are skipped."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


@dataclass(frozen=True, order=True)
class File:
    """A file in a folder; sorts by the time at which it was written or marked as used."""

    used: float  # seconds since 1970
    path: Path
    bytes: int


def files_in(folder: Path) -> list[File]:
    """The files of a folder, without subfolders, least recently used first; none if there is no folder."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                if entry.is_file(follow_symlinks=False):
                    said = entry.stat(follow_symlinks=False)
                    found.append(File(said.st_mtime, Path(entry.path), said.st_size))
    return sorted(found)


def trim(folder: Path, most_files: int, most_bytes: int) -> None:
    """Remove what crashes left in a folder, and its least recently used files until both limits hold; the last one
    stays."""
    files = []
    for file in files_in(folder):
        if not file.path.name.endswith(".tmp"):
            files.append(file)
        elif time.time() - file.used > STALE:
            remove(file.path)
    total = sum(file.bytes for file in files)
    for place, file in enumerate(files[:-1]):
        if len(files) - place <= most_files and total <= most_bytes:
            return
        remove(file.path)
        total -= file.bytes


STALE = 3600.0
"""Age in seconds from which a file that was not written to its end is what a crash left."""

LOCK_WAIT = 0.3
"""Seconds to wait for a lock before its holder is taken for a writer."""


class FileLock:
    """An exclusive ``flock`` on a file of its own; the system releases it when its holder ends, in whatever way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self, patience: float = 10.0) -> None:
        """Take the lock or raise ``Busy``.

        Waits up to ``patience`` seconds for processes that only look, and ``LOCK_WAIT`` for a holder, which may be a
        reader that checks for damage and not a writer.
        """
        now = time.monotonic()
        deadline, moment = now + patience, now + min(patience, LOCK_WAIT)
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                if _try_lock(fd, fcntl.LOCK_EX):
                    if _same_file(fd, self._path):
                        self._fd, fd = fd, -1
                        return
                    continue  # the file was removed after it was opened
                if time.monotonic() > (deadline if _try_lock(fd, fcntl.LOCK_SH) else moment):
                    raise Busy("This run is being written by another process at this moment.")
            finally:
                if fd >= 0:
                    os.close(fd)
            time.sleep(0.001)

    def sign(self, text: str) -> None:
        """Write the holder into the file of the held lock, where it remains if the holder is killed."""
        if self._fd is not None:
            with contextlib.suppress(OSError):  # a disk that is full
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, text.encode(), 0)

    def release(self, *, forget: bool = False) -> None:
        """Release the lock; ``forget`` removes its file as well."""
        if self._fd is None:
            return
        if forget:
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._fd)
        self._fd = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether the lock on ``path`` is held; the check neither takes it nor creates the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _same_file(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
