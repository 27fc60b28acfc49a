"""The wheel carries the app, and what is installed from it serves it from any folder."""

import ast
import asyncio
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import ctviz
from ctviz.bench.streamlit_client import Visitor
from tests.waiting import PATIENCE, free_port, served

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The ``bin`` folder of a fresh environment: the wheel, and what it depends on borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, "--no-compile", str(wheel)], check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A folder named in a .pth has its own .pth files ignored: an editable ctviz stays out of sight.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def test_the_wheel_is_complete(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    app = {
        p.relative_to(ROOT)
        for p in [ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("assets/**/*")]
        if p.is_file()
    }
    assert {f"ctviz/_app/{path.as_posix()}" for path in app} <= names
    assert "ctviz/_app/.streamlit/config.toml" in names
    for path in (ROOT / "ctviz").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(ROOT).as_posix() in names
    assert {f"ctviz/figures/{part}" for part in ("page.html", "player/player.js", "player/player.css")} <= names


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"ctviz", f"ctviz-{ctviz.__version__}.dist-info"}


def environment(home):
    """No hint of this checkout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "CTVIZ_HOME": str(home)}


def test_what_is_installed_serves_its_own_app_from_any_folder(installed, tmp_path):
    port = free_port()
    command = [str(installed / "ctviz"), "serve", "--port", str(port), "--headless"]
    log = tmp_path / "log"
    with (
        log.open("w", encoding="utf-8") as sink,
        subprocess.Popen(
            command, cwd=tmp_path, env=environment(tmp_path), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        ) as server,
    ):
        try:
            assert served(f"http://127.0.0.1:{port}/_stcore/health", server, log) == b"ok"
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", port), timeout=2)
            with ThreadPoolExecutor(1) as thread:  # browser tests before this one leave a loop running in this thread
                assert thread.submit(asyncio.run, errors_of_home(f"http://127.0.0.1:{port}")).result() == []
        finally:
            server.terminate()
            server.wait(PATIENCE)
    assert "Traceback" not in log.read_text(encoding="utf-8")
    code = "from ctviz.paths import *; print(app_folder() == PACKAGE / '_app', assets().is_dir())"
    said = subprocess.check_output(
        [installed / "python", "-c", code], cwd=tmp_path, env=environment(tmp_path), encoding="utf-8"
    )
    assert said == "True True\n"


async def errors_of_home(url):
    async with Visitor(url, PATIENCE) as visitor:
        return (await visitor.visit("", "")).errors


def test_streamlit_knows_every_option_of_the_configuration():
    shown = subprocess.run(
        [sys.executable, "-m", "streamlit", "config", "show"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "is not a valid config option" not in shown.stdout + shown.stderr
    for setting in ('address = "127.0.0.1"', "gatherUsageStats = false", "showSidebarNavigation = false"):
        assert re.search(f"^{re.escape(setting)}$", shown.stdout, re.M), setting


def test_every_import_is_a_declared_dependency():
    extras = [line for name in ("ray", "images") for line in PROJECT["optional-dependencies"][name]]
    declared = {distribution(line) for line in [*PROJECT["dependencies"], *extras]}
    owners = packages_distributions()
    for path in [*(ROOT / "ctviz").rglob("*.py"), ROOT / "app.py", *ROOT.glob("pages/*.py")]:
        if (ROOT / "ctviz" / "bench") in path.parents:
            continue  # what it compares with is optional, and looked for before it is used
        for module in named(path) - set(sys.stdlib_module_names) - {"ctviz"}:
            names = {normal(name) for name in owners.get(module, [module])}
            known = names & declared or module not in imports(path)
            assert known, f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not name"


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path):
    """What a file may import: where a line begins like an import, which those of texts do too."""
    lines = re.findall(r"^[ \t]*(?:import|from)[ \t]+([^\n]+)", path.read_text(encoding="utf-8"), re.M)
    return {re.match(r"\w*", name.strip())[0] for line in lines for name in line.partition(" import ")[0].split(",")}


def imports(path):
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(requirement):
    return normal(re.match(r"[\w.-]+", requirement)[0])


def test_every_dependency_is_pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {distribution(line) for line in lines if "==" in line}
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        assert distribution(line) in pinned, f"constraints.txt does not pin {line}; run make pins"


def test_text_is_read_and_written_as_utf_8():
    """Whatever the locale: without ``encoding`` Python takes the locale's. (Ruff's PLW1514 sees few of these.)"""
    for path in [path for name in ("ctviz", "pages", "tests") for path in (ROOT / name).rglob("*.py")]:
        if not re.search(r"_text\(|open\(|RotatingFileHandler|text=True", path.read_text(encoding="utf-8")):
            continue
        for call in [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]:
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            constants = [value.value for value in [*call.args, *named.values()] if isinstance(value, ast.Constant)]
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            text = (
                name in ("read_text", "write_text", "RotatingFileHandler")
                or getattr(named.get("text"), "value", 0) is True
            )
            text |= (
                name == "open"
                and not ast.unparse(call.func).startswith(("os.", "Image."))
                and not any(isinstance(value, str) and re.fullmatch("[rwxa]b[+]?", value) for value in constants)
            )
            assert not text or "encoding" in named, f"{path.relative_to(ROOT)}:{call.lineno} lacks an encoding"
