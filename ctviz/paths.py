"""The folders of the app, its assets and the user's data; atomic writing of files.

App and assets are beside the package in a source checkout, and inside it in a wheel.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from ctviz.errors import ConfigError, CtvizError

PACKAGE = Path(__file__).resolve().parent


def app_folder() -> Path:
    """The folder that holds ``app.py``, ``pages`` and ``.streamlit/config.toml``.

    Raises ``CtvizError`` if ctviz was installed without them.
    """
    checkout = PACKAGE.parent
    # Site-packages may hold a stray app.py, but never one beside a project file.
    is_checkout = (checkout / "app.py").is_file() and (checkout / "pyproject.toml").is_file()
    folder = checkout if is_checkout else PACKAGE / "_app"
    if not (folder / "app.py").is_file():
        raise CtvizError("This installation of ctviz lacks its app; install the wheel or the source checkout again.")
    return folder


def assets() -> Path:
    """The folder of the files that ship with ctviz, such as stored runs of the presets.

    Raises ``CtvizError`` if ctviz was installed without the app.
    """
    return app_folder() / "assets"


def home() -> Path:
    """The folder of stored runs and of remembered settings: ``$CTVIZ_HOME``, else the platform's cache folder.

    Raises ``ConfigError`` if there is none because this user has no home folder.
    """
    from platformdirs import user_cache_path

    if named := os.environ.get("CTVIZ_HOME"):
        return expanded(named, "CTVIZ_HOME")
    try:
        return expanded(user_cache_path("ctviz"), "CTVIZ_HOME")
    except RuntimeError:  # platformdirs; older ones leave ``~`` as it is
        raise ConfigError("CTVIZ_HOME", None, "a folder that can be written; this user has no home folder") from None


def expanded(path: str | Path, field: str) -> Path:
    """The path with ``~`` replaced by the home folder; ``ConfigError`` if there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(field, str(path), "a path without ~, or the home folder of a user there is") from None


def write_whole(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Write ``data`` so that a reader sees either the old file or the whole new one; cleans up when it fails."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
