"""Labels of runs, their names and pins, in one small file beside the runs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.files import Busy, FileLock, store_errors, write_whole
from ctviz.experiments.store.notices import Notices

FORMAT = 1
"""Format of the file of labels; a file of another format is set aside."""

MAX_NAME_LENGTH = 60
"""Most characters of a name."""

_MAX_BYTES = 4 << 20
_PATIENCE = 5.0
_PAUSE = 0.02


@dataclass(frozen=True)
class RunLabel:
    """A user's label of a run: its ``name`` ("" for none), and whether it is ``pinned``.

    ``overtaken``: whoever made it has gone on to another one at once, as from stroke to stroke of a painting. It is not
    offered in lists and is the first to be removed for space, until somebody names or pins it.
    """

    name: str = ""
    pinned: bool = False
    overtaken: bool = False


NO_LABEL = RunLabel()


class RunLabels:
    """Labels by the keys of runs, shared by all processes; a change reads and writes the file under a lock.

    A damaged file is set aside, with a notice, and all labels are gone. Every method raises a ``StoreError`` if the
    disk fails.
    """

    def __init__(self, root: Path, notices: Notices) -> None:
        self._root = root
        self._path = root / "labels.json"
        self._lock_path = root / "locks" / "labels.lock"
        self._notices = notices
        self._kept: tuple[tuple[int, int, int], dict[str, RunLabel]] | None = None
        self._guard = threading.Lock()

    def all(self) -> dict[str, RunLabel]:
        """All labels by key; the file is read again only if it has changed."""
        with store_errors(self._root):
            try:
                found = self._path.stat()
                signature = found.st_ino, found.st_mtime_ns, found.st_size
                with self._guard:
                    kept = self._kept
                if kept is None or kept[0] != signature:
                    kept = signature, self._read()
                    with self._guard:
                        self._kept = kept
                return dict(kept[1])
            except FileNotFoundError:
                return {}
            except Damaged:
                return self._under_lock(self._read_or_set_aside)

    def of(self, key: str) -> RunLabel:
        """The label of one run."""
        return self.all().get(key, NO_LABEL)

    def rename(self, key: str, name: str) -> None:
        """Name a run; "" removes its name. ``ConfigError`` for a name that does not fit on a line."""
        cleaned = clean(name)
        self._change(key, lambda label: replace(label, name=cleaned, overtaken=False))

    def pin(self, key: str, pinned: bool = True) -> None:
        """Pin a run: it is listed first and never removed for space. ``pinned=False`` unpins it."""
        self._change(key, lambda label: replace(label, pinned=pinned, overtaken=False))

    def overtake(self, key: str, by: str) -> None:
        """Note that a run was overtaken by another, unless it has a name or is pinned; the other one is not."""

        def changed(labels: dict[str, RunLabel]) -> dict[str, RunLabel]:
            before, now = labels.get(key, NO_LABEL), labels.get(by, NO_LABEL)
            labels[key] = replace(before, overtaken=before == NO_LABEL or before.overtaken)
            labels[by] = replace(now, overtaken=False)
            return {name: label for name, label in labels.items() if label != NO_LABEL}

        self._rewrite(changed)

    def forget(self, keys: Iterable[str]) -> None:
        """Remove the labels of runs that are gone for good; writes nothing if there are none."""
        gone = set(keys)
        if gone & self.all().keys():
            self._rewrite(lambda labels: {key: label for key, label in labels.items() if key not in gone})

    def _change(self, key: str, change: Callable[[RunLabel], RunLabel]) -> None:
        def changed(labels: dict[str, RunLabel]) -> dict[str, RunLabel]:
            labels[key] = change(labels.get(key, NO_LABEL))
            return {name: label for name, label in labels.items() if label != NO_LABEL}

        self._rewrite(changed)

    def _rewrite(self, change: Callable[[dict[str, RunLabel]], dict[str, RunLabel]]) -> None:
        def rewrite() -> dict[str, RunLabel]:
            before = self._read_or_set_aside()
            after = change(dict(before))
            if after != before:
                body = {"format": FORMAT, "runs": {key: _written(label) for key, label in sorted(after.items())}}
                write_whole(self._path, json.dumps(body, ensure_ascii=False, indent=1).encode(), sync=True)
            return after

        self._under_lock(rewrite)

    def _under_lock(self, act: Callable[[], dict[str, RunLabel]]) -> dict[str, RunLabel]:
        with store_errors(self._root):
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_path)
            deadline = time.monotonic() + _PATIENCE
            while True:  # holders release it soon
                try:
                    lock.acquire()
                    break
                except Busy:
                    if time.monotonic() > deadline:
                        raise StoreError("The names of the runs are being changed at this moment; try again.") from None
                    time.sleep(_PAUSE)
            try:
                return act()
            finally:
                lock.release()

    def _read_or_set_aside(self) -> dict[str, RunLabel]:
        """The labels in the file; the lock is held."""
        try:
            return self._read()
        except FileNotFoundError:
            return {}
        except Damaged as error:
            aside = self._root / "aside"
            aside.mkdir(exist_ok=True)
            self._path.rename(aside / f"labels-{time.time_ns()}")
            self._notices.add(
                f"The names and pins of the runs were damaged ({error}); they have been set aside in {aside}."
            )
            return {}

    def _read(self) -> dict[str, RunLabel]:
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > _MAX_BYTES:
                raise Damaged("the file is too large")
            data = file.read()
        try:
            body = json.loads(data)
            if body["format"] != FORMAT:
                raise Damaged("they were written by another version of ctviz")
            return {key: _label(entry) for key, entry in body["runs"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
            raise Damaged("the file cannot be read") from error


def clean(name: Any) -> str:
    """A name on one line, without space around it."""
    text = " ".join(name.split()) if isinstance(name, str) else None
    if text is None or len(text) > MAX_NAME_LENGTH or not text.isprintable():
        raise ConfigError("name", name, f"up to {MAX_NAME_LENGTH} letters, digits and signs on one line")
    return text


def _written(label: RunLabel) -> dict[str, Any]:
    """Without what came after labels had been written, where it says nothing."""
    return {name: value for name, value in asdict(label).items() if name != "overtaken" or value}


def _label(entry: Any) -> RunLabel:
    if not isinstance(entry, dict) or not isinstance(entry.get("pinned"), bool):
        raise ValueError("no label")
    return RunLabel(clean(entry["name"]), entry["pinned"], entry.get("overtaken") is True)
