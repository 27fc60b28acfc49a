"""Modules of the player run without a browser, by the Node that comes with Playwright."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import playwright
import pytest

PLAYER = files("ctviz.figures.player")


def node() -> str:
    """Where Node is; without it, the test is skipped."""
    folder = Path(playwright.__file__).parent / "driver"
    found = next((path for name in ("node", "node.exe") if (path := folder / name).exists()), None)
    if found is None:
        pytest.skip("Playwright came without Node")
    return str(found)


def run_module(script: str, given: Any) -> Any:
    """What a module script prints as JSON; ``given`` is its variable ``given``, and ``PLAYER`` the player's folder."""
    whole = (
        'import { readFileSync } from "node:fs";\n'
        f'const given = JSON.parse(readFileSync(0, "utf8"));\n{script.replace("PLAYER", Path(str(PLAYER)).as_uri())}'
    )
    command = [node(), "--no-warnings", "--input-type=module", "-e", whole]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
