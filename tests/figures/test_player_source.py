"""Modules become one script: each before those that use it, in a scope of its own; what does not fit is named."""

import re
import shutil
import subprocess
from importlib.resources import files

import pytest

from ctviz.errors import DataError
from ctviz.figures.player.source import EXPORT, IMPORT, PARTS, component, link, standalone, style

MODULES = {
    "a.js": "export const one = 1;\nexport function two() {\n  return one + 1;\n}\nconst own = 5;\n",
    "b.js": 'import { two as double } from "./a.js";\nconst own = 7;\nexport class Sum {\n  sum = own + double();\n}\n',
    "c.js": 'import {\n  one,\n  two,\n} from "./a.js";\nexport const all = [one, two()];\n',
    "ring-1.js": 'import { x } from "./ring-2.js";\nexport const y = x;\n',
    "ring-2.js": 'import { y } from "./ring-1.js";\nexport const x = y;\n',
    "odd.js": 'import * as a from "./a.js";\nexport const x = a.one;\n',
    "listed.js": "const x = 1;\nexport { x };\n",
    "changing.js": "export let x = 1;\n",
    "default.js": "export default 1;\n",
}  # fmt: skip


def read(name: str) -> str:
    try:
        return MODULES[name]
    except KeyError:
        raise FileNotFoundError(name) from None


def linked(entry: str) -> str:
    return link(entry, read)


def test_each_module_comes_once_and_before_those_that_use_it():
    script = linked('import { Sum } from "./b.js";\nimport { all } from "./c.js";\nuse(Sum, all);\n')
    assert re.findall(r"^const (\w+) = \(\(\) =>", script, re.MULTILINE) == ["module_a", "module_b", "module_c"]
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_what_is_linked_runs_and_scopes_are_apart():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    script = linked('import { Sum } from "./b.js";\nimport { all } from "./c.js";\nconst own = 0;\n'
                    "console.log(new Sum().sum, all.join(), own, typeof one);\n")  # fmt: skip
    done = subprocess.run([node, "-e", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "9 1,2 0 undefined"


def test_a_default_export_of_the_entry_stays():
    assert linked('import { one } from "./a.js";\nexport default one;\n').endswith("export default one;\n")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ('import { on } from "./a.js";', "the entry imports on from a.js, which exports one, two"),
        ('import { own } from "./a.js";', "imports own from a.js"),
        ('import { one } from "./aa.js";', "the entry imports from aa.js, which is not there"),
        ('import { y } from "./ring-1.js";', "in a circle: the entry → ring-1 → ring-2 → ring-1"),
        ('import { x } from "./odd.js";', r"odd has an import or export .*: import \* as a"),
        ('import { x } from "./listed.js";', "imports x from listed.js, which exports nothing|listed has"),
        ('import { x } from "./changing.js";', "changing has an import or export"),
        ('import { x } from "./default.js";', "imports x from default.js, which exports nothing|default has"),
        ('import one from "./a.js";', "the entry has an import or export"),
        ('import { one } from "https://elsewhere/a.js";', "the entry has an import or export"),
        ('import "./a.js";', "the entry has an import or export"),
    ],
)
def test_what_does_not_fit_is_named(entry, sentence):
    with pytest.raises(DataError, match=sentence):
        linked(entry + "\n")


@pytest.mark.parametrize("kind", PARTS)
def test_every_component_is_linked(kind):
    script = component(kind)
    assert script.endswith(f"export default mounting({kind});\n") and script.count("export ") == 1
    assert f"open({kind});" in standalone(kind) and "export " not in standalone(kind)
    assert ".ctv-stage {" in style(kind)


def test_every_module_is_used_and_every_export_imported():
    folder = [path for path in files("ctviz.figures.player").iterdir() if path.name.endswith(".js")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder}
    imports = [found for text in texts.values() for found in IMPORT.findall(text)]
    used = {(f"{origin}.js", name.split()[0]) for names, origin in imports for name in names.split(",")}
    used |= {(f"{module}.js", kind) for kind, (module, _) in PARTS.items()}
    used |= {("component.js", way) for way in ("mounting", "open")}
    assert used == {(name, export) for name, text in texts.items() for export in EXPORT.findall(text)}
