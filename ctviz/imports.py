"""Where Python looks for modules; imports nothing that a file of the user's could hide."""

from __future__ import annotations

import os
import sys


def standard_library_first() -> None:
    """Let no file hide a module of Python's own, such as a ``random.py`` beside the script or in the current folder.

    The standard library moves to the front of ``sys.path``; all else keeps its order.
    """
    library = os.__file__.rpartition(os.sep)[0]
    others = ("lib-dynload", f"python{sys.version_info.major}{sys.version_info.minor}.zip")
    sys.path[:] = sorted(sys.path, key=lambda entry: not (entry == library or str(entry).endswith(others)))
