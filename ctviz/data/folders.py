"""Data that are read from files: what there is, the folder of the user's, and how what ships is made."""

from __future__ import annotations

from pathlib import Path

from ctviz.data import images
from ctviz.data.images import Source
from ctviz.data.tables import shipped
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.data.user_folders import folder_of, remember, user_folder
from ctviz.errors import ConfigError, DataError


def sources() -> tuple[Source, ...]:
    """All sources of data: where they are, how much they hold, and whether they are as published."""
    return (*images.sources(), *map(_table, TABLES))


def remember_folder(path: str | Path) -> str:
    """Check a folder and remember it, for this and all later processes, for the data that it holds as published; says
    which in a sentence or two. What other data have remembered stays.

    Raises:
        DataError: it holds nothing that is as published, or nothing can be written; then nothing is remembered.
    """
    said, problem = {}, None
    try:
        said[images.NAME] = images.check_folder(path)
    except DataError as error:
        problem = error
    for name, info in TABLES.items():
        if not info.ships:
            try:
                rows = len(shipped.checked(name, folder_of(path)))
            except (DataError, RuntimeError):
                continue
            said[name] = f"{path} holds all {rows:,} complete rows of {info.title}, as published."
    if problem and not said:
        raise problem
    remember(path, list(said))
    return " ".join(said.values())


def build(name: str, folder: str | Path, out: Path | None = None) -> tuple[Path, ...]:
    """Writes the files of a data set that ships, from the original ones in ``folder``.

    Args:
        out: the folder to write to; by default that of this checkout.

    Raises:
        ConfigError: no such data. DataError: the original is missing or not as published, or nothing can be written.
    """
    if name == images.NAME:
        return images.build(folder, out or images.shipped_folder())
    if name not in TABLES:
        raise ConfigError("name", name, f"one of {', '.join([images.NAME, *TABLES])}")
    return (shipped.build(Path(folder).expanduser(), out or shipped.shipped_folder(name), name),)


def _table(name: str) -> Source:
    info, settings = TABLES[name], TableSettings(name=name)
    where = "shipped" if info.ships else "folder"
    folder = shipped.shipped_folder(name) if info.ships else user_folder(name)
    try:
        shipped.checked(name, None if info.ships else shipped.user_folder(info))
    except DataError as error:
        return Source(name, where, 0, 0, str(folder or ""), False, str(error))
    training = settings.n_train + settings.n_validation
    return Source(name, where, training, settings.n_test, str(folder), True, "as published")
