"""What runs in the browser: ES modules and styles that lie beside this file, made into one text each.

Streamlit takes one text of JavaScript for a component, and an HTML export one script whose hash its policy names. So
that no build step is needed, ``link`` does what a browser does with ``import`` and ``export``: it follows the imports
of an entry and puts each module before those that use it, in a scope of its own. The same files work unlinked, as
modules of a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Literal

from ctviz.errors import DataError

Kind = Literal["Stage", "Paths", "ImageGrid", "Pad", "MaskPainter", "PointPainter"]

PARTS: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "Stage": ("stage", ("player", "stage")),
    "Paths": ("paths", ("player", "stage", "paths")),
    "ImageGrid": ("grid", ("player", "grid")),
    "Pad": ("pad", ("player", "pad")),
    "MaskPainter": ("pad", ("player", "pad")),
    "PointPainter": ("paint", ("player", "paint")),
}
"""Of each component, the module that exports it and its styles."""

NAME = r"[\w$]+(?: as [\w$]+)?"
IMPORT = re.compile(rf'^import \{{\s*({NAME}(?:,\s*{NAME})*),?\s*\}} from "\./([\w-]+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) ([\w$]+))", re.MULTILINE)
OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
DEFAULT = "export default "


def source(name: str) -> str:
    """The text of ``stage.js``, ``stage.css`` …"""
    return (files(__package__) / name).read_text(encoding="utf-8")


def style(kind: Kind) -> str:
    """The styles of a component."""
    return "".join(source(f"{name}.css") for name in PARTS[kind][1])


def component(kind: Kind) -> str:
    """The module that Streamlit mounts: its default export takes data and tells what the person does."""
    return link(entry(kind, "mounting", "export default mounting({kind});"))


def standalone(kind: Kind) -> str:
    """The script of a page in which the message lies."""
    return link(entry(kind, "open", "open({kind});"))


def entry(kind: Kind, way: str, call: str) -> str:
    """An entry that hands a component to one of the two ways into a page."""
    module, _ = PARTS[kind]
    imports = f'import {{ {way} }} from "./component.js";\nimport {{ {kind} }} from "./{module}.js";\n'
    return f"{imports}\n{call.format(kind=kind)}\n"


def link(text: str, read: Callable[[str], str] = source) -> str:
    """One script of an entry and all that it imports.

    Modules are written in a part of the language: names are imported from modules beside them, at the beginning of a
    line (``import { a, b as c } from "./name.js";``), and exported where they are declared (``export function``,
    ``export class``, ``export const``). Of the entry, a default export stays.

    Args:
        text: the entry, a module.
        read: gives the text of a module by its name (``"stage.js"``).

    Raises:
        DataError: a module that is not there, a name that a module does not export, modules that import each other
            in a circle, or another kind of import or export.
    """
    exports: dict[str, list[str]] = {}  # of each module that is linked
    linked: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        """Links a module, unless that is done; ``path`` is the way to it."""
        if name in path:
            raise DataError(f"Modules import each other in a circle: {' → '.join((*path, name))}.")
        if name in exports:
            return
        try:
            text = read(f"{name}.js")
        except OSError:
            raise DataError(f"{path[-1]} imports from {name}.js, which is not there.") from None
        body = resolved(text, (*path, name))
        exports[name] = EXPORT.findall(body)
        offered = ", ".join(exports[name])
        body = _checked(EXPORT.sub("", body), name)
        linked.append(f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {offered} }};\n}})();\n")

    def resolved(text: str, path: tuple[str, ...]) -> str:
        """A module whose imports have become variables, once what they come from is linked."""
        for names, origin in IMPORT.findall(text):
            add(origin, path)
            for name in re.split(r",\s*", names):
                if name.split()[0] not in exports[origin]:
                    offered = ", ".join(exports[origin]) or "nothing"
                    raise DataError(f"{path[-1]} imports {name} from {origin}.js, which exports {offered}.")
        return IMPORT.sub(lambda found: f"const {{ {found[1].replace(' as ', ': ')} }} = {_variable(found[2])};", text)

    body = _checked(resolved(text, ("the entry",)), "the entry", allowed=DEFAULT)
    return "".join([*linked, body])


def _variable(module: str) -> str:
    """What the exports of a module are called: as nothing in a module is."""
    return f"module_{module.replace('-', '_')}"


def _checked(code: str, name: str, allowed: str | None = None) -> str:
    """Code in which no import and no export is left, but one that begins as is ``allowed``."""
    for statement in OTHER.findall(code):
        if allowed is None or not statement.startswith(allowed):
            raise DataError(f"{name} has an import or export of a kind that cannot be linked: {statement}")
    return code.strip() + "\n"
