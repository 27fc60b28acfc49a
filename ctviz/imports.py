"""The order in which Python looks for modules. Imports nothing that a file of the user could shadow."""

from __future__ import annotations

import os
import sys


def standard_library_first() -> None:
    """Keep files from shadowing modules of Python's own, such as a ``random.py`` beside the script or in the current
    folder.

    Moves the standard library to the front of ``sys.path``; all else keeps its order.
    """
    library = os.__file__.rpartition(os.sep)[0]
    others = ("lib-dynload", f"python{sys.version_info.major}{sys.version_info.minor}.zip")
    sys.path[:] = sorted(sys.path, key=lambda entry: not (entry == library or str(entry).endswith(others)))
