"""Where the app and its assets lie: beside the package in a source checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from ctviz.errors import CtvizError

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
    """The folder of what ships with ctviz: stored runs of the presets, pictures.

    Raises ``CtvizError`` if ctviz was installed without the app.
    """
    return app_folder() / "assets"
