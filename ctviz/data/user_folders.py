"""The user's own folders with data that do not come with ctviz: one for all, or each data set its own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ctviz.errors import DataError
from ctviz.paths import expanded, home, write_whole

DATASETS_VARIABLE = "CTVIZ_DATASETS"
"""Name of the environment variable with the folder of all data."""

OF_ALL = "folder"
"""Entry of the file with the folder of data that have none of their own; all it held when there was one for all."""


def user_folder(name: str) -> Path | None:
    """The folder of a data set: ``$CTVIZ_DATASETS``, else the one that was remembered; None if there is none."""
    if named := os.environ.get(DATASETS_VARIABLE):
        return expanded(named, DATASETS_VARIABLE).absolute()
    remembered = _remembered()
    return next((Path(folder) for key in (name, OF_ALL) if (folder := remembered.get(key))), None)


def folder_of(path: str | Path) -> Path:
    """The folder that a person names.

    Raises:
        DataError: none is named.
    """
    text = str(path).strip()
    if not text or "\0" in text:
        raise DataError("No folder is named; expected one that holds the files of a data set.")
    return expanded(text, "folder").absolute()


def remember(path: str | Path, names: Sequence[str]) -> None:
    """Remembers a folder for some data sets, for this and all later processes; those of others stay as they are.

    Raises:
        DataError: nothing can be written; then nothing is remembered.
    """
    kept = {**_remembered(), **dict.fromkeys(names, str(folder_of(path)))}
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_whole(_file(), json.dumps(kept).encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"The folder cannot be remembered in {_file()}: {reason}; name it in {DATASETS_VARIABLE}."
        ) from None


def _remembered() -> dict[str, str]:
    """Data set → folder; what cannot be read is left out."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: folder for name, folder in entries if isinstance(folder, str) and folder and "\0" not in folder}


def _file() -> Path:
    return home() / "datasets.json"
