"""The order in which Python looks for modules, and a library that is left out.

Imports nothing that a file of the user could shadow.
"""

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


class _Unused(type(sys)):  # type: ignore[misc]  # ``types.ModuleType``, without an import of ``types``
    """A module that only has to have names: empty classes."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def leave_matplotlib_out() -> None:
    """Leaves out the two modules of Captum that import Matplotlib, 27 MB and half a second: to draw attributions,
    which ctviz draws itself, and to explain language models. Whoever wants Matplotlib can still import it.

    For processes of ctviz's own: the app, its workers, the command line.
    """
    if "captum" not in sys.modules:
        for name in ("captum.attr._core.llm_attr", "captum.attr._utils.visualization"):
            sys.modules[name] = _Unused(name)
